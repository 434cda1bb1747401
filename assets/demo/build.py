"""Build the demo corpus's JSONL files from its inline markup.

python -m assets.demo.build            # check assets/demo/source, write assets/demo/{train,dev,test}.jsonl
python -m assets.demo.build --stats    # and count documents, tokens, entities and unseen names
"""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from spacy.tokens import Doc

from assets.demo.markup import read_markup
from scripts.cli import run
from scripts.corpus.tokenizer import load_tokenizer
from scripts.formats.record import AnnotationError, Record

LABELS = ("EVENT", "LOC", "ORG", "PERSON", "PRODUCT", "WORK")
SPLITS = ("train", "dev", "test")


def main(
    folder: Annotated[
        Path, typer.Option(help="Holds source/{train,dev,test}/*.txt; the JSONL files go here.")
    ] = Path("assets/demo"),
    stats: Annotated[bool, typer.Option("--stats", help="Also count what is in the corpus.")] = False,
) -> None:
    """Build the demo corpus's JSONL files from its inline markup."""
    splits = {split: read_split(folder / "source" / split) for split in SPLITS}
    for split, records in splits.items():
        lines = [json.dumps(as_json(record), ensure_ascii=False) + "\n" for record in records]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")
        typer.echo(f"{split}: {len(records)} documents")
    if stats:
        typer.echo(json.dumps(count(splits), indent=2, ensure_ascii=False))


def read_split(folder: Path) -> list[Record]:
    """Read all markup files of a split; check tokens, labels and ids across files."""
    tokenizer = load_tokenizer("en")
    records: dict[str, Record] = {}
    for path in sorted(folder.glob("*.txt")):
        for record in read_markup(path):
            if record.id in records:
                first = records[record.id].source
                raise AnnotationError(f"{record.source}: id {record.id!r} also stands at {first}")
            check(record, tokenizer(record.text))
            records[record.id] = record
    return list(records.values())


def check(record: Record, doc: Doc) -> None:
    """Raise AnnotationError where a span has another label, or does not fit the tokens."""
    for span in record.spans:
        where = f"{record.source} ({record.id}): {record.text[span.start : span.end]!r}"
        if span.label not in LABELS:
            raise AnnotationError(f"{where} has label {span.label!r}, not one of {', '.join(LABELS)}")
        if doc.char_span(span.start, span.end) is None:
            tokens = [t.text for t in doc if t.idx < span.end and t.idx + len(t) > span.start]
            raise AnnotationError(f"{where} does not fit the tokens {tokens}; reword or mark whole tokens")


def as_json(record: Record) -> dict:
    """Return the JSONL row of a record: `id`, `text`, `spans` with character offsets."""
    spans = [{"start": span.start, "end": span.end, "label": span.label} for span in record.spans]
    return {"id": record.id, "text": record.text, "spans": spans}


def count(splits: dict[str, list[Record]]) -> dict:
    """Count documents, tokens, entities, unseen names and names that have several labels."""
    tokenizer = load_tokenizer("en")
    names = {
        split: [(r.text[s.start : s.end], s.label) for r in records for s in r.spans]
        for split, records in splits.items()
    }
    known = {surface.lower() for surface, _ in names["train"]}
    labels_of: dict[str, set[str]] = {}
    for surface, label in (pair for pairs in names.values() for pair in pairs):
        labels_of.setdefault(surface, set()).add(label)
    result: dict = {"surfaces_with_several_labels": sum(len(labels) > 1 for labels in labels_of.values())}
    for split, records in splits.items():
        lengths = [len(tokenizer(record.text)) for record in records]
        result[split] = {
            "documents": len(records),
            "tokens": sum(lengths),
            "longest": max(lengths, default=0),
            "entities": len(names[split]),
            "labels": dict(sorted(Counter(label for _, label in names[split]).items())),
        }
        if split != "train":
            unseen = sum(surface.lower() not in known for surface, _ in names[split])
            result[split]["unseen_in_train"] = round(unseen / max(1, len(names[split])), 3)
    return result


if __name__ == "__main__":
    run(main)
