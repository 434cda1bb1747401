"""Make raw files of any number of documents from the demo corpus, and column files from another."""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from spacy.pipeline import Sentencizer

from scripts.benchmarks.measure import measure
from scripts.corpus.tokenizer import load_tokenizer
from scripts.formats.registry import read_records
from scripts.formats.words import iob2_tags

HELD_OUT = 100
"""Documents in the small dev and test files."""
SENTENCES = 4
"""Sentences of a made document: as many tokens (57) as the demo corpus's documents have."""

Sentence = tuple[str, list[tuple[int, int, str]], list[str], list[str]]
"""Text, entities in characters, tokens, and an IOB2 tag for each token."""


def demo_sentences(folder: Path) -> list[Sentence]:
    """Cut the demo corpus into its sentences; sentences that an entity crosses stay together."""
    tokenizer, sentencizer = load_tokenizer("en"), Sentencizer()
    sentences = []
    for path in sorted(folder.glob("*.jsonl")):
        for record in read_records(path):
            doc = sentencizer(tokenizer(record.text))
            doc.ents = [doc.char_span(span.start, span.end, span.label) for span in record.spans]
            starts = [token.i for token in doc if token.is_sent_start and token.ent_iob_ != "I"]
            for start, end in zip(starts, [*starts[1:], len(doc)], strict=True):
                part = doc[start:end].as_doc()
                kept = [token for token in part if not token.is_space]
                if kept and not part[0].is_space:
                    spans = [(ent.start_char, ent.end_char, ent.label_) for ent in part.ents]
                    tags = [f"{token.ent_iob_}-{token.ent_type_}".rstrip("-") for token in kept]
                    sentences.append((part.text.rstrip(), spans, [token.text for token in kept], tags))
    return sentences


def write_jsonl(path: Path, sentences: list[Sentence], documents: int) -> None:
    """Write documents of randomly chosen sentences (seeded, so the same each time), with ids and spans."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for number, chosen in enumerate(_chosen(sentences, documents)):
            text, spans = "", []
            for part, own, _, _ in chosen:
                spans += [
                    {"start": start + len(text), "end": end + len(text), "label": label}
                    for start, end, label in own
                ]
                text += part + " "
            file.write(
                json.dumps({"id": f"d{number}", "text": text.rstrip(), "spans": spans}, ensure_ascii=False)
                + "\n"
            )


def write_columns(path: Path, sentences: list[Sentence], documents: int) -> None:
    """Write sentences, each a document, as two columns."""
    chosen = random.Random(0)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for _ in range(documents):
            _, _, words, tags = chosen.choice(sentences)
            file.write("".join([f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True)]) + "\n")


def corpus_files(columns: Path | None, demo: Path) -> dict[str, Path]:
    """Return each split's file of a folder of column files, or of the demo corpus."""
    return {
        split: (columns or demo) / f"{split}.{'conll' if columns else 'jsonl'}"
        for split in ("train", "dev", "test")
    }


def made_files(work: Path, sentences: list[Sentence], documents: int) -> dict[str, Path]:
    """Write column files of so many documents in train and a few in dev and test."""
    paths = {split: work / f"{split}-{documents}.conll" for split in ("train", "dev", "test")}
    for path, size in zip(paths.values(), (documents, HELD_OUT, HELD_OUT), strict=True):
        write_columns(path, sentences, size)
    return paths


def build_corpus(folder: Path, paths: dict[str, Path]) -> Path:
    """Preprocess files; return the corpus's folder."""
    measure(
        [
            sys.executable,
            "-m",
            "scripts.preprocess",
            *(f"--{split}={path}" for split, path in paths.items()),
            f"--output={folder}",
        ]
    )
    return folder


def _chosen(sentences: list[Sentence], documents: int) -> Iterator[list[Sentence]]:
    chosen = random.Random(0)
    return (chosen.choices(sentences, k=SENTENCES) for _ in range(documents))


def column_sentences(folder: Path) -> list[Sentence]:
    """Read the sentences of column files."""
    sentences = []
    for path in sorted(folder.glob("*.conll")):
        for record in read_records(path, "columns"):
            sentences.append((record.text, [], list(record.words), iob2_tags(record)))
    return sentences
