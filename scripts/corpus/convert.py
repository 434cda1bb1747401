"""Turn a record into tokens with entities, and say what could not come along."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy
from spacy.attrs import ORTH, SPACY
from spacy.pipeline import Sentencizer
from spacy.strings import StringStore
from spacy.tokens import Doc

from scripts.corpus.settings import Alignment, Overlaps, Settings
from scripts.corpus.tokenizer import Tokeniser
from scripts.formats.doc_annotation import DocAnnotation
from scripts.formats.record import Record, Span

Entity = tuple[int, int, str]
"""First token, token after the last, label."""


@dataclass(frozen=True, slots=True)
class Note:
    """What happened to a span. `code` names the check that explains it."""

    code: str
    span: Span
    detail: str


class Tokens:
    """A document as shards store it, one value a token.

    orths: hashes of the token texts, which `strings` can look up. spaces: 1 where a space follows, 0 where none does.
    sent_starts: whether a sentence starts, or None where that is not known.
    ents: entities in order, none on another's tokens.
    lines: for each of them the line that it stands on, where text and annotations are in files of their own; else None.
    annotation: what else a DocBin says of these very tokens, or None.
    """

    __slots__ = (
        "_doc",
        "_found_starts",
        "_offsets",
        "annotation",
        "ents",
        "lines",
        "orths",
        "sent_starts",
        "spaces",
        "strings",
    )

    def __init__(self, made_from: Doc | Record, strings: StringStore) -> None:
        """Take the tokens of a Doc whose strings these are, or a token-level record's own."""
        self.strings = strings
        self.ents: list[Entity] = []
        self.lines: list[int] | None = None
        self.annotation: DocAnnotation | None = None
        self.sent_starts: numpy.ndarray | None = None
        self._found_starts: numpy.ndarray | None = None
        self._doc: Doc | None = None
        self._offsets: tuple[list[int], list[int]] | None = None
        if isinstance(made_from, Doc):
            self._doc = made_from
            columns = made_from.to_array([ORTH, SPACY])
            self.orths, self.spaces = columns[:, 0], columns[:, 1]
            return
        self.orths = numpy.array([strings.add(word) for word in made_from.words], dtype=numpy.uint64)
        self.spaces = numpy.array(made_from.spaces, dtype=numpy.uint64)
        if made_from.sent_starts is not None:
            self.sent_starts = numpy.array(made_from.sent_starts, dtype=bool)
        after = list(
            accumulate(
                [len(word) + space for word, space in zip(made_from.words, made_from.spaces, strict=True)],
                initial=0,
            )
        )
        self._offsets = (
            after[:-1],
            [end - space for end, space in zip(after[1:], made_from.spaces, strict=True)],
        )

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.orths)

    @property
    def starts(self) -> list[int]:
        """The character that each token starts at."""
        return self._both()[0]

    @property
    def ends(self) -> list[int]:
        """The character after each token's last."""
        return self._both()[1]

    def words(self, start: int, end: int) -> list[str]:
        """Return the texts of some tokens."""
        return [self.strings[int(orth)] for orth in self.orths[max(0, start) : end]]

    def find(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the first token and the one after the last of a stretch of characters, if it begins and ends with tokens."""
        if self._doc is not None:
            span = self._doc.char_span(start, end)
            return None if span is None else (span.start, span.end)
        starts, ends = self._both()
        first, last = bisect_left(starts, start), bisect_left(ends, end)
        return (
            (first, last + 1)
            if starts[first : first + 1] == [start] and ends[last : last + 1] == [end]
            else None
        )

    def snap(self, start: int, end: int, alignment: Alignment) -> tuple[int, int] | None:
        """Return the tokens inside a stretch of characters (contract), or all that it touches (expand); None where there are none."""
        starts, ends = self._both()
        if alignment is Alignment.contract:
            first, last = bisect_left(starts, start), bisect_right(ends, end)
        elif alignment is Alignment.expand:
            first, last = bisect_right(ends, start), bisect_left(starts, end)
        else:
            return None
        return (first, last) if first < last else None

    def around(self, start: int, end: int) -> str:
        """Say which tokens a stretch of characters touches, and which stand beside them."""
        first, last = bisect_right(self.ends, start), bisect_left(self.starts, end)
        return f"the tokens there are {self.words(first, last)}, around them {self.words(first - 2, first)} and {self.words(last, last + 2)}"

    def _both(self) -> tuple[list[int], list[int]]:
        if self._offsets is None:
            self._offsets = (
                [token.idx for token in self._doc],
                [token.idx + len(token) for token in self._doc],
            )
        return self._offsets


def tokenise(record: Record, tokenizer: Tokeniser) -> Tokens:
    """Make a record's tokens: its own, or the tokeniser's where it has none; those of a document with other annotation are its own."""
    strings = tokenizer.vocab.strings
    if record.annotation is None:
        return Tokens(tokenizer(record.text) if record.words is None else record, strings)
    doc = record.annotation.doc
    for token in doc:
        strings.add(token.text)
    tokens = Tokens(doc if record.words is None else record, strings)
    tokens.annotation = record.annotation
    if doc.has_annotation("SENT_START"):
        tokens.sent_starts = numpy.array(
            [i == 0 or token.is_sent_start is True for i, token in enumerate(doc)], dtype=bool
        )
    return tokens


def align(record: Record, tokens: Tokens, settings: Settings) -> tuple[list[Note], list[Note]]:
    """Put a record's spans on its tokens, as `tokens.ents`; return the losses and the mends.

    Spans snap by `settings.align`; white space at their edges is trimmed if `settings.trim` says so. Of spans that
    overlap, one stays: the first in the file by `Overlaps.first`, or else the longest (the first of equals).
    """
    losses = (
        [Note(fault.code, fault.span, fault.detail) for fault in record.faults if fault.span is not None]
        if record.faults
        else []
    )
    mends: list[Note] = []
    text = record.text
    found: list[tuple[int, int, Span]] = []
    for span in record.spans:
        start, end, _ = span
        if not 0 <= start < end <= len(text):
            losses.append(
                Note("bad-offsets", span, f"a span needs 0 ≤ start < end ≤ {len(text)} (the text's length)")
            )
            continue
        if not span.label.strip():
            losses.append(Note("empty-label", span, "the label is empty"))
            continue
        if text[start].isspace() or text[end - 1].isspace():
            surface = text[start:end]
            inner = surface.strip()
            if not inner or not settings.trim:
                losses.append(Note("whitespace-edge", span, "the span begins or ends with white space"))
                continue
            start += len(surface) - len(surface.lstrip())
            end = start + len(inner)
            mends.append(Note("trimmed", span, f"to {inner!r} ({start}–{end})"))
        place = tokens.find(start, end)
        if place is None:
            place = tokens.snap(start, end, settings.align)
            if place is None:
                losses.append(Note("misaligned", span, tokens.around(start, end)))
                continue
            surface = text[tokens.starts[place[0]] : tokens.ends[place[1] - 1]]
            mends.append(Note("snapped", span, f"to {surface!r}; {tokens.around(start, end)}"))
        found.append((*place, span))
    found.sort(key=lambda entity: entity[:2])
    if any(one[1] > two[0] for one, two in pairwise(found)):
        found = _without_overlaps(record, found, settings.overlaps, losses)
    tokens.ents = [(start, end, span.label) for start, end, span in found]
    if record.lines and record.words is None:
        line_of = record.line_of
        tokens.lines = [line_of[id(span)] for _, _, span in found]
    return losses, mends


def _without_overlaps(
    record: Record, found: list[tuple[int, int, Span]], rule: Overlaps, losses: list[Note]
) -> list[tuple[int, int, Span]]:
    if rule is Overlaps.first:
        order = {id(span): i for i, span in enumerate(record.spans)}
        found.sort(key=lambda entity: order[id(entity[2])])
    else:
        found.sort(key=lambda entity: (entity[2].start - entity[2].end, entity[2].start))
    kept: list[tuple[int, int, Span]] = []
    taken: dict[int, Span] = {}
    for start, end, span in found:
        rival = next((taken[token] for token in range(start, end) if token in taken), None)
        if rival is None:
            taken.update(dict.fromkeys(range(start, end), span))
            kept.append((start, end, span))
        else:
            surface = record.text[rival.start : rival.end]
            losses.append(
                Note(
                    shared_kind(span, rival),
                    span,
                    f"it shares tokens with {surface!r} {rival.label} ({rival.start}–{rival.end})",
                )
            )
    return sorted(kept, key=lambda entity: entity[0])


def shared_kind(one: Span, two: Span) -> str:
    """Name the check that explains how two spans share tokens."""
    if one == two:
        return "duplicate-span"
    contained = (two.start <= one.start and one.end <= two.end) or (
        one.start <= two.start and two.end <= one.end
    )
    return "nested" if contained and one[:2] != two[:2] else "overlap"


def cut(tokens: Tokens, max_tokens: int, tokenizer: Tokeniser) -> list[tuple[int, int]]:
    """Cut a document into pieces of up to `max_tokens` tokens (0: any number): ranges that join up.

    Each cut is at the last sentence start that fits and lies inside no entity; where no sentence starts, at the last
    token that lies inside no entity. Only an entity of more than `max_tokens` makes a longer piece.
    """
    total = len(tokens)
    if not max_tokens or total <= max_tokens:
        return [(0, total)]
    inside = numpy.zeros(total + 1, dtype=bool)
    for start, end, _ in tokens.ents:
        inside[start + 1 : end] = True
    sent_starts = sentence_starts(tokens, tokenizer)
    anywhere = numpy.flatnonzero(~inside)
    sentences = anywhere[:-1][sent_starts[anywhere[:-1]]]
    pieces = []
    at = 0
    while total - at > max_tokens:
        for places in (sentences, anywhere):
            fitting = places[bisect_right(places, at) : bisect_right(places, at + max_tokens)]
            if len(fitting):
                break
        end = int(fitting[-1] if len(fitting) else anywhere[bisect_right(anywhere, at + max_tokens)])
        pieces.append((at, end))
        at = end
    return [*pieces, (at, total)] if at < total else pieces


def cuts_inside(tokens: Tokens, pieces: list[tuple[int, int]], tokenizer: Tokeniser) -> list[int]:
    """Return the tokens at which a document was cut though no sentence starts there."""
    starts = sentence_starts(tokens, tokenizer)
    return [start for start, _ in pieces[1:] if not starts[start]]


def sentence_starts(tokens: Tokens, tokenizer: Tokeniser) -> numpy.ndarray:
    """Return which tokens start a sentence: as the data says, or by the punctuation, as spaCy's `sentencizer` finds them."""
    if tokens.sent_starts is not None:
        return tokens.sent_starts
    if tokens._found_starts is None:
        doc = Doc(
            tokenizer.vocab, words=tokens.words(0, len(tokens)), spaces=tokens.spaces.astype(bool).tolist()
        )
        tokens._found_starts = numpy.array(
            [token.is_sent_start is True for token in Sentencizer()(doc)], dtype=bool
        )
    return tokens._found_starts
