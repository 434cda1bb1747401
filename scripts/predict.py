"""Find the entities in texts with a trained pipeline: fast, on all cores; goes on where it was stopped.

python -m scripts.predict training/cpu/model-best texts.jsonl --output=predicted.jsonl
"""

import os
import time
from ctypes.util import find_library
from pathlib import Path
from typing import Annotated, Literal

import typer

from scripts.cli import UserError, console, physical_cores, progress_bar, run
from scripts.corpus.pool import ordered_map
from scripts.corpus.predicted import WRITERS
from scripts.training.predict import Options, needs_torch, predict_files, score

Precision = Literal["fp32", "bf16", "fp16", "auto", "int8"]


def main(
    model: Annotated[Path, typer.Argument(help="A trained pipeline: training/cpu/model-best.")],
    inputs: Annotated[list[str], typer.Argument(help="Files, folders, patterns; - is standard input.")],
    output: Annotated[Path, typer.Option(help="A new .jsonl, .conll or .parquet; else a folder of DocBins.")],
    lines: Annotated[bool, typer.Option("--lines", help="Each line of a .txt is a text.")] = False,
    text_key: Annotated[str, typer.Option(help="The key or column of the text.")] = "text",
    encoding: Annotated[str, typer.Option(help="Of the input.")] = "utf-8",
    on_error: Annotated[
        Literal["stop", "reject"], typer.Option(help="Texts that cannot be read; reject: into a file.")
    ] = "stop",
    workers: Annotated[
        int, typer.Option(min=0, help="Processes; 0: one a core. The result is the same.")
    ] = 0,
    device: Annotated[str, typer.Option(help="Of a transformer: auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[
        Precision, typer.Option(help="Of a transformer; less than fp32 changes F.")
    ] = "fp32",
    corpus: Annotated[Path, typer.Option(help="Its dev tells what less than fp32 costs.")] = Path("corpus"),
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew, in the output's place.")] = False,
) -> None:
    """Find the entities in texts with a trained pipeline. The same command goes on where one was stopped."""
    model = next((path for path in (model, model / "model-best") if (path / "meta.json").is_file()), model)
    if not (model / "meta.json").is_file():
        raise UserError(f"{model}: no pipeline is there; name a folder such as training/cpu/model-best")
    if output.suffix not in WRITERS:
        raise UserError(f"{output}: name a file that ends in {', '.join(filter(None, WRITERS))}, or a folder")
    gpu_id = _gpu_id(device) if needs_torch(model) else -1
    if precision != "fp32" and gpu_id < 0:
        _tell_price(model, precision, corpus / "dev")
    options = Options(
        model, output.suffix, lines, text_key, encoding, on_error == "reject", gpu_id, precision
    )
    started = time.perf_counter()
    with progress_bar(unit="bytes") as bar:
        task = bar.add_task("predicting", total=None)

        def progress(total: int, done: int, words: int) -> None:
            speed = words / (time.perf_counter() - started)
            bar.update(task, total=total, completed=done, description=f"predicting, {speed:,.0f} words/s")

        processes = workers or (1 if gpu_id >= 0 else physical_cores())
        count = predict_files(inputs, output, options, workers=processes, restart=restart, progress=progress)
    seconds = time.perf_counter() - started
    speed = f"{count['words']:,} words in {seconds:,.1f} s, {count['words'] / seconds:,.0f} words/s"
    rejected = f"; {count['rejected']:,} rejected: {output.stem}.rejects.jsonl" if count["rejected"] else ""
    console.print(f"{output}: {count['texts']:,} texts; {speed}{rejected}", markup=False, soft_wrap=True)


def _gpu_id(device: str) -> int:
    """Return a GPU's number, -1 for the CPU; torch is loaded only where it may find a GPU."""
    if device == "cpu" or (device == "auto" and not find_library("nvcuda" if os.name == "nt" else "cuda")):
        return -1
    from scripts.training.device import choose_device

    return choose_device(device, needs_cupy=False).gpu_id


def _tell_price(model: Path, precision: str, dev: Path) -> None:
    """Say what a precision costs, measured on dev in a process of its own, where there is one."""
    if not dev.is_dir():
        console.print(f"{precision}: what it costs is not known, as there is no {dev}", markup=False)
        return
    calls = [(model, name, dev) for name in ("fp32", precision)]
    exact, found = (100 * f for f in ordered_map(score, calls, workers=2))
    console.print(f"{precision}: F {found:.2f} on {dev}, {exact:.2f} in fp32", markup=False)


if __name__ == "__main__":
    run(main)
