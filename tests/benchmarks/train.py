"""Training beside `spacy train`: speed, quality, and memory as the corpus grows."""

import shutil
from collections.abc import Callable

from confection import Config

from scripts.cli import physical_cores
from tests.benchmarks import inputs
from tests.benchmarks.report import Options, Report, Row, ratio
from tests.benchmarks.trainings import Place, quickstart, set_budget, train_ours, train_spacy

OURS, SPACY, STREAMED = "1 process", "spacy train", "1 process, streamed"
CONSTANT = 4000
"""Words a batch, where that is constant. The quickstart's batches grow from 100 words to 1,000."""
SIZES = (10_000, 100_000, 1_000_000)
SPACY_UP_TO = 100_000
"""Documents of the largest corpus that `spacy train` gets, too."""
SHORT = 200
"""Steps where memory is measured."""


def each(figure: str) -> Callable[[Row], str]:
    """Return what makes a cell of a share of each run, in percent."""
    return lambda row: ", ".join(f"{100 * run[figure]:.2f}" for run in row["runs"])


FIGURES = {"what": "{what}", "seconds": "{seconds:,.1f}", "peak memory": "{peak_mb:,.0f} MB"}
SPEEDS = {
    "batches": "{batches}",
    **FIGURES,
    "words/s": "{words_per_second:,.0f}",
    "best F on dev, each seed": each("best_f"),
}
MEMORY = {"documents": "{documents:,}", "tokens": "{tokens:,}", **FIGURES}


def run(report: Report, options: Options) -> None:
    """Train by spaCy's quickstart config for a CPU, with one process, with all, and by spaCy."""
    report.intro = (
        f"Corpus: {options.corpus_name}. Medians over the seeds; memory is that of all processes together. "
        "Words/s are those of steps alone; seconds the whole process's, with start, evaluations and saving."
    )
    place = Place(report.work, report.work / "corpus", deadline=report.deadline)
    inputs.build_corpus(place.corpus, inputs.corpus_files(options, report.work / "raw"))
    growing, constant = quickstart("cpu"), quickstart("cpu")
    constant["training"]["batcher"]["size"] = CONSTANT
    few = max(1, options.steps // 16)
    compare(report, options, place, f"quickstart's, {options.steps:,} steps", growing, options.steps)
    compare(report, options, place, f"{CONSTANT:,} words, {few:,} steps", constant, few)
    for size in options.documents or SIZES:
        compare_memory(report, options, size)


def compare(report: Report, options: Options, place: Place, batches: str, config: Config, steps: int) -> None:
    """Train with the same seeds and steps."""

    def train(workers: int, seed: int) -> Row:
        return train_ours(set_budget(config, place, steps, seed), place, workers=workers)

    cores = max(2, physical_cores())
    runs = {
        OURS: lambda seed: train(1, seed),
        f"{cores} processes": lambda seed: train(cores, seed),
        SPACY: lambda seed: train_spacy(set_budget(config, place, steps, seed), place),
    }
    rows = report.compare("speeds", SPEEDS, {"batches": batches}, runs, options.repeats)
    for what in (OURS, f"{cores} processes"):
        speed, whole = ratio(rows, "words_per_second", what, SPACY), ratio(rows, "seconds", SPACY, what)
        if speed is not None:
            times = f"{speed:.2g} times the words/s of `{SPACY}` ({whole:.2g} from start to end)"
            report.note(f"{batches}: {what}, {times}.")


def compare_memory(report: Report, options: Options, size: int) -> None:
    """Train for some steps on a corpus of some size, ours reading it from disk, and delete it again."""
    place = Place(report.work / f"{size}", report.work / f"{size}" / "corpus", deadline=report.deadline)
    columns = inputs.make_columns(inputs.column_sentences(options))
    inputs.build_corpus(place.corpus, inputs.write_splits(place.work, "conll", columns, size))
    config = set_budget(quickstart("cpu"), place, min(SHORT, options.steps), seed=0)
    runs = {STREAMED: lambda _: train_ours(stream(config), place)}
    if size <= SPACY_UP_TO:
        runs[SPACY] = lambda _: train_spacy(config, place)
    labels = {"documents": size, "tokens": inputs.count(place.corpus, "tokens", "train")}
    report.compare("memory", MEMORY, labels, runs)
    shutil.rmtree(place.work)


def stream(config: Config) -> Config:
    """Return a copy that reads train from disk in each epoch."""
    copy = Config().from_str(config.to_str(), interpolate=False)
    reader = {"@readers": "ner_template.shards.v1", "path": "${paths.train}", "seed": "${system.seed}"}
    copy["corpora"]["train"] = reader | {"shuffle": True}
    copy["training"]["max_epochs"] = -1
    labels = {"@readers": "spacy.read_labels.v1", "path": "${paths.train}/labels.json", "require": True}
    copy["initialize"]["components"]["ner"] = {"labels": labels}
    return copy
