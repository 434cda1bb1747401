"""The options of `python -m scripts.train`, each with its help and its default."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from scripts.tracking.options import TrackingOptions


@dataclass(frozen=True, slots=True)
class Options(TrackingOptions):
    """What a command line says of a training: a field an option."""

    config: Annotated[Path, Argument(help="A config file, or a folder with config.cfg.")]
    settings: Annotated[
        list[str] | None,
        Argument(
            metavar="[--SECTION.NAME VALUE]", help="Settings in place of the config's, as of spacy train."
        ),
    ] = None
    output: Annotated[
        Path | None,
        Option(
            "--output",
            "--output-path",
            "-o",
            help="Folder of the pipelines.  [default: that of training/*/config.cfg, or training/CONFIG]",
        ),
    ] = None
    code: Annotated[
        list[Path] | None,
        Option("--code", "-c", help="Python file with functions that the config names; may be given again."),
    ] = None
    gpu_id: Annotated[
        int | None, Option("--gpu-id", "-g", min=-1, help="The GPU, as of spacy train; -1: the CPU.")
    ] = None
    device: Annotated[str, Option(help="auto, cpu, cuda or cuda:N.")] = "auto"
    corpus: Annotated[Path, Option(help="The corpus folder.")] = Path("corpus")
    workers: Annotated[
        int, Option(min=1, help="Processes that train together; another number gives other weights.")
    ] = 1
    threads: Annotated[
        int, Option(min=1, help="CPU threads of each process; another number gives other last digits.")
    ] = 1
    exact: Annotated[
        bool, Option("--exact", help="Compute as `spacy train` does, to the same numbers bit by bit; slower.")
    ] = False
    unvalidated: Annotated[
        bool, Option("--unvalidated", help="Train on data that were not validated, or have errors.")
    ] = False
    precision: Annotated[
        str, Option(help="Of a transformer: bf16, fp16, fp32, or auto for what the device is made for.")
    ] = "auto"
    gpu_memory: Annotated[
        str, Option(help="GPU memory to use: auto for all that is free, or as much as 6GB.")
    ] = "auto"
    restart: Annotated[
        bool, Option("--restart", help="Begin anew, and throw an interrupted run's checkpoint away.")
    ] = False
    force: Annotated[
        bool,
        Option("--force", help="Go on from a checkpoint though config, corpus or versions have changed."),
    ] = False
    checkpoint_minutes: Annotated[
        float, Option(min=0.0, help="Minutes between checkpoints; others are written after evaluations.")
    ] = 5.0
    verbose: Annotated[
        bool, Option("--verbose", "-V", "-VV", help="Show what spaCy logs, and where an error arose.")
    ] = False
