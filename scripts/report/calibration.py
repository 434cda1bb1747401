"""Calibrate confidences by what is right on dev, and measure on test how far they may be trusted."""

import numpy

from scripts.report.counts import prf
from scripts.report.predictions import confidences
from scripts.training.confidence import calibrated, log_odds

BINS = 10
THRESHOLDS = numpy.arange(20) / 20


def calibrate(rows: list[dict], dev: list[dict]) -> dict:
    """Calibrate the confidences in test's rows by dev's; return what scores.json says of them."""
    before = reliability(*outcomes(rows))
    slope, intercept = fit(*outcomes(dev))
    for found in (found for row in rows for found in row["confidence"].values()):
        found[:] = [one and round(float(calibrated(one, slope, intercept)), 4) for one in found]
    bins = reliability(*outcomes(rows))
    return {
        "slope": slope,
        "intercept": intercept,
        "expected_calibration_error": calibration_error(bins),
        "before_calibration": calibration_error(before),
        "bins": bins,
        "thresholds": thresholds(*outcomes(rows), sum(len(row["gold"]) for row in rows)),
    }


def outcomes(rows: list[dict]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return each prediction's confidence, and 1 where it is right by the exact rule; on gold tokens."""
    found = []
    for row in rows:
        gold = {*map(tuple, row["gold"])}
        found += [(one, entity in gold) for entity, one in confidences(row).items() if one is not None]
    confidence, right = numpy.array(found, dtype=numpy.float64).reshape(-1, 2).T
    return confidence, right


def fit(confidence: numpy.ndarray, right: numpy.ndarray) -> tuple[float, float]:
    """Return the slope and the intercept that fit confidences to what is right.

    Platt (1999). Normal priors of variance 1 around 1 and 0 change little where little is known.
    """
    x = numpy.stack([log_odds(confidence), numpy.ones_like(confidence)], axis=1)
    weights = prior = numpy.array([1.0, 0.0])
    curvature = x.T @ x / 4 + numpy.eye(2)  # a bound: each step lowers the loss (Böhning and Lindsay, 1988)
    for _ in range(500):
        gradient = x.T @ (calibrated(confidence, *weights) - right) + weights - prior
        weights = weights - numpy.linalg.solve(curvature, gradient)
    return tuple(weights.tolist())


def reliability(confidence: numpy.ndarray, right: numpy.ndarray) -> list[dict]:
    """Return bins of as many predictions each: their mean confidence, and the share that is right."""
    parts = numpy.array_split(numpy.argsort(confidence, kind="stable"), BINS)
    means = [(confidence[part].mean(), right[part].mean(), len(part)) for part in parts if len(part)]
    return [{"confidence": float(one), "right": float(two), "predictions": size} for one, two, size in means]


def calibration_error(bins: list[dict]) -> float:
    """Return how far confidence is from the share that is right, as mean over the predictions in the bins.

    Naeini, Cooper and Hauskrecht (2015), with bins of equal counts.
    """
    total = sum(each["predictions"] for each in bins)
    return sum(each["predictions"] * abs(each["confidence"] - each["right"]) for each in bins) / max(1, total)


def thresholds(confidence: numpy.ndarray, right: numpy.ndarray, support: int) -> list[dict]:
    """Return precision, recall and F of the predictions that have so much confidence or more."""
    kept = confidence >= THRESHOLDS[:, None]
    tp, predicted = kept @ right, kept.sum(axis=1)
    scores = prf(numpy.stack([tp, predicted - tp, support - tp], axis=1))
    rows = numpy.column_stack([THRESHOLDS, scores]).tolist()
    return [dict(zip(("confidence", "p", "r", "f"), row, strict=True)) for row in rows]
