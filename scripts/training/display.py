"""What a person sees while a pipeline trains: a row an evaluation, and a bar with the time left."""

import time
from typing import TYPE_CHECKING, Self

import psutil
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from scripts.cli import console

if TYPE_CHECKING:
    from scripts.training.progress import Progress as Training

ROW = "{:>6} {:>6} {:>9} {:>7} {:>7} {:>7} {:>9} {:>7}"
SMOOTH = 0.05
"""Weight of the latest step in the mean time a step takes."""
REFRESH = 0.5
"""Seconds between two looks at the memory."""
AFTER, LONG = 10.0, 60.0
"""Seconds after which it is told, where there is no bar, how long a run will take, and from which on that is worth a line."""


class Display:
    """Rows go to standard error as spaCy prints them; the bar only to a terminal."""

    def __init__(self, *, max_steps: int, eval_frequency: int) -> None:
        self.max_steps, self.eval_frequency = max_steps, eval_frequency
        texts = (
            "step {task.completed}/{task.total}",
            "epoch {task.fields[epoch]}",
            "{task.fields[speed]}",
            "loss {task.fields[loss]}",
        )
        more = (
            "best {task.fields[best]}",
            "{task.fields[memory]}",
            "next score {task.fields[score]}",
            "end {task.fields[end]}",
        )
        self.bar = Progress(
            BarColumn(bar_width=16),
            *map(TextColumn, (*texts, *more)),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task(
            "training",
            total=max_steps or None,
            epoch=0,
            speed="",
            loss="",
            best="",
            memory="",
            score="",
            end="",
        )
        self.pace = 0.0
        self._last = self._looked = self._told_at = time.perf_counter()
        self._words = 0

    def __enter__(self) -> Self:
        console.print(ROW.format("epoch", "step", "loss", "ents_f", "ents_p", "ents_r", "words/s", "best"))
        self.bar.start()
        return self

    def __exit__(self, *_) -> None:
        self.bar.stop()

    def step(self, progress: "Training") -> None:
        """Advance the bar."""
        now = time.perf_counter()
        taken, self._last = now - self._last, now
        self.pace += (SMOOTH if self.pace else 1.0) * (taken - self.pace)
        if self.bar.disable:
            self._tell_time_left(progress, now)
        if self.bar.disable or now - self._looked < REFRESH:
            return
        speed = (progress.words - self._words) / (now - self._looked)
        self._words, self._looked = progress.words, now
        left = (self.max_steps - progress.step) * self.pace if self.max_steps else None
        self.bar.update(
            self.task,
            completed=progress.step,
            epoch=progress.epoch,
            speed=f"{speed:,.0f} words/s",
            loss=f"{sum(map(float, progress.losses.values())):.0f}",
            best=f"{100 * progress.best.get('score', 0.0):.2f}",
            memory=f"{psutil.Process().memory_info().rss / 1e6:,.0f} MB",
            score=_clock(-progress.step % self.eval_frequency * self.pace),
            end=_clock(left) if left is not None else "at most when no score gets better",
        )

    def _tell_time_left(self, progress: "Training", now: float) -> None:
        """Say once how long the rest of a budget of steps will take, by the steps so far."""
        if self._told_at and now - self._told_at > AFTER and self.max_steps:
            self._told_at = 0.0
            left = (self.max_steps - progress.step) * progress.seconds / progress.step
            if left > LONG:
                console.print(
                    f"{progress.step:,} of {self.max_steps:,} steps taken; about {left / 60:.0f} min left, if steps stay as large"
                )

    def row(self, row: dict, *, is_best: bool) -> None:
        """Print an evaluation's row."""
        scores = [f"{100 * row[key]:.2f}" for key in ("ents_f", "ents_p", "ents_r")]
        console.print(
            ROW.format(
                row["epoch"],
                row["step"],
                f"{row['loss']:.2f}",
                *scores,
                f"{row['words_per_second']:,.0f}",
                "*" if is_best else "",
            )
        )


def _clock(seconds: float) -> str:
    """Return hours, minutes and seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
