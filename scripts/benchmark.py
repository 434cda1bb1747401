"""Measure: training/benchmark/preprocessing.json and .md, validation.json and .md, faults.json and .md, training and transformer.json, .md and .svg.

python -m scripts.benchmark preprocessing --documents=10000,100000,1000000
python -m scripts.benchmark validation --documents=100000
python -m scripts.benchmark faults
python -m scripts.benchmark train --columns=FOLDER --seeds=3
python -m scripts.benchmark transformer --columns=FOLDER --epochs=2
python -m scripts.benchmark processes --columns=FOLDER --seeds=10
"""

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import UserError, console, physical_cores, run
from scripts.corpus.files import write_json, write_text
from scripts.report.chart import bar_chart
from scripts.report.machine import describe, measured_on


class What(StrEnum):
    """What is measured."""

    preprocessing = "preprocessing"
    validation = "validation"
    faults = "faults"
    training = "train"
    transformer = "transformer"
    processes = "processes"


SIZES = {
    What.preprocessing: "10000,100000,1000000",
    What.validation: "100000",
    What.faults: "1",
    What.training: "10000,100000,1000000",
    What.transformer: "1",
    What.processes: "1",
}


def main(
    what: Annotated[
        What,
        typer.Argument(
            help="preprocessing: beside spacy convert; validation: beside spacy debug data; faults: which finds what; train: beside spacy train; "
            "transformer: beside spacy train and Hugging Face's Trainer; processes: two beside one, quiet and busy."
        ),
    ],
    documents: Annotated[
        str,
        typer.Option(
            help="Sizes of the inputs, with commas between.  [default: 100000; up to 1000000 for preprocessing and training]"
        ),
    ] = "",
    repeats: Annotated[
        int,
        typer.Option(min=1, help="Runs of each, of which the median counts; inputs over 100,000 run once."),
    ] = 3,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes, of training the most; 0: one a core, of a transformer one.")
    ] = 0,
    seeds: Annotated[
        int, typer.Option(min=1, help="Trainings of each, each with another seed; the median counts.")
    ] = 3,
    steps: Annotated[
        str,
        typer.Option(
            help="Training: steps with the quickstart's batches, with constant ones, and on each size."
        ),
    ] = "2300,100,200",
    theirs_up_to: Annotated[
        int, typer.Option(min=0, help="Training: the largest size that spacy train gets, too.")
    ] = 100_000,
    epochs: Annotated[int, typer.Option(min=1, help="Transformer: passes over train.")] = 2,
    device: Annotated[str, typer.Option(help="Transformer: auto, cpu or cuda.")] = "auto",
    memory: Annotated[
        str,
        typer.Option(
            help="Transformer: train a large one in so much of the GPU's memory, too, such as 6GB,8GB,12GB."
        ),
    ] = "",
    demo: Annotated[
        Path, typer.Option(help="Folder of the JSONL files whose sentences the inputs are made of.")
    ] = Path("assets/demo"),
    columns: Annotated[
        str,
        typer.Option(
            help="Folder of .conll files for the comparisons on columns; empty: the demo's sentences."
        ),
    ] = "",
    output: Annotated[Path, typer.Option(help="Where the results go.")] = Path("training/benchmark"),
) -> None:
    """Measure preprocessing, validation or training beside spaCy's own commands, or see which faults each finds."""
    documents = documents or SIZES[what]
    sizes = [int(size) for size in documents.split(",") if size.strip().isdecimal()]
    if not sizes:
        raise UserError(f"--documents={documents}: name sizes such as 10000,100000")
    machine = describe()
    folder = Path(columns) if columns else None
    with tempfile.TemporaryDirectory(prefix="benchmark-") as work, console.status("") as status:
        tell = status.update if console.is_terminal else console.print
        if what is What.preprocessing:
            data, text = preprocessing(
                sizes,
                Path(work),
                workers or physical_cores(),
                repeats,
                demo,
                folder,
                tell,
                measured_on(machine),
            )
        elif what is What.validation:
            from scripts.benchmarks.validation import as_markdown
            from scripts.benchmarks.validation import run as run_validation

            results = run_validation(sizes, Path(work), repeats=repeats, demo=demo, columns=folder, tell=tell)
            data, text = asdict(results), as_markdown(results, measured_on(machine))
        elif what is What.training:
            from scripts.benchmarks.trained import as_markdown
            from scripts.benchmarks.training import Plan, chart
            from scripts.benchmarks.training import run as run_training

            plan = Plan(as_steps(steps), seeds, workers or physical_cores(), sizes, theirs_up_to)
            results = run_training(plan, Path(work), demo=demo, columns=folder, tell=tell)
            data, text = asdict(plan) | asdict(results), as_markdown(results, measured_on(machine))
            write_text(
                output / "training.svg", bar_chart(*chart(results.lines), title="Words a second in training")
            )
        elif what is What.transformer:
            from scripts.benchmarks import transformer, tuned

            limits = as_limits(memory)
            tuning = transformer.Plan(
                epochs, seeds, workers, transformer.choose_device(device, limits), limits
            )
            tunings = transformer.run(tuning, Path(work), demo=demo, columns=folder, tell=tell)
            data, text = (
                asdict(tuning) | asdict(tunings),
                tuned.as_markdown(tunings, tuning, measured_on(machine)),
            )
            write_text(
                output / "transformer.svg",
                bar_chart(*tuned.chart(tunings.lines), title="Fine-tuning a transformer"),
            )
        elif what is What.processes:
            from scripts.benchmarks import processes

            found = processes.run(
                Path(work),
                seeds=seeds,
                steps=as_steps(steps)[0],
                cores=physical_cores(),
                demo=demo,
                columns=folder,
                tell=tell,
            )
            data, text = asdict(found), processes.as_markdown(found, measured_on(machine))
        else:
            from scripts.benchmarks.faults import as_markdown, run_all

            rows = run_all(Path(work), tell)
            data, text = (
                {"faults": [asdict(row) for row in rows]},
                as_markdown(rows, metadata.version("spacy")),
            )
    write_json(output / f"{what.name}.json", {"machine": machine} | data)
    write_text(output / f"{what.name}.md", text)
    console.print(text, markup=False)


