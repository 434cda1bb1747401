"""Record what the corpus is made from, so that later steps rerun when a file or a package changed.

python -m scripts.fingerprint --train=assets/demo/train.jsonl --dev= --test=
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import console, run
from scripts.corpus.files import digests, sha256, write_json_if_changed
from scripts.corpus.versions import versions
from scripts.formats.registry import raw_files

SCRIPTS = Path(__file__).resolve().parent
PACKAGES = ("formats", "corpus", "checks", "training", "report")
"""The packages of code that steps depend on: each has its hashes in a file of its own, so that a step names a few of these and no modules.
(A folder among a step's deps would not do: weasel hashes what Python caches in it, too.)"""


def main(
    train: Annotated[
        str, typer.Option(help="Raw training data: a file, a folder, or several with commas between.")
    ],
    dev: Annotated[str, typer.Option(help="Raw development data; empty: taken from train.")] = "",
    test: Annotated[str, typer.Option(help="Raw test data; empty: taken from train.")] = "",
    corpus: Annotated[Path, typer.Option(help="The corpus folder, where the records go.")] = Path("corpus"),
) -> None:
    """Hash raw files, shards and code, and note the versions in use; a record is rewritten only when it changed."""
    files = {
        split: [fingerprint(path) for path in raw_files(names)]
        for split, names in (("train", train), ("dev", dev), ("test", test))
    }
    records = {"sources.json": files, "shards.json": digests(corpus, "*.spacy"), "versions.json": versions()}
    records |= {f"code/{package}.json": digests(SCRIPTS / package, "*.py") for package in PACKAGES}
    for name, record in records.items():
        changed = write_json_if_changed(corpus / name, record)
        console.print(f"{corpus / name}: {'written' if changed else 'unchanged'}")


def fingerprint(path: Path) -> dict:
    """Path, size in bytes and SHA-256 of a raw file."""
    return {"path": path.as_posix(), "bytes": path.stat().st_size, "sha256": sha256(path)}


if __name__ == "__main__":
    run(main)
