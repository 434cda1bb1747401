"""A run of training from a config file to metrics.json, on what was validated, one at a time in a folder."""

import contextlib
import logging
import os
import platform
import time
from dataclasses import fields
from pathlib import Path

from confection import Config

from scripts.cli import Stopped, UserError, console, physical_cores
from scripts.corpus.config_file import (
    CONFIG,
    ConfigFile,
    default_output,
    full_config,
    import_code,
    one_line,
    read_config,
)
from scripts.corpus.files import require_folder, write_json
from scripts.corpus.shards import VALIDATED
from scripts.corpus.vectors import pretrained_facts
from scripts.corpus.versions import versions
from scripts.tracking.artifacts import Artifact, corpus_facts
from scripts.tracking.options import TrackingOptions
from scripts.tracking.private import scrub
from scripts.tracking.tracker import Tracker, start_tracker
from scripts.training.checkpoint import CHECKPOINT, resumable
from scripts.training.device import Device, choose_device, cpu
from scripts.training.gate import hashes, require_validated
from scripts.training.lock import locked
from scripts.training.loop import BEST, LAST, train
from scripts.training.memory import peak_gpu_memory_mb
from scripts.training.options import Options
from scripts.training.pipeline import find_fast
from scripts.training.world import rank


def train_config(options: Options) -> tuple[Path, dict]:
    """Train as the options say; return the pipelines' folder and the metrics. Raises UserError, Stopped."""
    os.environ.setdefault("GOMP_SPINCOUNT", "0")  # torch's threads else wait for each other by spinning
    if options.exact and options.workers > 1:
        raise UserError("--exact is for one process; leave --workers out")
    path, folder = _places(options.config, options.output)
    file = ConfigFile(folder.name, path, tuple(options.code or ()), overrides=tuple(options.settings or ()))
    own = read_config(path, file.overrides)
    import_code(file.code)
    if options.verbose:
        logging.getLogger("spacy").setLevel(logging.DEBUG)
    is_first = not rank()
    console.quiet = not is_first
    require_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder) if is_first else contextlib.nullcontext():
        now = hashes(own, file)
        full = full_config(own)
        device = _device(full, options)
        noted = None
        if is_first and not options.unvalidated:
            noted = require_validated(file, now, folder / VALIDATED, options.corpus)
        console.print(f"{folder.name}: training on {device}")
        if noted is not None:
            _show_trainer_input(noted["reaches"]["train"], noted["counts"]["train"])
        identity = {  # what a run that goes on must have in common with the one before
            "variant": folder.name,
            "device": device.name,
            "pipeline": full["nlp"]["pipeline"],
            "exact": options.exact,
            "precision": options.precision,
            "seed": full["training"]["seed"],
            "versions": versions(),
            **now,
        }
        facts = {"pretrained": pretrained_facts(full)}
        if options.restart and is_first:
            (folder / CHECKPOINT).unlink(missing_ok=True)
        run_id = resumable(folder, identity, force=options.force)
        is_tracked = is_first and options.mode != "disabled"
        tracker = _track(full, folder, identity | facts, options, run_id) if is_tracked else Tracker()
        metrics = _train(own, folder, device.gpu_id, tracker, identity, options)
        if is_first:
            if noted is not None:
                metrics["trainer"] = noted["reaches"]["train"]
            tracking = {field.name: getattr(options, field.name) for field in fields(TrackingOptions)}
            write_json(folder / "metrics.json", identity | facts | metrics | {"tracking": tracking})
    return folder, metrics


def _places(config: Path, output: Path | None) -> tuple[Path, Path]:
    """Return the config file, and the folder where the pipelines go."""
    if config.is_file():
        return config, output or default_output(config)
    if str(config).startswith("--"):
        raise UserError(f"{config}: the config comes first; then options, and settings of the config")
    if config.suffix == ".cfg" or config == Path("-"):
        remedy = f"name a config file, or a folder with {CONFIG}, before all settings"
        raise UserError(f"{config}: no such file; {remedy}")
    if not (config / CONFIG).exists():
        raise UserError(f"{config / CONFIG}: no such file; run: python -m scripts.configure {config.name}")
    return config / CONFIG, output or config


def _device(full: Config, options: Options) -> Device:
    """Choose the device; of several processes that torchrun started each takes a GPU of its own.

    `auto` is the CPU for a pipeline without a transformer, which learns ten times as fast there as on a GPU.
    """
    name, gpu_id = options.device, options.gpu_id
    if gpu_id is not None:
        if name != "auto":
            what = f"--gpu-id {gpu_id} and --device {name}"
            raise UserError(f"{what}: both say where to train; leave one out")
        name = "cpu" if gpu_id < 0 else f"cuda:{gpu_id}"
    threads = None if options.exact else options.threads
    pipes = full["components"].values()
    if name == "auto" and not any("transformer" in pipe.get("factory", "transformer") for pipe in pipes):
        return cpu("it has no transformer", threads)
    if name == "cuda" and rank() is not None and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    is_fast = not options.exact and find_fast() is not None
    return choose_device(name, threads=threads, needs_cupy=not is_fast)


def _track(full: Config, folder: Path, identity: dict, options: Options, run_id: str | None) -> Tracker:
    """Start the run that tracks a training, with what it is made from."""
    corpus = corpus_facts(options.corpus, identity["corpus_sha256"])
    machine = f"{platform.system()} {platform.machine()}, {physical_cores()} cores"
    facts = identity | corpus | {"spacy": full, "hardware": machine}
    text = Config(scrub(full)).to_str()
    uses = [Artifact(f"{folder.name}-config", "config", {"config.cfg": text})]
    uses += [options.corpus, options.corpus / "validation.json"] if corpus else []
    return start_tracker(options, "train", folder, facts, uses=uses, run_id=run_id)


def _train(
    config: Config, folder: Path, gpu_id: int, tracker: Tracker, identity: dict, options: Options
) -> dict:
    """Train and return the metrics. Raises UserError whatever goes wrong, unless it should be shown whole."""
    started, metrics = time.perf_counter(), {}
    try:
        metrics = train(config, folder, options, gpu_id=gpu_id, tracker=tracker, identity=identity)
    except (UserError, Stopped):
        raise
    except Exception as error:  # a config may name anybody's code
        if options.verbose:
            raise
        what = f"{type(error).__name__}: {one_line(error)}; --verbose shows where"
        raise UserError(f"{folder.name}: training failed: {what}") from error
    finally:
        if metrics:
            metrics["seconds_with_start"] = round(time.perf_counter() - started, 2)
            metrics["peak_gpu_memory_mb"] = peak_gpu_memory_mb(gpu_id)
            for name in (BEST, LAST) if options.log_model == "all" else (BEST,):
                tracker.add(folder / name)
        summary = {f"best_{key}": value for key, value in metrics.get("best", {}).items()}
        summary |= {key: value for key, value in metrics.items() if isinstance(value, (int, float, str))}
        tracker.finish(summary, failed=not metrics)
    return metrics


def _show_trainer_input(given: dict, total: dict) -> None:
    """Say how much of train the trainer gets."""
    text = "{documents:,} documents, {tokens:,} tokens and {entities:,} entities".format(**given)
    rest = "of {documents:,}, {tokens:,} and {entities:,}, as the ignored checks say".format(**total)
    shown = "all there are" if total.items() <= given.items() else rest
    console.print(f"Each epoch hands {text} to the trainer: {shown}")
