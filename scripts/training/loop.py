"""Train a pipeline with spaCy's own loop, and keep its best and last state."""

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from confection import Config
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_before_to_disk_callback, create_evaluation_callback, create_train_batches, train_while_improving, update_meta
from spacy.util import registry, resolve_dot_names
from thinc.api import fix_random_seed, set_gpu_allocator

from scripts.command import UserError, console
from scripts.corpus.files import replace_folder
from scripts.training import freeze  # noqa: F401  (registers what a config names)
from scripts.training.display import Display
from scripts.training.speed import fused
from scripts.training.tracking import Tracker

BEST, LAST = "model-best", "model-last"
UNFINISHED = "unfinished"


def train(config: Config, output: Path, *, gpu_id: int, tracker: Tracker, exact: bool = False) -> dict:
    """Train as `spacy train` does and return the run's metrics; with `exact`, to the same numbers bit by bit.

    The pipelines are written to `output/unfinished` and take the place of `output/model-best` and
    `output/model-last` at the end, so a run that stops early leaves the models of the run before.
    Raises UserError when the loss is no number.
    """
    nlp = init_nlp(config, use_gpu=gpu_id)
    unfinished = output / UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        metrics = _run(nlp, unfinished, gpu_id=gpu_id, tracker=tracker, exact=exact)
    except KeyboardInterrupt:
        if (unfinished / BEST).exists():
            console.print(f"The best state of the run that was interrupted is in {unfinished / BEST}")
        raise
    for name in (BEST, LAST):
        replace_folder(unfinished / name, output / name)
    unfinished.rmdir()
    return metrics


def _run(nlp: Language, output: Path, *, gpu_id: int, tracker: Tracker, exact: bool) -> dict:
    """Follow spacy.training.loop.train, with rows, a bar, a tracker and a history."""
    config = nlp.config.interpolate()
    fix_random_seed(config["training"]["seed"])
    if gpu_id >= 0 and config["training"]["gpu_allocator"]:
        set_gpu_allocator(config["training"]["gpu_allocator"])
    T = registry.resolve(config["training"], schema=ConfigSchemaTraining)
    train_corpus, dev_corpus = resolve_dot_names(config, [T["train_corpus"], T["dev_corpus"]])
    before_to_disk = create_before_to_disk_callback(T["before_to_disk"])
    optimizer = T["optimizer"] if exact else fused(T["optimizer"])

    def save(name: str) -> None:
        with nlp.use_params(optimizer.averages):
            before_to_disk(nlp).to_disk(output / f"{name}.new")
        replace_folder(output / f"{name}.new", output / name)

    aside = Stopwatch()  # evaluating and saving: what is not updating
    evaluate = aside.timed(create_evaluation_callback(nlp, dev_corpus, T["score_weights"]))
    save = aside.timed(save)
    steps = train_while_improving(
        nlp,
        optimizer,
        create_train_batches(nlp, train_corpus, T["batcher"], T["max_epochs"]),
        evaluate,
        dropout=T["dropout"],
        accumulate_gradient=T["accumulate_gradient"],
        patience=T["patience"],
        max_steps=T["max_steps"],
        eval_frequency=T["eval_frequency"],
        exclude=T["frozen_components"],
        annotating_components=T["annotating_components"],
        before_update=T["before_update"],
    )
    output.mkdir(parents=True)
    history: list[dict] = []
    best: dict = {}
    started = time.perf_counter()
    with Display(max_steps=T["max_steps"]) as display:
        for _, info, is_best in steps:
            speed = info["words"] / (time.perf_counter() - started - aside.seconds)
            display.step(info["step"], speed)
            if is_best is None:
                continue
            row = _row(info, speed, _objectives(nlp, info["losses"]))
            history.append(row)
            if row["score"] > best.get("score", -1.0):
                best = row
                update_meta(T, nlp, info)
                save(BEST)
            tracker.log(row["step"], {key: value for key, value in row.items() if key != "step"})
            display.row(row, is_best=best is row)
        save(LAST)
    return {
        "steps": info["step"] + 1,
        "epochs": info["epoch"],
        "words": info["words"],
        "seconds": round(time.perf_counter() - started, 2),
        "words_per_second": history[-1]["words_per_second"],
        "stopped_because": _why_stopped(T, info, best),
        "best": best,
        "history": history,
    }


def _why_stopped(T: dict, info: dict, best: dict) -> str:
    if info["step"] >= T["max_steps"] > 0:
        return "the budget of steps is used up"
    if T["patience"] and info["step"] - best["step"] >= T["patience"]:
        return f"no better score in {T['patience']} steps"
    return "the epochs are used up"


class Stopwatch:
    """Adds up the seconds spent in the functions it wraps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, function: Callable) -> Callable:
        """Wrap a function."""

        def wrapper(*args):
            started = time.perf_counter()
            try:
                return function(*args)
            finally:
                self.seconds += time.perf_counter() - started

        return wrapper


def _objectives(nlp: Language, losses: dict) -> list[str]:
    """Return the components with a loss of their own; tok2vec and transformer report the gradient that reaches them instead."""
    return [name for name in losses if not hasattr(nlp.get_pipe(name), "listening_components")]


def _row(info: dict, speed: float, objectives: list[str]) -> dict:
    """Return the figures of one evaluation, as plain numbers."""
    losses = {f"loss_{name}": float(loss) for name, loss in info["losses"].items()}
    loss = sum(losses[f"loss_{name}"] for name in objectives)
    if not math.isfinite(loss):
        raise UserError(f"the loss is {loss} at step {info['step']}; lower the learning rate ([training.optimizer] learn_rate)")
    scores = {key: float(info["other_scores"].get(key) or 0.0) for key in ("ents_f", "ents_p", "ents_r")}
    return {
        "step": info["step"],
        "epoch": info["epoch"],
        "loss": loss,
        **losses,
        "score": float(info["score"]),
        **scores,
        "words": info["words"],
        "words_per_second": round(speed, 1),
    }
