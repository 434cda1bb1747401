"""Write a model card for each evaluated pipeline, and a wheel that installs without this project.

python -m scripts.package training/cpu training/gpu
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import UserError, console, run
from scripts.corpus.files import read_json, write_text
from scripts.corpus.shards import read_manifest
from scripts.corpus.splits import SPLITS
from scripts.report.origins import find_origins
from scripts.report.predictions import read_scores
from scripts.report.templates import render
from scripts.report.wheel import build_wheel, model_card, package_meta, read_meta


def main(
    folders: Annotated[list[Path], typer.Argument(help="Folders that were evaluated and compared.")],
    meta: Annotated[Path, typer.Option(help="What you say of the pipelines.")] = Path("configs/meta.json"),
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    report: Annotated[Path, typer.Option(help="Where the report is.")] = Path("training/report"),
    output: Annotated[Path, typer.Option(help="Where the wheels go.")] = Path("training/packages"),
) -> None:
    """Write a model card for each evaluated pipeline, and a wheel that installs without this project."""
    given, manifests = read_meta(meta), {split: read_manifest(corpus / split) for split in SPLITS}
    for folder in folders:
        scores = read_scores(folder, corpus)
        summary, about = read_report(report / "summary.json", folder, scores)
        origins = find_origins(folder, manifests)
        package = package_meta(folder / "model-best", given, scores, origins)
        card = model_card(summary, about, package, origins, manifests)
        licences = render("licences.txt", origins=origins)
        texts = {"README.md": card.partition("\n---\n")[2], "LICENSES_SOURCES": licences}
        paths = [each["path"] for each in origins if Path(each["path"]).is_absolute()]
        wheel = build_wheel(folder / "model-best", package, texts, paths, output)
        write_text(folder / "README.md", card)
        console.print(f"{folder / 'README.md'}: the model card\n{wheel}: pip install it", soft_wrap=True)
    if missing := ", ".join(key for key in ("description", "author", "license") if not given[key]):
        console.print(f"The cards do not say it, because {meta} does not: {missing}")


def read_report(path: Path, folder: Path, scores: dict) -> tuple[dict, dict]:
    """Return summary.json, and what it has of a folder. Raises UserError where it is not of what is there."""
    summary = read_json(path) if path.exists() else {"variants": {}}
    found = summary["variants"].get(scores["variant"], {})
    now = {"predictions_sha256": scores["predictions_sha256"], "training": read_json(folder / "metrics.json")}
    if any(found.get(key) != value for key, value in now.items()):
        remedy = (
            f"run: python -m scripts.evaluate {folder}, then scripts.compare, with it before its other seeds"
        )
        raise UserError(f"{path}: has no report of the pipeline that is in {folder} now; {remedy}")
    return summary, found


if __name__ == "__main__":
    run(main)
