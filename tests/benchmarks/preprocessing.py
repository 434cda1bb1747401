"""Preprocessing beside `spacy convert`."""

import shutil
from functools import partial
from pathlib import Path

import spacy
from spacy.tokens import DocBin

from scripts.cli import UserError
from tests.benchmarks import inputs
from tests.benchmarks.measure import run_python
from tests.benchmarks.report import Options, Report, Row, ratio

SIZES = (10_000, 100_000, 1_000_000)
REPEATS_UP_TO = 100_000
"""Larger inputs are measured once, and without spaCy, which would need 15 GB for a million documents."""
OURS, DRAWN, CONVERT = "preprocess", "preprocess, dev and test drawn", "spacy convert -c ner -n 1"
COLUMNS = {
    "input": "{input}",
    "documents": "{documents:,}",
    "what": "{what}",
    "seconds": "{seconds:,.1f}",
    "tokens/s": "{tokens_per_second:,.0f}",
    "peak memory": "{peak_mb:,.0f} MB",
}


def run(report: Report, options: Options) -> None:
    """Make inputs of each size, measure, and delete them again."""
    report.intro = "Medians; memory is that of all processes together. Tokens/s include the start."
    jsonl = inputs.make_jsonl(inputs.demo_sentences(options.demo))
    columns = inputs.make_columns(inputs.column_sentences(options))
    name = f"columns ({options.corpus_name})"
    for size in options.documents or SIZES:
        work, repeats = report.work / f"{size}", options.repeats if size <= REPEATS_UP_TO else 1
        files = inputs.write_splits(work / "jsonl", "jsonl", jsonl, size)
        runs = {
            OURS: partial(preprocess, work / "out", files),
            DRAWN: partial(preprocess, work / "drawn", files | {"dev": "", "test": ""}),
        }
        report.compare("preprocessing", COLUMNS, {"input": "JSONL", "documents": size}, runs, repeats)
        files = inputs.write_splits(work / "columns", "conll", columns, size)
        runs = {OURS: partial(preprocess, work / "out", files)}
        if size <= REPEATS_UP_TO:
            runs[CONVERT] = partial(convert, work, files["train"])
        rows = report.compare("preprocessing", COLUMNS, {"input": name, "documents": size}, runs, repeats)
        times = ratio(rows, "seconds", CONVERT, OURS)
        if times is not None:
            report.note(f"{size:,} documents: {times:.3g} times `spacy convert`'s speed.")
        shutil.rmtree(work)


def preprocess(corpus: Path, files: dict[str, Path | str], _: int) -> Row:
    """Preprocess by this project."""
    shutil.rmtree(corpus, ignore_errors=True)
    figures = inputs.build_corpus(corpus, files)
    return figures | {"tokens_per_second": figures["tokens"] / figures["seconds"]}


def convert(work: Path, train: Path, _: int) -> Row:
    """Convert train by spaCy. Raises UserError where that makes other documents than ours."""
    (work / "convert").mkdir(exist_ok=True)
    figures = run_python("-m", "spacy", "convert", str(train), str(work / "convert"), "-c", "ner", "-n", "1")
    ours = documents(sorted((work / "out" / "train").glob("*.spacy")))
    if ours != documents([work / "convert" / "train.spacy"]):
        raise UserError(
            f"{work / 'convert' / 'train.spacy'} has other documents than {work / 'out' / 'train'}"
        )
    tokens = inputs.count(work / "out", "tokens", *inputs.SPLITS)
    return figures | {"tokens": tokens, "tokens_per_second": tokens / figures["seconds"]}


def documents(paths: list[Path]) -> list[tuple]:
    """Return the words and entities of each document."""
    vocab = spacy.blank("en").vocab
    docs = (doc for path in paths for doc in DocBin().from_disk(path).get_docs(vocab))
    return [
        ([token.text for token in doc], [(ent.start, ent.end, ent.label_) for ent in doc.ents])
        for doc in docs
    ]
