"""Train a pipeline: steps, evaluations, the best state kept, checkpoints from which a killed run goes on."""

import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from confection import Config
from spacy.training.loop import create_before_to_disk_callback, update_meta

from scripts.cli import Stopped, UserError, console
from scripts.corpus.files import replace_folder
from scripts.tracking.tracker import Tracker
from scripts.training.checkpoint import CHECKPOINT, read_checkpoint, write_checkpoint
from scripts.training.display import Display
from scripts.training.loggers import NO_LOGGER, start_logger
from scripts.training.memory import peak_memory_mb
from scripts.training.monitor import Monitor
from scripts.training.options import Options
from scripts.training.parameters import check_equal
from scripts.training.pipeline import meet, prepare
from scripts.training.progress import Progress
from scripts.training.rows import evaluation_row, step_row
from scripts.training.step import TrainingStep
from scripts.training.stopping import StopSignal

BEST, LAST = "model-best", "model-last"
UNFINISHED = "unfinished"
SHARE = 50
"""An evaluation's checkpoint is left out until so many times the last one's duration has passed: at most 2 %
of the time.
"""
RESUME_HINT = (
    "the last checkpoint and the models of the run before are whole: "
    "repair that, and run the same command to go on"
)


def train(
    config: Config, output: Path, options: Options, *, gpu_id: int, tracker: Tracker, identity: dict
) -> dict:
    """Train as `spacy train` does and return the run's metrics; with --exact, to the same numbers bit by bit.

    The pipelines are written to `output/unfinished` and take the place of `output/model-best` and
    `output/model-last` at the end, so a run that stops early leaves the models of the run before. Where there
    is a checkpoint, the run goes on from it; `identity` is written into checkpoints.
    Raises Stopped after SIGTERM and Ctrl-C, and UserError when a gradient is no number or nothing can be
    written.
    """
    make_step, dev, why = prepare(config, gpu_id, options)
    with meet(options.workers, why) as world:
        console.quiet = world.rank > 0
        run = _Run(make_step(world), output, tracker, minutes=options.checkpoint_minutes, identity=identity)
        with run.overhead():
            evaluate = run.step.evaluation(dev)
        run.resume()
        try:
            with run.stop, run.display:
                why = run.loop(evaluate)
            return run.finish(why)
        except OSError as error:
            what = f"{error.filename or output}: cannot be written ({error.strerror or error})"
            raise UserError(f"{what}; {RESUME_HINT}") from error
        finally:
            run.end_logger()


