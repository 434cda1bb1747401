"""Measure this project beside what else there is, and write results.md and results.json.

python -m tests.benchmarks preprocessing --documents=10000,100000,1000000
python -m tests.benchmarks gpu --minutes=20
"""

import importlib
import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer

from scripts.cli import UserError, console, physical_cores, run
from scripts.corpus.files import write_text
from scripts.report.machine import describe, measured_on
from scripts.training.device import gpu_obstacle
from tests.benchmarks.report import Options, Report
from tests.documents import insert

README = Path(__file__).with_name("README.md")
FRONT, ASSETS = Path("README.md"), Path("assets/readme")
NAMES = [
    "preprocessing",
    "validation",
    "comparison",
    "faults",
    "train",
    "tracking",
    "processes",
    "transformer",
    "gpu",
    "frontier",
    "vectors",
    "predict",
]
Benchmark = StrEnum("Benchmark", NAMES)


def main(
    benchmark: Annotated[
        Benchmark, typer.Argument(help="What to measure; tests/benchmarks/README.md says more.")
    ],
    columns: Annotated[
        str, typer.Option(help="Folder of .conll files, one a split; empty: the demo corpus.")
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of wnut17, fashion-brands and sec-filings, for frontier, vectors."),
    ] = None,
    documents: Annotated[str, typer.Option(help="Sizes of made inputs, such as 10000,100000.")] = "",
    repeats: Annotated[
        int, typer.Option(min=0, help="Runs (seeds), of which the median counts; 0: 3, gpu 1.")
    ] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Steps of trainings of the cpu variant.")] = 800,
    device: Annotated[str, typer.Option(help="Where transformers train: auto, cpu or cuda.")] = "auto",
    minutes: Annotated[float, typer.Option(min=0, help="How long it may take; 0: any time, gpu 20.")] = 0,
    small: Annotated[bool, typer.Option("--small", help="Tiny inputs, to see that it works.")] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Put the tables into tests/benchmarks/README.md.")
    ] = False,
    output: Annotated[str, typer.Option(help="Folder of the results; empty: training/benchmark/NAME.")] = "",
) -> None:
    """Measure this project beside what else there is: OUTPUT/results.md and results.json."""
    is_gpu = benchmark is Benchmark.gpu
    device, obstacle = choose_device("cuda" if is_gpu and device == "auto" else device)
    sizes = tuple(int(size) for size in documents.split(",") if size.strip().isdecimal())
    if documents and not sizes:
        raise UserError(f"--documents={documents}: name sizes such as 10000,100000")
    options = Options(
        columns=Path(columns) if columns else None,
        data=data,
        documents=sizes or ((300,) if small else ()),
        repeats=repeats or (1 if is_gpu or small else 3),
        steps=min(steps, 8) if small else steps,
        device=device,
        small=small,
    )
    limit = 60 * (minutes or (20 if is_gpu else 0))
    name = (
        torch.cuda.get_device_name(0)
        if device == "cuda" and not obstacle
        else f"CPU, {physical_cores()} cores"
    )
    with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as work:
        report = Report(Path(output or f"training/benchmark/{benchmark}"), Path(work), describe(), name)
        report.deadline = time.monotonic() + limit if limit else None
        if obstacle:
            report.note(f"Nothing was run: {obstacle}; or see the rest work by --device=cpu --small")
        else:
            importlib.import_module(f"tests.benchmarks.{benchmark}").run(report, options)
    report.write()
    console.print(report.as_markdown(), markup=False, highlight=False)
    if publish:
        page = README.read_text(encoding="utf-8")
        write_text(README, insert(page, benchmark, report.as_markdown()))
        if report.summary:
            page = FRONT.read_text(encoding="utf-8")
            write_text(FRONT, insert(page, benchmark, f"{measured_on(report.machine)}\n\n{report.summary}"))
            write_text(ASSETS / f"{benchmark}.svg", report.picture)
    if report.failures or not report.tables:
        raise typer.Exit(1)


def choose_device(asked: str) -> tuple[str, str]:
    """Return cpu or cuda, and why the GPU that was asked for does not work, if so."""
    if asked not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device={asked}: write auto, cpu or cuda")
    obstacle = "" if asked == "cpu" else gpu_obstacle(0) or ""
    return (asked, obstacle) if asked != "auto" else ("cpu" if obstacle else "cuda", "")


if __name__ == "__main__":
    run(main)
