"""What a recipe hands to its trainer in the first epoch, once reader and batcher have had their way."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy

from scripts.checks.catalogue import Severity, declare
from scripts.checks.collected import Spot
from scripts.checks.training_config import TrainingConfig

PADDED = """[training.batcher]
@batchers = "spacy.batch_by_padded.v1"
size = {}
buffer = 256
discard_oversize = {}

"""
LONG_DOCUMENT = "She/O saw/O Cork/B-LOC and/O left/O again/O ./O"
FOUR_OF_THREE = (
    "She/O saw/O Cork/B-LOC\nAna/B-PERSON saw/O it/O\nBo/B-PERSON left/O it/O\nWe/O saw/O Leeds/B-LOC"
)

declare(
    "NER410",
    "limit",
    Severity.error,
    """The config's reader stops after so many documents.
    `limit` is meant for trying things out. With several files spaCy's Corpus takes one document more of each file after that.""",
    remedy="set limit = 0",
    bad="[corpora.train]\nlimit = 1\n\nShe/O saw/O Cork/B-LOC",
    good="[corpora.train]\nlimit = 0\n\nShe/O saw/O Cork/B-LOC",
)
declare(
    "NER411",
    "dropped-by-batcher",
    Severity.error,
    """The config's batcher drops a document because it is longer than a batch.
    `discard_oversize = true` does it, in every epoch and without a word. The GPU quickstart of spaCy has it, the CPU quickstart has not, so that
    the two are trained on different data.""",
    remedy="set discard_oversize = false in [training.batcher]; such a document then makes a batch of its own",
    bad=PADDED.format(6, "true") + LONG_DOCUMENT,
    good=PADDED.format(6, "false") + LONG_DOCUMENT,
)
declare(
    "NER412",
    "full-batch-dropped",
    Severity.error,
    """The config's batcher drops a batch because its padded size equals the batch size.
    `batch_by_padded` fills batches up to `size` (<=) and with discard_oversize drops those that reach it (>=). Which documents it hits depends on
    the order, so that it differs from epoch to epoch: of 1,000 documents of 20 tokens, 200 survive an epoch with size = 2000.""",
    remedy="set discard_oversize = false in [training.batcher]",
    bad=PADDED.format(12, "true") + FOUR_OF_THREE,
    good=PADDED.format(12, "false") + FOUR_OF_THREE,
)
declare(
    "NER413",
    "nothing-to-train",
    Severity.error,
    """Reader and batcher hand on no document at all.
    spaCy stops with E986 where the reader is at fault, and trains for ever on nothing where the batcher is.""",
    error="E986",
    remedy="see the other findings, and the config's paths",
    bad=PADDED.format(2, "true") + "train: She/O saw/O Cork/B-LOC",
    good="She/O saw/O Cork/B-LOC",
)


@dataclass(frozen=True, slots=True)
class Handover:
    """What reaches a trainer (or, of dev, an evaluation): documents at least in part, tokens and entities; batches of an epoch."""

    documents: int
    tokens: int
    entities: int
    batches: int = 0

    def as_json(self) -> dict:
        """Return the counts as plain data."""
        return asdict(self)


def hand_over(
    recipe: TrainingConfig, split: str, examples: numpy.ndarray, ends: list[int], lengths: numpy.ndarray
) -> tuple[Handover, list[tuple[str, Spot]]]:
    """Let the recipe's batcher loose on what its reader made of a split.

    examples: `(n, 4)`, see `reading.COLUMNS`. ends: documents up to the end of each shard. lengths: tokens of each document.
    Returns what arrives, and what does not: a check's slug and the place.
    """
    lost: list[tuple[str, Spot]] = []
    limit = recipe.reader(split).limit if recipe.has_plain_readers else 0
    if limit >= 1:
        kept = _limited(ends, numpy.flatnonzero(lengths), limit)
        if len(kept) < numpy.count_nonzero(lengths):
            lost.append(
                (
                    "limit",
                    Spot(split, f"limit = {limit}: {len(kept):,} of {len(lengths):,} documents are read"),
                )
            )
        examples = examples[numpy.isin(examples[:, 0], kept)]
    batches: list[list[int]] = []
    if split == "train":
        batches = recipe.first_epoch(examples[:, 1]) if len(examples) else []
        arrived = numpy.zeros(len(examples), dtype=bool)
        for batch in batches:
            arrived[batch] = True
        lost += _dropped(recipe, split, examples, arrived)
        examples = examples[arrived]
        if not len(examples):
            lost.append(("nothing-to-train", Spot(split, "no document reaches the trainer")))
    counts = (len(numpy.unique(examples[:, 0])), int(examples[:, 2].sum()), int(examples[:, 3].sum()))
    return Handover(*counts, batches=len(batches)), lost


def _dropped(
    recipe: TrainingConfig, split: str, examples: numpy.ndarray, arrived: numpy.ndarray
) -> Iterator[tuple[str, Spot]]:
    settings = recipe.training["batcher"]
    size = settings.get("size")
    shown = size if isinstance(size, int) else "the schedule's"
    alone: dict[int, bool] = {}  # whether a document of that length arrives in a batch of its own
    for document, length, tokens, entities in examples[~arrived].tolist():
        if length not in alone:
            alone[length] = bool(recipe.first_epoch(numpy.array([length])))
        slug = "full-batch-dropped" if alone[length] else "dropped-by-batcher"
        why = f"discard_oversize = {settings.get('discard_oversize')}, size = {shown}"
        place = (
            document if recipe.has_plain_readers else None
        )  # another reader does not say what its examples come of
        yield slug, Spot(split, f"{tokens:,} tokens, {entities} entities: {why}", place)


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
