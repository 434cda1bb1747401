"""Find documents that are the same or nearly so, by their sets of three-word runs."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, pairwise
from pathlib import Path

import numpy

from scripts.corpus.files import hash64

SHINGLE = 3
"""Words of a run. Near duplicates: four fifths of all three-word runs of both are in both (Jaccard)."""
CELLS = 2**22
"""Counters of how rare runs are, at most: 16 MB."""
AT_ONCE = 2**22
"""Runs of a corpus whose rarest are handled together: memory for a fifth of them at most, 12 bytes each."""
COMPARED = 1000
"""A document is compared with so many others at most of those that share a certain one of its rarest runs."""
BLOCK = 2**21
"""Runs that are read, or compared, together."""
FACTOR, HALF = numpy.uint64(0x9E3779B97F4A7C15), numpy.uint64(32)
BEGINS = numpy.uint32(2**31)
"""The bit of a run that is the first of its text; the other bits are its hash."""

_hash = lru_cache(maxsize=2**17)(hash64)


def shingles(texts: list[str]) -> numpy.ndarray:
    """Return texts' sets of runs, hashed, as `near` reads them; case and white space do not count.

    A shorter text is one run. The first run of each text has the bit BEGINS.
    """
    words = [text.lower().split() for text in texts]
    words = [run + [""] * (SHINGLE - len(run)) for run in words]
    owners = numpy.repeat(numpy.arange(len(words), dtype=numpy.uint64), [len(run) for run in words])
    hashes = numpy.fromiter(map(_hash, chain.from_iterable(words)), dtype=numpy.uint64, count=len(owners))
    runs = ((hashes[:-2] * FACTOR + hashes[1:-1]) * FACTOR + hashes[2:]) * FACTOR >> HALF + numpy.uint64(1)
    inside = owners[2:] == owners[:-2]
    sets = numpy.unique(owners[:-2][inside] << HALF | runs[inside])
    begins = numpy.diff(sets >> HALF, prepend=numpy.uint64(len(texts))) != 0
    return sets.astype(numpy.uint32) | begins * BEGINS


def equal(keys: numpy.ndarray) -> numpy.ndarray:
    """Return pairs of places, `(2, pairs)`, that join all equal keys; 0 is no key."""
    order = numpy.argsort(keys, kind="stable")
    same = (keys[order][1:] == keys[order][:-1]) & (keys[order][1:] != 0)
    return numpy.stack([order[:-1][same], order[1:][same]])


def first_of_group(size: int, *pairs: numpy.ndarray) -> numpy.ndarray:
    """Return for each of so many documents the first of all that pairs join it to."""
    left, right = numpy.concatenate([numpy.empty((2, 0), dtype=numpy.int64), *pairs], axis=1)
    first = numpy.arange(size)
    while not numpy.array_equal(first[left], first[right]):
        later, earlier = numpy.maximum(first[left], first[right]), numpy.minimum(first[left], first[right])
        numpy.minimum.at(first, later, earlier)
        while not numpy.array_equal(first, first[first]):
            first = first[first]
    return first


def near(path: Path, rows: numpy.ndarray) -> numpy.ndarray:
    """Return pairs of documents, `(2, pairs)`, that join all near duplicates.

    path: holds all documents' `shingles`. rows: the documents to look at, in ascending order.
    Near duplicates share at least one of the rarest fifth of each one's runs (prefix filtering, Chaudhuri
    et al. 2006), so that no pair is missed, but where more than COMPARED others share it.
    """
    if not len(rows):
        return numpy.empty((2, 0), dtype=numpy.int64)
    sets = _Sets(path)
    found = [rows[equal(sets.contents[rows])]]
    wanted = numpy.zeros(len(sets.size), dtype=bool)
    wanted[first_of_group(len(wanted), *found)[rows]] = True
    rank = numpy.empty(len(wanted), dtype=numpy.uint64)
    by_size = numpy.lexsort((sets.contents, sets.size))  # and by what they hold: whatever the order
    rank[by_size] = numpy.arange(len(rank), dtype=numpy.uint64)
    parts = 1 + len(sets.table) // AT_ONCE
    for part in range(parts):
        runs, documents = sets.rarest(wanted, part, parts)
        order = numpy.argsort(runs.astype(numpy.uint64) << HALF | rank[documents])
        _compare_sharing(sets, found, runs[order], documents[order])
    return numpy.concatenate(found, axis=1)


class _Sets:
    """The documents' runs: each one's are `size` from `start` in `table`.

    contents: a hash of each document's whole set, never 0. counts: of runs, by the last bits of their hashes.
    sketches: 64 bits of which each run turns one: two differ in no more than there are runs of one set alone.
    """

    def __init__(self, path: Path) -> None:
        self.table = numpy.memmap(path, dtype=numpy.uint32, mode="r")
        blocks = range(0, len(self.table), BLOCK)
        begins = [numpy.flatnonzero(self.table[i : i + BLOCK] >= BEGINS) + i for i in blocks]
        self.start = numpy.concatenate(begins)
        self.size = numpy.diff(self.start, append=len(self.table))
        self.counts = numpy.zeros(min(CELLS, 2 ** len(self.table).bit_length()), dtype=numpy.uint32)
        self.last_bits = numpy.uint32(len(self.counts) - 1)
        self.contents, self.sketches = numpy.empty((2, len(self.size)), dtype=numpy.uint64)
        for first, last, runs in self._blocks():
            numpy.add.at(self.counts, runs & self.last_bits, numpy.uint32(1))
            mixed = (runs + FACTOR) * FACTOR
            starts = self.start[first:last] - self.start[first]
            self.contents[first:last] = numpy.add.reduceat((mixed ^ mixed >> HALF) * FACTOR, starts)
            bits = numpy.uint64(1) << runs.astype(numpy.uint64) % numpy.uint64(64)
            self.sketches[first:last] = numpy.bitwise_xor.reduceat(bits, starts)
        self.contents |= numpy.uint64(1)

    def _blocks(self) -> Iterator[tuple[int, int, numpy.ndarray]]:
        """Yield the runs of some documents at a time, with the first one's number and the next."""
        ends = self.start + self.size
        edges = numpy.searchsorted(ends, range(BLOCK, len(self.table) + BLOCK, BLOCK), side="right").tolist()
        for first, last in pairwise(sorted({*edges, *range(0, len(ends), 2**16), len(ends)})):
            yield first, last, self.table[self.start[first] : ends[last - 1]] & ~BEGINS

    def rarest(self, wanted: numpy.ndarray, part: int, parts: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return the rarest runs of the wanted documents, and the document of each.

        As many of each document as near duplicates cannot do without all of; of these the ones that occur
        twice or more, and are in a part of all hashes.
        """
        found = []
        for first, last, runs in self._blocks():
            size = self.size[first:last]
            count = numpy.minimum(self.counts[runs & self.last_bits], 2**16 - 1).astype(numpy.uint64)
            owner = numpy.repeat(numpy.arange(len(size), dtype=numpy.uint64), size)
            ordered = numpy.sort(owner << numpy.uint64(48) | count << HALF | runs)
            runs = (ordered & numpy.uint64(2**32 - 1)).astype(numpy.uint32)
            rest = numpy.repeat(numpy.cumsum(size), size) - numpy.arange(len(runs))
            kept = (rest >= numpy.repeat(-(-4 * size // 5), size)) & numpy.repeat(wanted[first:last], size)
            kept &= ((ordered >> HALF & numpy.uint64(2**16 - 1)) > 1) & (runs % numpy.uint32(parts) == part)
            found.append((runs[kept], owner[kept].astype(numpy.int64) + first))
        runs, documents = (numpy.concatenate(column) for column in zip(*found, strict=True))
        return runs, documents

    def are_near(self, left: numpy.ndarray, right: numpy.ndarray) -> numpy.ndarray:
        """Say of pairs of documents whether they are near duplicates."""
        pairs = numpy.sort(numpy.concatenate([self._numbered(left), self._numbered(right)]))
        common = pairs[1:][pairs[1:] == pairs[:-1]] >> HALF
        common = numpy.bincount(common.astype(numpy.int64), minlength=len(left))
        return 9 * common >= 4 * (self.size[left] + self.size[right])  # common / (both - common) >= 4 / 5

    def _numbered(self, documents: numpy.ndarray) -> numpy.ndarray:
        """Return the runs of documents, each behind the document's place among them."""
        size = self.size[documents]
        base = numpy.repeat(self.start[documents] - numpy.cumsum(size) + size, size)
        numbers = numpy.repeat(numpy.arange(len(documents), dtype=numpy.uint64), size)
        return numbers << HALF | self.table[base + numpy.arange(len(base))] & ~BEGINS


def _compare_sharing(
    sets: _Sets, found: list[numpy.ndarray], runs: numpy.ndarray, documents: numpy.ndarray
) -> None:
    """Add to what is found the near duplicates among documents that share a run.

    Equal runs stand together, short documents first. First neighbours are compared, then those with one
    between, and so on; what is of one group already is not, nor what is longer by more than a quarter.
    """
    firsts, at = first_of_group(len(sets.size), *found), numpy.arange(len(runs))
    for distance in range(1, COMPARED + 1):
        at = at[at + distance < len(runs)]
        left, right = documents[at], documents[at + distance]
        kept = (runs[at] == runs[at + distance]) & (4 * sets.size[right] <= 5 * sets.size[left])
        at, left, right = at[kept], left[kept], right[kept]
        if not len(at):
            return
        differing = numpy.bitwise_count(sets.sketches[left] ^ sets.sketches[right])  # a ninth of both at most
        kept = (9 * differing <= sets.size[left] + sets.size[right]) & (firsts[left] != firsts[right])
        left, right = left[kept], right[kept]
        block = numpy.cumsum(sets.size[left] + sets.size[right]) // BLOCK
        for some in numpy.split(numpy.arange(len(left)), numpy.flatnonzero(numpy.diff(block)) + 1):
            found.append(numpy.stack([left[some], right[some]])[:, sets.are_near(left[some], right[some])])
        if distance.bit_count() == 1:  # now and then leave out runs whose documents are all of one group
            firsts = first_of_group(len(sets.size), *found)
            begin, own = numpy.flatnonzero(numpy.diff(runs, prepend=runs[0] + 1)), firsts[documents]
            several = numpy.minimum.reduceat(own, begin) != numpy.maximum.reduceat(own, begin)
            kept = numpy.repeat(several, numpy.diff(begin, append=len(runs)))
            runs, documents, at = runs[kept], documents[kept], numpy.arange(numpy.count_nonzero(kept))
