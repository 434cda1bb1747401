"""Write a split of the corpus as JSONL or CoNLL, for an annotation tool, or to be preprocessed again.

python -m scripts.export corpus/train --output=train.jsonl
python -m scripts.export corpus/train --format=conll --output=train.conll
"""

import contextlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from spacy.vocab import Vocab

from scripts.cli import console, run
from scripts.corpus.exports import as_conll, as_jsonl
from scripts.corpus.shards import check_shards, read_manifest, read_shard
from scripts.formats.doc_annotation import describe_counts


class Format(StrEnum):
    """Texts with spans (Prodigy, this project), or a token and its tag a line."""

    jsonl = "jsonl"
    conll = "conll"


def main(
    split: Annotated[Path, typer.Argument(help="The folder of a split: corpus/train.")],
    format: Annotated[
        Format, typer.Option(help="jsonl keeps texts, conll tokens and sentences.")
    ] = Format.jsonl,
    output: Annotated[Path | None, typer.Option(help="A new file; else standard output.")] = None,
) -> None:
    """Write a split of the corpus as JSONL or CoNLL, in the corpus's order."""
    manifest = read_manifest(split)
    check_shards(split, manifest)
    write = as_jsonl if format is Format.jsonl else as_conll
    unknown = 0
    with contextlib.ExitStack() as stack:
        file = sys.stdout
        if output is not None:
            file = stack.enter_context(output.open("x", encoding="utf-8", newline="\n"))
        for shard in manifest["shards"]:
            for doc in read_shard(split / shard["name"], Vocab()):
                file.write(write(doc))
                unknown += sum(token.ent_iob == 0 for token in doc)
    if output is not None:
        console.print(f"{output}: {manifest['documents']:,} documents", markup=False, soft_wrap=True)
    if other := describe_counts(manifest.get("other_annotation", {})):
        console.print(f"Not in it: {other}", markup=False, soft_wrap=True)
    if unknown:
        console.print(f"{unknown:,} tokens whose entities are unknown are outside entities in it")


if __name__ == "__main__":
    run(main)
