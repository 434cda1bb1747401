"""Fine-tuning's figures as Markdown and as a chart."""

import statistics

from scripts.benchmarks.transformer import (
    ONCE,
    OPTIONS,
    OURS,
    RATE,
    RECIPE,
    SPACY,
    TRAINER,
    Line,
    Plan,
    Results,
)
from scripts.report.chart import Measure

COMMAND = "python -m scripts.benchmark transformer --device=cuda --memory=6GB,8GB,12GB"
LIMITS = (6, 8, 12)
"""GB of the GPUs that people have."""
SHORT = {OURS: "all layers", RECIPE: "the recipe", SPACY: "spacy train", TRAINER: "HF Trainer"}
"""What the chart shows, and its legend has room for."""
MEANING = f"""All train one backbone in fp32: ours by the gpu recipe with its options off but where a row names one, the others by their own
defaults but for what has to be equal. That is about
as many words a step (the quickstart's batches, of up to 2,000 words with padding; of the Trainer as many batches of 32 documents as come near), a
learning rate that rises to {RATE:g} over a tenth of the steps and falls to 0, and a score on dev at the start and after each epoch. Words/s are
words learned from, padding not counted, in a second of steps alone, with the compiler's time where there is one; seconds are the whole process's,
with start, evaluations and saving. Medians over the seeds; memory is that of all processes together. What costs time and memory alone runs once."""


def as_markdown(results: Results, plan: Plan, machine: str) -> str:
    """Make the table and what follows from it, with the machine; and say what was not measured, and what measures it."""
    rows = [
        "| device | what | steps | words/s | seconds | peak memory | best F on dev, each seed | mean | never learned from |"
    ]
    rows += ["| --- | --- | ---: | ---: | ---: | ---: | --- | ---: | --- |"]
    rows += [_row(line, results.device_name) for line in results.lines]
    missing = [] if plan.device == "cuda" else ["GPU"]
    missing += [f"GPU, {limit} GB" for limit in LIMITS if limit not in plan.limits]
    rows += [f"| {device} | each of these | | not yet measured | | | | | |" for device in missing]
    unlimited = {line.what: line for line in results.lines if not line.limit}
    notes = _ratios(unlimited) + _options(unlimited)
    shares = ", ".join(f"{who} {100 * share:.0f} %" for who, share in results.padding.items())
    notes.append(f"Padding, of all that the transformer computes in an epoch: {shares}.")
    if plan.limits:
        notes.append(
            "With less GPU memory: torch may take no more, for a transformer of roberta-base's size with random weights and one seed."
        )
    if missing:
        notes.append(f"Not yet measured: `{COMMAND}` does it, on a machine with an NVIDIA GPU.")
    intro = f"{machine} Corpus: {results.corpus}; {plan.epochs} epoch{'s' if plan.epochs > 1 else ''}. {' '.join(MEANING.split())}"
    return "\n".join([intro, "", *rows, "", *(f"- {note}" for note in notes)]) + "\n"


def _row(line: Line, device: str) -> str:
    where = f"{device}, {line.limit} GB of it" if line.limit else device
    if not line.runs:
        return f"| {where} | {line.what} | | out of memory | | | | | |"
    one, most = line.runs[0], max(run.workers for run in line.runs)
    what = f"{line.what}, {most} workers" if most > 1 else line.what
    memory = f"{line.median('peak_mb'):,.0f} MB" + (
        f", GPU {line.median('gpu_mb'):,.0f} MB" if one.gpu_mb is not None else ""
    )
    figures = (
        f"{one.steps:,} | {line.median('words_per_second'):,.0f} | {line.median('seconds'):,.1f} | {memory}"
    )
    best = ", ".join(f"{100 * run.best_f:.2f}" for run in line.runs)
    unseen = (
        ", ".join(
            f"{count:,} {name}" for count, name in ((one.dropped, "documents"), (one.cut, "words")) if count
        )
        or "nothing"
    )
    return f"| {where} | {what} | {figures} | {best} | {_mean_f(line):.2f} | {unseen} |"


def _ratios(lines: dict[str, Line]) -> list[str]:
    """Say how fast each of ours is beside the others."""
    notes = []
    for ours in (lines[OURS], lines[RECIPE]):
        beside = []
        for other in (lines[SPACY], lines[TRAINER]):
            speed, seconds = (
                ours.median(name) / other.median(name) for name in ("words_per_second", "seconds")
            )
            beside.append(
                f"{speed:.2g} times the words/s of {other.what} ({1 / seconds:.2g} from start to end)"
            )
        notes.append(f"{ours.what}: {', '.join(beside)}.")
    return notes


def _options(lines: dict[str, Line]) -> list[str]:
    """Say what each option does to training all layers alike."""
    notes = []
    for what in [what for what in lines if what in OPTIONS and what != OURS]:
        speed, memory = (
            lines[what].median(name) / lines[OURS].median(name) for name in ("words_per_second", "peak_mb")
        )
        gain = "" if what in ONCE else f", a mean F {_mean_f(lines[what]) - _mean_f(lines[OURS]):+.1f}"
        notes.append(
            f"{what}, beside all layers alike: {speed:.2g} times the words/s, {memory:.2g} times the memory{gain}."
        )
    return notes


def _mean_f(line: Line) -> float:
    return 100 * statistics.mean(run.best_f for run in line.runs)


def chart(lines: list[Line]) -> tuple[list[str], list[Measure]]:
    """Return the names and the groups of a bar chart of the runs in all the memory there is."""
    own = [line for line in lines if not line.limit and line.what in SHORT]

    def measure(name: str, values: list[float], form: str) -> Measure:
        return Measure(name, tuple(values), tuple(form.format(value) for value in values))

    return [SHORT[line.what] for line in own], [
        measure(
            "words/s of the steps (higher)", [line.median("words_per_second") for line in own], "{:,.0f}"
        ),
        measure("start to end (lower)", [line.median("seconds") for line in own], "{:,.0f} s"),
        measure("peak memory (lower)", [line.median("peak_mb") for line in own], "{:,.0f} MB"),
        measure("best F, mean (higher)", [_mean_f(line) for line in own], "{:.1f}"),
        measure("best F on dev, mean (higher)", [_mean_f(line) for line in own], "{:.1f}"),
    ]
