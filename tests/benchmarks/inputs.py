"""Make raw files of any number of documents, of the sentences of the demo corpus or of column files."""

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import spacy
import srsly
from spacy.tokens import Doc

from tests.benchmarks.measure import run_python
from tests.benchmarks.report import Options

SPLITS = ("train", "dev", "test")
HELD_OUT = 100
"""Documents in the small dev and test files."""
SENTENCES = 4
"""Sentences of a JSONL document: as many tokens (57) as the demo corpus's documents have."""


def demo_sentences(folder: Path) -> Iterator[Doc]:
    """Cut the demo corpus into its sentences; those that an entity crosses stay together."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    for path in sorted(folder.glob("*.jsonl")):
        for row in srsly.read_jsonl(path):
            doc = nlp(row["text"])
            spans = [doc.char_span(span["start"], span["end"], span["label"]) for span in row["spans"]]
            doc.ents = [span for span in spans if span is not None]
            for token in doc:
                token.is_sent_start = token.is_sent_start and token.ent_iob_ != "I"
            yield from (sentence.as_doc() for sentence in doc.sents if sentence.text.strip())


def column_sentences(options: Options) -> Iterator[Doc]:
    """Read the sentences of .conll files with the token first and the tag last, or the demo's."""
    if options.columns is None:
        return demo_sentences(options.demo)
    vocab = spacy.blank("en").vocab
    parts = (part for path in sorted(options.columns.glob("*.conll")) for part in blocks(path))
    rows = ([line.split() for line in part.splitlines()] for part in parts)
    return (Doc(vocab, words=[row[0] for row in own], ents=[row[-1] for row in own]) for own in rows)


def blocks(path: Path) -> list[str]:
    """Return what stands between empty lines."""
    return re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip())


def make_jsonl(sentences: Iterator[Doc]) -> Callable[[int], Iterator[str]]:
    """Return what makes JSONL of randomly chosen sentences (the same each time), with ids and spans."""
    known = [
        (doc.text.rstrip(), [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents])
        for doc in sentences
    ]

    def make(documents: int) -> Iterator[str]:
        draw = random.Random(0)
        for number in range(documents):
            text, spans = "", []
            for part, ents in draw.choices(known, k=SENTENCES):
                for start, end, label in ents:
                    spans.append({"start": len(text) + start, "end": len(text) + end, "label": label})
                text += part + " "
            row = {"id": f"d{number}", "text": text.rstrip(), "spans": spans}
            yield json.dumps(row, ensure_ascii=False) + "\n"

    return make


def make_columns(sentences: Iterator[Doc]) -> Callable[[int], Iterator[str]]:
    """Return what makes two columns of randomly chosen sentences, each a document."""
    lines = (
        [
            f"{token.text}\t{token.ent_iob_}-{token.ent_type_}".rstrip("-")
            for token in doc
            if not token.is_space
        ]
        for doc in sentences
    )
    blocks = ["\n".join(block) + "\n\n" for block in lines if block]

    def make(documents: int) -> Iterator[str]:
        draw = random.Random(0)
        return (draw.choice(blocks) for _ in range(documents))

    return make


def write_splits(
    folder: Path, ending: str, make: Callable[[int], Iterator[str]], documents: int
) -> dict[str, Path]:
    """Write so many documents to train and a few to dev and test."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {split: folder / f"{split}.{ending}" for split in SPLITS}
    for path, size in zip(paths.values(), (documents, HELD_OUT, HELD_OUT), strict=True):
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(make(size))
    return paths


def corpus_files(options: Options, work: Path) -> dict[str, Path]:
    """Return each split's file of the column files, or of the demo; small: of their first documents."""
    folder, ending = (options.columns, "conll") if options.columns else (options.demo, "jsonl")
    files = {split: folder / f"{split}.{ending}" for split in SPLITS}
    if not options.small:
        return files
    work.mkdir(parents=True, exist_ok=True)
    for path in files.values():
        text = path.read_text(encoding="utf-8")
        first = "\n\n".join(blocks(path)[:40]) if options.columns else "\n".join(text.splitlines()[:40])
        (work / path.name).write_text(first + "\n", encoding="utf-8", newline="\n")
    return {split: work / path.name for split, path in files.items()}


def build_corpus(folder: Path, files: dict[str, Path | str]) -> dict[str, float | None]:
    """Preprocess files; return the figures, with the tokens of all splits."""
    given = [f"--{split}={path}" for split, path in files.items()]
    figures = run_python("-m", "scripts.preprocess", *given, f"--output={folder}")
    return figures | {"tokens": count(folder, "tokens", *SPLITS)}


def count(corpus: Path, what: str, *splits: str) -> int:
    """Add up documents or tokens by the manifests."""
    return sum(srsly.read_json(corpus / split / "manifest.json")[what] for split in splits)
