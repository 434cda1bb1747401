"""Mend a record: what is safe (nothing annotated is lost or invented), and what is not."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from scripts.checks.catalogue import excerpt
from scripts.checks.texts import MARKS_SEEN
from scripts.corpus.convert import cut, shared_kind, tokenise
from scripts.corpus.settings import Alignment
from scripts.corpus.tokenizer import Tokeniser
from scripts.formats.record import Record, Span


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
    changes = [
        Change(fault.code, str(fault.source), fault.detail, "read by the rule")
        for fault in record.faults
        if fault.span is None
    ]
    doubtful: list[tuple[Span, str]] = []
    for fault in record.faults:
        if fault.span is not None and unsafe:
            changes.append(Change(fault.code, place, fault.detail, ""))
        elif fault.span is not None:
            doubtful.append((fault.span, f"? {fault.detail}" if fault.quoted is None else fault.quoted))
    if unsafe:
        record, more = _clean(record, place)
        changes += more
        if not record.text.strip():
            return Mended([], [*changes, Change("empty-document", place, repr(record.text[:80]), "")], [])
    record, more = _strip_words(record, place)
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
    placed = sorted(
        (*found, s.label) for s in record.spans if s.start < s.end and (found := tokens.find(s.start, s.end))
    )
    if len(placed) < len(record.spans):
        return Mended(
            [record], changes, doubtful
        )  # where spans are wrong it is not known where a cut is safe
    tokens.ents = placed
    places = cut(tokens, max_tokens, tokenizer)
    pieces = [_piece(record, tokens, number, *piece) for number, piece in enumerate(places, start=1)]
    if len(pieces) == 1 or not all(
        _is_sound(piece, end - start, tokenizer) for piece, (start, end) in zip(pieces, places, strict=True)
    ):
        return Mended([record], changes, doubtful)
    changes.append(Change("text-too-long", place, f"{len(tokens):,} tokens", f"{len(pieces)} documents"))
    changes += [
        Change("empty-document", f"{one.source} {one.id}", repr(one.text[:80]), "")
        for one in pieces
        if not one.text.strip()
    ]
    return Mended([one for one in pieces if one.text.strip()], changes, doubtful)


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
    """Put spans on tokens, and keep the longest of those that overlap, as preprocessing does."""
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
            changes.append(
                Change("misaligned", place, _shown(record.text, span), _shown(record.text, snapped))
            )
        placed.append((*found, span, snapped))
    taken: dict[int, Span] = {}
    kept: list[Span] = []
    for start, end, span, snapped in sorted(
        placed, key=lambda entry: (entry[2].start - entry[2].end, entry[2].start)
    ):
        rival = next((taken[token] for token in range(start, end) if token in taken), None)
        if rival is None:
            taken.update(dict.fromkeys(range(start, end), snapped))
            kept.append(snapped)
        else:
            changes.append(Change(shared_kind(snapped, rival), place, _shown(record.text, span), ""))
    return sorted(kept), changes


def _clean(record: Record, place: str) -> tuple[Record, list[Change]]:
    """Delete characters of no width and make the text NFC; spans move along."""
    text = record.text
    if not MARKS_SEEN.search(text) and unicodedata.is_normalized("NFC", text):
        return record, []
    slug = "invisible-characters" if MARKS_SEEN.search(text) else "not-nfc"
    change = Change(slug, place, ascii(excerpt(text, 0, 0, width=80)), "cleaned, in normal form C")
    if record.words is not None:
        words = tuple([new if (new := cleaned(word)[0]).strip() else word for word in record.words])
        return (record, []) if words == record.words else (_with_words(record, words), [change])
    new, places = cleaned(text)
    spans = tuple(
        [
            Span(places[s.start][0], places[s.end][1], s.label) if 0 <= s.start < s.end <= len(text) else s
            for s in record.spans
        ]
    )
    return record._replace(text=new, spans=spans), [change]


def _strip_words(record: Record, place: str) -> tuple[Record, list[Change]]:
    """Take white space off the edges of tokens that an entity begins or ends with."""
    if record.words is None or not any(
        record.text[s.start].isspace() or record.text[s.end - 1].isspace() for s in record.spans
    ):
        return record, []
    at, edges = 0, {edge for span in record.spans for edge in span[:2]}
    words = []
    for word, space in zip(record.words, record.spaces, strict=True):
        words.append(word.strip() if not edges.isdisjoint((at, at + len(word))) else word)
        at += len(word) + space
    changed = [(old, new) for old, new in zip(record.words, words, strict=True) if old != new]
    return _with_words(record, tuple(words)), [
        Change("whitespace-edge", place, repr(old), repr(new)) for old, new in changed
    ]


def _with_words(record: Record, words: tuple[str, ...]) -> Record:
    """Put other words in the place of a record's; the spans stay on the same ones."""
    text = ""
    moved: dict[int, int] = {}
    at = 0
    for old, new, space in zip(record.words, words, record.spaces, strict=True):
        moved[at], moved[at + len(old)] = len(text), len(text) + len(new)
        at += len(old) + space
        text += new + " " * space
    return record._replace(
        text=text,
        words=words,
        spans=tuple([Span(moved[s.start], moved[s.end], s.label) for s in record.spans]),
    )


