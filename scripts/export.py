"""Write a split of the corpus as JSONL or CoNLL, for an annotation tool, or to be preprocessed again.

python -m scripts.export corpus/train --output=train.jsonl
python -m scripts.export corpus/train --format=conll --output=train.conll
"""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Literal

import typer
from spacy.vocab import Vocab

from scripts.cli import console, run
from scripts.corpus.exports import as_conll, as_jsonl
from scripts.corpus.shards import check_shards, read_manifest, read_shard
from scripts.formats.doc_annotation import describe_counts

WRITERS = {"jsonl": as_jsonl, "conll": as_conll}
"""Texts with spans (Prodigy, this project), or a token and its tag a line."""


def main(
    split: Annotated[Path, typer.Argument(help="The folder of a split: corpus/train.")],
    format: Annotated[
        Literal["jsonl", "conll"], typer.Option(help="jsonl keeps texts, conll tokens and sentences.")
    ] = "jsonl",
    output: Annotated[Path | None, typer.Option(help="A new file; else standard output.")] = None,
) -> None:
    """Write a split of the corpus as JSONL or CoNLL, in the corpus's order."""
    manifest = read_manifest(split)
    check_shards(split, manifest)
    unknown = 0
    file = nullcontext(sys.stdout) if output is None else output.open("x", encoding="utf-8", newline="\n")
    with file as out:
        for shard in manifest["shards"]:
            for doc in read_shard(split / shard["name"], Vocab()):
                out.write(WRITERS[format](doc))
                unknown += sum(token.ent_iob == 0 for token in doc)
    if output is not None:
        console.print(f"{output}: {manifest['documents']:,} documents", markup=False, soft_wrap=True)
    if other := describe_counts(manifest.get("other_annotation", {})):
        console.print(f"Not in it: {other}", markup=False, soft_wrap=True)
    if unknown:
        console.print(f"{unknown:,} tokens whose entities are unknown are outside entities in it")


if __name__ == "__main__":
    run(main)
