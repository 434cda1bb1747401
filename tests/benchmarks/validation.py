"""Validation beside `spacy debug data`: time, memory, and when the first finding is on screen."""

from tests.benchmarks import inputs, trainings
from tests.benchmarks.preprocessing import REPEATS_UP_TO
from tests.benchmarks.report import FIGURES, Options, Report, command

OURS, BOTH, SPACY = "validate, cpu config", "validate, cpu and gpu configs", "spacy debug data, cpu config"
COLUMNS = {"corpus": "{corpus}", "documents": "{documents:,}"} | FIGURES
COLUMNS["first finding after"] = "{first:,.1f} s"


def run(report: Report, options: Options) -> None:
    """Validate the corpus as it is, and one of each size, with the configs of spaCy's quickstart.

    That for a GPU drops documents, which is an error, and an exit code of 1.
    """
    configs = trainings.write_quickstarts(report.work / "configs")
    columns = inputs.make_columns(inputs.column_sentences(options))
    for size in (0, *(options.documents or (100_000,))):
        work, is_small = report.work / f"{size}", size <= REPEATS_UP_TO
        made = (
            inputs.write_splits(work, "conll", columns, size) if size else inputs.corpus_files(options, work)
        )
        corpus = inputs.build_corpus(made, work / "corpus")
        data = [f"{split}={corpus / split}" for split in ("train", "dev")]
        ours = ["scripts.validate", *(f"--{option}" for option in data), f"--config={configs / 'cpu.cfg'}"]
        runs = {
            OURS: command(*ours, codes=(0, 1), until=" NER"),
            BOTH: command(*ours, f"--config={configs / 'gpu.cfg'}", codes=(0, 1), until=" NER"),
        }
        if is_small:
            paths = [f"--paths.{option}" for option in data]
            runs[SPACY] = command("spacy", "debug", "data", configs / "cpu.cfg", *paths, codes=(0, 1))
        name = f"{size:,} documents" if size else options.corpus_name
        labels = {"corpus": name, "documents": inputs.documents_of(corpus)}
        rows = report.compare("validation", COLUMNS, labels, runs, options.repeats if is_small else 1)
        report.note_times(rows, name, OURS, SPACY)