class _Run:
    """A run in its folder."""

    def __init__(
        self, step: TrainingStep, output: Path, tracker: Tracker, *, minutes: float, identity: dict
    ) -> None:
        self.step, self.output, self.tracker, self.identity = step, output, tracker, identity
        self.nlp, self.T, self.world = step.nlp, step.T, step.world
        self.unfinished, self.checkpoint = output / UNFINISHED, output / CHECKPOINT
        self.progress = Progress()
        self.monitor = Monitor(self.nlp, self.T)
        self.display = Display(max_steps=self.T["max_steps"])
        self.log_step, self.end_logger = NO_LOGGER
        self._before_to_disk = create_before_to_disk_callback(self.T["before_to_disk"])
        self.stop = StopSignal()
        self._minutes, self._is_logged = minutes, False
        self._clock = self._saved = time.perf_counter()
        self._cost = 0.0

    def resume(self) -> None:
        """Go on from the checkpoint, or begin in an empty folder."""
        if self.checkpoint.exists():
            arrays, state = read_checkpoint(self.checkpoint)
            self.step.load_state_dict(arrays, state["step"])
            of_each_process = dict(enumerate(state["progress"].pop("losses")))
            losses = of_each_process.get(self.world.rank, {})
            self.progress = Progress(**state["progress"], losses=losses)
            self.nlp.meta["performance"] = self.progress.performance
            self._clock = time.perf_counter()
            text = f"Goes on from step {self.progress.step:,}: {self.checkpoint}"
            console.print(text, highlight=False, markup=False, soft_wrap=True)
        elif self.world.rank == 0:
            shutil.rmtree(self.unfinished, ignore_errors=True)
        if self.world.rank == 0:
            self.log_step, self.end_logger = start_logger(self.nlp, self.T)
        self.unfinished.mkdir(parents=True, exist_ok=True)
        self.progress.run_id = self.tracker.run_id or self.progress.run_id
        self._saved = time.perf_counter()

    def loop(self, evaluate: Callable) -> str:
        """Take steps, as spaCy's train_while_improving does, until training is over; return why it is."""
        progress, T = self.progress, self.T
        limits = {"patience": T["patience"], "max_steps": T["max_steps"]}
        for row in progress.history:
            self.display.row(row, is_best=row["step"] == progress.best.get("step"))
        if progress.step and (why := progress.why_stop(**limits)):
            return why
        for epoch, batch in self.step.batches:
            step, progress.epoch = progress.step, epoch
            if T["before_update"]:
                T["before_update"](self.nlp, {"step": step, "epoch": epoch})
            evaluates = step % T["eval_frequency"] == 0
            signals = partial(self._signals, evaluates)
            must_stop, must_save = self.step.learn(batch, progress.losses, signals)
            progress.words += sum(map(len, batch))
            progress.step += 1
            self.log_step(self._evaluated(evaluate) if evaluates else None)
            if self._is_logged:
                self.tracker.log(step, step_row(progress, self.step))
            self._tick()
            self.display.step(progress)
            if must_stop or must_save:
                self._write_checkpoint()
            if must_stop:
                where = f"Stopped after step {step:,}, as asked; all of it is in {self.checkpoint}"
                raise Stopped(self.stop.code, f"{where}{self._best_so_far()}. Run the same command to go on.")
            if why := progress.why_stop(**limits):
                return why
        return "the epochs are used up"

    def _losses(self) -> list[dict[str, float]]:
        """Return each process's losses since the last evaluation."""
        return self.world.gather({name: float(loss) for name, loss in self.progress.losses.items()})

    def _evaluated(self, evaluate: Callable) -> dict:
        """Evaluate; log, keep and show what was found; return what spaCy's loggers want to know of it."""
        progress, step = self.progress, self.progress.step - 1
        of_step = step_row(progress, self.step)
        with self.overhead(), self.nlp.use_params(self.step.optimizer.averages or {}):
            score, others = evaluate()
        progress.results.append([score, step])
        each = self._losses()
        progress.losses.clear()
        names = dict.fromkeys(name for own in each for name in own)
        losses = {name: sum(own.get(name, 0.0) for own in each) for name in names}
        self._tick()
        check_equal(self.step.parameters, self.world)
        pipes = {name: self.nlp.get_pipe(name) for name in losses}
        # tok2vec and transformer have no loss of their own: they report the gradient that reaches them
        objectives = [name for name, pipe in pipes.items() if not hasattr(pipe, "listening_components")]
        row = progress.row(score, others, losses, objectives)
        progress.history.append(row)
        with self.nlp.select_pipes(disable=self.step.exclude):
            update_meta(self.T, self.nlp, {"other_scores": others, "losses": losses})
        progress.performance = self.nlp.meta["performance"]
        info = {
            "epoch": row["epoch"],
            "step": step,
            "score": score,
            "other_scores": others,
            "losses": losses,
            "checkpoints": progress.results,
            "seconds": int(progress.seconds),
            "words": progress.words,
            "output_path": str(self.unfinished / BEST),
        }
        self.tracker.log(step, of_step | evaluation_row(info))
        self._keep(row)
        return info

    def _keep(self, row: dict) -> None:
        """Save the pipeline if it is the best so far; show an evaluation."""
        is_best = row["score"] >= self.progress.best.get("score", -math.inf)  # of equals the last, as spaCy
        if is_best:
            self.progress.best = row
            if self.world.rank == 0:
                with self.overhead():
                    self._save(BEST)
        self.display.row(row, is_best=is_best)
        for warning in self.monitor.look(row):
            console.print(f"Warning: {warning}", style="yellow", markup=False, soft_wrap=True)

    def _save(self, name: str) -> None:
        with self.nlp.use_params(self.step.optimizer.averages or {}), self.step.save_context():
            self._before_to_disk(self.nlp).to_disk(self.unfinished / f"{name}.new")
        replace_folder(self.unfinished / f"{name}.new", self.unfinished / name)

    def _best_so_far(self) -> str:
        """Say where the best pipeline is until the run is over."""
        best = self.progress.best
        if not best:
            return ""
        score = f"score {100 * best['score']:.2f} at step {best['step']:,}"
        return f"; the best pipeline so far ({score}) is {self.unfinished / BEST}"

    def _signals(self, evaluates: bool) -> list[bool]:
        """Say whether this process was asked to stop, and whether it, the first, wants a checkpoint."""
        self._is_logged = self.tracker.is_due()
        if self._is_logged or evaluates:
            self.step.measure_gradients()
        since = time.perf_counter() - self._saved
        is_due = since >= self._minutes * 60 or (evaluates and since >= SHARE * self._cost)
        return [bool(self.stop), self.world.rank == 0 and is_due]

    def _write_checkpoint(self) -> None:
        started = time.perf_counter()
        arrays, step = self.step.state_dict()
        losses = self._losses()
        if self.world.rank == 0:
            progress = asdict(self.progress) | {"losses": losses}
            state = {"identity": self.identity, "step": step, "progress": progress}
            write_checkpoint(self.checkpoint, arrays, state)
        self._saved = time.perf_counter()
        self._cost = self._saved - started
        self.progress.overhead_seconds += self._cost
        self.progress.checkpoint_seconds += self._cost

    def _tick(self) -> None:
        now = time.perf_counter()
        self.progress.seconds += now - self._clock
        self._clock = now

    @contextmanager
    def overhead(self) -> Iterator[None]:
        """Count the seconds in here as those in which nothing is learned."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.progress.overhead_seconds += time.perf_counter() - started

    def finish(self, why: str) -> dict:
        """Put the pipelines where they belong, and return the run's metrics."""
        if self.world.rank == 0:
            self._save(LAST)
            for name in (BEST, LAST):
                if (self.unfinished / name).exists():  # else a run that was killed here has put it in place
                    replace_folder(self.unfinished / name, self.output / name)
            shutil.rmtree(self.unfinished)
            self.checkpoint.unlink(missing_ok=True)
        peaks = self.world.gather(peak_memory_mb())
        found = {"workers": self.world.size, "peak_memory_mb": round(sum(peaks), 1)}
        return found | {"computation": self.step.summary()} | self.progress.metrics(why)