def preprocessing(
    sizes: list[int],
    work: Path,
    workers: int,
    repeats: int,
    demo: Path,
    columns: Path | None,
    tell: Callable[[str], None],
    machine: str,
) -> tuple[dict, str]:
    """Measure preprocessing; return the results as plain data and as Markdown."""
    from scripts.benchmarks.preprocessing import as_markdown
    from scripts.benchmarks.preprocessing import run as run_preprocessing

    results = run_preprocessing(
        sizes, work, workers=workers, repeats=repeats, demo=demo, columns=columns, tell=tell
    )
    data = {"workers": workers} | asdict(results)
    for line, made in zip(data["lines"], results.lines, strict=True):
        line["tokens_per_second"] = round(made.tokens_per_second)
    return data, as_markdown(results, machine, workers)


def as_steps(text: str) -> tuple[int, int, int]:
    """Read the option `--steps`. Raises UserError where it is not three numbers."""
    match [int(part) for part in text.split(",") if part.strip().isdecimal() and int(part)]:
        case [quickstart, constant, memory]:
            return quickstart, constant, memory
    raise UserError(f"--steps={text}: name three numbers, such as 2300,100,200")


def as_limits(text: str) -> tuple[int, ...]:
    """Read the option `--memory`, in GB. Raises UserError where it is anything else."""
    parts = [part.strip().upper().removesuffix("GB").strip() for part in text.split(",")] if text else []
    if not all(part.isdecimal() and int(part) for part in parts):
        raise UserError(f"--memory={text}: name sizes in GB, such as 6GB,8GB,12GB")
    return tuple(int(part) for part in parts)


if __name__ == "__main__":
    run(main)
