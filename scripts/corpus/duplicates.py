"""Find documents that are the same or nearly so: MinHash signatures, and groups of documents that share one."""

from collections.abc import Iterator
from pathlib import Path

import numpy

PERMUTATIONS = 64
BAND = 4
"""Signatures that agree in all numbers of a band are compared: 16 bands of 4 find 99.98 % of pairs at similarity 0.8."""
SHINGLE = 3
NEAR = 0.8
"""Documents are near duplicates where so large a share of their three-word runs, as their signatures tell it, is common."""
MAX_LEADERS = 20
"""In a band with very many agreeing documents each is compared with so many different ones at most."""


def signatures(texts: list[str]) -> numpy.ndarray:
    """Return the MinHash signatures of texts, `(len(texts), PERMUTATIONS)` of uint32; case and white space do not count."""
    from rensa import RMinHash

    shingles = []
    for text in texts:
        words = text.lower().split()
        shingles.append([" ".join(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1))])
    result = numpy.empty((len(texts), PERMUTATIONS), dtype=numpy.uint32)
    for i, tokens in enumerate(shingles):
        minhash = RMinHash(PERMUTATIONS, 0)
        minhash.update(tokens)
        result[i] = minhash.digest()
    return result


class Groups:
    """Documents joined into groups; each group is known by its first document (union-find)."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._first = numpy.arange(size, dtype=numpy.int64)

    def first(self, i: int) -> int:
        """Return the first document of i's group."""
        while self._first[i] != i:
            self._first[i] = self._first[self._first[i]]
            i = int(self._first[i])
        return i

    def join(self, i: int, j: int) -> None:
        """Put two documents, and all that belong to them, into one group."""
        i, j = self.first(i), self.first(j)
        self._first[max(i, j)] = min(i, j)


def join_equal(groups: Groups, keys: numpy.ndarray) -> None:
    """Join documents that have the same key; 0 is none."""
    for run in _runs(keys):
        if keys[run[0]]:
            for i in run[1:]:
                groups.join(int(run[0]), int(i))


def join_near(groups: Groups, path: Path, rows: numpy.ndarray) -> None:
    """Join near duplicates among documents whose signatures lie in a file one after the other.

    rows: the documents to look at, in ascending order; of exact duplicates one will do.
    Memory: about 40 bytes a document, whatever its length.
    """
    if not len(rows):
        return
    table = numpy.memmap(path, dtype=numpy.uint32, mode="r").reshape(-1, PERMUTATIONS)
    for band in range(0, PERMUTATIONS, BAND):
        keys = numpy.zeros(len(rows), dtype=numpy.uint64)
        for column in range(band, band + BAND):
            keys = (keys ^ table[rows, column]) * numpy.uint64(0x9E3779B97F4A7C15)
        for run in _runs(keys):
            _join_run(groups, table, rows[run])
    del table


def _join_run(groups: Groups, table: numpy.ndarray, run: numpy.ndarray) -> None:
    rest = run
    for _ in range(MAX_LEADERS):
        leader, rest = rest[0], rest[1:]
        near = (table[rest] == table[leader]).mean(axis=1) >= NEAR
        for i in rest[near]:
            groups.join(int(leader), int(i))
        rest = rest[~near]
        if len(rest) < 2:
            return


def _runs(keys: numpy.ndarray) -> Iterator[numpy.ndarray]:
    """Yield, in ascending order within each, the indexes of every key that occurs twice or more."""
    order = numpy.argsort(keys, kind="stable")
    ordered = keys[order]
    edges = numpy.flatnonzero(numpy.concatenate(([True], ordered[1:] != ordered[:-1], [True])))
    for start, end in zip(edges[:-1][numpy.diff(edges) > 1], edges[1:][numpy.diff(edges) > 1], strict=True):
        yield order[start:end]
