"""Mend a record: what is safe (nothing annotated is lost or invented), and what is not."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from scripts.annotations.record import Record, Span
from scripts.checks.catalogue import excerpt
from scripts.checks.texts import MARKS_SEEN
from scripts.corpus.convert import cut, tokenise
from scripts.corpus.settings import Alignment
from scripts.corpus.tokenizer import Tokeniser


class Change(NamedTuple):
    """What was done about a fault: the check's slug, the place, and the text with the span before and after (empty: gone)."""

    slug: str
    place: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of a record: none, one or several in its place; what was changed; and spans that only people can mend.

    doubtful: spans as they stand, each with the text that was meant, so that reading them again tells the fault again.
    """

    records: list[Record]
    changes: list[Change]
    doubtful: list[tuple[Span, str]]


def mend(record: Record, tokenizer: Tokeniser, *, max_tokens: int, unsafe: bool) -> Mended:
    """Mend what can be mended.

    Safe: tags are read by the stated rule, white space at spans' edges and spans that stand twice go, documents without text go, and
    longer ones than `max_tokens` are cut at sentence starts outside entities. Unsafe: characters of no width go and text becomes NFC; spans
    snap to the tokens they touch; of overlapping spans the longest stays; spans that mark nothing, other text or no label go.
    """
    place = f"{record.source} {record.id}"
    if not record.text.strip():
        return Mended([], [Change("empty-document", place, repr(record.text[:80]), "")], [])
    changes = [Change(fault.code, str(fault.source), fault.detail, "read by the rule") for fault in record.faults if fault.span is None]
    doubtful: list[tuple[Span, str]] = []
    for fault in record.faults:
        if fault.span is not None and unsafe:
            changes.append(Change(fault.code, place, fault.detail, ""))
        elif fault.span is not None:
            doubtful.append((fault.span, f"? {fault.detail}"))
    if unsafe:
        record, more = _clean(record, place)
        changes += more
    spans, more = _mend_spans(record, place, unsafe=unsafe)
    changes += more
    record = record._replace(spans=tuple(spans), faults=())
    tokens = tokenise(record, tokenizer)
    if unsafe:
        kept, more = _snap(record, tokens, place)
        changes += more
        record = record._replace(spans=tuple(kept))
    if not max_tokens or len(tokens) <= max_tokens or doubtful:
        return Mended([record], changes, doubtful)
    placed = sorted((*found, span.label) for span in record.spans if (found := tokens.find(span.start, span.end)))
    if len(placed) < len(record.spans):
        return Mended([record], changes, doubtful)  # where spans are wrong it is not known where a cut is safe
    tokens.ents = placed
    pieces = cut(tokens, max_tokens, tokenizer)
    changes.append(Change("text-too-long", place, f"{len(tokens):,} tokens", f"{len(pieces)} documents"))
    return Mended([_piece(record, tokens, number, *piece) for number, piece in enumerate(pieces, start=1)], changes, doubtful)


def _mend_spans(record: Record, place: str, *, unsafe: bool) -> tuple[list[Span], list[Change]]:
    text = record.text
    spans: list[Span] = []
    changes: list[Change] = []
    for span in record.spans:
        start, end, label = span
        if not 0 <= start < end <= len(text) or not label.strip():
            slug = "empty-label" if 0 <= start < end <= len(text) else "bad-offsets"
            if unsafe:
                changes.append(Change(slug, place, f"{start}–{end} {label!r}", ""))
                continue
        elif text[start].isspace() or text[end - 1].isspace():
            inner = text[start:end].strip()
            start = start + len(text[start:end]) - len(text[start:end].lstrip()) if inner else start
            after = _shown(text, Span(start, start + len(inner), label)) if inner else ""
            changes.append(Change("whitespace-edge", place, _shown(text, span), after))
            if not inner:
                continue
            span = Span(start, start + len(inner), label)
        if span in spans:
            changes.append(Change("duplicate-span", place, _shown(text, span), ""))
        else:
            spans.append(span)
    return spans, changes


def _snap(record: Record, tokens, place: str) -> tuple[list[Span], list[Change]]:
    """Put spans on tokens, and keep the longest of those that overlap."""
    changes: list[Change] = []
    placed: list[tuple[int, int, Span, Span]] = []
    for span in record.spans:
        found = tokens.find(span.start, span.end)
        snapped = span
        if found is None:
            found = tokens.snap(span.start, span.end, Alignment.expand)
            if found is None:
                changes.append(Change("misaligned", place, _shown(record.text, span), ""))
                continue
            snapped = Span(tokens.starts[found[0]], tokens.ends[found[1] - 1], span.label)
            changes.append(Change("misaligned", place, _shown(record.text, span), _shown(record.text, snapped)))
        placed.append((*found, span, snapped))
    taken: set[int] = set()
    kept: list[Span] = []
    for start, end, span, snapped in sorted(placed, key=lambda entry: (entry[0] - entry[1], entry[0])):
        if taken.isdisjoint(range(start, end)):
            taken.update(range(start, end))
            kept.append(snapped)
        else:
            changes.append(Change("overlap", place, _shown(record.text, span), ""))
    return sorted(kept), changes


def _clean(record: Record, place: str) -> tuple[Record, list[Change]]:
    """Delete characters of no width and make the text NFC; spans move along."""
    text = record.text
    if not MARKS_SEEN.search(text) and unicodedata.is_normalized("NFC", text):
        return record, []
    slug = "invisible-characters" if MARKS_SEEN.search(text) else "not-nfc"
    change = Change(slug, place, ascii(excerpt(text, 0, 0, width=80)), "cleaned, in normal form C")
    if record.words is not None:
        words = tuple(cleaned(word)[0] or word for word in record.words)
        if words == record.words:
            return record, []
        text = ""
        moved: dict[int, int] = {}
        at = 0
        for old, new, space in zip(record.words, words, record.spaces, strict=True):
            moved[at], moved[at + len(old)] = len(text), len(text) + len(new)
            at += len(old) + space
            text += new + " " * space
        spans = tuple(Span(moved.get(s.start, s.start), moved.get(s.end, s.end), s.label) for s in record.spans)
        return record._replace(text=text, words=words, spans=spans), [change]
    new, places = cleaned(text)
    if not new.strip():
        return record, []
    spans = tuple(Span(places[s.start], places[s.end], s.label) if 0 <= s.start <= s.end <= len(text) else s for s in record.spans)
    return record._replace(text=new, spans=spans), [change]


def cleaned(text: str) -> tuple[str, list[int]]:
    """Return a text without characters of no width, in normal form C; and where each character of the old is in the new, `(len(text) + 1,)`."""
    parts: list[str] = []
    places: list[int] = []
    length = 0
    for cluster in _clusters(text):
        new = _nfc(MARKS_SEEN.sub("", cluster))
        places += [length, *[length + len(new)] * (len(cluster) - 1)]
        parts.append(new)
        length += len(new)
    return "".join(parts), [*places, length]


def _clusters(text: str) -> Iterator[str]:
    """Cut a text where normalisation cannot cross."""
    cluster = ""
    for char in text:
        if cluster and not (unicodedata.combining(char) or (not char.isascii() and _nfc(cluster + char) != _nfc(cluster) + _nfc(char))):
            yield cluster
            cluster = ""
        cluster += char
    if cluster:
        yield cluster


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _piece(record: Record, tokens, number: int, start: int, end: int) -> Record:
    """Return tokens `start` to `end` of a record as one of its own."""
    first = tokens.starts[start]
    last = tokens.starts[end] if end < len(tokens) else len(record.text)
    spans = tuple(Span(s.start - first, s.end - first, s.label) for s in record.spans if first <= s.start and s.end <= last)
    parts = {}
    if record.words is not None:
        starts = record.sent_starts
        parts = {"words": record.words[start:end], "spaces": record.spaces[start:end], "sent_starts": None if starts is None else starts[start:end]}
    return record._replace(id=f"{record.id}#{number}", text=record.text[first:last], spans=spans, **parts)


def _shown(text: str, span: Span) -> str:
    return f"{excerpt(text, span.start, span.end)} {span.label}"
