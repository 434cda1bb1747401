"""What a second process and a second thread cost and buy: F over seeds, and speed beside a busy neighbour."""

import contextlib
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from scipy.stats import ttest_rel

from scripts.cli import physical_cores
from tests.benchmarks import inputs
from tests.benchmarks.report import Options, Report, Row
from tests.benchmarks.train import each
from tests.benchmarks.trainings import Place, quickstart, set_budget, train_ours

SHORT = {"cpu": 300, "gpu": 6}
"""Steps by which speeds are measured."""
THREAD, THREADS, PROCESSES = "1 thread", "2 threads", "2 processes"
WAYS = {THREAD: {}, THREADS: {"threads": 2}, PROCESSES: {"workers": 2}}
FIGURES = {"late_f": "mean F of the second half", "best_f": "best F"}
SCORES = {"what": "{what}"} | {f"{name}, each seed": each(figure) for figure, name in FIGURES.items()}
SPEEDS = {"variant": "{variant}", "what": "{what}", "words/s": "{words_per_second:,.0f}"}


def run(report: Report, options: Options) -> None:
    """Train each seed with one process and with two, then take short runs for their speed."""
    report.intro = (
        f"Corpus: {options.corpus_name}; spaCy's quickstart configs. F on dev over {options.steps:,} steps. "
        "Words/s are those of the steps, medians; a busy neighbour keeps every core busy."
    )
    place = Place(report.work, report.work / "corpus", deadline=report.deadline)
    inputs.build_corpus(place.corpus, inputs.corpus_files(options, report.work / "raw"))

    def train(variant: str, steps: int, way: str, neighbours: int, seed: int) -> Row:
        with keep_busy(neighbours):
            return train_ours(set_budget(quickstart(variant), place, steps, seed), place, **WAYS[way])

    runs = {way: partial(train, "cpu", options.steps, way, 0) for way in (THREAD, PROCESSES)}
    rows = report.compare("scores", SCORES, {}, runs, options.repeats)
    for figure, name in FIGURES.items():
        one, two = ([100 * found[figure] for found in rows[way]["runs"]] for way in (THREAD, PROCESSES))
        if len(one) == len(two) > 1:
            low, high = ttest_rel(two, one).confidence_interval(0.95)
            mean = statistics.mean(two) - statistics.mean(one)
            difference = f"{mean:+.2f}; 95 % interval {low:+.2f} to {high:+.2f}"
            report.note(f"{name}, two processes less one: {difference} (Student's, paired by seed).")
    for variant, steps in list(SHORT.items())[: 1 if options.small else None]:
        runs = {
            f"{way}{', beside a busy neighbour' if neighbours else ''}": partial(
                train, variant, min(steps, options.steps), way, neighbours
            )
            for way in WAYS
            for neighbours in (0, physical_cores())
        }
        report.compare("speeds", SPEEDS, {"variant": variant}, runs, min(2, options.repeats))


@contextlib.contextmanager
def keep_busy(count: int) -> Iterator[None]:
    """Keep so many cores busy for a while."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
