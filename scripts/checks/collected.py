"""All that was seen of a corpus, put together: what its checks ask, and where each document is."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy

from scripts.checks.characters import QUOTES, is_unspaced
from scripts.checks.shard import FACTOR, Shard, View
from scripts.corpus.duplicates import Groups, join_near
from scripts.corpus.shards import OUTSIDE

MASK = 2**64 - 1
LONGEST = 8
"""Tokens of the longest name that is looked for elsewhere."""
OFTEN = 3
"""So often must a name be labelled before its unlabelled occurrences count."""
VALUES = frozenset(["DATE", "TIME", "PERCENT", "MONEY", "QUANTITY", "ORDINAL", "CARDINAL", "NUMBER", "NUM"])
"""Labels of what is no name, and is annotated by its context: May, second, one."""
JOINING = frozenset("-‐‑–+@#")
"""Marks that make a longer name or another word of the name beside them."""
PATH = frozenset("/\\")
"""Marks behind which a name is a part of an address, a forum's name or a choice."""
WITHIN = frozenset((",", "&", "/", "(", ")", "[", "]", "%", "$", "+", "=", "#", "@", "'", "’"))
"""Marks behind which no sentence begins."""

Key = tuple[int, str]
"""A name: hash of its tokens, and its text."""
Counts = dict[tuple[str, str], tuple[int, int, int, int]]
"""By split and label: how often, and the first document, token and token after the last."""


class Spot(NamedTuple):
    """What a check of a corpus finds, and where: a document by its number in the split, and tokens of it.

    other: split and number of another document, whose place belongs behind the detail.
    """

    split: str
    detail: str
    document: int | None = None
    tokens: tuple[int, int] | None = None
    other: tuple[str, int] | None = None


def token_hash(orths: Iterable[int]) -> int:
    """Return a hash of a run of tokens; `Shard.runs` computes the same."""
    value = 0
    for orth in orths:
        value = (value * FACTOR + orth) & MASK
    return value


def find_unlabelled(
    paths: list[Path], sizes: list[int], names: dict[int, numpy.ndarray]
) -> dict[int, tuple[int, int, int, int]]:
    """Look for names where no token is annotated as an entity, and nothing says why (`_has_reason`).

    sizes: how many documents each shard holds; 0: it cannot be read. names: by number of tokens, the sorted hashes of what to look for.
    Returns by hash how often it was found, and of its first place the document's number in these shards, token and token after the last.
    """
    found: dict[int, tuple[int, int, int, int]] = {}
    base = 0
    for path, size in zip(paths, sizes, strict=True):
        if not size:
            continue
        table = _shard(path)
        ends = numpy.array(table.ends)
        outside = numpy.concatenate(([0], numpy.cumsum(table.iob == OUTSIDE)))
        for length, wanted in names.items():
            runs = table.runs(length)
            places = numpy.searchsorted(wanted, runs)
            unlabelled = outside[length:][: len(runs)] - outside[: len(runs)] == length
            hits = numpy.flatnonzero((wanted[numpy.minimum(places, len(wanted) - 1)] == runs) & unlabelled)
            documents = numpy.searchsorted(ends, hits, side="right")
            for hit, index in zip(hits.tolist(), documents.tolist(), strict=True):
                start, end = table.starts[index], table.ends[index]
                if hit + length <= end and not _has_reason(table, index, hit, hit + length):
                    count, *first = found.get(
                        int(runs[hit]), (0, base + index, hit - start, hit - start + length)
                    )
                    found[int(runs[hit])] = (count + 1, *first)
        base += size
    return found


def _is_telling(name: str) -> bool:
    """Say whether a name is more than a number, half a compound or an abbreviation of two letters."""
    return sum(map(str.isalpha, name)) > (1 if is_unspaced(name[0]) else 2) and name[-1] not in JOINING


def _has_reason(table: Shard, index: int, first: int, last: int) -> bool:
    """Say whether tokens `first` to `last` of a shard, in its document `index`, may well be no entity.

    They touch an entity, a hyphen, a slash, a number or a capitalised word, and so are part of a longer name; they are
    one word, which has its capital from its place in the sentence; or single characters among others of a
    script without spaces, where they may be part of any word.
    """
    start, end, iob = table.starts[index], table.ends[index], table.iob
    if (first > start and iob[first - 1] != OUTSIDE) or (last < end and iob[last] != OUTSIDE):
        return True
    texts = table.texts
    before, after = texts[first - 1] if first > start else "", texts[last] if last < end else ""
    if last == first + 1 and texts[first].istitle() and _begins_sentence(table, start, first):
        return True
    if len(texts[first]) == 1 and is_unspaced(texts[first]):
        return is_unspaced(before[-1:]) or is_unspaced(after[:1])
    beyond = (
        texts[last + 1] if after in QUOTES and last + 1 < end else after
    )  # a "Name" -compound, as in Finnish
    joined = before in PATH or (before in JOINING and not table.spaces[first - 1])
    if joined or beyond[:1] in JOINING or after[:1].isdigit():
        return True
    for word, token in ((before, first - 1), (after, last)):
        if word[:1].isupper() and len(word) > 1 and not _begins_sentence(table, start, token):
            return True
    return False


def _begins_sentence(table: Shard, start: int, token: int) -> bool:
    """Say whether a sentence begins at a token of a document from `start`: the data or a mark before it says so."""
    if token == start or table.sent_starts[token] == 1:
        return True
    before = table.texts[token - 1]
    return before not in WITHIN and not any(map(str.isalnum, before))


