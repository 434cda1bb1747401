"""What a person sees while a pipeline trains: a row an evaluation, and a bar with the time left."""

import time
from typing import TYPE_CHECKING, Self

import psutil

from scripts.cli import console, progress_bar

if TYPE_CHECKING:
    from scripts.training.progress import Progress

ROW = "{:>6} {:>6} {:>9} {:>7} {:>7} {:>7} {:>9} {:>7}"
REFRESH = 0.5
"""Seconds between two looks at the memory."""
AFTER, LONG = 10.0, 60.0
"""Seconds after which, without a bar, the time left is told; a shorter time is not worth a line."""


class Display:
    """Rows go to standard error as spaCy prints them; the bar only to a terminal."""

    def __init__(self, *, max_steps: int) -> None:
        self.max_steps = max_steps
        self.bar = progress_bar()
        self.task = self.bar.add_task("training", total=max_steps or None)
        self._began = self._looked = time.perf_counter()
        self._words, self._has_told = 0, False

    def __enter__(self) -> Self:
        console.print(ROW.format("epoch", "step", "loss", "ents_f", "ents_p", "ents_r", "words/s", "best"))
        self.bar.start()
        return self

    def __exit__(self, *_) -> None:
        self.bar.stop()

    def step(self, progress: "Progress") -> None:
        """Advance the bar; where there is none, say once how long the rest of a budget of steps will take."""
        now = time.perf_counter()
        if not self.bar.disable and now - self._looked >= REFRESH:
            speed = (progress.words - self._words) / (now - self._looked)
            self._words, self._looked = progress.words, now
            loss, best = sum(map(float, progress.losses.values())), 100 * progress.best.get("score", 0.0)
            memory = psutil.Process().memory_info().rss / 1e6
            parts = f"epoch {progress.epoch}", f"{speed:,.0f} words/s", f"loss {loss:.0f}", f"best {best:.2f}"
            text = "  ".join([*parts, f"{memory:,.0f} MB"])
            self.bar.update(self.task, completed=progress.step, description=text)
        elif self.bar.disable and self.max_steps and not self._has_told and now - self._began > AFTER:
            self._has_told = True
            left = (self.max_steps - progress.step) * progress.seconds / progress.step
            if left > LONG:
                done = f"{progress.step:,} of {self.max_steps:,} steps taken"
                console.print(f"{done}; about {left / 60:.0f} min left, if steps stay as large")

    def row(self, row: dict, *, is_best: bool) -> None:
        """Print an evaluation's row."""
        scores = [f"{100 * row[key]:.2f}" for key in ("ents_f", "ents_p", "ents_r")]
        speed, mark = f"{row['words_per_second']:,.0f}", "*" if is_best else ""
        console.print(ROW.format(row["epoch"], row["step"], f"{row['loss']:.2f}", *scores, speed, mark))
