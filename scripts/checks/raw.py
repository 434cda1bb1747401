"""Checks on raw records: every place is a file and a line."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator

from spacy.pipeline import Sentencizer
from spacy.tokenizer import Tokenizer

from scripts.annotations.record import Record, Source
from scripts.checks.catalogue import Finding, excerpt, finding
from scripts.corpus.convert import to_doc
from scripts.corpus.tokenizer import load_tokenizer

MAX_LENGTH = 1_000_000
"""Characters that spaCy's `nlp.max_length` allows by default."""


def check_records(records: Iterable[tuple[str, Record]], *, lang: str, labels: frozenset[str]) -> Iterator[Finding]:
    """Yield what is wrong with raw records, by converting each as preprocessing does.

    `labels` are the allowed ones; none means any.
    """
    tokenizer = load_tokenizer(lang)
    seen: dict[bytes, tuple[str, Source]] = {}
    label_counts: dict[str, Counter[str]] = {}
    for split, record in records:
        counts = label_counts.setdefault(split, Counter())
        if record.excluded:
            continue
        counts.update(span.label for span in record.spans)
        yield from _check_record(split, record, tokenizer, labels)
        key = hashlib.sha256(" ".join(record.text.split()).encode("utf-8", "surrogatepass")).digest()
        other, first = seen.setdefault(key, (split, record.source))
        if other != split:
            yield finding(
                "text-in-two-splits",
                split,
                record.source,
                record.id,
                f"the same text is in {other}, {first}",
                excerpt(record.text, 0, 0, width=80),
            )
    yield from _check_labels(label_counts)


def _check_record(split: str, record: Record, tokenizer: Tokenizer, labels: frozenset[str]) -> Iterator[Finding]:
    for fault in record.faults:
        yield finding(fault.code, split, fault.source, record.id, fault.detail)
    if len(record.text) > MAX_LENGTH:
        yield finding("text-too-long", split, record.source, record.id, f"{len(record.text):,} characters", excerpt(record.text, 0, 0, width=80))
    doc, losses = to_doc(record, tokenizer)
    for loss in losses:
        span = loss.span
        detail = f"{record.text[span.start : span.end]!r} {span.label} ({span.start}–{span.end}): {loss.detail}"
        yield finding(loss.code, split, record.source, record.id, detail, excerpt(record.text, span.start, span.end))
    for span in record.spans:
        if labels and span.label and span.label not in labels:
            detail = f"{span.label!r} is none of {', '.join(sorted(labels))}"
            yield finding("unknown-label", split, record.source, record.id, detail, excerpt(record.text, span.start, span.end))
    if record.words is None:
        doc = Sentencizer()(doc)
        for ent in doc.ents:
            if any(token.is_sent_start for token in ent[1:]):
                detail = f"{ent.text!r} {ent.label_} holds a sentence's end"
                yield finding("across-sentences", split, record.source, record.id, detail, excerpt(record.text, ent.start_char, ent.end_char))


def _check_labels(label_counts: dict[str, Counter[str]]) -> Iterator[Finding]:
    trained = label_counts.get("train", Counter())
    for split in ("dev", "test"):
        if split not in label_counts:
            continue
        held_out = label_counts[split]
        for label in sorted(held_out.keys() - trained.keys()):
            yield finding("label-not-in-train", split, split, "", f"{label}: {held_out[label]} entities in {split}, none in train")
        for label in sorted(trained.keys() - held_out.keys()):
            yield finding("label-not-held-out", split, split, "", f"{label}: {trained[label]} entities in train, none in {split}")
