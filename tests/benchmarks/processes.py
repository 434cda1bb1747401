"""What a second process and a second thread cost and buy: F over seeds, and speed beside a busy neighbour."""

import contextlib
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from scipy.stats import ttest_rel

from scripts.cli import physical_cores
from tests.benchmarks import inputs
from tests.benchmarks.report import Options, Report, Row
from tests.benchmarks.train import WORDS, each
from tests.benchmarks.trainings import OURS, Place, quickstart, set_budget, train

SHORT = {"cpu": 75, "gpu": 2}
"""A quarter of the steps by which speeds are measured."""
THREAD, THREADS, PROCESSES = "1 thread", "2 threads", "2 processes"
WAYS = {THREAD: {}, THREADS: {"threads": 2}, PROCESSES: {"workers": 2}}
SPIN = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"
"""Keeps a core busy, as long as what started it lives."""
SCORES = {"late_f": "mean F of the second half", "best_f": "best F"}
COLUMNS = {"what": "{what}"} | {f"{name}, each seed": each(figure) for figure, name in SCORES.items()}
SPEEDS = {"variant": "{variant}", "what": "{what}"} | WORDS


def run(report: Report, options: Options) -> None:
    """Train each seed with one process and with two, then take short runs for their speed."""
    report.intro = (
        f"Corpus: {options.corpus_name}; spaCy's quickstart configs. F on dev over {options.steps:,} steps. "
        "Words/s are medians of short trainings; a busy neighbour keeps every core busy."
    )
    corpus = inputs.build_corpus(inputs.corpus_files(options, report.work), report.work / "corpus")
    columns = inputs.make_columns(inputs.column_sentences(options))
    made = inputs.write_splits(report.work / "made", "conll", columns, 1000)
    small = inputs.build_corpus(made, report.work / "small")

    def run_way(corpus: Path, variant: str, every: int, way: str, neighbours: int, seed: int) -> Row:
        place = Place(corpus, deadline=report.deadline)
        config = set_budget(quickstart(variant), place, seed, every=every)
        with keep_busy(neighbours):
            return train(OURS, config, place, **WAYS[way])

    runs = {way: partial(run_way, corpus, "cpu", options.steps // 4, way, 0) for way in (THREAD, PROCESSES)}
    rows = report.compare("scores", COLUMNS, {}, runs, options.repeats)
    for figure, name in SCORES.items():
        one, two = ([100 * found[figure] for found in rows[way]["runs"]] for way in (THREAD, PROCESSES))
        if len(one) == len(two) > 1:
            low, high = ttest_rel(two, one).confidence_interval(0.95)
            mean = statistics.mean(two) - statistics.mean(one)
            difference = f"{mean:+.2f}; 95 % interval {low:+.2f} to {high:+.2f}"
            report.note(f"{name}, two processes less one: {difference} (Student's, paired by seed).")
    for variant, every in {"cpu": 2}.items() if options.small else SHORT.items():
        runs = {
            f"{way}{', beside a busy neighbour' * bool(count)}": partial(
                run_way, small, variant, every, way, count
            )
            for way in WAYS
            for count in (0, physical_cores())
        }
        report.compare("speeds", SPEEDS, {"variant": variant}, runs, min(2, options.repeats))


@contextlib.contextmanager
def keep_busy(count: int) -> Iterator[None]:
    """Keep so many cores busy for a while."""
    processes = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
