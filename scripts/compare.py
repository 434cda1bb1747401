"""Set scored variants, or any spaCy pipelines, side by side on one test set (scripts/report/README.md).

python -m scripts.compare training/cpu training/gpu
python -m scripts.compare --model training/cpu/model-best --model en_core_web_sm --data assets/demo/test.jsonl
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import UserError, console, run
from scripts.corpus.files import require_folder
from scripts.tracking.options import TrackingOptions

FOLDERS = "Folders that were evaluated, one a variant and seed; or, of --data, options of preprocess."


def main(
    tracking: TrackingOptions,
    folders: Annotated[
        list[str], typer.Argument(metavar="[FOLDER]... [--corpus.NAME=VALUE]...", help=FOLDERS)
    ] = [],  # noqa: B006
    corpus: Annotated[Path, typer.Option(help="The corpus folder of these.")] = Path("corpus"),
    model: Annotated[
        list[str],
        typer.Option(help="A pipeline's folder or an installed one, or NAME=PIPELINE; may come again."),
    ] = [],  # noqa: B006
    data: Annotated[str, typer.Option(help="Of --model: test data as for preprocess, or a split.")] = "",
    map: Annotated[
        list[str], typer.Option(help="PREDICTED=LABEL: rename a predicted label; PREDICTED=: leave it out.")
    ] = [],  # noqa: B006
    code: Annotated[
        list[Path], typer.Option("--code", "-c", help="Python file that a --model needs; may come again.")
    ] = [],  # noqa: B006
    device: Annotated[str, typer.Option(help="Of --model: auto, cpu, cuda or cuda:N.")] = "auto",
    cost: Annotated[bool, typer.Option(help="Measure speed and latency of each --model.")] = True,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder.  [default: training/report; with --model training/comparison]"),
    ] = None,
) -> None:
    """Set scored variants, or any spaCy pipelines (--model, --data), side by side on one test set."""
    paths = [Path(folder) for folder in folders if not folder.startswith("--")]
    options = [folder for folder in folders if folder.startswith("--")]
    if bool(model) != bool(data) or bool(model) == bool(paths) or ((options or map) and not model):
        remedy = "name folders that were evaluated, or pipelines by --model and their test set by --data"
        raise UserError(f"{remedy}; options of preprocess, of --data, are written --corpus.NAME=VALUE")
    from scripts.report.write import write_report
    from scripts.tracking.tracker import track_comparison

    output = output or Path("training/comparison" if model else "training/report")
    require_folder(output)
    if model:
        from scripts.report.models import find_models, make_test_set, parse_labels, score_models

        models, labels, corpus = find_models(model), parse_labels(map), output / "corpus"
        make_test_set(data, corpus, models, options)
        choices = {"device": device, "cost": cost, "labels": labels, "code": tuple(code)}
        for folder, scores in score_models(models, corpus, output / "models", **choices):
            console.print(f"{folder.name} on {scores}", markup=False, soft_wrap=True)
            paths.append(folder)
    shown, text = write_report(paths, corpus, output)
    if model:
        text += "\nLabels are renamed by --map PREDICTED=LABEL, and left out by --map PREDICTED="
    for table in shown:
        console.print(table)
    console.print(text, markup=False, soft_wrap=True)
    track_comparison(tracking, paths, corpus, output)


if __name__ == "__main__":
    run(main, takes_settings=True)
