"""Which document belongs to which split, where dev or test have no files of their own."""

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
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
MOST = 0.25
"""Share of what is not in large groups that goes to each split without a file, at most."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a chunk's documents are, one value each: a hash of what decides the split, of the group (0: none), labels; and their shingles.

    labels is None for documents that will be left out of the corpus.
    """

    keys: array
    groups: array
    labels: list[tuple[str, ...] | None]
    shingles: bytes


def survey_chunk(chunk: Chunk, settings: Settings) -> Survey:
    """Look at a chunk's documents before they are drawn. Raises AnnotationError as `Chunk.readable` does."""
    keys, groups, labels, texts = array("Q"), array("Q"), [], []
    for item, record in chunk.readable(settings):
        left_out = isinstance(record, AnnotationError) or bool(record.excluded) or not record.text
        keys.append(_hash(settings.seed, f"left out {item.source}" if left_out else record.key))
        groups.append(0 if left_out or record.group is None else _hash(0, record.group))
        labels.append(None if left_out else tuple(sorted({span.label for span in record.spans})))
        texts.append("" if left_out else record.text)
    return Survey(keys, groups, labels, shingles(texts).tobytes())


@dataclass(slots=True)
class Draw:
    """Draws documents for the splits one after the other; a later document never changes where an earlier one went.

    A document goes where the hash of its key says (the share of each split without files), unless one of its labels is
    still missing in some splits: then to the split that lacks most of its labels. So each label is in every split
    as soon as enough documents have it.
    """

    splits: tuple[str, ...]
    seed: int = 0
    share: float = HELD_OUT
    _seen: dict[str, set[str]] = field(default_factory=dict)

    def take(self, key: int, labels: Iterable[str]) -> str:
        """Return the split of a document, given the hash of its key and its labels."""
        lacking = {
            name: sum(name not in self._seen.get(label, ()) for label in ("", *labels))
            for name in self.splits
        }
        split = self.by_hash(key)
        if any(lacking.values()):
            split = max(self.splits, key=lambda name: (lacking[name], _hash(self.seed, f"{key} {name}")))
        self.note(split, labels)
        return split

    def by_hash(self, key: int) -> str:
        """Return the split that a hash alone decides."""
        return next(
            (name for i, name in enumerate(self.splits[1:], start=1) if key / 2**64 < i * self.share),
            self.splits[0],
        )

    def note(self, split: str, labels: Iterable[str]) -> None:
        """Remember that a document with these labels is in a split."""
        for label in ("", *labels):  # "" is what every document has
            self._seen.setdefault(label, set()).add(split)


def draw_splits(
    surveys: Iterable[Survey], splits: tuple[str, ...], seed: int, folder: Path, *, name: str = "train"
) -> list[bytes]:
    """Return for each chunk, one byte a document, the index in `splits` of where it goes.

    Documents of a group, and exact or near duplicates, stay together: they follow the first of them, or go to train
    where they are too many to be held out. name: what the user calls the data.
    Raises AnnotationError where fewer groups than splits are there.
    """
    keys, groups_of, labels, sizes = array("Q"), array("Q"), [], []
    path = folder / "shingles"
    path.parent.mkdir(parents=True, exist_ok=True)
    known: dict[tuple[str, ...] | None, tuple[str, ...] | None] = {}
    with path.open("wb") as file:
        for survey in surveys:
            keys += survey.keys
            groups_of += survey.groups
            labels += [known.setdefault(names, names) for names in survey.labels]
            sizes.append(len(survey.keys))
            file.write(survey.shingles)
    used = numpy.flatnonzero([names is not None for names in labels])
    pairs = (equal(numpy.array(column, dtype=numpy.uint64)) for column in (groups_of, keys))
    firsts = first_of_group(len(keys), *pairs, near(path, used))
    path.unlink()
    members = numpy.bincount(firsts[used], minlength=len(keys))
    alone = numpy.array(keys, dtype=numpy.uint64)[used][numpy.array(groups_of, dtype=numpy.uint64)[used] == 0]
    if len(numpy.unique(alone)) == len(
        alone
    ):  # else an id, or a text without one, is there twice, which is told by itself
        _require_groups(members, splits, name)
    drawn = _draw(
        Draw(splits, seed, _share(members)), keys, labels, firsts.tolist(), _large(members).tolist()
    )
    _fill_empty(drawn, splits, firsts, members)
    ends = numpy.cumsum(sizes, dtype=numpy.int64).tolist()
    return [bytes(drawn[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _draw(
    draw: Draw, keys: array, labels: list[tuple[str, ...] | None], firsts: list[int], large: list[bool]
) -> bytearray:
    """Return the index of each document's split. large: by its first document, whether a group has to go to train."""
    drawn = bytearray(len(keys))
    for i, (names, first) in enumerate(zip(labels, firsts, strict=True)):
        if names is None:
            drawn[i] = draw.splits.index(draw.by_hash(keys[i]))
        elif first == i and not large[i]:
            drawn[i] = draw.splits.index(draw.take(keys[i], names))
        else:
            drawn[i] = drawn[first]  # train's is 0
            draw.note(draw.splits[drawn[i]], names)
    return drawn


def _large(members: numpy.ndarray) -> numpy.ndarray:
    """Say which groups are too large to be held out; members: documents of each one's group, at its first."""
    return members > max(SMALL, LARGE * members.sum())


def _share(members: numpy.ndarray) -> float:
    """Return the share that is held out of what is in no large group.

    Twice or four times as much where that is half or a quarter of all at most: in steps, so that added documents seldom
    change it.
    """
    rest = members.sum() - members[_large(members)].sum()
    doublings = math.floor(math.log2(members.sum() / rest)) if rest else 0
    return min(MOST, HELD_OUT * 2**doublings)


def _fill_empty(
    drawn: bytearray, splits: tuple[str, ...], firsts: numpy.ndarray, members: numpy.ndarray
) -> None:
    """Give each split that got nothing the smallest group of train."""
    where = numpy.frombuffer(drawn, dtype=numpy.uint8)
    for index in range(1, len(splits)):
        if not (where[members > 0] == index).any():
            in_train = numpy.flatnonzero((members > 0) & (where == 0))
            if len(in_train):
                where[firsts == in_train[numpy.argmin(members[in_train])]] = index


def _require_groups(members: numpy.ndarray, splits: tuple[str, ...], name: str) -> None:
    """Raise AnnotationError where documents would be enough, but belong together."""
    count = numpy.count_nonzero(members)
    if 0 < count < len(splits) <= members.sum():
        held_out = " and ".join(splits[1:])
        variables = " and ".join(f"vars.{split}" for split in splits[1:])
        raise AnnotationError(
            f"{name}: its {members.sum():,} documents are of {'one group' if count == 1 else f'{count} groups'} (the same group, or near "
            f"duplicates), which stay together: too few to hold out {held_out}; set {variables} to a file"
        )


def _hash(seed: int, text: str) -> int:
    return hash64(f"{seed}\n{text}")
