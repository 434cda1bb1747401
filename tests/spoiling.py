"""Corruptions of a document as DocBin stores it, each by a name that says what is wrong."""

import numpy
from spacy.attrs import ENT_IOB, ENT_TYPE, ORTH, SENT_START
from spacy.tokens import DocBin

from scripts.corpus.shards import BEGIN, INSIDE, OUTSIDE
from tests.drawn import LABELS, word

MAX_LENGTH, SIZE = 40, 60
"""Tokens from which the reader cuts, and tokens of a batch: no sound document has so many."""
UNREADABLE = {"orth-without-string", "impossible-tag", "empty-token", "only-empty-tokens"}
"""What spaCy cannot read, nor the rest of the file after it."""


class Draft:
    """A document as DocBin stores it, to be spoiled: words or, instead, hashes without a string."""

    def __init__(self, doc):
        self.words = [token.text for token in doc]
        self.spaces = [bool(token.whitespace_) for token in doc]
        self.unknown = doc.has_unknown_spaces
        self.iob = [token.ent_iob for token in doc]
        self.types = [token.ent_type_ for token in doc]
        self.starts = doc.to_array(SENT_START).astype(numpy.int64).tolist()

    @property
    def ents(self):
        """First token and token after the last of what are entities yet."""
        firsts = [i for i, iob in enumerate(self.iob) if iob == BEGIN]
        return [
            (i, next((j for j in range(i + 1, len(self.iob)) if self.iob[j] != INSIDE), len(self.iob)))
            for i in firsts
        ]

    def insert(self, i, text, iob, type):
        """Insert a token before the `i`-th."""
        for column, value in zip(
            self.columns, (text, True, iob, type, -1 if any(self.starts[1:]) else 0), strict=True
        ):
            column.insert(i, value)

    @property
    def columns(self):
        return self.words, self.spaces, self.iob, self.types, self.starts


def an_entity(draft, draw, least=1):
    return draw.choice([ent for ent in draft.ents if ent[1] - ent[0] >= least])


def i_without_b(draft, draw):
    start, _ = an_entity(draft, draw)
    draft.iob[start] = INSIDE


def label_changed_inside(draft, draw):
    start, end = an_entity(draft, draw, 2)
    draft.types[draw.randrange(start + 1, end)] = "ANOTHER"


def b_without_type(draft, draw):
    start, end = an_entity(draft, draw)
    for i in range(start, draw.choice((start + 1, end))):
        draft.types[i] = ""


def i_without_type(draft, draw):
    start, end = an_entity(draft, draw, 2)
    draft.types[draw.randrange(start + 1, end)] = ""


def o_with_type(draft, draw):
    draft.types[draw.choice([i for i, iob in enumerate(draft.iob) if iob == OUTSIDE])] = draw.choice(LABELS)


def o_inside(draft, draw):
    start, end = an_entity(draft, draw, 2)
    draft.iob[draw.randrange(start, end)] = OUTSIDE


def missing_tags(draft, draw):
    for i in draw.sample(range(len(draft.iob)), draw.randint(1, 3)):
        draft.iob[i], draft.types[i] = 0, ""


def missing_with_type(draft, draw):
    draft.iob[draw.randrange(*an_entity(draft, draw))] = 0


def white_at_start(draft, draw):
    start, _ = an_entity(draft, draw)
    draft.insert(start, draw.choice(("\n", " ", "\t", "\u00a0", "\n\n")), BEGIN, draft.types[start])
    draft.iob[start + 1] = INSIDE


def white_at_end(draft, draw):
    start, end = an_entity(draft, draw)
    draft.insert(end, draw.choice(("\n", " ", "\t", "\u3000")), INSIDE, draft.types[start])


def white_in_the_middle(draft, draw):
    start, end = an_entity(draft, draw, 2)
    draft.insert(draw.randrange(start + 1, end), draw.choice(("\n", " ", "\t")), INSIDE, draft.types[start])


def across_a_sentence_end(draft, draw):
    start, end = an_entity(draft, draw, 2)
    draft.starts[:] = [1] + [-1] * (len(draft.starts) - 1)
    draft.starts[draw.randrange(start + 1, end)] = 1
    for i in range(draw.choice((0, MAX_LENGTH))):
        draft.insert(len(draft.words), word(draw), OUTSIDE, "")
        draft.starts[-1] = 1 if i % 10 == 0 else -1


