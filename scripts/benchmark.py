"""Measure preprocessing on inputs of several sizes: training/benchmark/preprocessing.json and .md.

python -m scripts.benchmark --documents=10000,100000,1000000
"""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from scripts.benchmarks.preprocessing import as_markdown
from scripts.benchmarks.preprocessing import run as run_preprocessing
from scripts.command import UserError, console, run
from scripts.corpus.files import write_json, write_text
from scripts.machine import describe, measured_on, physical_cores


def main(
    documents: Annotated[str, typer.Option(help="Sizes of the inputs, with commas between.")] = "10000,100000,1000000",
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, of which the median counts; inputs over 100,000 run once.")] = 3,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one a core.")] = 0,
    demo: Annotated[Path, typer.Option(help="Folder of the JSONL files whose sentences the inputs are made of.")] = Path("assets/demo"),
    columns: Annotated[str, typer.Option(help="Folder of .conll files for the comparison with spacy convert; empty: the demo's sentences.")] = "",
    output: Annotated[Path, typer.Option(help="Where the results go.")] = Path("training/benchmark"),
) -> None:
    """Measure preprocessing on inputs of several sizes, beside `spacy convert` and the bare tokeniser."""
    sizes = [int(size) for size in documents.split(",") if size.strip().isdecimal()]
    if not sizes:
        raise UserError(f"--documents={documents}: name sizes such as 10000,100000")
    workers = workers or physical_cores()
    folder = Path(columns) if columns else None
    with tempfile.TemporaryDirectory(prefix="benchmark-") as work, console.status("") as status:
        tell = status.update if console.is_terminal else console.print
        results = run_preprocessing(sizes, Path(work), workers=workers, repeats=repeats, demo=demo, columns=folder, tell=tell)
    machine = describe()
    data = {"machine": machine, "workers": workers} | asdict(results)
    for line, made in zip(data["lines"], results.lines, strict=True):
        line["tokens_per_second"] = round(made.tokens_per_second)
    write_json(output / "preprocessing.json", data)
    text = as_markdown(results, measured_on(machine), workers)
    write_text(output / "preprocessing.md", text)
    console.print(text, markup=False)


if __name__ == "__main__":
    run(main)
