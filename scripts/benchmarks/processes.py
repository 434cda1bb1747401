"""What a second process and a second thread cost and buy: figures over seeds, and words a second beside a busy neighbour."""

import contextlib
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import t

from scripts.benchmarks.inputs import build_corpus, corpus_files
from scripts.benchmarks.measure import measure
from scripts.benchmarks.training import evaluated_every, write_config
from scripts.corpus.files import read_json
from scripts.training.configs import VARIANTS, write_quickstarts

LATE = 0.5
"""Share of a run after which its evaluations count: the mean of several is less noisy than the best of them."""
SHORT = {"cpu": 300, "gpu": 6}
"""Steps by which speeds are measured."""
REPEATS = 2


@dataclass(frozen=True, slots=True)
class Pair:
    """One seed with one process and with two: mean F on dev of the evaluations in the second half, and best F."""

    seed: int
    late: tuple[float, float]
    best: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Speed:
    """Words a second of the steps, medians: on a quiet machine, and beside a process for each core that is always busy."""

    variant: str
    what: str
    quiet: float
    busy: float


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured."""

    corpus: str
    steps: int
    pairs: list[Pair]
    speeds: list[Speed]


def run(
    work: Path,
    *,
    seeds: int,
    steps: int,
    cores: int,
    demo: Path,
    columns: Path | None,
    tell: Callable[[str], None],
) -> Results:
    """Train by spaCy's quickstart configs: each seed with one process and with two, then short runs for their speed."""
    quickstarts = write_quickstarts(work / "quickstarts")
    corpus = build_corpus(work / "corpus", corpus_files(columns, demo))
    pairs = []
    for seed in range(seeds):
        runs = []
        for count in (1, 2):
            tell(f"seed {seed}: {count} process{'es' if count > 1 else ''}")
            folder = write_config(
                work / f"{count}-{seed}", quickstarts / "cpu.cfg", corpus, seed=seed, steps=steps
            )
            runs.append(_train(folder, workers=count)["history"])
        late = [
            statistics.mean(row["ents_f"] for row in rows if row["step"] >= LATE * steps) for rows in runs
        ]
        pairs.append(
            Pair(seed, (late[0], late[1]), _two(max(row["ents_f"] for row in rows) for rows in runs))
        )
    speeds = [
        _speed(variant, what, options, work, quickstarts, corpus, cores, tell)
        for variant in VARIANTS
        for what, options in {
            "1 thread": {},
            "2 threads": {"threads": 2},
            "2 processes": {"workers": 2},
        }.items()
    ]
    return Results((columns or demo).name, steps, pairs, speeds)


def _two(values: Iterator[float]) -> tuple[float, float]:
    first, second = values
    return first, second


def _train(folder: Path, **options: int) -> dict:
    """Train in a process of its own and return its metrics."""
    told = [f"--{name}={value}" for name, value in options.items()]
    further = ["--unvalidated", "--restart", "--device=cpu", "--precision=fp32", "--wandb-mode=disabled"]
    measure(
        [
            sys.executable,
            "-m",
            "scripts.train",
            str(folder / "config.cfg"),
            f"--output={folder}",
            *further,
            *told,
        ]
    )
    return read_json(folder / "metrics.json")


def _speed(
    variant: str,
    what: str,
    options: dict,
    work: Path,
    quickstarts: Path,
    corpus: Path,
    cores: int,
    tell: Callable[[str], None],
) -> Speed:
    steps = SHORT[variant]
    folder = write_config(
        work / f"{variant}-{what}", quickstarts / f"{variant}.cfg", corpus, seed=0, steps=steps
    )
    found: dict[int, list[float]] = {0: [], cores: []}
    for _ in range(REPEATS):
        for busy, speeds in found.items():
            tell(f"{variant}, {what}{', beside a busy neighbour' if busy else ''}")
            with _neighbours(busy):
                speeds.append(_train(folder, **options)["words_per_second"])
    return Speed(variant, what, *(statistics.median(speeds) for speeds in found.values()))


@contextlib.contextmanager
def _neighbours(count: int) -> Iterator[None]:
    """Keep so many cores busy for a while."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def interval(differences: list[float]) -> tuple[float, float, float]:
    """Return the mean of paired differences, and Student's 95 % interval for it."""
    mean = statistics.mean(differences)
    half = t.ppf(0.975, len(differences) - 1) * statistics.stdev(differences) / len(differences) ** 0.5
    return mean, mean - half, mean + half


def as_markdown(results: Results, machine: str) -> str:
    """Make the tables and what follows from them, with the machine."""
    rows = ["| seed | 1 process: mean F, best F | 2 processes: mean F, best F |", "| ---: | ---: | ---: |"]
    for pair in results.pairs:
        cells = [
            f"{100 * late:.2f}, {100 * best:.2f}" for late, best in zip(pair.late, pair.best, strict=True)
        ]
        rows.append(f"| {pair.seed} | {' | '.join(cells)} |")
    notes = []
    for name, what in {"late": "mean", "best": "best"}.items():
        mean, low, high = interval(
            [100 * (getattr(pair, name)[1] - getattr(pair, name)[0]) for pair in results.pairs]
        )
        notes.append(
            f"- {what} F, two processes less one: {mean:+.2f}; 95 % interval {low:+.2f} to {high:+.2f}."
        )
    speeds = [
        "| variant | what | words/s, quiet | words/s, beside a busy neighbour |",
        "| --- | --- | ---: | ---: |",
    ]
    speeds += [
        f"| {one.variant} | {one.what} | {one.quiet:,.0f} | {one.busy:,.0f} |" for one in results.speeds
    ]
    intro = (
        f"{machine} Corpus: {results.corpus}; spaCy's quickstart configs. F on dev over {results.steps:,} steps, evaluated every "
        f"{evaluated_every(results.steps)}; its mean is that of the second half. Words/s are those of the steps, medians of {REPEATS} runs; "
        "the neighbour keeps every core busy."
    )
    return "\n".join([intro, "", *rows, "", *notes, "", *speeds]) + "\n"
