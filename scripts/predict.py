"""Find the entities in texts with a trained pipeline: fast, on all cores; goes on where it was stopped.

python -m scripts.predict training/cpu/model-best texts.jsonl --output=predicted.jsonl
"""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer

from scripts.cli import UserError, console, physical_cores, progress_bar, run
from scripts.training.predict import Options, find_gpu, needs_torch, predict_files, price


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
        int,
        typer.Option(
            min=0, help="Processes, of a transformer threads; 0: one a core. The result is the same."
        ),
    ] = 0,
    device: Annotated[str, typer.Option(help="Of a transformer: auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[
        Literal["fp32", "bf16", "fp16", "auto", "int8"],
        typer.Option(help="Of a transformer; less than fp32 changes F."),
    ] = "fp32",
    corpus: Annotated[Path, typer.Option(help="Its dev tells what less than fp32 costs.")] = Path("corpus"),
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew, in the output's place.")] = False,
) -> None:
    """Find the entities in texts with a trained pipeline. The same command goes on where one was stopped."""
    model = next((path for path in (model / "model-best", model) if (path / "meta.json").is_file()), model)
    if not (model / "meta.json").is_file():
        raise UserError(f"{model}: no pipeline is there; name a folder such as training/cpu/model-best")
    if output.suffix not in ("", ".jsonl", ".conll", ".parquet"):
        raise UserError(f"{output}: name a file that ends in .jsonl, .conll, .parquet, or a folder")
    gpu_id = find_gpu(device) if needs_torch(model) else -1
    if precision != "fp32" and needs_torch(model):
        console.print(price(model, gpu_id, precision, corpus / "dev"), markup=False, soft_wrap=True)
    options = Options(model, lines, text_key, encoding, on_error == "reject", gpu_id, precision)
    processes = workers or (1 if gpu_id >= 0 else physical_cores())
    with progress_bar(unit="bytes") as bar:
        task = bar.add_task("predicting", total=None)

        def progress(count: Counter) -> None:
            speed = f"predicting, {count['words'] / count['seconds']:,.0f} words/s"
            bar.update(task, total=count["bytes"], completed=count["position"], description=speed)

        count = predict_files(inputs, output, options, workers=processes, restart=restart, progress=progress)
    rejected = f", {count['rejected']:,} rejected" if count["rejected"] else ""
    speed = f"{count['words']:,} words, {count['words'] / (count['seconds'] or 1):,.0f} words/s"
    console.print(f"{output}: {count['texts']:,} texts{rejected}; {speed}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    run(main)
