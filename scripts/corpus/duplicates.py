"""Find documents that are the same or nearly so: sets of three-word runs, compared in full where they share a rare one."""

from array import array
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path

import numpy

from scripts.corpus.units import hash64

SHINGLE = 3
"""Words of a run. Documents are near duplicates where four fifths of all three-word runs of both are in both (Jaccard)."""
CELLS = 2**22
"""Counters of how rare runs are, at most: 16 MB."""
AT_ONCE = 2**22
"""Runs of a corpus whose rarest are handled together: memory for a fifth of them at most, 12 bytes each."""
COMPARED = 1000
"""A document is compared with so many others at most of those that share a certain one of its rarest runs."""
FACTOR = numpy.uint64(0x9E3779B97F4A7C15)
HALF = numpy.uint64(32)


class _Hashes(dict):
    """Hashes of words, made when first asked for."""

    def __missing__(self, word: str) -> int:
        self[word] = value = int.from_bytes(hash64(word), "big")
        return value


_hashes = _Hashes()


def shingles(texts: list[str]) -> numpy.ndarray:
    """Return texts' sets of three-word runs, as `join_near` reads them; case and white space do not count.

    An array of uint32: how many texts, how many runs each has, and a hash of each run. A shorter text is one run.
    """
    if len(_hashes) > 2**20:
        _hashes.clear()
    words = [text.lower().split() for text in texts]
    words = [run if len(run) >= SHINGLE else run + [""] * (SHINGLE - len(run)) for run in words]
    owners = numpy.repeat(numpy.arange(len(words), dtype=numpy.uint64), [len(run) for run in words])
    hashes = numpy.fromiter(
        map(_hashes.__getitem__, chain.from_iterable(words)), dtype=numpy.uint64, count=len(owners)
    )
    runs = ((hashes[:-2] * FACTOR + hashes[1:-1]) * FACTOR + hashes[2:]) * FACTOR >> HALF
    inside = owners[2:] == owners[:-2]
    sets = numpy.unique(owners[:-2][inside] << HALF | runs[inside])
    sizes = numpy.bincount((sets >> HALF).astype(numpy.int64), minlength=len(texts))
    return numpy.concatenate(
        [column.astype(numpy.uint32) for column in (numpy.array([len(texts)]), sizes, sets)]
    )


class Groups:
    """Documents joined into groups; each group is known by its first document (union-find)."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._first = array("q", range(size))
        self._view = (
            numpy.frombuffer(self._first, dtype=numpy.int64) if size else numpy.empty(0, dtype=numpy.int64)
        )

    def first(self, i: int) -> int:
        """Return the first document of i's group."""
        while self._first[i] != i:
            self._first[i] = self._first[self._first[i]]
            i = self._first[i]
        return i

    def firsts(self, documents: numpy.ndarray) -> numpy.ndarray:
        """Return the first document of each one's group."""
        found = self._view[documents]
        while (further := self._view[found]).tobytes() != found.tobytes():
            found = further
        self._view[documents] = found
        return found

    def join(self, i: int, j: int) -> None:
        """Put two documents, and all that belong to them, into one group."""
        i, j = self.first(i), self.first(j)
        self._first[max(i, j)] = min(i, j)


def join_equal(groups: Groups, keys: numpy.ndarray) -> None:
    """Join documents that have the same key; 0 is none."""
    for run in _runs(keys):
        if keys[run[0]]:
            for i in run[1:].tolist():
                groups.join(int(run[0]), i)


def join_near(groups: Groups, path: Path, rows: numpy.ndarray) -> None:
    """Join near duplicates among documents whose `shingles` lie in a file, one array after the other.

    rows: the documents to look at, in ascending order; of exact duplicates one will do.
    Near duplicates share at least one of the rarest fifth of each one's runs (prefix filtering, Chaudhuri et al. 2006),
    so that no pair is missed, but where more than COMPARED others share it. Pairs are compared by all their runs.
    """
    if not len(rows):
        return
    sets = _Sets(path)
    contents, sketches = sets.contents()
    contents = contents[rows]
    _, distinct = numpy.unique(contents, return_index=True)
    same = numpy.zeros(groups.size, dtype=numpy.uint64)
    same[rows] = contents
    join_equal(groups, same)
    wanted = numpy.zeros(groups.size, dtype=bool)
    wanted[rows[distinct]] = True
    rank = numpy.empty(groups.size, dtype=numpy.uint64)
    by_size = numpy.lexsort((same, sets.size))  # and by what they hold: whatever the documents' order
    rank[by_size] = numpy.arange(groups.size, dtype=numpy.uint64)
    counts = sets.counts()
    parts = 1 + len(sets.table) // AT_ONCE
    for part in range(parts):
        runs, documents, longest = sets.rarest(counts, wanted, part, parts)
        order = numpy.argsort(runs.astype(numpy.uint64) << HALF | rank[documents])
        _join_sharing(groups, sets, sketches, runs[order], documents[order], longest[order])


