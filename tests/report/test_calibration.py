"""Confidences are fitted to what is right, and measured."""

import numpy
import pytest

from scripts.report.calibration import (
    calibrate,
    calibration_error,
    fit,
    outcomes,
    reliability,
    thresholds,
)
from scripts.training.confidence import calibrated

ANA, CORK = [0, 3, "PER"], [10, 14, "LOC"]


def row(gold, predicted, confidences):
    return {"gold": gold, "gold_tokens": predicted, "confidence": {"gold_tokens": confidences}}


def drawn(count, slope, intercept, seed=0):
    """Confidences, and whether each is right: as often as a calibration says."""
    rng = numpy.random.default_rng(seed)
    confidence = rng.uniform(0.02, 0.98, count)
    right = rng.uniform(size=count) < calibrated(confidence, slope, intercept)
    return confidence, right.astype(float)


@pytest.mark.parametrize("wanted", [(1.0, 0.0), (0.5, -1.0), (2.0, 1.5)])
def test_a_calibration_is_found_again(wanted):
    assert fit(*drawn(20_000, *wanted)) == pytest.approx(wanted, abs=0.1)


def test_a_calibration_lowers_the_error_on_other_predictions():
    calibration = fit(*drawn(1_000, 0.5, -1.0))
    confidence, right = drawn(1_000, 0.5, -1.0, seed=1)
    before = calibration_error(reliability(confidence, right))
    after = calibration_error(reliability(calibrated(confidence, *calibration), right))
    assert after < 0.05 < 0.15 < before


@pytest.mark.parametrize("right", [0.0, 1.0])
@pytest.mark.parametrize("count", [0, 1, 1_000])
def test_nothing_to_learn_from_or_only_one_outcome_gives_a_calibration_all_the_same(count, right):
    slope, intercept = fit(numpy.full(count, 0.9), numpy.full(count, right))
    assert numpy.isfinite([slope, intercept]).all()
    if count == 0:
        assert (slope, intercept) == (1, 0)
    else:
        assert (calibrated(0.9, slope, intercept) > 0.9) == right


def test_confidences_at_the_ends_are_fitted():
    slope, intercept = fit(numpy.array([0.0, 1.0] * 50), numpy.array([0.0, 1.0] * 49 + [1.0, 0.0]))
    assert 0 < slope < 1
    assert abs(intercept) < 0.1


def test_the_error_is_the_mean_distance_of_bins_of_equal_counts():
    confidence = numpy.array([0.2] * 10 + [0.8] * 10)
    right = numpy.array([0.0] * 10 + [1.0] * 10)
    bins = reliability(confidence, right)
    assert [each["predictions"] for each in bins] == [2] * 10
    assert calibration_error(bins) == pytest.approx(0.2)
    assert calibration_error(reliability(confidence[:3], right[:3])) == pytest.approx(0.2)
    assert calibration_error([]) == 0


def test_a_threshold_drops_what_is_less_sure():
    scores = thresholds(numpy.array([0.9, 0.6, 0.2]), numpy.array([1.0, 0.0, 1.0]), 4)
    at = {each["confidence"]: each for each in scores}
    assert at[0.0] == {"confidence": 0.0, "p": 2 / 3, "r": 0.5, "f": pytest.approx(4 / 7)}
    assert (at[0.25]["p"], at[0.25]["r"]) == (0.5, 0.25)
    assert (at[0.9]["p"], at[0.9]["r"]) == (1.0, 0.25)
    assert at[0.95] == {"confidence": 0.95, "p": 0.0, "r": 0.0, "f": 0.0}


def test_only_predictions_with_a_confidence_count_and_right_is_the_exact_rule():
    rows = [row([ANA, CORK], [ANA, [10, 14, "ORG"]], [0.9, 0.4]), row([], [(0, 3, "PER")], [None])]
    confidence, right = outcomes(rows)
    assert (confidence.tolist(), right.tolist()) == ([0.9, 0.4], [1.0, 0.0])


def test_rows_get_calibrated_confidences():
    dev = [row([ANA], [ANA], [0.5])] * 300 + [row([ANA], [CORK], [0.5])] * 100
    rows = [row([ANA], [ANA, CORK], [0.5, None])]
    found = calibrate(rows, dev)
    ((one, none),) = (each["confidence"]["gold_tokens"] for each in rows)
    assert one == pytest.approx(0.75, abs=0.01)
    assert none is None
    assert found["before_calibration"] == 0.5
    assert found["expected_calibration_error"] == pytest.approx(1 - one)
    assert [each["confidence"] for each in found["thresholds"]] == pytest.approx([i / 20 for i in range(20)])
