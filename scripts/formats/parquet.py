"""Hugging Face Parquet: `tokens` with `ner_tags`, or `text` with `spans`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from scripts.formats.json_spans import Layout, count_row, describe, layout_of, row_record
from scripts.formats.names import class_names
from scripts.formats.raw_file import RawFile
from scripts.formats.record import Record, fail
from scripts.formats.registry import Item, ReadOptions, reads

BATCH = 1000
UNREADABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError)


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Find tokens and tags, or texts and spans, in the first rows, and the names of tags in the schema."""
    with _batches(file) as (schema, batches):
        rows = next(batches, [])
        try:
            features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
            names = {key: next(class_names(one, inside=True), []) for key, one in features.items()}
        except (TypeError, LookupError, ValueError, RecursionError, AttributeError):  # it tells no names
            names = {}
    return layout_of(rows, file.path, options, names=names)


@contextmanager
def _batches(file: RawFile):
    """Open a Parquet file's schema and lists of rows, without columns of images, sound or other bytes."""
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file.path) as table:
            schema = table.schema_arrow
            readable = [field.name for field in schema if "binary" not in str(field.type)]
            yield schema, (batch.to_pylist() for batch in table.iter_batches(BATCH, columns=readable))
    except (pyarrow.ArrowException, *UNREADABLE) as error:
        fail(file.path, f"cannot be read as Parquet ({type(error).__name__}: {error})", "write it again")


def split_rows(file: RawFile, layout: Layout, options: ReadOptions) -> Iterator[tuple[int, dict]]:
    """Yield the rows, numbered from 1."""
    with _batches(file) as (_, batches):
        yield from enumerate((row for rows in batches for row in rows), start=1)


@reads(
    "parquet",
    title="Parquet as Hugging Face datasets store it: `tokens` with `ner_tags` (ClassLabel names or "
    "strings), or `text` with `spans`",
    example='{"tokens": ["Ana", "left", "Cork"], "ner_tags": [1, 0, 3]}',
    endings=(".parquet",),
    recognise=lambda head: head.startswith(b"PAR1"),
    prepare=find_layout,
    split=split_rows,
    found=lambda item: count_row(item.data, item.layout),
    describe=describe,
    not_read="lists of sentences in one row: write a sentence a row; columns of bytes",
)
def read_parquet(item: Item) -> Record | list[Record]:
    """Read one row."""
    return row_record(item.data, item.source, item.options, item.layout)
