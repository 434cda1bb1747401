"""Record what the corpus is made from, so that later steps rerun when a file or a package changed.

python -m scripts.fingerprint --train=assets/demo/train.jsonl --dev= --test=
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.command import UserError, console, run
from scripts.corpus.files import read_json, sha256, write_json
from scripts.corpus.versions import versions


def main(
    train: Annotated[str, typer.Option(help="Raw training file.")],
    dev: Annotated[str, typer.Option(help="Raw development file; empty: taken from train.")] = "",
    test: Annotated[str, typer.Option(help="Raw test file; empty: taken from train.")] = "",
    output: Annotated[Path, typer.Option(help="Where to write the record.")] = Path("corpus/sources.json"),
) -> None:
    """Hash the raw files and note the versions in use; the record is rewritten only when it changed."""
    new = {
        "files": {split: fingerprint(path) for split, path in (("train", train), ("dev", dev), ("test", test))},
        "versions": versions(),
    }
    if output.exists() and read_json(output) == new:
        console.print(f"{output}: unchanged")
        return
    write_json(output, new)
    console.print(f"{output}: written")


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
