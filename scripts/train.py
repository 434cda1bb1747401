"""Train a pipeline by a config, as `spacy train` does.

python -m scripts.train training/cpu
python -m scripts.train my.cfg --code my.py --training.max_steps 40
"""

import contextlib
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.cli import Stopped, UserError, console, run
from scripts.corpus.files import require_folder, write_json
from scripts.corpus.shards import VALIDATED
from scripts.corpus.versions import versions
from scripts.training.lock import locked
from scripts.training.ranks import rank

if TYPE_CHECKING:
    from confection import Config

    from scripts.training.tracking import Tracker


def main(
    config: Annotated[Path, typer.Argument(help="A config file, or a folder with config.cfg.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[--SECTION.NAME VALUE]", help="Settings in place of the config's, as of spacy train."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "--output-path",
            "-o",
            help="Folder of the pipelines.  [default: the folder of training/*/config.cfg, or training/CONFIG]",
        ),
    ] = None,
    code: Annotated[
        list[Path] | None,
        typer.Option(
            "--code", "-c", help="Python file with functions that the config names; may be given again."
        ),
    ] = None,
    gpu_id: Annotated[
        int | None, typer.Option("--gpu-id", "-g", min=-1, help="The GPU, as of spacy train; -1: the CPU.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that train together; another number gives other weights.")
    ] = 1,
    threads: Annotated[
        int,
        typer.Option(min=1, help="Threads of each process on a CPU; another number gives other last digits."),
    ] = 1,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact", help="Compute as `spacy train` does, to the same numbers bit by bit; slower on a CPU."
        ),
    ] = False,
    unvalidated: Annotated[
        bool, typer.Option("--unvalidated", help="Train on data that were not validated, or have errors.")
    ] = False,
    precision: Annotated[
        str, typer.Option(help="Of a transformer: bf16, fp16, fp32, or auto for what the device is made for.")
    ] = "auto",
    gpu_memory: Annotated[
        str, typer.Option(help="GPU memory to use: auto for all that is free, or as much as 6GB.")
    ] = "auto",
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew, and throw an interrupted run's checkpoint away.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Go on from a checkpoint though config, corpus or versions have changed."
        ),
    ] = False,
    checkpoint_minutes: Annotated[
        float,
        typer.Option(min=0.0, help="Minutes between checkpoints; others are written after evaluations."),
    ] = 5.0,
    wandb_mode: Annotated[
        str,
        typer.Option(help="online, offline (needs no account) or disabled; empty: WANDB_MODE, or offline."),
    ] = "",
    wandb_project: Annotated[str, typer.Option(help="W&B project.")] = "ner",
    wandb_entity: Annotated[str, typer.Option(help="W&B user or team; empty: your default.")] = "",
    wandb_group: Annotated[str, typer.Option(help="W&B group, to keep runs together.")] = "",
    verbose: Annotated[
        bool, typer.Option("--verbose", "-V", "-VV", help="Show what spaCy logs, and where an error arose.")
    ] = False,
) -> None:
    """Train a pipeline: model-best, model-last and metrics.json in its folder.

    A run that was interrupted goes on where it was: give the same command again. It takes the command line of `spacy train`, too:

    python -m scripts.train my.cfg -o training/mine -c my.py --paths.train train.spacy --training.max_steps 40
    """
    os.environ.setdefault(
        "GOMP_SPINCOUNT", "0"
    )  # torch's threads, which it starts later, else wait for each other by spinning
    if exact and workers > 1:
        raise UserError("--exact is for one process; leave --workers out")
    if gpu_id is not None and device != "auto":
        raise UserError(f"--gpu-id {gpu_id} and --device {device}: both say where to train; leave one out")
    if gpu_id is not None:
        device = "cpu" if gpu_id < 0 else f"cuda:{gpu_id}"
    from scripts.corpus.config_file import (
        ConfigFile,
        full_config,
        import_code,
        read_config,
    )
    from scripts.training.gate import hashes, require_validated

    path, folder = _places(config, output)
    file = ConfigFile(folder.name, path, tuple(code or ()), overrides=tuple(settings or ()))
    own = read_config(path, file.overrides)
    import_code(file.code)
    if verbose:
        logging.getLogger("spacy").setLevel(logging.DEBUG)
    is_first = not rank()
    console.quiet = not is_first
    require_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder) if is_first else contextlib.nullcontext():
        now = hashes(own, file)
        noted = (
            require_validated(file, now, folder / VALIDATED, corpus) if is_first and not unvalidated else None
        )
        from scripts.training.checkpoint import discard, resumable
        from scripts.training.device import activate
        from scripts.training.kernels import use_fast_ops
        from scripts.training.memory import as_bytes
        from scripts.training.tracking import NullTracker, start_tracker

        own_gpu = device == "cuda" and rank() is not None and "LOCAL_RANK" in os.environ
        chosen = activate(
            f"cuda:{os.environ['LOCAL_RANK']}" if own_gpu else device, threads=None if exact else threads
        )
        if chosen.gpu_id < 0 and not exact:
            use_fast_ops(threads)
        console.print(f"{folder.name}: training on {chosen}")
        if noted is not None:
            _tell_what_arrives(noted["reaches"]["train"], noted["counts"]["train"])
        full = full_config(own)
        identity = {
            "variant": folder.name,
            "pipeline": full["nlp"]["pipeline"],
            "device": chosen.name,
            "exact": exact,
            "precision": precision,
            "seed": full["training"]["seed"],
            **now,
            "versions": versions(),
        }
        if restart and is_first:
            discard(folder)
        run_id = resumable(folder, identity, force=force)
        tracker = (
            start_tracker(
                wandb_mode or None,
                folder=folder,
                project=wandb_project,
                entity=wandb_entity,
                group=wandb_group,
                name=f"{folder.name}-seed{identity['seed']}",
                config=identity | {"config": own},
                run_id=run_id,
            )
            if is_first
            else NullTracker()
        )
        options = {
            "workers": workers,
            "threads": threads,
            "exact": exact,
            "precision": precision,
            "gpu_memory": as_bytes(gpu_memory),
            "minutes": checkpoint_minutes,
        }
        metrics = _train(own, folder, chosen.gpu_id, tracker, identity, options, told=verbose)
        if is_first:
            _write_metrics(folder, identity, metrics, noted)


