"""Training beside `spacy train`: speed, quality, and memory as the corpus grows."""

import shutil
from collections.abc import Callable
from functools import partial

from confection import Config

from scripts.cli import physical_cores
from tests.benchmarks import inputs
from tests.benchmarks import trainings as t
from tests.benchmarks.report import FIGURES, Options, Report, Row

OURS, SPACY = "1 process", "spacy train"
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


WORDS = {"words/s": "{words_per_second:,.0f}"}
SPEEDS = {"batches": "{batches}"} | FIGURES | WORDS | {"best F on dev, each seed": each("best_f")}
MEMORY = {"documents": "{documents:,}"} | FIGURES


def run(report: Report, options: Options) -> None:
    """Train by spaCy's quickstart config for a CPU, with one process, with all, and by spaCy."""
    report.intro = (
        f"Corpus: {options.corpus_name}. Medians over the seeds; memory is that of all processes together. "
        "Words/s are those of the training, evaluations included; seconds the whole process's."
    )
    corpus = inputs.build_corpus(inputs.corpus_files(options, report.work), report.work / "corpus")
    place = t.Place(corpus, deadline=report.deadline)
    constant = t.quickstart("cpu")
    constant["training"]["batcher"]["size"] = CONSTANT
    compare(report, place, options.repeats, "quickstart's", t.quickstart("cpu"), options.steps)
    compare(report, place, options.repeats, f"{CONSTANT:,} words", constant, max(4, options.steps // 16))
    columns = inputs.make_columns(inputs.column_sentences(options))
    for size in options.documents or SIZES:
        work = report.work / f"{size}"
        corpus = inputs.build_corpus(inputs.write_splits(work, "conll", columns, size), work / "corpus")
        place = t.Place(corpus, deadline=report.deadline)
        config = t.set_budget(t.quickstart("cpu"), place, 0, every=SHORT // 4)
        runs = {
            "1 process, streamed": lambda _, place=place, config=config: t.train(
                t.OURS, stream(config), place
            )
        }
        if size <= SPACY_UP_TO:
            runs[SPACY] = lambda _, place=place, config=config: t.train(t.SPACY, config, place)
        report.compare("memory", MEMORY, {"documents": size}, runs, 1)
        shutil.rmtree(work)


def compare(report: Report, place: t.Place, repeats: int, batches: str, config: Config, steps: int) -> None:
    """Train with the same seeds and steps."""

    def train(is_ours: bool, options: dict[str, int | str], seed: int) -> Row:
        return t.train(is_ours, t.set_budget(config, place, seed, every=steps // 4), place, **options)

    cores = max(2, physical_cores())
    runs = {
        OURS: partial(train, t.OURS, {}),
        f"{cores} processes": partial(train, t.OURS, {"workers": cores}),
        SPACY: partial(train, t.SPACY, {}),
    }
    rows = report.compare("speeds", SPEEDS, {"batches": f"{batches}, {steps:,} steps"}, runs, repeats)
    for ours in list(runs)[:-1]:
        report.note_times(rows, batches, ours, SPACY)


def stream(config: Config) -> Config:
    """Return a copy that reads train from disk in each epoch."""
    copy = config.copy()
    reader = {"@readers": "ner_template.shards.v1", "path": "${paths.train}", "seed": "${system.seed}"}
    copy["corpora"]["train"] = reader | {"shuffle": True}
    copy["training"]["max_epochs"] = -1
    labels = {"@readers": "spacy.read_labels.v1", "path": "${paths.train}/labels.json", "require": True}
    copy["initialize"]["components"]["ner"] = {"labels": labels}
    return copy
