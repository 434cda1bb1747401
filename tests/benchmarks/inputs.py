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
Make = Callable[[int], Iterator[str]]
"""What makes the text of so many documents of randomly chosen sentences, the same each time."""


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
        yield from demo_sentences(options.demo)
        return
    vocab = spacy.blank("en").vocab
    for path in sorted(options.columns.glob("*.conll")):
        for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip()):
            rows = [line.split() for line in block.splitlines()]
            yield Doc(vocab, words=[row[0] for row in rows], ents=[row[-1] for row in rows])


def make_jsonl(sentences: Iterator[Doc]) -> Make:
    """Return what makes JSONL, with ids and spans."""
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


def make_columns(sentences: Iterator[Doc]) -> Make:
    """Return what makes columns of tokens and tags; each sentence is a document."""
    tokens = ([token for token in doc if not token.is_space] for doc in sentences)
    rows = ([f"{token}\t{token.ent_iob_}-{token.ent_type_}".rstrip("-") for token in own] for own in tokens)
    blocks = ["\n".join(own) + "\n\n" for own in rows if own]

    def make(documents: int) -> Iterator[str]:
        draw = random.Random(0)
        return (draw.choice(blocks) for _ in range(documents))

    return make


def write_splits(folder: Path, ending: str, make: Make, documents: int) -> dict[str, Path]:
    """Write so many documents to train and a few to dev and test."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {split: folder / f"{split}.{ending}" for split in SPLITS}
    for path, size in zip(paths.values(), (documents, HELD_OUT, HELD_OUT), strict=True):
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(make(size))
    return paths


def corpus_files(options: Options, work: Path) -> dict[str, Path]:
    """Return each split's file of the column files, or of the demo; small: a few documents."""
    if options.small:
        return write_splits(work, "conll", make_columns(column_sentences(options)), HELD_OUT)
    folder, ending = (options.columns, "conll") if options.columns else (options.demo, "jsonl")
    return {split: folder / f"{split}.{ending}" for split in SPLITS}


def preprocess(files: dict[str, Path | str], corpus: Path) -> list[str]:
    """Return the arguments that preprocess files."""
    return [
        "scripts.preprocess",
        *(f"--{split}={path}" for split, path in files.items()),
        f"--output={corpus}",
    ]


def build_corpus(files: dict[str, Path], corpus: Path) -> Path:
    """Preprocess files; return the corpus's folder."""
    run_python("-m", *preprocess(files, corpus))
    return corpus


def documents_of(corpus: Path) -> int:
    """Return how many documents train has."""
    return srsly.read_json(corpus / "train" / "manifest.json")["documents"]