class _Sets:
    """The documents' runs: each one's are `size` from `start` in `table`."""

    def __init__(self, path: Path) -> None:
        self.table = numpy.memmap(path, dtype=numpy.uint32, mode="r")
        self.blocks: list[tuple[int, int]] = []  # first document, and the one after the last
        sizes, starts = [], []
        at = documents = 0
        while at < len(self.table):
            count = int(self.table[at])
            block = self.table[at + 1 : at + 1 + count].astype(numpy.int64)
            ends = at + 1 + count + numpy.cumsum(block)
            sizes.append(block)
            starts.append(ends - block)
            self.blocks += [
                (documents + i, documents + min(i + 2**16, count)) for i in range(0, count, 2**16)
            ]
            at = int(ends[-1]) if count else at + 1
            documents += count
        self.size = numpy.concatenate(sizes)
        self.start = numpy.concatenate(starts)

    def _of(self, first: int, last: int) -> numpy.ndarray:
        return self.table[self.start[first] : self.start[last - 1] + self.size[last - 1]]

    def contents(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return of each document's whole set a hash, which is never 0, and a sketch.

        Sketches have 64 bits, and each run turns one: two differ in no more bits than there are runs of one set alone.
        """
        hashes, sketches = [], []
        for first, last in self.blocks:
            runs, starts = self._of(first, last), self.start[first:last] - self.start[first]
            mixed = (runs + FACTOR) * FACTOR
            hashes.append(numpy.add.reduceat((mixed ^ mixed >> HALF) * FACTOR, starts))
            bits = numpy.uint64(1) << runs.astype(numpy.uint64) % numpy.uint64(64)
            sketches.append(numpy.bitwise_xor.reduceat(bits, starts))
        return numpy.concatenate(hashes) | numpy.uint64(1), numpy.concatenate(sketches)

    def counts(self) -> numpy.ndarray:
        """Count runs, in a table by the last bits of their hashes."""
        counts = numpy.zeros(min(CELLS, 2 ** len(self.table).bit_length()), dtype=numpy.uint32)
        for first, last in self.blocks:
            numpy.add.at(counts, self._of(first, last) & numpy.uint32(len(counts) - 1), numpy.uint32(1))
        return counts

    def rarest(
        self, counts: numpy.ndarray, wanted: numpy.ndarray, part: int, parts: int
    ) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
        """Return the rarest runs of the wanted documents, those of a part of all hashes that occur twice or more.

        As many of each document as near duplicates cannot do without all of. Beside each run its document, and how many
        runs a near duplicate can have at most whose rarest common run this is.
        """
        found = []
        for first, last in self.blocks:
            runs, size = self._of(first, last), self.size[first:last]
            count = numpy.minimum(counts[runs & numpy.uint32(len(counts) - 1)], 2**16 - 1).astype(
                numpy.uint64
            )
            owner = numpy.repeat(numpy.arange(len(size), dtype=numpy.uint64), size)
            ordered = numpy.sort(owner << numpy.uint64(48) | count << HALF | runs)
            rest = numpy.repeat(numpy.cumsum(size), size) - numpy.arange(len(runs))
            needed = -(-4 * size // 5)
            runs = ordered & numpy.uint64(2**32 - 1)
            kept = (rest >= numpy.repeat(needed, size)) & numpy.repeat(wanted[first:last], size)
            kept &= (ordered >> HALF & numpy.uint64(2**16 - 1)) > 1
            kept &= runs * numpy.uint64(parts) >> HALF == part
            longest = 9 * rest // 4 - numpy.repeat(size, size)  # see `near`: no more than `rest` are common
            owner += numpy.uint64(first)
            found.append([runs[kept].astype("u4"), owner[kept].astype("u4"), longest[kept].astype("i4")])
        runs, documents, longest = (numpy.concatenate(columns) for columns in zip(*found, strict=True))
        return runs, documents, longest

    def near(self, left: numpy.ndarray, right: numpy.ndarray) -> numpy.ndarray:
        """Say of pairs of documents whether they are near duplicates."""
        pairs = numpy.concatenate([self._numbered(left), self._numbered(right)])
        pairs.sort()
        common = pairs[1:][pairs[1:] == pairs[:-1]] >> HALF
        common = numpy.bincount(common.astype(numpy.int64), minlength=len(left))
        return 9 * common >= 4 * (self.size[left] + self.size[right])  # common / (both - common) >= 4 / 5

    def _numbered(self, documents: numpy.ndarray) -> numpy.ndarray:
        size = self.size[documents]
        places = numpy.repeat(self.start[documents] - numpy.cumsum(size) + size, size) + numpy.arange(
            size.sum()
        )
        return (
            numpy.repeat(numpy.arange(len(documents), dtype=numpy.uint64), size) << HALF | self.table[places]
        )


def _join_sharing(
    groups: Groups,
    sets: _Sets,
    sketches: numpy.ndarray,
    runs: numpy.ndarray,
    documents: numpy.ndarray,
    longest: numpy.ndarray,
) -> None:
    """Join near duplicates among documents that share a run; equal runs stand together, short documents first.

    longest: see `_Sets.rarest`. First neighbours are compared, then those with one between, and so on; what is of
    one group already is not.
    """
    size = sets.size[documents].astype(numpy.int32)
    at = numpy.arange(len(runs))
    for distance in range(1, COMPARED + 1):
        at = at[at + distance < len(runs)]
        at = at[(runs[at] == runs[at + distance]) & (size[at + distance] <= longest[at])]
        if not len(at):
            return
        pairs = at[size[at] <= longest[at + distance]]
        differing = numpy.bitwise_count(sketches[documents[pairs]] ^ sketches[documents[pairs + distance]])
        # of near duplicates no more runs than these are of one alone
        pairs = pairs[differing <= (size[pairs] + size[pairs + distance]) // 9]
        for chunk in _chunks(size[pairs] + size[pairs + distance]):
            left, right = documents[pairs[chunk]], documents[pairs[chunk] + distance]
            apart = groups.firsts(left) != groups.firsts(right)
            left, right = left[apart], right[apart]
            near = sets.near(left, right)
            for i, j in zip(left[near].tolist(), right[near].tolist(), strict=True):
                groups.join(i, j)
        if (
            distance & (distance - 1) == 0
        ):  # a power of two: leave out the runs whose documents are all of one group
            begin = numpy.flatnonzero(numpy.concatenate(([True], runs[1:] != runs[:-1])))
            first = groups.firsts(documents)
            several = numpy.minimum.reduceat(first, begin) != numpy.maximum.reduceat(first, begin)
            kept = numpy.repeat(several, numpy.diff(numpy.append(begin, len(runs))))
            runs, documents, longest, size = runs[kept], documents[kept], longest[kept], size[kept]
            at = numpy.arange(len(runs))


def _chunks(sizes: numpy.ndarray) -> list[slice]:
    """Cut a list into parts whose sizes come to some millions."""
    part = numpy.cumsum(sizes) // 2**21
    edges = [0, *(numpy.flatnonzero(part[1:] != part[:-1]) + 1).tolist(), len(sizes)]
    return [slice(start, end) for start, end in pairwise(edges)]


def _runs(keys: numpy.ndarray) -> Iterator[numpy.ndarray]:
    """Yield, in ascending order within each, the indexes of every key that occurs twice or more."""
    order = numpy.argsort(keys, kind="stable")
    ordered = keys[order]
    edges = numpy.flatnonzero(numpy.concatenate(([True], ordered[1:] != ordered[:-1], [True])))
    for start, end in zip(edges[:-1][numpy.diff(edges) > 1], edges[1:][numpy.diff(edges) > 1], strict=True):
        yield order[start:end]
