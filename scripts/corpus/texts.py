"""Texts to predict, from files of any kind, each with its place and with what stands beside it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from scripts.formats import json_stream
from scripts.formats.cells import DELIMITERS, Dialect, read_rows
from scripts.formats.docbin import DocBinLayout, read_docbin, split_docs
from scripts.formats.find import find_files, stems
from scripts.formats.parquet import split_rows
from scripts.formats.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import AnnotationError, Source, check_text, fail
from scripts.formats.registry import Item, ReadOptions, each_line

KINDS = {".txt": "text", ".spacy": "docbin", ".parquet": "parquet", ".csv": "table", ".tsv": "table"}
KINDS |= dict.fromkeys((".json", ".jsonl", ".ndjson"), "json")
STDIN = "stdin"
"""The name of the file that keeps standard input: rows of JSON, or lines."""
TEXTS, CHARACTERS = 250, (5_000, 50_000)
"""A chunk ends after so many texts, or when it is longer than this as it stands in its file: the least where
the input is small, so that no core waits long for another.
"""
CHUNKS = 32
"""Of an input in between."""
SENTENCE_END = re.compile(r"[.!?…]['\"”’»)\]]*\s+|\n\s*|[。！？]")


class Text(NamedTuple):
    """A text, or why there is none at its place. row: what stands beside it."""

    source: str
    text: str
    row: dict
    error: str = ""


def find_texts(names: list[str], lines: bool) -> dict[Path, str]:
    """Map the files that names stand for to how each is read, by its ending; of .txt each line if `lines`.

    Raises AnnotationError where there is none, or an ending tells nothing.
    """
    kinds = KINDS | {".txt": "lines" if lines else "text"}
    found: dict[Path, str] = {}
    for path in (path for name in names for path in find_files(name, kinds).files):
        found[path] = next((kinds[ending] for _, ending in stems(path, kinds)), "")
        if path.name == STDIN:
            with path.open("rb") as file:
                found[path] = "json" if file.read(1) == b"{" else "lines"
        if not found[path]:
            fail(path, f"ends in none of {', '.join(KINDS)}", "give it the ending of what it is")
    return found


def read_chunks(files: dict[Path, str], key: str, encoding: str) -> Iterator[tuple[list[Text], int]]:
    """Yield the texts of files in their order, in chunks that the input alone decides on, and how many bytes
    of the input are read. key: of the text, in rows that have names.
    """
    texts: list[Text] = []
    size = before = 0
    total = sum(path.stat().st_size for path in files)
    longest = min(max(total // CHUNKS, CHARACTERS[0]), CHARACTERS[1])
    for path, kind in files.items():
        name = STDIN if path.name == STDIN else path.as_posix()
        with RawFile(path, encoding=encoding) as file:
            for line, data in SPLIT[kind](file):
                item = Item(data, Source(name, line), kind, ReadOptions())
                try:
                    texts.append(Text(str(item.source), *_read_text(item, key)))
                except AnnotationError as error:
                    texts.append(Text(str(item.source), "", {}, str(error)))
                size += len(repr(data))
                if len(texts) == TEXTS or size > longest:
                    yield texts, before + file.position
                    texts, size = [], 0
            before += file.size
    if texts:
        yield texts, before


def _table(file: RawFile) -> Iterator[tuple[int, tuple[list[str], list[str]]]]:
    """Yield the names of a table's columns with the cells of each row, each byte a character."""
    header = next((line.decode("latin-1") for _, line in file.lines()), "")
    file.rewind()
    lines = ((number, line.decode("latin-1")) for number, line in file.lines())
    rows = read_rows(lines, Dialect(max(DELIMITERS, key=header.count)), file.path.as_posix())
    names = next(rows, None)
    return ((row.line, (names.cells, row.cells)) for row in rows if row.cells)


SPLIT = {
    "text": lambda file: ((1, data) for data in [file.read(MAX_DOCUMENT_BYTES + 1)] if data),
    "lines": lambda file: ((n, line.rstrip(b"\r\n")) for n, line in each_line(file, None, None)),
    "json": lambda file: json_stream.rows(file, json_stream.tell_kind(file)),
    "table": _table,
    "parquet": lambda file: split_rows(file, None, None),
    "docbin": lambda file: split_docs(file, None, None),
}


def _read_text(item: Item, key: str) -> tuple[str, dict]:
    """Return a text and what stands beside it in its row. Raises AnnotationError where there is none."""
    row: Any = item.data
    if item.layout in ("text", "lines"):
        row = {key: item.text(), "meta": {"source": str(item.source)}}
    elif item.layout == "docbin":
        record = read_docbin(item._replace(layout=DocBinLayout(True, ())))
        row = {"id": record.id, key: record.text}
    elif item.layout == "json":
        try:
            row = json_stream.load(item.checked_data())
        except ValueError as error:
            fail(item.source, f"is no JSON ({error})", "repair it")
    elif item.layout == "table":
        names, cells = ([item._replace(data=cell.encode("latin-1")).text() for cell in own] for own in row)
        if len(names) != len(cells):
            what = f"has {len(cells)} cells, and the header {len(names)}"
            fail(item.source, what, 'put a cell with separators into quotes: "…"')
        row = dict(zip(names, cells, strict=True))
    if type(row) is not dict or type(row.get(key)) is not str:
        there = ", ".join(map(str, row)) if type(row) is dict else type(row).__name__
        fail(item.source, f"has no text under {key!r} ({there})", "name its key or column by --text-key")
    check_text(row[key], item.source)
    return row.pop(key), row


def cut(text: str, limit: int) -> Iterator[str]:
    """Yield a text's parts of at most `limit` characters: whole sentences, else words, else what fits."""
    while len(text) > limit:
        ends = [match.end() for match in SENTENCE_END.finditer(text, limit // 2, limit)]
        ends = ends or [match.end() for match in re.finditer(r"\s", text[:limit])] or [limit]
        yield text[: ends[-1]]
        text = text[ends[-1] :]
    yield text
