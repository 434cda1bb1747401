"""Records from tokens: rebuild the spaces between words that token-level data does not give."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate

from scripts.formats.record import Fault, Record, Source, Span, made_id

NO_SPACES = frozenset({"zh", "ja", "th", "lo", "km", "my", "bo"})
"""Languages that write words without spaces between them."""
SPACE_BEFORE = {"fr": frozenset(";:!?»")}
"""Punctuation that has a space before it, by language."""
CLOSING = frozenset(".,;:!?)]}%…”’»›")
OPENING = frozenset("([{“‘«‹¿¡#@")
QUOTES = frozenset("\"'")
CURRENCIES = {"en": ("$", "£", "€")}
"""Signs that stand before their number without a space, by language."""
CLITICS = frozenset(
    {"n't", "n’t", "'s", "'re", "'ve", "'ll", "'d", "'m", "’s", "’re", "’ve", "’ll", "’d", "’m"}
)
ELIDING = frozenset({"fr", "it", "ca"})
"""Languages where a word that ends in an apostrophe joins the next (l'été)."""


def rebuild_spaces(words: Sequence[str], lang: str) -> list[bool]:
    """Say after which words a space stands, by the habits of punctuation: no space before `.` or after `(`.

    Straight quotes open and close in turn. No space follows the last word.
    """
    spaces = []
    quote_open = False
    after = False  # whether the word before lets a space follow
    for i, word in enumerate(words):
        if word == '"':
            joins_left, joins_right = quote_open, not quote_open
            quote_open = not quote_open
        else:
            joins_left, joins_right = _habits(word, lang)
        if i:
            spaces.append(after and not joins_left)
        after = not joins_right
    return [*spaces, False]


@lru_cache(maxsize=65_536)
def _habits(word: str, lang: str) -> tuple[bool, bool]:
    """Say whether a word joins the one before it, and the one after."""
    if lang in NO_SPACES and not word.isascii():
        return True, True
    spaced = SPACE_BEFORE.get(lang, frozenset())
    chars = set(word)
    smiles = len(word) > 1 and word[0] in ":;="
    closes = chars & CLOSING and chars <= CLOSING | QUOTES and not chars & spaced and not smiles
    opens = chars & OPENING and chars <= OPENING | QUOTES and not ("«" in word and "»" in spaced)
    elides = lang in ELIDING and len(word) < 10 and word[-1] in "'’"
    return bool(closes) or word.lower() in CLITICS, bool(opens) or elides or word.endswith(
        CURRENCIES.get(lang, ())
    )


def words_record(
    source: Source,
    sentences: Iterable[tuple[Sequence[str], Sequence[bool] | None, Sequence[tuple[int, int, str]]]],
    *,
    lang: str,
    id: str | None = None,
    group: str | None = None,
    faults: Sequence[Fault] = (),
    sentences_known: bool = True,
) -> Record:
    """Make a record from sentences: words, a flag a word for the space after it (or None), entities as token ranges.

    Where a sentence has no flags its spaces are rebuilt; between sentences stands a space, but in languages without.
    """
    words: list[str] = []
    spaces: list[bool] = []
    sent_starts: list[bool] = []
    ranges: list[tuple[int, int, str]] = []
    given = True
    for sentence, flags, entities in sentences:
        base = len(words)
        words += sentence
        if flags is None:
            given = False
            flags = rebuild_spaces(sentence, lang)
            flags[-1] = lang not in NO_SPACES
        spaces += flags
        sent_starts += [True, *[False] * (len(sentence) - 1)]
        ranges += [(start + base, end + base, label) for start, end, label in entities]
    if not given:
        spaces[-1] = False
    starts = list(
        accumulate((len(word) + space for word, space in zip(words, spaces, strict=True)), initial=0)
    )
    return Record(
        id=made_id(source) if id is None else id,
        text="".join([word + " " if space else word for word, space in zip(words, spaces, strict=True)]),
        spans=tuple(
            [
                Span(starts[start], starts[end - 1] + len(words[end - 1]), label)
                for start, end, label in ranges
            ]
        ),
        source=source,
        words=tuple(words),
        spaces=tuple(spaces),
        spaces_given=given,
        sent_starts=tuple(sent_starts) if sentences_known else None,
        group=group,
        faults=tuple(faults),
    )


def iob2_tags(record: Record) -> list[str]:
    """Return the IOB2 tag of each of a token-level record's words."""
    starts = {span.start: span for span in record.spans}
    tags = []
    at, inside = 0, None
    for word, space in zip(record.words, record.spaces, strict=True):
        inside = starts.get(at, inside if inside is not None and at < inside.end else None)
        tags.append("O" if inside is None else f"{'B' if at == inside.start else 'I'}-{inside.label}")
        at += len(word) + space
    return tags
