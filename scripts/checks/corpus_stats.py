"""What is in a whole corpus, put together from its shards' statistics: what checks of a corpus ask."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy

from scripts.checks.catalogue import Finding, finding
from scripts.checks.doc_view import DocView, Shard
from scripts.checks.shard_stats import First, ShardStats
from scripts.checks.wordpieces import Unknown
from scripts.corpus.duplicates import first_of_group, near


class CorpusFinding(NamedTuple):
    """What a check of a corpus finds, and where: a document by its number in the split, and tokens of it.

    other: split and number of another document, whose place belongs behind the detail.
    """

    split: str
    detail: str
    document: int | None = None
    tokens: tuple[int, int] | None = None
    other: tuple[str, int] | None = None


class SplitStats:
    """What is in a split; arrays, which are made once all shards are added, have a value a document."""

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.sizes: list[int] = []  # documents of each shard
        self.ends: list[int] = []  # and up to each one's end
        self.documents = 0
        self.labels: Counter[str] = Counter()
        self.with_label: Counter[str] = Counter()
        self.unknown: dict[tuple[str, str], Unknown] = {}
        self._columns: dict[str, list[numpy.ndarray]] = {"lengths": [], "texts": [], "annotations": []}
        self._inputs: dict[str, list[numpy.ndarray]] = {}

    def add(self, paths: Iterable[Path], stats: ShardStats) -> int:
        """Add some shards' statistics; return the number of their first document."""
        first = self.documents
        self.paths += paths
        self.sizes += stats.sizes
        for size in stats.sizes:
            self.documents += size
            self.ends.append(self.documents)
        self.labels += stats.labels
        self.with_label += stats.with_label
        for name, parts in self._columns.items():
            parts.append(
                numpy.array(getattr(stats, name), dtype=numpy.int32 if name == "lengths" else numpy.uint64)
            )
        for name, table in stats.inputs.items():
            table[:, 0] += first
            self._inputs.setdefault(name, []).append(table)
        for source, counts in stats.unknown.items():
            self.unknown[source] = self.unknown.get(source, Unknown()).plus(counts, first)
        return first

    def _column(self, name: str) -> numpy.ndarray:
        parts = self._columns[name]
        return numpy.concatenate(parts) if parts else numpy.empty(0, dtype=numpy.int64)

    @cached_property
    def lengths(self) -> numpy.ndarray:
        """Tokens."""
        return self._column("lengths")

    @cached_property
    def texts(self) -> numpy.ndarray:
        """Hashes of the texts, white space aside; 0 where there is none."""
        return self._column("texts").astype(numpy.uint64)

    @cached_property
    def annotations(self) -> numpy.ndarray:
        """Hashes of the entities."""
        return self._column("annotations")

    def inputs(self, name: str) -> numpy.ndarray:
        """Return what the reader of some configs makes of the split, see `reading.COLUMNS`."""
        return numpy.concatenate(self._inputs[name])

    def as_json(self) -> dict:
        """Return the counts as plain data."""
        return {
            "documents": self.documents,
            "tokens": int(self.lengths.sum()),
            "entities": self.labels.total(),
            "labels": dict(sorted(self.labels.items())),
        }


class CorpusStats:
    """What is in all splits.

    names: by hash of the tokens and text, then by split and label, how often each occurs, and where first.
    """

    def __init__(self, splits: Iterable[str], allowed: frozenset[str] = frozenset()) -> None:
        self.allowed = allowed
        self.splits = {split: SplitStats() for split in splits}
        self.names: dict[tuple[int, str], dict[tuple[str, str], First]] = {}
        self._firsts = numpy.empty(0, dtype=numpy.int64)
        self._shard = lru_cache(maxsize=64)(Shard)

    def add(self, split: str, paths: Iterable[Path], stats: ShardStats) -> None:
        """Add the statistics of some of a split's shards."""
        first = self.splits[split].add(paths, stats)
        for (key, text, label), (count, document, start, end) in stats.names.items():
            counts = self.names.setdefault((key, text), {})
            known, *place = counts.get((split, label), (0, first + document, start, end))
            counts[split, label] = (known + count, *place)

    def join_near(self, path: Path) -> None:
        """Find near duplicates, by a file with the shingles of all documents, split after split."""
        _, first = numpy.unique(self._texts, return_index=True)
        self._firsts = first_of_group(len(self._texts), near(path, numpy.sort(first)))

    @cached_property
    def _texts(self) -> numpy.ndarray:
        return numpy.concatenate([split.texts for split in self.splits.values()])

    @cached_property
    def labels(self) -> Counter[str]:
        """How many entities each label has in all splits."""
        return sum((split.labels for split in self.splits.values()), Counter())

    def equal_texts(self) -> Iterator[tuple[str, int, str, int]]:
        """Yield split and number of every document whose text occurred before, and of the first that has it."""
        _, first, which = numpy.unique(self._texts, return_index=True, return_inverse=True)
        again = (first[which] != numpy.arange(len(self._texts))) & (self._texts != 0)
        for i in numpy.flatnonzero(again).tolist():
            yield *self._numbered(i), *self._numbered(int(first[which[i]]))

    def near_texts(self) -> Iterator[tuple[str, int, str, int]]:
        """Yield, as `equal_texts` does, documents that are nearly, but not quite, the same as an earlier one."""
        for i, first in enumerate(self._firsts.tolist()):
            if first != i and self._texts[i]:
                yield *self._numbered(i), *self._numbered(first)

    def same_annotation(self, split: str, document: int, other: str, first: int) -> bool:
        """Say whether two documents have the same entities."""
        return bool(self.splits[split].annotations[document] == self.splits[other].annotations[first])

    def first_of(self, split: str, label: str) -> tuple[int, tuple[int, int]]:
        """Return document and tokens of an entity of a label in a split."""
        places = (counts[split, label][1:] for counts in self.names.values() if (split, label) in counts)
        document, start, end = min(places)
        return document, (start, end)

    def view(self, split: str, document: int) -> DocView:
        """Return a document of a split by its number."""
        part = self.splits[split]
        shard = bisect_right(part.ends, document)
        return self._shard(part.paths[shard]).view(document - (part.ends[shard - 1] if shard else 0))

    def finding(self, slug: str, found: CorpusFinding, **more: str) -> Finding:
        """Return what a check found, with its place."""
        place, detail = {}, found.detail
        if found.document is not None:
            place = self.view(found.split, found.document).place(*(found.tokens or ()))
        if found.other is not None:
            other = self.view(*found.other).place()
            detail += f" {other['source'] or other['shard']}"
        return finding(slug, found.split, detail, **more | place)

    def _numbered(self, i: int) -> tuple[str, int]:
        for name, split in self.splits.items():
            if i < split.documents:
                return name, i
            i -= split.documents
        raise IndexError(i)
