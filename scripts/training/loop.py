"""Train a pipeline: steps, evaluations, the best state kept, and checkpoints from which a killed run goes on."""

import math
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from confection import Config
from spacy.schemas import ConfigSchemaTraining
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_before_to_disk_callback, update_meta
from spacy.util import registry, resolve_dot_names
from thinc.api import fix_random_seed, get_current_ops, set_gpu_allocator

from scripts.command import Stopped, UserError, console
from scripts.corpus.files import replace_folder
from scripts.training import freeze  # noqa: F401  (registers what a config names)
from scripts.training.checkpoint import CHECKPOINT, read_checkpoint, write_checkpoint
from scripts.training.display import Display
from scripts.training.engine import Engine
from scripts.training.evaluation import evaluation
from scripts.training.kernels import FastOps
from scripts.training.parameters import has_torch, weights_hash
from scripts.training.scaling import choose_workers
from scripts.training.tracking import Tracker
from scripts.training.watch import Watch
from scripts.training.workers import World
from scripts.training.workers import world as meet

BEST, LAST = "model-best", "model-last"
UNFINISHED = "unfinished"
TERMINATED = 143
"""Exit code after SIGTERM (128 + 15); Ctrl-C's is 130."""
SHARE = 50
"""An evaluation's checkpoint is left out until so many times the last one's duration has passed: at most 2 % of the time."""


@dataclass(slots=True)
class Progress:
    """What the loop counts. `step` is the next one's number. Of `seconds`, `aside` are those of evaluating and saving, and `checkpoints` a part."""

    step: int = 0
    epoch: int = 0
    words: int = 0
    seconds: float = 0.0
    aside: float = 0.0
    checkpoints: float = 0.0
    results: list[list[float]] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    best: dict = field(default_factory=dict)
    run_id: str | None = None