def _places(config: Path, output: Path | None) -> tuple[Path, Path]:
    """Return the config file, and the folder where the pipelines go."""
    from scripts.corpus.config_file import CONFIG, default_output

    if config.is_file():
        return config, output or default_output(config)
    if str(config).startswith("--"):
        raise UserError(f"{config}: the config comes first; then options, and settings of the config")
    if config.suffix == ".cfg" or config == Path("-"):
        raise UserError(
            f"{config}: no such file; name a config file, or a folder with {CONFIG}, before all settings"
        )
    if not (config / CONFIG).exists():
        raise UserError(f"{config / CONFIG}: no such file; run: python -m scripts.configure {config.name}")
    return config / CONFIG, output or config


def _train(
    config: "Config",
    folder: Path,
    gpu_id: int,
    tracker: "Tracker",
    identity: dict,
    options: dict,
    *,
    told: bool,
) -> dict:
    """Train and return the metrics. Raises UserError whatever goes wrong, unless it should be told in full."""
    from scripts.corpus.config_file import one_line
    from scripts.training.loop import train
    from scripts.training.memory import peak_gpu_memory_mb

    started = time.perf_counter()
    metrics: dict = {}
    try:
        metrics = train(config, folder, gpu_id=gpu_id, tracker=tracker, identity=identity, **options)
    except (UserError, Stopped):
        raise
    except Exception as error:  # a config may name anybody's code
        if told:
            raise
        raise UserError(
            f"{folder.name}: training failed: {type(error).__name__}: {one_line(error)}; --verbose shows where"
        ) from error
    finally:
        tracker.finish(
            {"best_" + key: value for key, value in metrics.get("best", {}).items()}, failed=not metrics
        )
    metrics["seconds_with_start"] = round(time.perf_counter() - started, 2)
    metrics["peak_gpu_memory_mb"] = peak_gpu_memory_mb(gpu_id)
    return metrics


def _write_metrics(folder: Path, identity: dict, metrics: dict, noted: dict | None) -> None:
    """Write metrics.json, and say how the run went. noted: what validation did of the data; None: they were not validated."""
    if noted is not None:
        metrics["trainer"] = noted["reaches"]["train"]
    write_json(folder / "metrics.json", identity | metrics)
    best = metrics["best"]
    console.print(
        f"{folder.name}: stopped because {metrics['stopped_because']}; best on dev: F {100 * best['ents_f']:.2f} at step {best['step']}; "
        f"{metrics['seconds']:.0f} s, {metrics['words_per_second']:,.0f} words/s, {metrics['peak_memory_mb']:,.0f} MB; in {folder / 'model-best'}"
    )


def _tell_what_arrives(handed: dict, total: dict) -> None:
    """Say how much of train the trainer gets."""
    handed = {what: handed[what] for what in total}
    console.print(
        "Each epoch hands {documents:,} documents, {tokens:,} tokens and {entities:,} entities to the trainer: ".format(
            **handed
        )
        + (
            "all there are"
            if handed == total
            else "of {documents:,}, {tokens:,} and {entities:,}, as the ignored checks say".format(**total)
        )
    )


if __name__ == "__main__":
    try:
        run(main, takes_settings=True)
    except SystemExit as end:
        workers = sys.modules.get("scripts.training.workers")
        if workers is not None and workers.Workers.have_met:
            workers.leave_at_once(int(end.code or 0))
        raise
