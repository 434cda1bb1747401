"""What was predicted, written as annotation tools and trainers read it: part by part, then put together."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from scripts.cli import UserError
from scripts.corpus.files import whole_file

if TYPE_CHECKING:
    from spacy.tokens import Doc


def _jsonl(docs: list["Doc"], rows: list[dict]) -> bytes:
    """Write the text, what stood beside it, and in the place of spans there those of the document."""
    from scripts.corpus.exports import spans_of  # which imports spaCy

    made = [
        {"text": doc.text} | row | {"text": doc.text, "spans": spans_of(doc)}
        for doc, row in zip(docs, rows, strict=True)
    ]
    return "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in made).encode()


def _conll(docs: list["Doc"], rows: list[dict]) -> bytes:
    from scripts.corpus.exports import as_conll  # which imports spaCy

    return "".join(map(as_conll, docs)).encode()


def _docbin(docs: list["Doc"], rows: list[dict]) -> bytes:
    from spacy.tokens import DocBin

    return DocBin(docs=docs, store_user_data=True).to_bytes()


WRITERS = {".jsonl": _jsonl, ".conll": _conll, ".parquet": _jsonl, ".spacy": _docbin}
"""By the ending of a part of the output, what writes it."""


def join(parts: list[Path], output: Path) -> None:
    """Put parts together into one file, complete or not at all."""
    with whole_file(output) as file:
        if output.suffix == ".parquet":
            _join_as_parquet(parts, file)
            return
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, file)


def _join_as_parquet(parts: list[Path], file: BinaryIO) -> None:
    """Write rows of JSON as Parquet, with the columns of all."""
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    def rows() -> Iterator[list[dict]]:
        return ([json.loads(line) for line in part.read_bytes().splitlines()] for part in parts)

    example = {"spans": [{"start": 0, "end": 0, "label": ""}]}  # where none is found, this is their type
    try:
        types = (pyarrow.array([*own, example]).type for own in rows())
        schema = pyarrow.unify_schemas(map(pyarrow.schema, types), promote_options="permissive")
        with ParquetWriter(file, schema) as writer:
            for own in rows():
                writer.write_table(pyarrow.Table.from_pylist(own, schema=schema))
    except pyarrow.ArrowException as error:
        what = f"a column holds values of several kinds ({error})"
        raise UserError(f"{file.name}: {what}; name an output that ends in .jsonl") from None
