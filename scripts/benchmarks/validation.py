"""Validation beside `spacy debug data`: time, memory, and when the first finding is on screen."""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.inputs import build_corpus, column_sentences, corpus_files, demo_sentences, made_files
from scripts.benchmarks.measure import Measured, measure, medians, seconds_until
from scripts.benchmarks.preprocessing import REPEATS_UP_TO
from scripts.corpus.files import read_json
from scripts.training.configs import write_quickstarts


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table: medians over the runs. first: seconds until the first finding is told, where that was measured."""

    input: str
    documents: int
    tokens: int
    what: str
    runs: int
    seconds: float
    peak_mb: float
    first: float | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """All rows, and by input how many times faster than `spacy debug data` we are with the same config."""

    lines: list[Line]
    ratios: dict[str, float]


def run(
    sizes: list[int],
    work: Path,
    *,
    repeats: int,
    demo: Path,
    columns: Path | None,
    tell: Callable[[str], None],
) -> Results:
    """Build a corpus of the column files as they are (or of the demo), and one of each size, and validate all. Pairs are run in turn."""
    configs = write_quickstarts(work / "configs")
    sentences = column_sentences(columns) if columns else demo_sentences(demo)
    own = corpus_files(columns, demo)
    lines: list[Line] = []
    ratios: dict[str, float] = {}
    for size in (0, *sizes):
        name = (columns or demo).name if not size else f"{size:,} documents"
        tell(f"{name}: building the corpus")
        corpus = build_corpus(work / f"corpus-{size}", own if not size else made_files(work, sentences, size))
        count = read_json(corpus / "train" / "manifest.json")
        pair = size <= REPEATS_UP_TO
        ours, theirs, both, first = [], [], [], []
        for _ in range(repeats if pair else 1):
            tell(f"{name}: validating")
            ours.append(measure(_validate(corpus, [configs / "cpu.cfg"])))
            first.append(seconds_until(" NER", _validate(corpus, [configs / "cpu.cfg"])))
            both.append(measure(_validate(corpus, [configs / "cpu.cfg", configs / "gpu.cfg"]), codes=(0, 1)))
            if pair:
                paths = [f"--paths.{split}={corpus / split}" for split in ("train", "dev")]
                theirs.append(
                    measure(
                        [sys.executable, "-m", "spacy", "debug", "data", str(configs / "cpu.cfg"), *paths],
                        codes=(0, 1),
                    )
                )
        sizes_of = (name, count["documents"], count["tokens"])
        lines.append(_line(*sizes_of, "validate, cpu config", ours, first))
        lines.append(_line(*sizes_of, "validate, cpu and gpu configs", both))
        if theirs:
            lines.append(_line(*sizes_of, "spacy debug data, cpu config", theirs))
            ratios[name] = round(lines[-1].seconds / lines[-3].seconds, 1)
    return Results(lines, ratios)


def _validate(corpus: Path, configs: list[Path]) -> list[str]:
    data = [f"--{split}={corpus / split}" for split in ("train", "dev")]
    return [sys.executable, "-m", "scripts.validate", *(f"--config={path}" for path in configs), *data]


def _line(
    name: str, documents: int, tokens: int, what: str, runs: list[Measured], first: list[float] | None = None
) -> Line:
    seconds, peak = medians(runs)
    soon = None if first is None else round(statistics.median(first), 2)
    return Line(name, documents, tokens, what, len(runs), seconds, peak, soon)


def as_markdown(results: Results, machine: str) -> str:
    """Make the table, with the machine."""
    rows = [
        "| corpus | documents | what | seconds | first finding after | peak memory |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for line in results.lines:
        first = "" if line.first is None else f"{line.first:.1f} s"
        rows.append(
            f"| {line.input} | {line.documents:,} | {line.what} | {line.seconds:,.1f} | {first} | {line.peak_mb:,.0f} MB |"
        )
    notes = [
        f"- {name}: {ratio:g} times as fast as `spacy debug data` with the same config."
        for name, ratio in results.ratios.items()
    ]
    return (
        f"{machine} Medians; memory is that of all processes together.\n\n"
        + "\n".join([*rows, "", *notes])
        + "\n"
    )