def _shard(path: Path) -> Shard:
    return _loaded(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _loaded(path: Path, written: int) -> Shard:
    return Shard(path)


class Split:
    """What was seen of a split's documents; arrays, which are made once all are there, have a value a document."""

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.sizes: list[int] = []  # documents in each shard
        self.ends: list[int] = []  # and up to each one's end
        self.documents = 0
        self.labels: Counter[str] = Counter()
        self.with_label: Counter[str] = Counter()
        self.parts: list[tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]] = []

    def _column(self, i: int, kind: type) -> numpy.ndarray:
        return numpy.concatenate([numpy.empty(0, dtype=kind), *(part[i] for part in self.parts)])

    @cached_property
    def lengths(self) -> numpy.ndarray:
        """Tokens."""
        return self._column(0, numpy.int32)

    @cached_property
    def texts(self) -> numpy.ndarray:
        """Hashes of the texts, white space aside; 0 where there is none."""
        return self._column(1, numpy.uint64)

    @cached_property
    def annotations(self) -> numpy.ndarray:
        """Hashes of the entities."""
        return self._column(2, numpy.uint64)


class Corpus:
    """What was seen of all splits."""

    def __init__(self, allowed: frozenset[str] = frozenset()) -> None:
        self.allowed = allowed
        self.splits: dict[str, Split] = {}
        self.surfaces: dict[Key, Counts] = {}
        self.unlabelled: dict[tuple[str, int], tuple[int, str, int, int, int]] = {}
        self._groups = Groups(0)

    def add(self, split: str, paths: Iterable[Path], survey) -> int:
        """Add what was seen in some of a split's shards; return the number of their first document."""
        part = self.splits[split]
        first = part.documents
        part.paths += paths
        for count in survey.shards:
            part.documents += count
            part.sizes.append(count)
            part.ends.append(part.documents)
        part.labels += survey.labels
        part.with_label += survey.with_label
        part.parts.append((survey.lengths, survey.texts, survey.annotations))
        for (key, text, label), (count, document, start, end) in survey.surfaces.items():
            counts = self.surfaces.setdefault((key, text), {})
            known, *place = counts.get((split, label), (0, first + document, start, end))
            counts[split, label] = (known + count, *place)
        return first

    def join_near(self, path: Path) -> None:
        """Find near duplicates, by the shingles of all documents of all splits in a file one after the other."""
        self._groups = Groups(len(self._texts))
        _, first = numpy.unique(self._texts, return_index=True)
        join_near(self._groups, path, numpy.sort(first))

    def names(self) -> dict[int, numpy.ndarray]:
        """Return the names worth looking for elsewhere, as `find_unlabelled` takes them."""
        found: dict[int, list[int]] = {}
        for (key, text), counts in self.surfaces.items():
            _, _, start, end = next(iter(counts.values()))
            often = sum(count for count, *_ in counts.values()) >= OFTEN
            is_name = _is_telling(text) and not all(label.upper() in VALUES for _, label in counts)
            if often and is_name and end - start <= LONGEST:
                found.setdefault(end - start, []).append(key)
        return {
            length: numpy.array(sorted(set(keys)), dtype=numpy.uint64)
            for length, keys in sorted(found.items())
        }

    def add_unlabelled(self, found: dict[int, tuple[str, tuple[int, int, int, int]]]) -> None:
        """Add where names were found unlabelled."""
        for (key, text), counts in self.surfaces.items():
            if key in found:
                split, (count, *place) = found[key]
                self.unlabelled[text, sum(count for count, *_ in counts.values())] = (count, split, *place)

    @cached_property
    def _texts(self) -> numpy.ndarray:
        """The texts' hashes of all splits, one after the other."""
        return numpy.concatenate(
            [numpy.empty(0, dtype=numpy.uint64), *(split.texts for split in self.splits.values())]
        )

    def equal_texts(self) -> Iterator[tuple[str, int, str, int]]:
        """Yield split and number of every document whose text occurred before, and split and number of the first that has it."""
        _, first, which = numpy.unique(self._texts, return_index=True, return_inverse=True)
        for i in numpy.flatnonzero(
            (first[which] != numpy.arange(len(self._texts))) & (self._texts != 0)
        ).tolist():
            yield *self._numbered(i), *self._numbered(int(first[which[i]]))

    def near_texts(self) -> Iterator[tuple[str, int, str, int]]:
        """Yield, as `equal_texts` does, documents that are nearly, but not quite, the same as an earlier one."""
        for i in range(self._groups.size):
            first = self._groups.first(i)
            if first != i and self._texts[i]:
                yield *self._numbered(i), *self._numbered(first)

    def same_annotation(self, split: str, document: int, other: str, first: int) -> bool:
        """Say whether two documents have the same entities."""
        return bool(self.splits[split].annotations[document] == self.splits[other].annotations[first])

    def labels_of_surfaces(self) -> Iterator[tuple[str, dict[str, tuple[int, str, int, int, int]]]]:
        """Yield each name, with how often each label is given to it, and the first place of that."""
        for (_, text), counts in self.surfaces.items():
            labels: dict[str, tuple[int, str, int, int, int]] = {}
            for (split, label), (count, *place) in counts.items():
                known, *first = labels.get(label, (0, split, *place))
                labels[label] = (known + count, *first)
            yield text, labels

    def first_of(self, split: str, label: str) -> tuple[int, tuple[int, int]]:
        """Return document and tokens of an entity of a label in a split."""
        places = (counts[split, label][1:] for counts in self.surfaces.values() if (split, label) in counts)
        document, start, end = min(places)
        return document, (start, end)

    def find(self, split: str, document: int) -> View:
        """Return a document of a split by its number."""
        part = self.splits[split]
        shard = bisect_right(part.ends, document)
        return _shard(part.paths[shard]).view(document - (part.ends[shard - 1] if shard else 0))

    def _numbered(self, i: int) -> tuple[str, int]:
        for name, split in self.splits.items():
            if i < split.documents:
                return name, i
            i -= split.documents
        raise IndexError(i)
