"""Validation beside `spacy debug data`: time, memory, and when the first finding is on screen."""

from functools import partial
from pathlib import Path

from tests.benchmarks import inputs, trainings
from tests.benchmarks.measure import run_python
from tests.benchmarks.preprocessing import REPEATS_UP_TO
from tests.benchmarks.report import Options, Report, Row, ratio

OURS, BOTH, SPACY = "validate, cpu config", "validate, cpu and gpu configs", "spacy debug data, cpu config"
COLUMNS = {
    "corpus": "{corpus}",
    "documents": "{documents:,}",
    "what": "{what}",
    "seconds": "{seconds:,.1f}",
    "first finding after": "{first:,.1f} s",
    "peak memory": "{peak_mb:,.0f} MB",
}


def run(report: Report, options: Options) -> None:
    """Validate the corpus as it is, and one of each size."""
    report.intro = "Medians; memory is that of all processes together."
    cpu, gpu = trainings.write_quickstarts(report.work / "configs")
    columns = inputs.make_columns(inputs.column_sentences(options))
    for size in (0, *(options.documents or (100_000,))):
        work, is_small = report.work / f"{size}", size <= REPEATS_UP_TO
        made = (
            inputs.write_splits(work, "conll", columns, size) if size else inputs.corpus_files(options, work)
        )
        inputs.build_corpus(work / "corpus", made)
        name = f"{size:,} documents" if size else options.corpus_name
        data = [f"--{split}={work / 'corpus' / split}" for split in ("train", "dev")]
        runs = {OURS: partial(validate, data, cpu), BOTH: partial(validate, data, cpu, gpu)}
        if is_small:
            runs[SPACY] = partial(debug_data, data, cpu)
        labels = {"corpus": name, "documents": inputs.count(work / "corpus", "documents", "train")}
        rows = report.compare("validation", COLUMNS, labels, runs, options.repeats if is_small else 1)
        times = ratio(rows, "seconds", SPACY, OURS)
        if times is not None:
            report.note(f"{name}: {times:.2g} times as fast as `spacy debug data` with the same config.")


def validate(data: list[str], *configs_and_number: Path | int) -> Row:
    """Validate for some configs; that of the quickstart for a GPU drops documents, which is an error."""
    configs = [f"--config={path}" for path in configs_and_number[:-1]]
    return run_python("-m", "scripts.validate", *configs, *data, codes=(0, 1), until=" NER")


def debug_data(data: list[str], config: Path, _: int) -> Row:
    """Run `spacy debug data`."""
    paths = [option.replace("--", "--paths.") for option in data]
    return run_python("-m", "spacy", "debug", "data", str(config), *paths, codes=(0, 1))
