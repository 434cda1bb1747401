"""Hugging Face Parquet: `tokens` with `ner_tags`, or `text` with `spans`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from scripts.formats.json_spans import row_record
from scripts.formats.names import class_names
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError, Record
from scripts.formats.registry import Found, Item, ReadOptions, reads
from scripts.formats.spans import count_spans, find_spans
from scripts.formats.tagged import TaggedLayout, count_tagged, describe_tagged, find_tagged, read_tagged

BATCH = 1000
UNREADABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError)


def find_layout(file: RawFile, options: ReadOptions) -> TaggedLayout | None:
    """Find tokens and tags in the first rows, and tags' names in the schema; None where rows have spans."""
    with _batches(file) as (schema, batches):
        rows = next(batches, [])
        try:
            features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
            names = {key: class_names(feature) for key, feature in features.items()}
        except (TypeError, LookupError, ValueError, RecursionError, AttributeError):  # it tells no names
            names = {}
    return find_tagged(rows, file.path, options, names=names)


@contextmanager
def _batches(file: RawFile):
    """Open a Parquet file's schema and lists of rows, without columns of images, sound or other bytes.

    Whatever pyarrow or we stumble over in a damaged one is an AnnotationError.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file.path) as table:
            schema = table.schema_arrow
            readable = [field.name for field in schema if "binary" not in str(field.type)]
            yield schema, (batch.to_pylist() for batch in table.iter_batches(BATCH, columns=readable))
    except (pyarrow.ArrowException, *UNREADABLE) as error:
        what = f"cannot be read as Parquet ({type(error).__name__}: {error})"
        raise AnnotationError(f"{file.path}: {what}; write it again") from None


def split_rows(
    file: RawFile, layout: TaggedLayout | None, options: ReadOptions
) -> Iterator[tuple[int, dict]]:
    """Yield the rows, numbered from 1."""
    with _batches(file) as (_, batches):
        yield from enumerate((row for rows in batches for row in rows), start=1)


def count_row(item: Item) -> Found:
    """Count a row's tokens and entities."""
    if item.layout is None:
        return Found(entities=count_spans(find_spans(item.data)))
    return count_tagged(item.data, item.layout)


def describe_rows(layout: TaggedLayout | None) -> str:
    """Say which columns hold what."""
    if layout is None:
        return "rows of texts with spans"
    unused = f"; not used: {', '.join(f'`{key}`' for key in layout.unused)}" if layout.unused else ""
    return describe_tagged(layout) + unused


@reads(
    "parquet",
    title="Parquet as Hugging Face datasets store it: `tokens` with `ner_tags` (ClassLabel names or "
    "strings), or `text` with `spans`",
    example='{"tokens": ["Ana", "left", "Cork"], "ner_tags": [1, 0, 3]}',
    endings=(".parquet",),
    recognise=lambda head: head.startswith(b"PAR1"),
    prepare=find_layout,
    split=split_rows,
    found=count_row,
    describe=describe_rows,
    not_read="lists of sentences in one row: write a sentence a row; columns of bytes",
)
def read_parquet(item: Item) -> Record | list[Record]:
    """Read one row. Raises AnnotationError, naming the row, where it cannot be read."""
    if item.layout is None:
        return row_record(item.data, item.source, item.options)
    id, group = (item.data.get(key) for key in ("id", item.options.group_by))
    return read_tagged(
        item.data,
        item.layout,
        item.source,
        item.options,
        id=None if id is None else str(id),
        group=item.file_group or (None if group is None else str(group)),
    )
