"""Turn a record into tokens with entities, and say what could not come along."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

import numpy
from spacy.attrs import LENGTH, ORTH, SPACY
from spacy.pipeline import Sentencizer
from spacy.strings import StringStore
from spacy.tokens import Doc

from scripts.annotations.record import Record, Span
from scripts.corpus.settings import Alignment, Overlaps, Settings
from scripts.corpus.tokenizer import Tokeniser

Entity = tuple[int, int, str]
"""First token, token after the last, label."""


@dataclass(frozen=True, slots=True)
class Note:
    """What happened to a span. `code` names the check that explains it."""

    code: str
    span: Span
    detail: str


@dataclass(slots=True)
class Tokens:
    """A document as shards store it, one value a token.

    orths: hashes of the token texts, which `strings` can look up. spaces: 1 where a space follows, 0 where none does.
    starts, ends: character offsets in the text. sent_starts: whether a sentence starts, or None where that is not known.
    ents: entities in order, none on another's tokens.
    """

    strings: StringStore
    orths: numpy.ndarray
    spaces: numpy.ndarray
    starts: list[int]
    ends: list[int]
    sent_starts: numpy.ndarray | None
    ents: list[Entity] = field(default_factory=list)

    def words(self, start: int, end: int) -> list[str]:
        """Return the texts of some tokens."""
        return [self.strings[int(orth)] for orth in self.orths[max(0, start) : end]]


def tokenise(record: Record, tokenizer: Tokeniser) -> Tokens:
    """Make a record's tokens: its own, or the tokeniser's where it has none."""
    strings = tokenizer.vocab.strings
    sent_starts = None
    if record.words is None:
        columns = tokenizer(record.text).to_array([ORTH, SPACY, LENGTH])
        orths, spaces, lengths = columns[:, 0], columns[:, 1], columns[:, 2]
    else:
        orths = numpy.array([strings.add(word) for word in record.words], dtype=numpy.uint64)
        spaces = numpy.array(record.spaces, dtype=numpy.uint64)
        lengths = numpy.array([len(word) for word in record.words], dtype=numpy.uint64)
        if record.sent_starts is not None:
            sent_starts = numpy.array(record.sent_starts, dtype=bool)
    ends = numpy.cumsum(lengths + spaces) - spaces
    return Tokens(strings, orths, spaces, (ends - lengths).tolist(), ends.tolist(), sent_starts)


def align(record: Record, tokens: Tokens, settings: Settings) -> tuple[list[Note], list[Note]]:
    """Put a record's spans on its tokens, as `tokens.ents`; return the losses and the mends.

    Spans snap by `settings.align`; white space at their edges is trimmed if `settings.trim` says so. Of spans that
    overlap, one stays: the first in the file by `Overlaps.first`, or else the longest (the first of equals).
    """
    losses = [Note(fault.code, fault.span, fault.detail) for fault in record.faults if fault.span is not None] if record.faults else []
    mends: list[Note] = []
    text, starts, ends = record.text, tokens.starts, tokens.ends
    found: list[tuple[int, int, Span]] = []
    for span in record.spans:
        start, end, _ = span
        if not 0 <= start < end <= len(text):
            losses.append(Note("bad-offsets", span, f"a span needs 0 ≤ start < end ≤ {len(text)} (the text's length)"))
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
        first, last = bisect_left(starts, start), bisect_left(ends, end)
        if ends[last] != end or first == len(starts) or starts[first] != start:
            near = bisect_right(ends, start), bisect_left(starts, end)
            around = f"{tokens.words(near[0] - 2, near[0])} and {tokens.words(near[1], near[1] + 2)}"
            detail = f"the tokens there are {tokens.words(*near)}, around them {around}"
            first, last = _snap(tokens, start, end, settings.align)
            if first > last:
                losses.append(Note("misaligned", span, detail))
                continue
            mends.append(Note("snapped", span, f"to {text[starts[first] : ends[last]]!r}; {detail}"))
        found.append((first, last + 1, span))
    found.sort(key=lambda entity: entity[:2])
    if any(one[1] > two[0] for one, two in pairwise(found)):
        found = _without_overlaps(record, found, settings.overlaps, losses)
    tokens.ents = [(start, end, span.label) for start, end, span in found]
    return losses, mends


def _snap(tokens: Tokens, start: int, end: int, alignment: Alignment) -> tuple[int, int]:
    """Return the first and the last token of a span whose ends are inside tokens; the first is behind the last where there is none."""
    if alignment is Alignment.contract:
        return bisect_left(tokens.starts, start), bisect_right(tokens.ends, end) - 1
    if alignment is Alignment.expand:
        return bisect_right(tokens.ends, start), bisect_left(tokens.starts, end) - 1
    return 1, 0


def _without_overlaps(record: Record, found: list[tuple[int, int, Span]], rule: Overlaps, losses: list[Note]) -> list[tuple[int, int, Span]]:
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
            losses.append(Note("overlap", span, f"it shares tokens with {surface!r} {rival.label} ({rival.start}–{rival.end})"))
    return sorted(kept, key=lambda entity: entity[0])


def cut(tokens: Tokens, max_tokens: int, tokenizer: Tokeniser) -> list[tuple[int, int]]:
    """Cut a document into pieces of up to `max_tokens` tokens (0: any number): ranges that join up.

    Each cut is at the last sentence start that fits and lies inside no entity; where no sentence starts, at the last
    token that lies inside no entity. Only an entity of more than `max_tokens` makes a longer piece.
    """
    total = len(tokens.orths)
    if not max_tokens or total <= max_tokens:
        return [(0, total)]
    inside = numpy.zeros(total + 1, dtype=bool)
    for start, end, _ in tokens.ents:
        inside[start + 1 : end] = True
    sent_starts = sentence_starts(tokens, tokenizer) if tokens.sent_starts is None else tokens.sent_starts
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


def sentence_starts(tokens: Tokens, tokenizer: Tokeniser) -> numpy.ndarray:
    """Find sentences by their punctuation, as spaCy's `sentencizer` does."""
    doc = Doc(tokenizer.vocab, words=tokens.words(0, len(tokens.orths)), spaces=tokens.spaces.astype(bool).tolist())
    return numpy.array([token.is_sent_start is True for token in Sentencizer()(doc)], dtype=bool)
