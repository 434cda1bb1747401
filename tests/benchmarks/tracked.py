"""Train as `python -m scripts.train` does, and note how long tracking takes, to be compared with the steps.

python -m tests.benchmarks.tracked FIGURES.json CONFIG --wandb-mode=offline …
"""

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import srsly

from scripts import cli, train
from scripts.tracking.weights_and_biases import WandbTracker
from scripts.training import loop

FIGURES = Path(sys.argv.pop(1))
SECONDS: Counter = Counter()


def timed(what: str, function: Callable) -> Callable:
    """Return a function whose time is counted."""

    def call(*arguments, **options):
        started = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            SECONDS[what] += time.perf_counter() - started

    return call


def finish(tracker: WandbTracker, *arguments, **options) -> None:
    """Note what W&B's own process has computed so far, then end the run."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    SECONDS["service"] = sum(own.user + own.system for own in times)
    timed("finish", end)(tracker, *arguments, **options)
    srsly.write_json(FIGURES, SECONDS)


end = WandbTracker.finish
WandbTracker.finish = finish
for owner, name in (
    (WandbTracker, "is_due"),
    (WandbTracker, "log"),
    (loop, "step_row"),
    (loop, "evaluation_row"),
):
    setattr(owner, name, timed("calls", getattr(owner, name)))

if __name__ == "__main__":
    cli.run(train.main, takes_settings=True)
