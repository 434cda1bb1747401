"""The formats that raw annotations may have, and how to tell them apart."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from scripts.annotations.columns import read_columns
from scripts.annotations.jsonl import read_jsonl
from scripts.annotations.record import AnnotationError, Record
from scripts.annotations.text import read_lines


class Format(StrEnum):
    """How raw annotations are written."""

    auto = "auto"
    jsonl = "jsonl"
    columns = "columns"


def read_records(path: Path, format: Format = Format.auto, *, sentences_per_doc: int = 0) -> Iterator[Record]:
    """Yield the records of one raw file. Raises AnnotationError where it is no readable file or holds no record."""
    if path.is_dir():
        raise AnnotationError(f"{path}: is a folder; name the file in it")
    if not path.exists():
        raise AnnotationError(f"{path}: no such file; set vars.train, vars.dev and vars.test to your files (dev and test may be empty)")
    if format is Format.auto:
        format = detect_format(path)
    records = read_jsonl(path) if format is Format.jsonl else read_columns(path, sentences_per_doc=sentences_per_doc)
    empty = True
    for record in records:
        empty = False
        yield record
    if empty:
        raise AnnotationError(f"{path}: holds no document; write one, or leave the variable empty")


def detect_format(path: Path) -> Format:
    """Tell the format by the first line that is not blank: JSONL starts with a brace."""
    for _, line in read_lines(path):
        if line.strip():
            return Format.jsonl if line.lstrip().startswith("{") else Format.columns
    raise AnnotationError(f"{path}: is empty; write one document at least, or leave the variable empty")
