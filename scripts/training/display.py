"""What a person sees while a pipeline trains: a row an evaluation, and a bar with the time left."""

from typing import Self

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from scripts.command import console

ROW = "{:>6} {:>6} {:>9} {:>7} {:>7} {:>7} {:>9} {:>7}"


class Display:
    """Rows go to standard error as spaCy prints them; the bar only to a terminal."""

    def __init__(self, *, max_steps: int) -> None:
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("step {task.completed}/{task.total}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[speed]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("training", total=max_steps or None, speed="")

    def __enter__(self) -> Self:
        console.print(ROW.format("epoch", "step", "loss", "ents_f", "ents_p", "ents_r", "words/s", "best"))
        self.bar.start()
        return self

    def __exit__(self, *_) -> None:
        self.bar.stop()

    def step(self, step: int, speed: float) -> None:
        """Advance the bar; `speed` is in words a second."""
        self.bar.update(self.task, completed=step, speed=f"{speed:,.0f} words/s")

    def row(self, row: dict, *, is_best: bool) -> None:
        """Print an evaluation's row."""
        scores = [f"{100 * row[key]:.2f}" for key in ("ents_f", "ents_p", "ents_r")]
        console.print(ROW.format(row["epoch"], row["step"], f"{row['loss']:.2f}", *scores, f"{row['words_per_second']:,.0f}", "*" if is_best else ""))
