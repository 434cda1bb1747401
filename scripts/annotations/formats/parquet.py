"""Hugging Face Parquet: `tokens` with `ner_tags`, or `text` with `spans`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.annotations.formats.json_spans import SPAN_KEYS, TEXT_KEYS, check_text, row_record
from scripts.annotations.raw_file import RawFile
from scripts.annotations.record import AnnotationError, Fault, Record
from scripts.annotations.registry import Item, ReadOptions, reads
from scripts.annotations.tags import Scheme, decode, parse_tag
from scripts.annotations.words import words_record

TOKEN_COLUMNS = ("tokens", "words")
TAG_COLUMNS = ("ner_tags", "tags", "labels", "ner", "fine_ner_tags")
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns hold tokens and tags (None: the rows are texts with spans), the tags' names, and their scheme."""

    tokens: str | None
    tags: str | None
    names: tuple[str, ...]
    scheme: str


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Read columns and ClassLabel names from the schema, and tell the scheme from the names or the first rows."""
    with _open(file.path) as table:
        schema = table.schema_arrow
        tokens = next((name for name in TOKEN_COLUMNS if name in schema.names), None)
        tags = next((name for name in TAG_COLUMNS if name in schema.names), None)
        if tokens is None or tags is None:
            return Layout(None, None, (), "")
        try:
            names = tuple(_class_names(json.loads(schema.metadata[b"huggingface"])["info"]["features"][tags]))
        except (TypeError, LookupError, ValueError, RecursionError):  # the file tells no names
            names = ()
        scheme = Scheme()
        for batch in table.iter_batches(batch_size=BATCH, columns=[tags]):
            for row in batch.column(0).to_pylist()[:BATCH]:
                scheme.watch(filter(None, (parse_tag(_name(tag, names)) for tag in row or ())))
            break
    return Layout(tokens, tags, names, scheme.name)


def _class_names(feature) -> list[str]:
    """Find the ClassLabel names inside a feature, however it is nested."""
    if isinstance(feature, dict) and isinstance(feature.get("names"), list):
        return [str(name) for name in feature["names"]]
    inner = feature.values() if isinstance(feature, dict) else feature if isinstance(feature, list) else ()
    return next((found for part in inner if (found := _class_names(part))), [])


def _name(tag, names: tuple[str, ...]) -> str:
    if isinstance(tag, str):
        return tag
    return names[tag] if isinstance(tag, int) and 0 <= tag < len(names) else f"{tag!r}"


@contextmanager
def _open(path: Path):
    """Open a Parquet file; whatever pyarrow or we stumble over in a damaged one is an AnnotationError."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            yield table
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError) as error:
        raise AnnotationError(f"{path}: cannot be read as Parquet ({type(error).__name__}: {error}); write it again") from None


def split_rows(file: RawFile, layout: Layout, options: ReadOptions) -> Iterator[tuple[int, dict]]:
    """Yield the rows, numbered from 1."""
    wanted = {layout.tokens, layout.tags, *TEXT_KEYS, *SPAN_KEYS, "id", "answer", "annotator", "annotations", "meta", options.group_by}
    number = 0
    with _open(file.path) as table:
        columns = [name for name in table.schema_arrow.names if name in wanted]
        for batch in table.iter_batches(batch_size=BATCH, columns=columns):
            for row in batch.to_pylist():
                number += 1
                yield number, row


@reads(
    "parquet",
    title="Parquet as Hugging Face datasets store it: `tokens` with `ner_tags` (ClassLabel names or strings), or `text` with `spans`",
    example='{"tokens": ["Ana", "left", "Cork"], "ner_tags": [1, 0, 3]}',
    endings=(".parquet",),
    recognise=lambda head: head.startswith(b"PAR1"),
    prepare=find_layout,
    split=split_rows,
)
def read_parquet(item: Item) -> Record:
    """Read one row.

    Raises AnnotationError, naming the row, where tokens and tags are not of one number or a tag has no name.
    """
    layout: Layout = item.layout
    row = item.data
    if layout.tokens is None:
        return row_record(row, item.source, item.options)
    words, tags = row[layout.tokens], row[layout.tags]
    if not isinstance(words, list) or not isinstance(tags, list) or len(words) != len(tags) or not all(isinstance(word, str) for word in words):
        raise AnnotationError(f"{item.source}: {layout.tokens} and {layout.tags} must be lists of one length, strings the first: {str(row)[:120]}")
    if not all(word.strip() for word in words):
        raise AnnotationError(f"{item.source}: an empty token: {str(words)[:120]}; delete it with its tag")
    check_text(" ".join(words), item.source)
    parsed = [parse_tag(_name(tag, layout.names)) for tag in tags]
    for tag, found in zip(tags, parsed, strict=True):
        if found is None:
            known = (
                f"the {len(layout.names)} names of its ClassLabel" if layout.names else "tags such as O, B-PER, I-PER (the file names no ClassLabel)"
            )
            raise AnnotationError(f"{item.source}: {tag!r} in {layout.tags} is none of {known}")
    entities, wrong = decode(parsed, layout.scheme)
    faults = [Fault(code, item.source, f"{words[token]!r}: {detail} ({layout.scheme})") for token, code, detail in wrong]
    id, group = row.get("id"), row.get(item.options.group_by)
    return words_record(
        item.source,
        [(words, None, entities)] if words else [],
        lang=item.options.lang,
        id=None if id is None else str(id),
        group=item.file_group or (None if group is None else str(group)),
        faults=faults,
        sentences_known=False,
    )
