"""Say how sure scores and differences are: over documents, and over seeds."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy

from scripts.report.counts import prf

CONFIDENCE = 0.95
RESAMPLES = 10_000
CHUNK = 2_000_000  # numbers drawn at once: 16 MB


def bootstrap(
    counts: numpy.ndarray, statistic: Callable, *, rng: numpy.random.Generator, resamples: int = RESAMPLES
) -> numpy.ndarray:
    """Return a statistic of documents drawn with replacement, as many as there are, so many times.

    counts: `(documents, …)`. statistic: from `(samples, …)` sums of counts to `(samples, …)`. Documents with
    the same counts are drawn together: how often is multinomial (Efron and Tibshirani, 1993, chapter 20).
    """
    distinct, frequency = numpy.unique(counts.reshape(len(counts), -1), axis=0, return_counts=True)
    rows, found = distinct.astype(numpy.float64), []
    for size in _chunks(resamples, len(rows)):
        drawn = rng.multinomial(len(counts), frequency / len(counts), size=size)
        found.append(statistic((drawn.astype(numpy.float64) @ rows).reshape(size, *counts.shape[1:])))
    return numpy.concatenate(found)


def percentiles(values: numpy.ndarray) -> tuple[float, float] | None:
    """Return the interval that holds CONFIDENCE of a statistic's values; None where none is a number."""
    numbers = values[~numpy.isnan(values)]
    ends = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    return tuple(numpy.quantile(numbers, ends).tolist()) if len(numbers) else None


def randomisation_p(
    one: numpy.ndarray, two: numpy.ndarray, *, rng: numpy.random.Generator, resamples: int = RESAMPLES
) -> float:
    """Return how probable a difference in F of this size is where it does not matter which variant is which.

    one, two: `(documents, 3)` counts of the same documents. Each resample swaps those of each document, or
    not, with probability 1/2 (paired approximate randomisation: Noreen, 1989; Yeh, 2000). Two-sided; the
    observed difference counts as one of the resamples, so that p is never 0.
    """
    changes, frequency = numpy.unique(one - two, axis=0, return_counts=True)
    moved = [numpy.zeros((1, 3))]
    for size in _chunks(resamples, len(changes)):
        moved.append(rng.binomial(frequency, 0.5, size=(size, len(changes))) @ changes)
    moves = numpy.concatenate(moved)
    differences = abs(prf(one.sum(axis=0) - moves)[:, 2] - prf(two.sum(axis=0) + moves)[:, 2])
    return float((differences >= differences[0] - 1e-12).mean())


def seeds_interval(one: Sequence[float], *two: Sequence[float]) -> tuple[float, float] | None:
    """Return the interval of the mean over seeds, or of the difference `mean(one) − mean(two)`.

    Student's t, of a difference with Welch's degrees of freedom. None where one has a single seed.
    """
    samples = (one, *two)
    if min(map(len, samples)) < 2:
        return None
    middle = float(numpy.mean(one) - sum(map(numpy.mean, two)))
    parts = [float(numpy.var(sample, ddof=1)) / len(sample) for sample in samples]
    squares = sum(part**2 / (len(sample) - 1) for part, sample in zip(parts, samples, strict=True))
    half = t_quantile(sum(parts) ** 2 / squares) * math.sqrt(sum(parts)) if squares else 0.0
    return middle - half, middle + half


def t_quantile(freedom: float) -> float:
    """Return the t that holds CONFIDENCE of Student's distribution between −t and t.

    With t = √freedom tan(angle), the density of the angle is proportional to cos(angle)^(freedom − 1).
    """
    angles = numpy.linspace(0, math.pi / 2, 200_001)
    density = numpy.cos(angles) ** (freedom - 1)
    area = numpy.concatenate([[0], numpy.cumsum(density[1:] + density[:-1])])
    return math.sqrt(freedom) * math.tan(numpy.interp(CONFIDENCE * area[-1], area, angles))


def _chunks(resamples: int, width: int) -> Iterator[int]:
    """Yield how many resamples to draw at once, of so many numbers each."""
    size = max(1, CHUNK // max(1, width))
    yield from (min(size, resamples - start) for start in range(0, resamples, size))
