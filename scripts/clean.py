"""Delete everything that was generated: the corpus, the trained pipelines, the reports.

python -m scripts.clean
"""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import console, run

GENERATED = ("corpus", "training")


def main(root: Annotated[Path, typer.Option(help="The project's folder.")] = Path()) -> None:
    """Delete everything that was generated; raw data, configs and code stay."""
    for path in sorted(path for name in GENERATED for path in (root / name).glob("*")):
        if path.name == ".gitignore":
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        console.print(f"deleted {path}")
    (root / "project.lock").unlink(missing_ok=True)


if __name__ == "__main__":
    run(main)
