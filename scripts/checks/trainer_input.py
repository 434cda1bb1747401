"""What reaches a config's trainer in the first epoch, once reader and batcher have had their way."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy

from scripts.checks.reading import COLUMNS, read_whole
from scripts.checks.stats import CorpusFinding, Stats
from scripts.checks.training_config import TrainingConfig
from scripts.checks.wordpieces import unknown_words


class TrainerInput(NamedTuple):
    """What reaches a trainer or an evaluation: documents at least in part, tokens, entities; batches."""

    documents: int
    tokens: int
    entities: int
    batches: int = 0


def trainer_input(
    config: TrainingConfig, split: str, stats: Stats, name: str
) -> tuple[TrainerInput, list[CorpusFinding]]:
    """Let a config's batcher have what its reader made of a split; return what arrives, and what does not.

    name: of the configs that read alike; the reader of any other is run here.
    """
    rows, failures = (stats.inputs[name], []) if name else read_whole(config, split)
    examples = numpy.array(rows, dtype=numpy.int32).reshape(-1, len(COLUMNS))
    lost = [CorpusFinding(split, one.detail, slug=one.slug) for one in failures]
    limit = config.readers[split].limit if name else 0
    if limit >= 1:
        filled = numpy.flatnonzero(numpy.array(stats.lengths))
        kept = _limited(stats.starts, filled, limit)
        if len(kept) < len(filled):
            detail = f"limit = {limit}: {len(kept):,} of {stats.documents:,} documents are read"
            lost.append(CorpusFinding(split, detail, slug="limit"))
        examples = examples[numpy.isin(examples[:, 0], kept)]
    batches: list[list[int]] = []
    if split == "train":
        batches = config.first_epoch(examples[:, 1]) if len(examples) else []
        arrived = numpy.zeros(len(examples), dtype=bool)
        arrived[[number for batch in batches for number in batch]] = True
        lost += _dropped(config, examples[~arrived], has_places=bool(name))
        examples = examples[arrived]
        if not len(examples):
            lost.append(CorpusFinding(split, "no document reaches the trainer", slug="nothing-to-train"))
    unknown, document, *tokens = stats.unknown.get(config.file.name, (0, None))
    if told := unknown_words(unknown, stats.words[config.file.name]):
        lost.append(CorpusFinding(split, told[1], document, tuple(tokens), slug=told[0]))
    documents, (tokens, entities) = len(numpy.unique(examples[:, 0])), examples[:, 2:].sum(axis=0).tolist()
    return TrainerInput(documents, tokens, entities, len(batches)), lost


def _dropped(config: TrainingConfig, examples: numpy.ndarray, *, has_places: bool) -> Iterator[CorpusFinding]:
    """Yield the examples of train that the batcher drops: always, or because they met a full batch."""
    settings = config.training["batcher"]
    size = settings["size"] if isinstance(settings.get("size"), int) else "the schedule's"
    why = f"discard_oversize = {settings.get('discard_oversize')}, size = {size}"
    arrives_alone: dict[int, bool] = {}  # whether a document of that length arrives in a batch of its own
    for document, length, tokens, entities in examples.tolist():
        if length not in arrives_alone:
            arrives_alone[length] = bool(config.first_epoch(numpy.array([length])))
        slug = "full-batch-dropped" if arrives_alone[length] else "dropped-by-batcher"
        detail = f"{tokens:,} tokens, {entities} entities: {why}"
        yield CorpusFinding("train", detail, document if has_places else None, slug=slug)


def _limited(starts: list[int], filled: numpy.ndarray, limit: int) -> numpy.ndarray:
    """Return the documents that spaCy's Corpus reads under a limit, of those that have tokens.

    Its loop over files goes on after that over documents has ended: it takes one document of each then.
    """
    kept: list[int] = []
    for first, last in pairwise(numpy.searchsorted(filled, starts).tolist()):
        kept += filled[first : min(last, first + max(1, limit - len(kept)))].tolist()
    return numpy.array(kept, dtype=numpy.int64)
