"""Record what the corpus is made from, so that later steps rerun when a file or a package changed.

python -m scripts.fingerprint --train=assets/demo/train.jsonl --dev= --test=
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.command import UserError, console, run
from scripts.corpus.files import digests, sha256, write_json_if_changed
from scripts.corpus.versions import versions


def main(
    train: Annotated[str, typer.Option(help="Raw training file.")],
    dev: Annotated[str, typer.Option(help="Raw development file; empty: taken from train.")] = "",
    test: Annotated[str, typer.Option(help="Raw test file; empty: taken from train.")] = "",
    corpus: Annotated[Path, typer.Option(help="The corpus folder, where the records go.")] = Path("corpus"),
) -> None:
    """Hash raw files and shards and note the versions in use; a record is rewritten only when it changed."""
    files = {split: fingerprint(path) for split, path in (("train", train), ("dev", dev), ("test", test))}
    records = {"sources.json": files, "shards.json": digests(corpus, "*.spacy"), "versions.json": versions()}
    for name, record in records.items():
        changed = write_json_if_changed(corpus / name, record)
        console.print(f"{corpus / name}: {'written' if changed else 'unchanged'}")


def fingerprint(name: str) -> dict | None:
    """Path, size in bytes and SHA-256 of a raw file; None for an empty name."""
    if not name:
        return None
    path = Path(name)
    if not path.is_file():
        raise UserError(
            f"{name}: no such file; set vars.train, vars.dev and vars.test in project.yml (dev and test may be empty, paths have no spaces)"
        )
    return {"path": path.as_posix(), "bytes": path.stat().st_size, "sha256": sha256(path)}


if __name__ == "__main__":
    run(main)
