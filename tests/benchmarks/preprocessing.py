"""Preprocessing beside `spacy convert`."""

import shutil
from pathlib import Path

import spacy
from spacy.tokens import DocBin

from scripts.cli import UserError
from tests.benchmarks import inputs
from tests.benchmarks.measure import run_python
from tests.benchmarks.report import FIGURES, Options, Report, Row, command

SIZES = (10_000, 100_000, 1_000_000)
REPEATS_UP_TO = 100_000
"""Larger inputs are measured once, and without spaCy, which would need 15 GB for a million documents."""
OURS, DRAWN, CONVERT = "preprocess", "preprocess, dev and test drawn", "spacy convert -c ner -n 1"
COLUMNS = {"input": "{input}", "documents": "{documents:,}"} | FIGURES


def run(report: Report, options: Options) -> None:
    """Make inputs of each size, measure, and delete them again."""
    jsonl = inputs.make_jsonl(inputs.demo_sentences(options.demo))
    columns = inputs.make_columns(inputs.column_sentences(options))
    for size in options.documents or SIZES:
        work, repeats = report.work / f"{size}", options.repeats if size <= REPEATS_UP_TO else 1
        files = inputs.write_splits(work / "jsonl", "jsonl", jsonl, size)
        drawn = files | {"dev": "", "test": ""}
        runs = {
            OURS: command(*inputs.preprocess(files, work / "out")),
            DRAWN: command(*inputs.preprocess(drawn, work / "drawn")),
        }
        report.compare("preprocessing", COLUMNS, {"input": "JSONL", "documents": size}, runs, repeats)
        files = inputs.write_splits(work / "columns", "conll", columns, size)
        runs = {OURS: command(*inputs.preprocess(files, work / "out"))}
        if size <= REPEATS_UP_TO:
            runs[CONVERT] = lambda _, work=work: convert(work)
        labels = {"input": f"columns ({options.corpus_name})", "documents": size}
        rows = report.compare("preprocessing", COLUMNS, labels, runs, repeats)
        report.note_times(rows, f"columns, {size:,} documents", OURS, CONVERT)
        shutil.rmtree(work)


def convert(work: Path) -> Row:
    """Convert train by spaCy. Raises UserError where that makes other documents than ours."""
    train, output = work / "columns" / "train.conll", work / "convert"
    output.mkdir(exist_ok=True)
    figures = run_python("-m", "spacy", "convert", str(train), str(output), "-c", "ner", "-n", "1")
    if documents(sorted((work / "out" / "train").glob("*.spacy"))) != documents([output / "train.spacy"]):
        raise UserError(f"{output / 'train.spacy'} has other documents than {work / 'out' / 'train'}")
    return figures


def documents(paths: list[Path]) -> list[tuple]:
    """Return the words and entities of each document."""
    vocab = spacy.blank("en").vocab
    docs = (doc for path in paths for doc in DocBin().from_disk(path).get_docs(vocab))
    return [
        ([token.text for token in doc], [(ent.start, ent.end, ent.label_) for ent in doc.ents])
        for doc in docs
    ]
