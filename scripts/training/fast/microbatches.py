"""Which windows run together: by length, so that little is padded, and no more of them than there is memory
for.
"""

import numpy

START = 1_024
"""Padding, in wordpieces, that costs a GPU as much as a further group of windows does."""


def pack(lengths: numpy.ndarray, most: int) -> list[numpy.ndarray]:
    """Cut windows, sorted by length, into micro-batches of at most `most` wordpieces; a longer window is one
    of its own.
    """
    order = numpy.argsort(lengths, kind="stable")
    batches: list[list[int]] = []
    total = 0
    for i, length in zip(order.tolist(), lengths[order].tolist(), strict=True):
        total += length
        if not batches or total > most:
            batches.append([])
            total = length
        batches[-1].append(i)
    return [numpy.array(own) for own in batches]


def group(lengths: numpy.ndarray, most: int, start: int = START) -> list[numpy.ndarray]:
    """Put windows of like length together so that all groups cost least: their padding, and `start` for each.
    Each is sorted by length.

    No group has more than `most` wordpieces with its padding, but for a single window that has more.
    """
    order = numpy.argsort(lengths, kind="stable")
    sizes, counts = numpy.unique(lengths, return_counts=True)
    ends = numpy.cumsum(counts)
    firsts = ends - counts  # windows before those of each size
    costs = numpy.zeros(len(sizes) + 1, dtype=numpy.int64)
    cuts = []
    for i, (size, end) in enumerate(zip(sizes.tolist(), ends.tolist(), strict=True)):
        options = costs[: i + 1] + start + size * (end - firsts[: i + 1])
        cuts.append(int(options.argmin()))
        costs[i + 1] = options[cuts[-1]]
    groups = []
    last = len(sizes)
    while last:
        chosen = order[firsts[cuts[last - 1]] : ends[last - 1]]
        each = max(1, most // int(sizes[last - 1]))
        groups += [chosen[max(0, end - each) : end] for end in range(len(chosen), 0, -each)]
        last = cuts[last - 1]
    return groups
