"""Check a corpus, and what each config would make of it in training.

python -m scripts.validate
python -m scripts.validate --config my.cfg --train train.spacy --dev dev.spacy
python -m scripts.validate --config my.cfg --code my.py --training.max_steps 40
Exit codes: 0 no error (warnings may be), 1 errors, 2 wrong usage, or something that cannot be read.
"""

import sys
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import UserError, physical_cores, progress_bar, run
from scripts.corpus.without_torch import without_torch
from scripts.tracking.options import TrackingOptions


def main(
    tracking: TrackingOptions,
    settings: Annotated[
        list[str], typer.Argument(metavar="[--SECTION.NAME VALUE]", help="Settings of the configs.")
    ] = [],  # noqa: B006
    config: Annotated[list[Path], typer.Option(help="A spaCy config; may come again.")] = [],  # noqa: B006
    train: Annotated[
        Path | None, typer.Option(help="A .spacy file, or a folder of them.  [default: the config's]")
    ] = None,
    dev: Annotated[Path | None, typer.Option(help="As --train, for dev.")] = None,
    test: Annotated[Path | None, typer.Option(help="As --train, for test.")] = None,
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    code: Annotated[
        list[Path], typer.Option("--code", "-c", help="Python file that a config needs; may be given again.")
    ] = [],  # noqa: B006
    labels: Annotated[str, typer.Option(help="Allowed labels, with commas between; empty: any.")] = "",
    select: Annotated[str, typer.Option(help="Only these checks: codes, beginnings (NER4) or names.")] = "",
    ignore: Annotated[str, typer.Option(help="Leave these checks out.")] = "",
    explain: Annotated[str, typer.Option(help="Say what these checks find, by examples, and stop.")] = "",
    output: Annotated[
        str, typer.Option(help="The JSON; -: standard output.  [default: CORPUS/validation.json]")
    ] = "",
    places: Annotated[int, typer.Option(min=0, help="Places kept of each check and split; 0: all.")] = 1000,
    stamp: Annotated[
        Path | None, typer.Option(help="Where training sees what passed.  [default: beside a config.cfg]")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: up to 3, one a core.")] = 0,
) -> None:
    """Check a corpus, and what each config would make of it in training; exit with 1 on errors."""
    from scripts.checks import catalogue
    from scripts.checks.examine import Report, choose_workers, validate
    from scripts.checks.inputs import find_inputs
    from scripts.report.findings import FirstSeen, show, write
    from scripts.tracking.tracker import track_step

    if explain:
        sys.stdout.write(catalogue.explain(explain))
        return
    if stamp is not None and len(config) != 1:
        raise UserError(f"--stamp {stamp}: is about one config; name one by --config")
    report = Report(places, catalogue.choose(select, ignore), FirstSeen())
    inputs = find_inputs(config, {"train": train, "dev": dev, "test": test}, corpus, code, tuple(settings))
    files = inputs.files()
    with progress_bar(unit="bytes") as bar:
        task = bar.add_task("documents", total=sum(path.stat().st_size for path in chain(*files.values())))
        allowed = frozenset(filter(None, map(str.strip, labels.split(","))))
        chosen = workers or choose_workers(files, physical_cores())
        validate(inputs, report, labels=allowed, workers=chosen, progress=partial(bar.advance, task))
    path = write(report, inputs, output, partial=bool(select.strip()), ignored=ignore, stamp=stamp)
    show(report, inputs, path)
    track_step(tracking, "validate", corpus, corpus, path)
    if report.total(catalogue.Severity.error):
        raise typer.Exit(1)


if __name__ in ("__main__", "__mp_main__"):  # here, and in the processes that are started
    without_torch()
if __name__ == "__main__":
    run(main, failure=2, takes_settings=True)
