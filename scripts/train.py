"""Train one variant's pipeline from its config.

python -m scripts.train training/cpu
"""

import contextlib
import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scripts.command import UserError, console, run
from scripts.corpus.files import sha256, write_json
from scripts.corpus.pool import without_transformers
from scripts.corpus.shards import MANIFEST, read_manifest
from scripts.corpus.versions import versions
from scripts.training.gate import require_validated
from scripts.training.lock import locked


class WandbMode(StrEnum):
    """What Weights & Biases does."""

    offline = "offline"
    online = "online"
    disabled = "disabled"


def main(
    folder: Annotated[Path, typer.Argument(help="The variant's folder, which holds config.cfg; the pipelines go there.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    workers: Annotated[int, typer.Option(min=1, help="Processes that train together; another number gives other weights.")] = 1,
    exact: Annotated[bool, typer.Option("--exact", help="Compute as `spacy train` does, to the same numbers bit by bit; slower on a CPU.")] = False,
    precision: Annotated[str, typer.Option(help="Of a transformer: bf16, fp16, fp32, or auto for what the device is made for.")] = "auto",
    gpu_memory: Annotated[str, typer.Option(help="GPU memory to use: auto for all that is free, or as much as 6GB.")] = "auto",
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew, and throw an interrupted run's checkpoint away.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Go on from a checkpoint though config, corpus or versions have changed.")] = False,
    checkpoint_minutes: Annotated[float, typer.Option(min=0.0, help="Minutes between checkpoints; others are written after evaluations.")] = 5.0,
    wandb_mode: Annotated[WandbMode, typer.Option(help="offline needs no account; online without an API key becomes offline.")] = WandbMode.offline,
    wandb_project: Annotated[str, typer.Option(help="W&B project.")] = "ner",
    wandb_entity: Annotated[str, typer.Option(help="W&B user or team; empty: your default.")] = "",
    wandb_group: Annotated[str, typer.Option(help="W&B group, to keep runs together.")] = "",
) -> None:
    """Train one variant's pipeline: model-best, model-last and metrics.json in its folder.

    A run that was interrupted goes on where it was: give the same command again.
    """
    config_path = folder / "config.cfg"
    if not config_path.exists():
        raise UserError(f"{config_path}: no such file; run: python -m scripts.configure {folder.name}")
    if exact and workers > 1:
        raise UserError("--exact is for one process; leave --workers out")
    reaches = require_validated(corpus, folder)
    is_first = os.environ.get("RANK", "0") == "0"
    console.quiet = not is_first
    with locked(folder) if is_first else contextlib.nullcontext():
        from spacy.util import load_config

        config = load_config(config_path, interpolate=False)
        if "transformer" not in config.to_str(interpolate=False):
            without_transformers()
        from scripts.training.checkpoint import discard, resumable
        from scripts.training.device import activate
        from scripts.training.kernels import use_fast_ops
        from scripts.training.loop import train
        from scripts.training.memory import as_bytes, peak_gpu_memory_mb
        from scripts.training.tracking import NullTracker, start_tracker

        chosen = activate(f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and "LOCAL_RANK" in os.environ else device)
        if chosen.gpu_id < 0 and not exact:
            use_fast_ops()
        console.print(f"{folder.name}: training on {chosen}")
        _tell_what_arrives(reaches["train"], read_manifest(corpus / "train"))
        identity = {
            "variant": folder.name,
            "pipeline": config["nlp"]["pipeline"],
            "device": chosen.name,
            "exact": exact,
            "precision": precision,
            "seed": config["system"]["seed"],
            "config_sha256": sha256(config_path),
            "corpus_sha256": {split: sha256(corpus / split / MANIFEST) for split in ("train", "dev")},
            "versions": versions(),
        }
        if restart and is_first:
            discard(folder)
        goes_on = resumable(folder, identity, force=force) or {}
        tracker = (
            start_tracker(
                wandb_mode,
                folder=folder,
                project=wandb_project,
                entity=wandb_entity,
                group=wandb_group,
                name=f"{folder.name}-seed{identity['seed']}",
                config=identity | {"config": config},
                run_id=goes_on.get("run_id"),
            )
            if is_first
            else NullTracker()
        )
        started = time.perf_counter()
        metrics: dict = {}
        try:
            metrics = train(
                config,
                folder,
                gpu_id=chosen.gpu_id,
                tracker=tracker,
                workers=workers,
                exact=exact,
                precision=precision,
                gpu_memory=as_bytes(gpu_memory),
                minutes=checkpoint_minutes,
                identity=identity,
            )
        finally:
            tracker.finish({"best_" + key: value for key, value in metrics.get("best", {}).items()}, failed=not metrics)
        if not is_first:
            return
        metrics["trainer"] = reaches["train"]
        metrics["seconds_with_start"] = round(time.perf_counter() - started, 2)
        metrics["peak_gpu_memory_mb"] = peak_gpu_memory_mb(chosen.gpu_id)
        write_json(folder / "metrics.json", identity | metrics)
        best = metrics["best"]
        console.print(
            f"{folder.name}: stopped because {metrics['stopped_because']}; best on dev: F {100 * best['ents_f']:.2f} at step {best['step']}; "
            f"{metrics['seconds']:.0f} s, {metrics['words_per_second']:,.0f} words/s, {metrics['peak_memory_mb']:,.0f} MB; in {folder / 'model-best'}"
        )


def _tell_what_arrives(reaches: dict, manifest: dict) -> None:
    """Say how much of train the trainer gets."""
    handed = {what: reaches[what] for what in ("documents", "tokens", "entities")}
    total = {"documents": manifest["documents"], "tokens": manifest["tokens"], "entities": sum(manifest["entities"].values())}
    console.print(
        "Each epoch hands {documents:,} documents, {tokens:,} tokens and {entities:,} entities to the trainer: ".format(**handed)
        + ("all there are" if handed == total else "of {documents:,}, {tokens:,} and {entities:,}, as the ignored checks say".format(**total))
    )


if __name__ == "__main__":
    try:
        run(main)
    except SystemExit as end:
        workers = sys.modules.get("scripts.training.workers")
        if workers is not None and workers.Workers.have_met:
            workers.leave_at_once(int(end.code or 0))
        raise
