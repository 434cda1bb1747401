"""The options of `python -m scripts.train`, each with its help."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

ConfigPath = Annotated[Path, Argument(help="A config file, or a folder with config.cfg.")]
Settings = Annotated[
    list[str] | None,
    Argument(metavar="[--SECTION.NAME VALUE]", help="Settings in place of the config's, as of spacy train."),
]
Output = Annotated[
    Path | None,
    Option(
        "--output",
        "--output-path",
        "-o",
        help="Folder of the pipelines.  [default: the folder of training/*/config.cfg, or training/CONFIG]",
    ),
]
Code = Annotated[
    list[Path] | None,
    Option("--code", "-c", help="Python file with functions that the config names; may be given again."),
]
GpuId = Annotated[
    int | None, Option("--gpu-id", "-g", min=-1, help="The GPU, as of spacy train; -1: the CPU.")
]
DeviceName = Annotated[str, Option(help="auto, cpu, cuda or cuda:N.")]
Corpus = Annotated[Path, Option(help="The corpus folder.")]
Workers = Annotated[
    int, Option(min=1, help="Processes that train together; another number gives other weights.")
]
Threads = Annotated[
    int, Option(min=1, help="CPU threads of each process; another number gives other last digits.")
]
Exact = Annotated[
    bool, Option("--exact", help="Compute as `spacy train` does, to the same numbers bit by bit; slower.")
]
Unvalidated = Annotated[
    bool, Option("--unvalidated", help="Train on data that were not validated, or have errors.")
]
PrecisionName = Annotated[
    str, Option(help="Of a transformer: bf16, fp16, fp32, or auto for what the device is made for.")
]
GpuMemory = Annotated[str, Option(help="GPU memory to use: auto for all that is free, or as much as 6GB.")]
Restart = Annotated[
    bool, Option("--restart", help="Begin anew, and throw an interrupted run's checkpoint away.")
]
Force = Annotated[
    bool,
    Option("--force", help="Go on from a checkpoint though config, corpus or versions have changed."),
]
CheckpointMinutes = Annotated[
    float, Option(min=0.0, help="Minutes between checkpoints; others are written after evaluations.")
]
WandbMode = Annotated[
    str, Option(help="online, offline (needs no account) or disabled; empty: WANDB_MODE, or offline.")
]
WandbProject = Annotated[str, Option(help="W&B project.")]
WandbEntity = Annotated[str, Option(help="W&B user or team; empty: your default.")]
WandbGroup = Annotated[str, Option(help="W&B group, to keep runs together.")]
Verbose = Annotated[
    bool, Option("--verbose", "-V", "-VV", help="Show what spaCy logs, and where an error arose.")
]
