"""Which document belongs to which split, where dev or test have no files of their own."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy

from scripts.annotations.record import AnnotationError
from scripts.corpus.duplicates import Groups, join_equal, join_near, signatures
from scripts.corpus.settings import OnError, Settings
from scripts.corpus.units import Unit, UnitError, hash64

SPLITS = ("train", "dev", "test")
HELD_OUT = 0.1
"""Share of the training documents that goes to each split without a file."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a unit's documents are, one value each: a hash of what decides the split, of the group (0: none), labels, signature.

    labels is None for documents that will be left out of the corpus.
    """

    keys: array
    groups: array
    labels: list[tuple[str, ...] | None]
    signatures: bytes


def survey_unit(unit: Unit, settings: Settings) -> Survey | UnitError:
    """Look at a unit's documents before they are drawn."""
    keys, groups, labels, texts, errors = array("Q"), array("Q"), [], [], []
    for item, record in unit.records(settings):
        if isinstance(record, AnnotationError):
            errors.append(str(record))
        left_out = isinstance(record, AnnotationError) or bool(record.excluded) or not record.text
        key = f"left out {item.source}" if left_out else record.key
        keys.append(_hash(settings.seed, key))
        groups.append(0 if left_out or record.group is None else _hash(0, record.group))
        labels.append(None if left_out else tuple(sorted({span.label for span in record.spans})))
        texts.append(key if left_out else record.text)
    if errors and settings.on_error is OnError.stop:
        return UnitError(errors[0], len(errors) - 1)
    return Survey(keys, groups, labels, signatures(texts).tobytes())


@dataclass(slots=True)
class Draw:
    """Draws documents for the splits one after the other; a later document never changes where an earlier one went.

    A document goes where the hash of its key says (a tenth to each split without files), unless one of its labels is
    still missing in some splits: then to the split that lacks most of its labels. So each label is in every split
    as soon as enough documents have it.
    """

    splits: tuple[str, ...]
    seed: int = 0
    _seen: dict[str, set[str]] = field(default_factory=dict)

    def take(self, key: int, labels: Iterable[str]) -> str:
        """Return the split of a document, given the hash of its key and its labels."""
        lacking = {name: sum(name not in self._seen.get(label, ()) for label in ("", *labels)) for name in self.splits}
        split = self.by_hash(key)
        if any(lacking.values()):
            split = max(self.splits, key=lambda name: (lacking[name], _hash(self.seed, f"{key} {name}")))
        self.note(split, labels)
        return split

    def by_hash(self, key: int) -> str:
        """Return the split that a hash alone decides."""
        return next((name for i, name in enumerate(self.splits[1:], start=1) if key / 2**64 < i * HELD_OUT), self.splits[0])

    def note(self, split: str, labels: Iterable[str]) -> None:
        """Remember that a document with these labels is in a split."""
        for label in ("", *labels):  # "" is what every document has
            self._seen.setdefault(label, set()).add(split)


def draw_splits(surveys: Iterable[Survey], splits: tuple[str, ...], seed: int, folder: Path) -> list[bytes]:
    """Return for each unit, one byte a document, the index in `splits` of where it goes.

    Documents of a group, and exact or near duplicates, stay together: they follow the first of them.
    """
    keys, groups_of, labels, sizes = array("Q"), array("Q"), [], []
    path = folder / "signatures"
    path.parent.mkdir(parents=True, exist_ok=True)
    known: dict[tuple[str, ...] | None, tuple[str, ...] | None] = {}
    with path.open("wb") as file:
        for survey in surveys:
            keys += survey.keys
            groups_of += survey.groups
            labels += [known.setdefault(names, names) for names in survey.labels]
            sizes.append(len(survey.keys))
            file.write(survey.signatures)
    groups = Groups(len(keys))
    join_equal(groups, numpy.array(groups_of, dtype=numpy.uint64))
    join_equal(groups, numpy.array(keys, dtype=numpy.uint64))
    join_near(groups, path, numpy.arange(len(keys)))
    path.unlink()
    draw = Draw(splits, seed)
    drawn = bytearray(len(keys))
    for i, names in enumerate(labels):
        first = groups.first(i)
        if names is None:
            drawn[i] = splits.index(draw.by_hash(keys[i]))
        elif first == i:
            drawn[i] = splits.index(draw.take(keys[i], names))
        else:
            drawn[i] = drawn[first]
            draw.note(splits[drawn[i]], names)
    ends = numpy.cumsum(sizes, dtype=numpy.int64).tolist()
    return [bytes(drawn[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _hash(seed: int, text: str) -> int:
    return int.from_bytes(hash64(f"{seed}\n{text}"), "big")
