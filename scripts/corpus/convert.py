"""Turn a record into a spaCy document with entities, and say what could not come along."""

from collections.abc import Sequence
from itertools import pairwise

import numpy
from spacy.pipeline import Sentencizer
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc
from spacy.tokens import Span as TokenSpan

from scripts.corpus.settings import Settings
from scripts.formats.record import Fault, Record, Source, Span


def make_doc(record: Record, tokenizer: Tokenizer) -> Doc:
    """Make a record's document, of the tokeniser's tokens unless it has its own, or other annotation.

    It is without sentences: spaCy takes as long to set them as for all else.
    """
    if record.words is not None:
        return Doc(tokenizer.vocab, words=record.words, spaces=record.spaces)
    if record.annotation is None:
        return tokenizer(record.text)
    tokens = [(token.text, bool(token.whitespace_)) for token in record.annotation.doc]
    words, spaces = zip(*tokens, strict=True)
    return Doc(tokenizer.vocab, words=words, spaces=spaces)


def sentence_starts(record: Record) -> Sequence[bool] | None:
    """Say which tokens start a sentence, or None where the data does not."""
    if record.annotation is None or not record.annotation.doc.has_annotation("SENT_START"):
        return record.sent_starts
    return [token.i == 0 or token.is_sent_start is True for token in record.annotation.doc]


def align(record: Record, doc: Doc, settings: Settings) -> tuple[list[Span], list[Fault], list[Fault]]:
    """Set a record's spans as `doc.ents`; return those that were set, in that order, the losses and the
    repairs.

    Spans snap by `settings.align`; white space at their edges is trimmed if `settings.trim` says so. Of spans
    that overlap one stays: by `settings.overlaps` the first in the file, or else the (first) longest.
    """
    losses = [fault for fault in record.faults if fault.span is not None]
    repairs = [fault for fault in record.faults if fault.span is None]
    text = record.text
    found: list[tuple[TokenSpan, Span]] = []
    for span in record.spans:
        start, end, label = span
        if not 0 <= start < end <= len(text):
            why = f"a span needs 0 ≤ start < end ≤ {len(text)} (the text's length)"
            losses.append(_fault(record, "bad-offsets", span, why))
            continue
        if not label.strip():
            losses.append(_fault(record, "empty-label", span, "the label is empty"))
            continue
        if text[start].isspace() or text[end - 1].isspace():
            inner = text[start:end].strip()
            if not inner or not settings.trim:
                why = "the span begins or ends with white space"
                losses.append(_fault(record, "whitespace-edge", span, why))
                continue
            start = text.index(inner, start)
            end = start + len(inner)
            repairs.append(_fault(record, "trimmed", span, f"to {inner!r} ({start}–{end})"))
        tokens = doc.char_span(start, end, label=label)
        if tokens is None:
            tokens = doc.char_span(start, end, label=label, alignment_mode=settings.align)
            if tokens is None:
                losses.append(_fault(record, "misaligned", span, _around(doc, start, end)))
                continue
            why = f"to {tokens.text!r}; {_around(doc, start, end)}"
            repairs.append(_fault(record, "snapped", span, why))
        found.append((tokens, span))
    found.sort(key=lambda entity: (entity[0].start, entity[0].end))
    if any(one.end > two.start for (one, _), (two, _) in pairwise(found)):
        found = _without_overlaps(record, found, settings, losses)
    doc.set_ents([tokens for tokens, _ in found], default="outside")
    return [span for _, span in found], losses, repairs


def _fault(record: Record, code: str, span: Span, detail: str) -> Fault:
    line = record.line_of.get(id(span))
    return Fault(code, record.source if line is None else Source(record.source.path, line), detail, span)


def _around(doc: Doc, start: int, end: int) -> str:
    """Say which tokens a stretch of characters touches, and which stand beside them."""
    touched = doc.char_span(start, end, alignment_mode="expand")
    first, last = touched.start, touched.end
    parts = doc[first:last], doc[max(0, first - 2) : first], doc[last : last + 2]
    there, before, after = ([token.text for token in part] for part in parts)
    return f"the tokens there are {there}, around them {before} and {after}"


def _without_overlaps(
    record: Record, found: list[tuple[TokenSpan, Span]], settings: Settings, losses: list[Fault]
) -> list[tuple[TokenSpan, Span]]:
    if settings.overlaps == "first":
        order = {id(span): i for i, span in enumerate(record.spans)}
        found.sort(key=lambda entity: order[id(entity[1])])
    else:
        found.sort(key=lambda entity: (entity[1].start - entity[1].end, entity[1].start))
    kept: list[tuple[TokenSpan, Span]] = []
    taken: dict[int, Span] = {}
    for tokens, span in found:
        places = range(tokens.start, tokens.end)
        rival = next((taken[token] for token in places if token in taken), None)
        if rival is None:
            taken.update(dict.fromkeys(places, span))
            kept.append((tokens, span))
            continue
        surface = record.text[rival.start : rival.end]
        why = f"it shares tokens with {surface!r} {rival.label} ({rival.start}–{rival.end})"
        is_inside = (span.start - rival.start) * (span.end - rival.end) <= 0  # its ends move opposite ways
        kind = "nested" if is_inside and span[:2] != rival[:2] else "overlap"
        losses.append(_fault(record, "duplicate-span" if span == rival else kind, span, why))
    return sorted(kept, key=lambda entity: entity[0].start)


def cut(
    doc: Doc, max_tokens: int, sent_starts: Sequence[bool] | None = None
) -> tuple[list[tuple[int, int]], list[int]]:
    """Cut a document into ranges, that join up, of up to `max_tokens` tokens (0: any number).

    sent_starts: of each token; where the data says nothing, spaCy's `sentencizer` does.

    Each cut is at the last sentence start that fits and lies inside no entity; where no sentence starts, at
    the last token that lies inside no entity. Only an entity of more than `max_tokens` makes a longer range.
    Return the ranges, and the tokens at which it was cut though no sentence starts there.
    """
    total = len(doc)
    if not max_tokens or total <= max_tokens:
        return [(0, total)], []
    inside = numpy.zeros(total + 1, dtype=bool)
    for ent in doc.ents:
        inside[ent.start + 1 : ent.end] = True
    if sent_starts is None:
        sent_starts = [token.is_sent_start is True for token in Sentencizer()(doc)]
    starts = numpy.array(sent_starts, dtype=bool)
    anywhere = numpy.flatnonzero(~inside)
    sentences = anywhere[:-1][starts[anywhere[:-1]]]
    cuts = [0]
    while total - cuts[-1] > max_tokens:
        at = cuts[-1]
        for places in (sentences, anywhere):
            fitting = places[(places > at) & (places <= at + max_tokens)]
            if len(fitting):
                break
        cuts.append(int(fitting[-1] if len(fitting) else anywhere[anywhere > at][0]))
    if cuts[-1] < total:
        cuts.append(total)
    return list(pairwise(cuts)), [start for start in cuts[1:-1] if not starts[start]]
