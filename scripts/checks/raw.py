"""Checks on raw records: every place is a file and a line."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from scripts.annotations.record import AnnotationError, Record, Source
from scripts.checks.catalogue import Finding, Severity, excerpt, finding
from scripts.corpus.convert import align, sentence_starts, tokenise
from scripts.corpus.ledger import Count
from scripts.corpus.settings import OnError, Overlaps, Settings
from scripts.corpus.tokenizer import Tokeniser

MAX_LENGTH = 1_000_000
"""Characters that spaCy's `nlp.max_length` allows by default."""


ACCEPTED = ("unreadable", "i-without-b", "misaligned", "overlap", "whitespace-edge", "bad-offsets", "empty-label", "other-text", "discontinuous")
"""Faults that preprocessing rejects or mends, with a place in the ledger, where the user says so."""


def check_records(records: Iterable[tuple[str, Source, Record | AnnotationError]], settings: Settings, labels: frozenset[str]) -> Iterator[Finding]:
    """Yield what is wrong with raw documents, by converting each as preprocessing does.

    records: split and place of each, with the record or why it cannot be read. `labels` are the allowed ones; none means
    any. What the settings accept is a warning, where it would be an error.
    """
    tokenizer = Tokeniser(settings.lang)
    seen: dict[bytes, tuple[str, Source]] = {}
    for split, source, record in records:
        if isinstance(record, AnnotationError):
            found = [finding("unreadable", split, source, "", str(record).removeprefix(f"{source}: "))]
        elif record.excluded:
            continue
        else:
            found = [*_check_record(split, record, tokenizer, settings, labels), *_check_text(split, record, seen)]
        for one in found:
            stated = one.check.slug == "overlap" and settings.overlaps is not Overlaps.error
            accepted = one.check.slug in ACCEPTED and settings.on_error is OnError.reject
            yield replace(one, severity=Severity.warning) if stated or accepted else one


def _check_text(split: str, record: Record, seen: dict[bytes, tuple[str, Source]]) -> Iterator[Finding]:
    key = hashlib.blake2b(" ".join(record.text.split()).encode("utf-8"), digest_size=16).digest()
    other, first = seen.setdefault(key, (split, record.source))
    if other != split:
        detail = f"the same text is in {other}, {first}"
        yield finding("text-in-two-splits", split, record.source, record.id, detail, excerpt(record.text, 0, 0, width=80))


def _check_record(split: str, record: Record, tokenizer: Tokeniser, settings: Settings, labels: frozenset[str]) -> Iterator[Finding]:
    for fault in record.faults:
        if fault.span is None:
            yield finding(fault.code, split, fault.source, record.id, fault.detail)
    if len(record.text) > MAX_LENGTH and not settings.max_tokens:
        yield finding("text-too-long", split, record.source, record.id, f"{len(record.text):,} characters", excerpt(record.text, 0, 0, width=80))
    if not record.text:
        return
    tokens = tokenise(record, tokenizer)
    losses, _ = align(record, tokens, settings)
    for loss in losses:
        span = loss.span
        detail = f"{record.text[span.start : span.end]!r} {span.label} ({span.start}–{span.end}): {loss.detail}"
        yield finding(loss.code, split, record.source, record.id, detail, excerpt(record.text, span.start, span.end))
    for span in record.spans:
        if labels and span.label and span.label not in labels:
            detail = f"{span.label!r} is none of {', '.join(sorted(labels))}"
            yield finding("unknown-label", split, record.source, record.id, detail, excerpt(record.text, span.start, span.end))
    if record.words is None and tokens.ents:
        starts = sentence_starts(tokens, tokenizer)
        for first, last, label in tokens.ents:
            if starts[first + 1 : last].any():
                start, end = tokens.starts[first], tokens.ends[last - 1]
                detail = f"{record.text[start:end]!r} {label} holds a sentence's end"
                yield finding("across-sentences", split, record.source, record.id, detail, excerpt(record.text, start, end))


def check_labels(counts: dict[str, Count]) -> Iterator[Finding]:
    """Yield the labels that only some splits have."""
    trained = counts["train"].labels
    for split in ("dev", "test"):
        held_out = counts[split].labels
        for label in sorted(held_out.keys() - trained.keys()):
            yield finding("label-not-in-train", split, split, "", f"{label}: {held_out[label]} entities in {split}, none in train")
        for label in sorted(trained.keys() - held_out.keys()):
            yield finding("label-not-held-out", split, split, "", f"{label}: {trained[label]} entities in train, none in {split}")
