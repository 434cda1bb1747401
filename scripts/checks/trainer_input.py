"""What reaches a config's trainer in the first epoch, once reader and batcher have had their way."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy

from scripts.checks.corpus_stats import CorpusFinding, SplitStats
from scripts.checks.training_config import TrainingConfig

SlugFinding = tuple[str, CorpusFinding]
"""A check, and what it finds."""


@dataclass(frozen=True, slots=True)
class TrainerInput:
    """What reaches a trainer (of dev: an evaluation): documents at least in part, tokens, entities; batches of an epoch."""

    documents: int
    tokens: int
    entities: int
    batches: int = 0

    def as_json(self) -> dict:
        """Return the counts as plain data."""
        return asdict(self)


def trainer_input(
    config: TrainingConfig, split: str, examples: numpy.ndarray, stats: SplitStats
) -> tuple[TrainerInput, list[SlugFinding]]:
    """Let a config's batcher loose on what its reader made of a split; return what arrives, and what does not.

    examples: `(n, 4)`, see `reading.COLUMNS`.
    """
    lost: list[SlugFinding] = []
    limit = config.reader(split).limit if config.has_plain_readers else 0
    if limit >= 1:
        filled = numpy.flatnonzero(stats.lengths)
        kept = _limited(stats.ends, filled, limit)
        if len(kept) < len(filled):
            detail = f"limit = {limit}: {len(kept):,} of {len(stats.lengths):,} documents are read"
            lost.append(("limit", CorpusFinding(split, detail)))
        examples = examples[numpy.isin(examples[:, 0], kept)]
    batches: list[list[int]] = []
    if split == "train":
        batches = config.first_epoch(examples[:, 1]) if len(examples) else []
        arrived = numpy.zeros(len(examples), dtype=bool)
        arrived[[number for batch in batches for number in batch]] = True
        lost += _dropped(config, examples[~arrived])
        examples = examples[arrived]
        if not len(examples):
            lost.append(("nothing-to-train", CorpusFinding(split, "no document reaches the trainer")))
    documents, (tokens, entities) = len(numpy.unique(examples[:, 0])), examples[:, 2:].sum(axis=0).tolist()
    return TrainerInput(documents, tokens, entities, len(batches)), lost


def _dropped(config: TrainingConfig, examples: numpy.ndarray) -> Iterator[SlugFinding]:
    """Yield the examples of train that the batcher drops: those it always drops, and those that met a full batch."""
    settings = config.training["batcher"]
    size = settings["size"] if isinstance(settings.get("size"), int) else "the schedule's"
    why = f"discard_oversize = {settings.get('discard_oversize')}, size = {size}"
    arrives_alone: dict[int, bool] = {}  # whether a document of that length arrives in a batch of its own
    for document, length, tokens, entities in examples.tolist():
        if length not in arrives_alone:
            arrives_alone[length] = bool(config.first_epoch(numpy.array([length])))
        slug = "full-batch-dropped" if arrives_alone[length] else "dropped-by-batcher"
        number = (
            document if config.has_plain_readers else None
        )  # another reader does not say what examples come of
        yield slug, CorpusFinding("train", f"{tokens:,} tokens, {entities} entities: {why}", number)


def _limited(ends: list[int], filled: numpy.ndarray, limit: int) -> numpy.ndarray:
    """Return the documents that spaCy's Corpus reads under a limit, of those that have tokens: others do not count.

    Its loop over files goes on after the one over documents has ended, and so takes one document of each further file.
    """
    kept: list[int] = []
    first = 0
    for last in numpy.searchsorted(filled, ends).tolist():
        kept += filled[first : min(last, first + max(1, limit - len(kept)))].tolist()
        first = last
    return numpy.array(kept, dtype=numpy.int64)