def cleaned(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a text without characters of no width, in normal form C; and where each place of the old is in the new, `(len(text) + 1,)`.

    A place has two numbers: as a span's start and as its end. They differ where characters before and after it became one: that is in the span.
    """
    bare: list[str] = []
    before: list[int] = []
    for char in text:
        before.append(len(bare))
        if not MARKS_SEEN.match(char):
            bare.append(char)
    parts: list[str] = []
    places: list[tuple[int, int]] = []
    length = 0
    for cluster in _clusters("".join(bare)):
        new = _nfc(cluster)
        for i in range(len(cluster)):
            head = _nfc(cluster[:i])
            at = length + len(head)
            places.append(
                (at, at) if new in (cluster, head + _nfc(cluster[i:])) else (length, length + len(new))
            )
        parts.append(new)
        length += len(new)
    places.append((length, length))
    return "".join(parts), [places[i] for i in [*before, len(bare)]]


def _clusters(text: str) -> Iterator[str]:
    """Cut a text where normalisation cannot cross."""
    cluster = ""
    for char in text:
        if cluster and not (
            unicodedata.combining(char)
            or (not char.isascii() and _nfc(cluster + char) != _nfc(cluster) + _nfc(char))
        ):
            yield cluster
            cluster = ""
        cluster += char
    if cluster:
        yield cluster


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _piece(record: Record, tokens, number: int, start: int, end: int) -> Record:
    """Return tokens `start` to `end` of a record as one of its own; the pieces of a record are a group, which stays in one split."""
    first = tokens.starts[start]
    last = tokens.starts[end] if end < len(tokens) else len(record.text)
    spans = tuple(
        Span(s.start - first, s.end - first, s.label)
        for s in record.spans
        if first <= s.start and s.end <= last
    )
    parts = {}
    if record.words is not None:
        starts = record.sent_starts
        parts = {
            "words": record.words[start:end],
            "spaces": record.spaces[start:end],
            "sent_starts": None if starts is None else starts[start:end],
        }
    group = record.id if record.group is None else record.group
    return record._replace(
        id=f"{record.id}#{number}", group=group, text=record.text[first:last], spans=spans, **parts
    )


def _is_sound(piece: Record, size: int, tokenizer: Tokeniser) -> bool:
    """Say whether a piece by itself has tokens where its spans are, and no more than it had: a cut inside a written word can change them."""
    if piece.words is not None:
        return True
    tokens = tokenise(piece, tokenizer)
    return len(tokens) <= size and all(tokens.find(span.start, span.end) for span in piece.spans)


def _shown(text: str, span: Span) -> str:
    return f"{excerpt(text, span.start, span.end)} {span.label}"
