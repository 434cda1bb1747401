"""Hash what the steps depend on, so that a step runs again when its data, its code or a package changed.

python -m scripts.fingerprint --train=assets/demo/train.jsonl --dev= --test=
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import console, run
from scripts.corpus.files import digests, sha256, write_json_if_changed
from scripts.corpus.versions import versions
from scripts.formats.registry import find_raw_files

SCRIPTS = Path(__file__).resolve().parent
FILES = ("py", "toml", "j2", "css", "js")
"""The kinds of files that the code is made of."""
CODE = {
    "preprocess": ("formats", "corpus", "tracking", "report"),
    "configure": ("formats", "corpus", "training"),
    "validate": ("formats", "corpus", "tracking", "checks", "report"),
    "train": ("formats", "corpus", "tracking", "training"),
    "evaluate": ("formats", "corpus", "tracking", "training", "report"),
    "compare": ("formats", "corpus", "tracking", "training", "report"),
    "package": ("formats", "corpus", "training", "report"),
}
"""What each verb imports; a step of project.yml depends on the hashes of these, corpus/code/VERB.json."""


def main(
    train: Annotated[
        str, typer.Option(help="Raw training data: a file, a folder, or several with commas between.")
    ],
    dev: Annotated[str, typer.Option(help="Raw development data; empty: taken from train.")] = "",
    test: Annotated[str, typer.Option(help="Raw test data; empty: taken from train.")] = "",
    corpus: Annotated[Path, typer.Option(help="The corpus folder, where the records go.")] = Path("corpus"),
) -> None:
    """Hash raw files, shards and code, and note versions; a record is rewritten only when it changed."""
    files = {
        split: [
            {"path": path.as_posix(), "bytes": path.stat().st_size, "sha256": sha256(path)}
            for path in find_raw_files(names).files
        ]
        for split, names in (("train", train), ("dev", dev), ("test", test))
    }
    records = {"sources.json": files, "shards.json": digests(corpus, "*.spacy")}
    code = {name: digest for kind in FILES for name, digest in digests(SCRIPTS, f"*.{kind}").items()}
    for verb, packages in CODE.items():
        parts = {"cli.py", f"{verb}.py", *packages}
        used = {name: digest for name, digest in code.items() if name.split("/")[0] in parts}
        records[f"code/{verb}.json"] = {"versions": versions(), "files": used}
    for name, record in records.items():
        changed = write_json_if_changed(corpus / name, record)
        console.print(f"{corpus / name}: {'written' if changed else 'unchanged'}")


if __name__ == "__main__":
    run(main)