def long_document(draft, draw):
    for _ in range(draw.choice((20, MAX_LENGTH, 2 * SIZE))):
        draft.insert(len(draft.words), word(draw), OUTSIDE, "")


def joined_to_the_next_word(draft, draw):
    start, end = an_entity(draft, draw)
    draft.spaces[draw.choice((end - 1, max(0, start - 1)))] = False


def split_token(draft, draw):
    start, end = an_entity(draft, draw)
    i = draw.randrange(start, end)
    whole = draft.words[i]
    draft.insert(i + 1, whole[2:] or "ka", draft.iob[i] if draft.iob[i] != BEGIN else INSIDE, draft.types[i])
    draft.words[i], draft.spaces[i + 1], draft.spaces[i] = whole[:2], draft.spaces[i], False


def merged_tokens(draft, draw):
    i = draw.randrange(len(draft.words) - 1)
    draft.words[i] += draw.choice(("-", " ", "/", "'s ")) + draft.words[i + 1]
    for column in draft.columns:
        del column[i + 1]


def orth_without_string(draft, draw):
    draft.words[draw.randrange(len(draft.words))] = draw.getrandbits(63) | 1 << 62


def type_without_string(draft, draw):
    start, end = an_entity(draft, draw)
    draft.types[start:end] = [draw.getrandbits(63) | 1 << 62] * (end - start)


def forbidden_label(draft, draw):
    start, end = an_entity(draft, draw)
    draft.types[start:end] = ["!LOC"] * (end - start)


def impossible_tag(draft, draw):
    draft.iob[draw.randrange(len(draft.iob))] = draw.randint(4, 99)


def no_tokens(draft, draw):
    for column in draft.columns:
        column.clear()


def empty_token(draft, draw):
    draft.words[draw.randrange(len(draft.words))] = ""


def only_empty_tokens(draft, draw):
    draft.words[:] = [""] * len(draft.words)
    draft.spaces[:] = [False] * len(draft.spaces)


def only_white(draft, draw):
    draft.words[:] = [draw.choice((" ", "\n"))] * len(draft.words)


def control_characters(draft, draw):
    i = draw.randrange(len(draft.words))
    draft.words[i] = draw.choice(
        (
            "\x00",
            "\x07",
            "\x1f",
            "\u200b",
            "\ufeff",
            draft.words[i] + "\u2028" + draft.words[i],
            draft.words[i] + "\x85",
        )
    )


def random_tags(draft, draw):
    draft.iob[:] = [draw.randint(0, 3) for _ in draft.iob]
    draft.types[:] = [draw.choice(("", *LABELS)) for _ in draft.types]


CORRUPTIONS = {
    function.__name__.replace("_", "-"): function
    for function in (
        *(
            i_without_b,
            label_changed_inside,
            b_without_type,
            i_without_type,
            o_with_type,
            o_inside,
            missing_tags,
            missing_with_type,
        ),
        *(
            white_at_start,
            white_at_end,
            white_in_the_middle,
            across_a_sentence_end,
            long_document,
            joined_to_the_next_word,
            split_token,
        ),
        *(
            merged_tokens,
            orth_without_string,
            type_without_string,
            forbidden_label,
            impossible_tag,
            no_tokens,
            empty_token,
        ),
        *(only_empty_tokens, only_white, control_characters, random_tags),
    )
}


def write_drafts(path, drafts, vocab):
    """Write documents as they are, which no Doc would be made of."""
    whole = DocBin(attrs=(ENT_IOB, ENT_TYPE, SENT_START))
    strings = vocab.strings
    for draft in drafts:
        columns = {
            ORTH: [word if isinstance(word, int) else strings.add(word) for word in draft.words],
            ENT_IOB: draft.iob,
            ENT_TYPE: [type if isinstance(type, int) else strings.add(type) for type in draft.types],
            SENT_START: [start % 2**64 for start in draft.starts],
        }
        whole.tokens.append(
            numpy.array([columns[attr] for attr in whole.attrs], dtype=numpy.uint64).T.reshape(
                -1, len(whole.attrs)
            )
        )
        whole.spaces.append(numpy.array(draft.spaces, dtype=bool).reshape(-1, 1))
        whole.flags.append({"has_unknown_spaces": draft.unknown})
        whole.cats.append({})
        whole.span_groups.append(b"")
        whole.strings |= {text for text in (*draft.words, *draft.types) if isinstance(text, str)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(whole.to_bytes())
