"""How much of what a transformer computes is padding: in `spacy train`'s batches, in those of Hugging Face's Trainer, and in ours."""

import random
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import numpy
import spacy
from spacy.tokens import DocBin
from spacy_transformers.span_getters import configure_strided_spans, get_doc_spans
from transformers import AutoConfig, AutoTokenizer

from scripts.training.encoder import ALL
from scripts.training.passes import group
from scripts.training.pieces import PieceReader

WINDOW, STRIDE = 128, 96
"""Words of a window, and from each to the next: the quickstart's and ours."""


def padding_shares(
    corpus: Path, model: str, *, ours: list[list[int]], stock: list[list[int]], batch: int
) -> dict[str, float]:
    """Return the shares of padding in an epoch, by who pads. ours, stock: batches of documents. batch: documents of a batch of the Trainer."""
    windows = window_lengths(corpus, model, configure_strided_spans(WINDOW, STRIDE))
    whole = window_lengths(corpus, model, get_doc_spans)
    order = random.Random(0).sample(range(len(whole)), len(whole))
    return {
        "spacy train": share(_joined(windows, own) for own in stock),
        "Hugging Face Trainer": share(
            _joined(whole, order[start : start + batch]) for start in range(0, len(order), batch)
        ),
        "ours on a CPU": 0.0,
        "ours on a GPU": share(
            lengths[own]
            for lengths in (_joined(windows, each) for each in ours)
            for own in group(lengths, ALL)
        ),
    }


def window_lengths(corpus: Path, model: str, spans: object) -> list[numpy.ndarray]:
    """Return the word pieces of each window of each document of train."""
    vocab = spacy.blank("en").vocab
    docs = [
        doc
        for path in sorted((corpus / "train").glob("*.spacy"))
        for doc in DocBin().from_disk(path).get_docs(vocab)
    ]
    shape = SimpleNamespace(config=AutoConfig.from_pretrained(model))
    read = PieceReader(
        SimpleNamespace(
            tokenizer=AutoTokenizer.from_pretrained(model), attrs={"get_spans": spans}, transformer=shape
        )
    )
    return [own.lengths for own in read(docs)]


def share(groups: Iterable[numpy.ndarray]) -> float:
    """Return how much of what is computed is padding where the windows of a group are as long as its longest. groups: word pieces of windows."""
    real = padded = 0
    for lengths in groups:
        real += int(lengths.sum())
        padded += len(lengths) * int(lengths.max(initial=0))
    return round(1.0 - real / padded, 4) if padded else 0.0


def _joined(lengths: list[numpy.ndarray], documents: list[int]) -> numpy.ndarray:
    return numpy.concatenate([lengths[i] for i in documents])
