"""Check a corpus, and what each config would make of it in training.

python -m scripts.validate
python -m scripts.validate --config training/cpu/config.cfg --config training/gpu/config.cfg
python -m scripts.validate --config my.cfg --train train.spacy --dev dev.spacy
python -m scripts.validate --config my.cfg --code my.py --training.max_steps 40
Exit codes: 0 no error (warnings may be), 1 errors, 2 wrong usage, or something that cannot be read.
"""

import sys
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import UserError, console, physical_cores, progress_bar, run
from scripts.corpus.pool import without_torch


def main(
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[--SECTION.NAME VALUE]", help="Settings of the configs, as of scripts.train."
        ),
    ] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(help="A spaCy config whose training the corpus should stand; may be given again."),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(help="A .spacy file, or a folder of them.  [default: the corpus's, or the config's]"),
    ] = None,
    dev: Annotated[Path | None, typer.Option(help="As --train, for dev.")] = None,
    test: Annotated[Path | None, typer.Option(help="As --train, for test.")] = None,
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    code: Annotated[
        list[Path] | None,
        typer.Option(
            "--code", "-c", help="Python file with functions that a config names; may be given again."
        ),
    ] = None,
    labels: Annotated[str, typer.Option(help="Allowed labels, with commas between; empty: any.")] = "",
    select: Annotated[
        str,
        typer.Option(
            help="Run these checks alone: codes, beginnings of codes (NER4) or names, with commas between."
        ),
    ] = "",
    ignore: Annotated[str, typer.Option(help="Leave these checks out.")] = "",
    explain: Annotated[
        str, typer.Option(help="Say what these checks find, with an example of each, and stop.")
    ] = "",
    output: Annotated[
        str,
        typer.Option(
            help="Where the JSON goes; -: standard output.  [default: validation.json in the corpus folder]"
        ),
    ] = "",
    places: Annotated[
        int, typer.Option(min=0, help="Places that are kept of each check and split; 0: all.")
    ] = 1000,
    stamp: Annotated[
        Path | None,
        typer.Option(help="Where to note, for training, that all passed.  [default: beside a config.cfg]"),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes; 0: as many as the corpus is worth, up to one a core.")
    ] = 0,
) -> None:
    """Check a corpus, and what each config would make of it in training; exit with 1 on errors."""
    from scripts.checks.registry import choose
    from scripts.checks.registry import explain as explained

    if explain:
        sys.stdout.write(explained(explain))
        return
    from scripts.checks.examine import Report, choose_workers, examine
    from scripts.checks.inputs import find_inputs
    from scripts.report.findings import FirstSeen, counted, show, write

    if stamp is not None and len(config or []) != 1:
        raise UserError(f"--stamp {stamp}: is about one config; name one by --config")
    checks = choose(select, ignore)
    inputs = find_inputs(
        config or [], {"train": train, "dev": dev, "test": test}, corpus, code or [], tuple(settings or ())
    )
    report = Report(places)
    seen = FirstSeen()
    for finding in inputs.own_findings():
        if finding.slug in checks:
            report.add(finding)
            seen(finding)
    files = inputs.files()
    with progress_bar(unit="bytes") as bar:
        task = bar.add_task(
            "looking at documents", total=sum(path.stat().st_size for path in chain(*files.values()))
        )
        examine(
            files,
            report,
            labels=frozenset(label.strip() for label in labels.split(",") if label.strip()),
            checks=checks,
            configs=inputs.recipes,
            workers=workers or choose_workers(files, physical_cores()),
            tell=seen,
            progress=lambda doing, done: bar.update(task, description=doing, advance=done),
        )
    for finding in inputs.ledger_findings(report.counts):
        if finding.slug in checks:
            report.add(finding)
    where = write(report, inputs, output, partial=bool(select.strip()), ignored=ignore, stamp=stamp)
    show(report, inputs)
    errors = report.errors
    console.print(
        f"{counted(errors, 'error')}, {counted(report.warnings, 'warning')}{f'; all in {where}' if where else ''}"
    )
    if errors:
        raise typer.Exit(1)


if __name__ == "__main__":
    without_torch()
    run(main, failure=2, takes_settings=True)
