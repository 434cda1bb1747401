"""Which document belongs to which split, where dev or test have no files of their own."""

from array import array
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy

from scripts.corpus.chunks import Chunk
from scripts.corpus.duplicates import equal, first_of_group, near, shingles
from scripts.corpus.files import hash64
from scripts.corpus.settings import Settings
from scripts.formats.record import AnnotationError

SPLITS = ("train", "dev", "test")
HELD_OUT = 0.1
"""Share of the training documents that goes to each split without a file."""
LARGE = HELD_OUT / 2
"""A group of more than this share of the documents goes to train."""
SMALL = 3
"""A group of so few documents is not large, however few there are."""


Survey = tuple[array, array, list[tuple[str, ...] | None], bytes]
"""Of each document of a chunk a hash of what decides its split, one of its group (0: none), its labels (None
where it will be left out of the corpus); and the shingles of all."""


def survey_chunk(chunk: Chunk, settings: Settings) -> Survey:
    """Look at a chunk's documents before they are drawn. Raises AnnotationError as `Chunk.records` does."""
    keys, groups, labels, texts = array("Q"), array("Q"), [], []
    for item, record in chunk.records(settings, evidence={}):
        left_out = isinstance(record, AnnotationError) or bool(record.excluded) or not record.text
        keys.append(hash64(f"{settings.seed}\n{f'left out {item.source}' if left_out else record.key}"))
        groups.append(0 if left_out or record.group is None else hash64(f"0\n{record.group}"))
        labels.append(None if left_out else tuple(sorted({span.label for span in record.spans})))
        texts.append("" if left_out else record.text)
    return keys, groups, labels, shingles(texts).tobytes()


def draw_splits(surveys: Iterable[Survey], splits: tuple[str, ...], seed: int, folder: Path) -> list[bytes]:
    """Return for each chunk, one byte a document, the index in `splits` of where it goes.

    Documents of a group, and exact or near duplicates, stay together: they follow the first of them, or go to
    train where they are too many to be held out.
    """
    keys, groups, labels, ends = array("Q"), array("Q"), [], [0]
    known: dict[tuple[str, ...] | None, tuple[str, ...] | None] = {}  # each is kept once
    path = folder / "shingles"
    with path.open("wb") as file:
        for chunk_keys, chunk_groups, chunk_labels, runs in surveys:
            keys += chunk_keys
            groups += chunk_groups
            labels += [known.setdefault(names, names) for names in chunk_labels]
            ends.append(len(keys))
            file.write(runs)
    used = numpy.flatnonzero([names is not None for names in labels])
    columns = [numpy.array(column, dtype=numpy.uint64) for column in (groups, keys)]
    firsts = first_of_group(len(keys), *map(equal, columns), near(path, used))
    path.unlink()
    members = numpy.bincount(firsts[used], minlength=len(keys))
    is_large = members > max(SMALL, LARGE * members.sum())
    drawn = _draw(splits, seed, keys, labels, firsts.tolist(), is_large.tolist())
    _fill_empty(drawn, splits, firsts, members)
    return [bytes(drawn[start:end]) for start, end in pairwise(ends)]


def _draw(
    splits: tuple[str, ...], seed: int, keys: array, labels: list, firsts: list[int], is_large: list[bool]
) -> bytearray:
    """Return the index of each document's split; a later document never changes where an earlier one went.

    A group goes where the hash of its first document's key says, unless one of that one's labels is still
    missing in some splits: then to the split that lacks most of its labels. So each label is in every split
    as soon as enough documents have it. Large groups go to train.
    """
    drawn = bytearray(len(keys))
    seen: defaultdict[str, set[int]] = defaultdict(set)

    def split_of(key: int, labels: Iterable[str]) -> int:
        """Return the split of a document with these labels, given the hash of its key."""
        lacking = [sum(index not in seen[label] for label in labels) for index in range(len(splits))]
        if not any(lacking):
            return next((index for index in range(1, len(splits)) if key / 2**64 < index * HELD_OUT), 0)
        return max(range(len(splits)), key=lambda i: (lacking[i], hash64(f"{seed}\n{key} {splits[i]}")))

    for i, (names, first) in enumerate(zip(labels, firsts, strict=True)):
        needed = () if names is None else ("", *names)  # "" is what every document has
        if first != i:
            drawn[i] = drawn[first]
        elif not is_large[i]:
            drawn[i] = split_of(keys[i], needed)
        for label in needed:
            seen[label].add(drawn[i])
    return drawn


def _fill_empty(
    drawn: bytearray, splits: tuple[str, ...], firsts: numpy.ndarray, members: numpy.ndarray
) -> None:
    """Give each split that got nothing the smallest group of train."""
    where = numpy.frombuffer(drawn, dtype=numpy.uint8)
    for index in range(1, len(splits)):
        in_train = numpy.flatnonzero((members > 0) & (where == 0))
        if len(in_train) and not (where[members > 0] == index).any():
            where[firsts == in_train[numpy.argmin(members[in_train])]] = index