def train(
    config: Config,
    output: Path,
    *,
    gpu_id: int,
    tracker: Tracker,
    workers: int | None = 1,
    exact: bool = False,
    minutes: float = 5.0,
    identity: dict | None = None,
) -> dict:
    """Train as `spacy train` does and return the run's metrics; with `exact`, to the same numbers bit by bit.

    The pipelines are written to `output/unfinished` and take the place of `output/model-best` and `output/model-last` at
    the end, so a run that stops early leaves the models of the run before. Where there is a checkpoint, the run goes on
    from it; `identity` is written into checkpoints. A checkpoint is written each `minutes` and after evaluations.
    workers: processes that train together; None: as many as pay, by a short measurement.
    Raises Stopped after SIGTERM and Ctrl-C, and UserError when a gradient is no number or nothing can be written.
    """
    nlp = init_nlp(config, use_gpu=gpu_id)
    resolved = nlp.config.interpolate()
    fix_random_seed(resolved["training"]["seed"])
    if gpu_id >= 0 and resolved["training"]["gpu_allocator"]:
        set_gpu_allocator(resolved["training"]["gpu_allocator"])
    T = registry.resolve(resolved["training"], schema=ConfigSchemaTraining)
    train_corpus, dev_corpus = resolve_dot_names(resolved, [T["train_corpus"], T["dev_corpus"]])
    ops = get_current_ops()
    if workers is None:
        workers = 1
        if not exact and isinstance(ops, FastOps) and "RANK" not in os.environ:
            workers, why = choose_workers(nlp, train_corpus, resolved["training"], ops, words=1_000)
            console.print(f"{workers} worker{'s' if workers > 1 else ''}: {why}", highlight=False)
    with meet(workers) as world:
        console.quiet = world.rank > 0
        torch.set_num_threads(max(1, torch.get_num_threads() // world.size) if has_torch(nlp) else 1)
        engine = Engine(nlp, T, train_corpus, world, exact=exact)
        run = _Run(engine, output, minutes=minutes, identity=identity or {})
        run.resume(tracker)
        evaluate = run.timed(evaluation(nlp, dev_corpus, T["score_weights"], world, exact=exact))
        try:
            with run.stopped_by_signals(), Display(max_steps=T["max_steps"], eval_frequency=T["eval_frequency"]) as display:
                why = run.loop(evaluate, tracker, display)
            return run.finish(why)
        except OSError as error:
            raise UserError(f"{error.filename or output}: cannot be written ({error.strerror or error}); {GO_ON}") from error


GO_ON = "the last checkpoint and the models of the run before are whole: mend that, and run the same command to go on"


class _Run:
    """A run in its folder."""

    def __init__(self, engine: Engine, output: Path, *, minutes: float, identity: dict) -> None:
        self.engine, self.output, self.identity = engine, output, identity
        self.nlp, self.T, self.world = engine.nlp, engine.T, engine.world
        self.unfinished, self.checkpoint = output / UNFINISHED, output / CHECKPOINT
        self.progress = Progress()
        self.watch = Watch(self.nlp, self.T)
        self._minutes = minutes
        self._before_to_disk = create_before_to_disk_callback(self.T["before_to_disk"])
        self._asked = 0
        self._clock = self._saved = time.perf_counter()
        self._cost = 0.0

    def resume(self, tracker: Tracker) -> None:
        """Go on from the checkpoint, or begin in an empty folder."""
        if self.checkpoint.exists():
            arrays, state = read_checkpoint(self.checkpoint)
            self.engine.restore(arrays, state["engine"])
            self.progress = Progress(**state["progress"])
            tell(self.world, f"Goes on from step {self.progress.step:,}: {self.checkpoint}")
        elif self.world.rank == 0:
            shutil.rmtree(self.unfinished, ignore_errors=True)
            self.unfinished.mkdir(parents=True)
        self.progress.run_id = tracker.run_id or self.progress.run_id
        self._clock = self._saved = time.perf_counter()

    def loop(self, evaluate: Callable, tracker: Tracker, display: Display) -> str:
        """Take steps until training is over; return why it is."""
        progress = self.progress
        for row in progress.history:
            display.row(row, is_best=row["step"] == progress.best.get("step"))
        why = self._why_stop() if progress.step else ""
        steps = self._steps(evaluate)
        while not why:
            scores, told = next(steps, (None, None))
            if told is None:
                why = "the epochs are used up"
                break
            if scores is not None:
                self._evaluated(*scores, tracker, display)
            display.step(progress)
            if any(told):
                self._write_checkpoint()
            if told[0]:
                self._stop()
            why = self._why_stop()
        if not progress.history or progress.history[-1]["step"] != progress.step - 1:
            progress.losses.clear()
        return why

    def _steps(self, evaluate: Callable) -> Iterator[tuple[tuple | None, list[bool]]]:
        """Follow spacy.training.loop.train_while_improving: yield each step's scores, where it has some, and the signals given."""
        engine, progress, frequency = self.engine, self.progress, self.T["eval_frequency"]
        for epoch, batch in engine.batches:
            step, progress.epoch = progress.step, epoch
            if self.T["before_update"]:
                self.T["before_update"](self.nlp, {"step": step, "epoch": epoch})
            evaluates = step % frequency == 0
            told = engine.learn(batch, progress.losses, lambda due=evaluates: (self._asked > 0, self._is_due(due)))
            progress.words += sum(map(len, batch))
            progress.step += 1
            scores = None
            if evaluates:
                with self.nlp.use_params(engine.optimizer.averages or {}):
                    score, others = evaluate()
                progress.results.append([score, step])
                scores = score, others, self._losses()
            self._tick()
            yield scores, told

    def _losses(self) -> dict[str, float]:
        """Return the losses of all processes since the last evaluation, and begin anew."""
        parts = self.world.gather({name: float(loss) for name, loss in self.progress.losses.items()})
        self.progress.losses.clear()
        return {name: sum(part.get(name, 0.0) for part in parts) for name in dict.fromkeys(name for part in parts for name in part)}

    def _evaluated(self, score: float, others: dict, losses: dict[str, float], tracker: Tracker, display: Display) -> None:
        """Keep, log and show what an evaluation found."""
        progress = self.progress
        if len({*self.world.gather(weights_hash(self.engine.parameters) if self.world.size > 1 else "")}) > 1:
            raise UserError("the workers' weights are no longer the same; train with --workers 1 and report this")
        row = _row(progress, score, others, losses, self._objectives(losses))
        progress.history.append(row)
        is_best = row["score"] > progress.best.get("score", -1.0)
        if is_best:
            progress.best = row
            if self.world.rank == 0:
                update_meta(self.T, self.nlp, {"other_scores": others, "losses": losses})
                self.timed(self._save)(BEST)
        tracker.log(row["step"], {key: value for key, value in row.items() if key != "step"})
        display.row(row, is_best=is_best)
        for warning in self.watch.look(row):
            console.print(f"Warning: {warning}", style="yellow", markup=False, soft_wrap=True)

    def _objectives(self, losses: dict) -> list[str]:
        """Return the components with a loss of their own; tok2vec and transformer report the gradient that reaches them instead."""
        return [name for name in losses if not hasattr(self.nlp.get_pipe(name), "listening_components")]

    def _why_stop(self) -> str:
        """Say why training is over; nothing where it goes on. The earliest of equal scores counts, as with spaCy."""
        step, patience, most = self.progress.step - 1, self.T["patience"], self.T["max_steps"]
        best = max(((score, -at) for score, at in self.progress.results), default=(0.0, 0))
        if patience and step + best[1] >= patience:
            return f"no better score in {patience} steps"
        return "the budget of steps is used up" if most and step >= most else ""

    def _save(self, name: str) -> None:
        with self.nlp.use_params(self.engine.optimizer.averages or {}):
            self._before_to_disk(self.nlp).to_disk(self.unfinished / f"{name}.new")
        replace_folder(self.unfinished / f"{name}.new", self.unfinished / name)

    def _is_due(self, evaluates: bool) -> bool:
        """Say whether this process, the first, wants a checkpoint after this step."""
        since = time.perf_counter() - self._saved
        return self.world.rank == 0 and (since >= self._minutes * 60 or (evaluates and since >= SHARE * self._cost))

    def _write_checkpoint(self) -> None:
        started = time.perf_counter()
        arrays, engine = self.engine.state()
        if self.world.rank == 0:
            write_checkpoint(self.checkpoint, arrays, {"identity": self.identity, "engine": engine, "progress": _plain(asdict(self.progress))})
        self._saved = time.perf_counter()
        self._cost = self._saved - started
        self.progress.aside += self._cost
        self.progress.checkpoints += self._cost

    def _tick(self) -> None:
        now = time.perf_counter()
        self.progress.seconds += now - self._clock
        self._clock = now

    def timed(self, function: Callable) -> Callable:
        """Count the seconds in a function as those in which nothing is learned."""

        def wrapper(*args):
            started = time.perf_counter()
            try:
                return function(*args)
            finally:
                self.progress.aside += time.perf_counter() - started

        return wrapper

    def stopped_by_signals(self) -> "_Signals":
        """Let SIGTERM and Ctrl-C end the run after the step it is in; a second Ctrl-C ends it at once."""
        return _Signals(self)

    def asked(self, number: int, _frame: object) -> None:
        """Take a signal."""
        if self._asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = number

    def _stop(self) -> None:
        code = 128 + self._asked if self._asked else TERMINATED
        step = self.progress.step
        raise Stopped(code, f"Stopped after step {step:,}, as asked; all of it is in {self.checkpoint}. Run the same command to go on.")

    def finish(self, why: str) -> dict:
        """Put the pipelines where they belong, and return the run's metrics."""
        progress = self.progress
        if self.world.rank == 0:
            self._save(LAST)
            for name in (BEST, LAST):
                replace_folder(self.unfinished / name, self.output / name)
            shutil.rmtree(self.unfinished)
            self.checkpoint.unlink(missing_ok=True)
        return {
            "steps": progress.step,
            "workers": self.world.size,
            "epochs": progress.epoch,
            "words": progress.words,
            "seconds": round(progress.seconds, 2),
            "seconds_aside": round(progress.aside, 2),
            "seconds_checkpoints": round(progress.checkpoints, 3),
            "words_per_second": progress.history[-1]["words_per_second"],
            "stopped_because": why,
            "best": progress.best,
            "history": progress.history,
        }


class _Signals:
    """Hands SIGTERM and SIGINT to a run as long as it lasts."""

    def __init__(self, run: _Run) -> None:
        self.run = run

    def __enter__(self) -> None:
        self.before = {number: signal.signal(number, self.run.asked) for number in (signal.SIGTERM, signal.SIGINT)}

    def __exit__(self, *_) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def tell(world: World, text: str) -> None:
    """Print a line, once for all processes."""
    if world.rank == 0:
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def _plain(progress: dict) -> dict:
    """Turn numpy's numbers into Python's."""
    return progress | {"losses": {name: float(loss) for name, loss in progress["losses"].items()}}


def _row(progress: Progress, score: float, others: dict, losses: dict[str, float], objectives: list[str]) -> dict:
    """Return the figures of one evaluation, as plain numbers. Raises UserError where the loss is none."""
    loss, step = sum(losses[name] for name in objectives), progress.step - 1
    if not math.isfinite(loss):
        raise UserError(f"the loss is {loss} at step {step}; lower the learning rate ([training.optimizer] learn_rate)")
    return {
        "step": step,
        "epoch": progress.epoch,
        "loss": loss,
        **{f"loss_{name}": value for name, value in losses.items()},
        "score": float(score),
        **{key: float(others.get(key) or 0.0) for key in ("ents_f", "ents_p", "ents_r")},
        "words": progress.words,
        "words_per_second": round(progress.words / max(progress.seconds - progress.aside, 1e-9), 1),
    }
