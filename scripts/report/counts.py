"""Count what is right and wrong in predictions, for each document, label and rule, and make scores of it."""

from collections import Counter
from collections.abc import Iterable

import numpy

from scripts.report.matching import KINDS, RULES, Pair, kind

TP, FP, FN = range(3)


def labels_of(documents: Iterable[list[Pair]]) -> list[str]:
    """Return the labels of gold and predicted entities, in order."""
    return sorted({entity[2] for pairs in documents for pair in pairs for entity in pair if entity})


def count(documents: list[list[Pair]], labels: list[str]) -> numpy.ndarray:
    """Count each document's true positives, false positives and false negatives.

    documents: of each, its pairs. Returns `(documents, rules + labels, 3)`: by each of RULES, of all labels
    together, and then by the exact rule for each label.
    """
    numbers = {label: number for number, label in enumerate(labels)} | {None: -1}
    rows = [
        (document, KINDS.index(kind(pair)), *(numbers[entity and entity[2]] for entity in pair))
        for document, pairs in enumerate(documents)
        for pair in pairs
    ]
    document, kinds, gold, predicted = numpy.array(rows, dtype=numpy.int64).reshape(-1, 4).T
    counts = numpy.zeros((len(documents), len(RULES) + len(labels), 3), dtype=numpy.int32)
    for column, right_kinds in enumerate(RULES.values()):
        right = numpy.isin(kinds, [KINDS.index(name) for name in right_kinds])
        for what, chosen in ((TP, right), (FP, ~right & (predicted >= 0)), (FN, ~right & (gold >= 0))):
            numpy.add.at(counts, (document[chosen], column, what), 1)
            if column == 0:
                label = (gold if what == FN else predicted)[chosen]
                numpy.add.at(counts, (document[chosen], len(RULES) + label, what), 1)
    return counts


def prf(counts: numpy.ndarray) -> numpy.ndarray:
    """Return precision, recall and F of `(…, 3)` counts, as `(…, 3)`; 0 where nothing is to be divided.

    F is 2 TP / (2 TP + FP + FN), the harmonic mean of the other two.
    """
    tp, fp, fn = numpy.moveaxis(numpy.asarray(counts, dtype=numpy.float64), -1, 0)
    parts, totals = numpy.stack([tp, tp, 2 * tp], -1), numpy.stack([tp + fp, tp + fn, 2 * tp + fp + fn], -1)
    return numpy.divide(parts, totals, out=numpy.zeros_like(parts), where=totals > 0)


def macro(scores: numpy.ndarray) -> numpy.ndarray:
    """Return the mean over labels of `(…, labels, 3)` scores, but for labels whose scores are no numbers."""
    known = ~numpy.isnan(scores)
    return numpy.nansum(scores, axis=-2) / numpy.maximum(known.sum(axis=-2), 1)


def score(documents: list[list[Pair]]) -> dict:
    """Score the pairs of documents, in spaCy's spelling; this folder's README.md says what each key means."""
    labels = labels_of(documents)
    totals = count(documents, labels).sum(axis=0)
    exact, partial, boundary, *by_label = map(as_json, totals)
    pairs, confusion = [pair for document in documents for pair in document], {}
    by_labels = Counter(tuple(entity[2] if entity else "" for entity in pair) for pair in pairs)
    for (gold, predicted), times in sorted(by_labels.items()):
        confusion.setdefault(gold, {})[predicted] = times
    return {
        **{f"ents_{key}": exact.pop(key) for key in "prf"},
        **exact,
        "ents_per_type": dict(zip(labels, by_label, strict=True)),
        "macro": dict(zip("prf", macro(prf(totals[len(RULES) :])).tolist(), strict=True)),
        "partial": partial,
        "boundary": boundary,
        "kinds": dict.fromkeys(KINDS, 0) | Counter(map(kind, pairs)),
        "confusion": confusion,
    }


def as_json(counts: numpy.ndarray) -> dict[str, float]:
    """Return three counts as plain data, with precision, recall, F and support (the gold entities)."""
    tp, fp, fn = counts.tolist()
    scores = dict(zip("prf", prf(counts).tolist(), strict=True))
    return scores | {"support": tp + fn, "tp": tp, "fp": fp, "fn": fn}
