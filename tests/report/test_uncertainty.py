"""Intervals and the test of a difference, beside scipy's."""

import numpy
import pytest
from scipy import stats

from scripts.report.counts import prf
from scripts.report.uncertainty import (
    bootstrap,
    percentiles,
    randomisation_p,
    seeds_interval,
    t_quantile,
)


def f(counts):
    return prf(counts)[..., 2]


def draw_counts(rng, documents, quality=0.7):
    """True positives, false positives and false negatives of documents, some of which are hard."""
    support = rng.poisson(3, documents)
    right = rng.binomial(support, quality * rng.beta(4, 2, documents))
    return numpy.stack([right, rng.binomial(support, 0.2), support - right], axis=1)


def draw_pair(rng, documents, qualities=(0.7, 0.7)):
    """Counts of two variants on the same documents, alike as those of like pipelines are."""
    support, ease = rng.poisson(3, documents), rng.beta(4, 2, documents)
    pair = []
    for quality in qualities:
        right = rng.binomial(support, quality * ease)
        pair.append(numpy.stack([right, rng.binomial(support, 0.2), support - right], axis=1))
    return pair


def test_an_interval_over_documents_is_scipys():
    counts = draw_counts(numpy.random.default_rng(0), 60)
    samples = bootstrap(counts, f, rng=numpy.random.default_rng(1), resamples=40_000)
    wanted = stats.bootstrap(
        tuple(counts.T),
        lambda *each, axis: f(numpy.stack([column.sum(axis=axis) for column in each], axis=-1)),
        paired=True,
        method="percentile",
        n_resamples=40_000,
        rng=numpy.random.default_rng(2),
    ).confidence_interval
    assert percentiles(samples) == pytest.approx([wanted.low, wanted.high], abs=0.003)


def test_resamples_have_as_many_documents_and_the_statistics_shape():
    counts = numpy.ones((50, 2, 3), dtype=numpy.int32)
    samples = bootstrap(counts, lambda totals: totals, rng=numpy.random.default_rng(0), resamples=7)
    assert samples.shape == (7, 2, 3)
    assert (samples == 50).all()


def test_the_same_seed_gives_the_same_interval():
    counts = draw_counts(numpy.random.default_rng(0), 60)
    one, two = (bootstrap(counts, f, rng=numpy.random.default_rng(3), resamples=100) for _ in range(2))
    assert (one == two).all()


def test_a_difference_in_pairs_has_its_own_interval():
    """Two variants that are wrong in the same documents differ by less than each of them is unsure."""
    one = draw_counts(numpy.random.default_rng(0), 200)
    two = one.copy()
    two[0] = 0
    samples = bootstrap(numpy.stack([one, two], axis=1), f, rng=numpy.random.default_rng(1), resamples=2000)
    low, high = percentiles(samples[:, 0] - samples[:, 1])
    alone = percentiles(samples[:, 0])
    assert high - low < 0.2 * (alone[1] - alone[0])


def test_what_is_no_number_is_left_out_of_an_interval():
    assert percentiles(numpy.array([numpy.nan, 0.5, 0.5])) == (0.5, 0.5)
    assert percentiles(numpy.array([numpy.nan])) is None


def test_p_is_scipys_exact_one():
    """scipy swaps the documents in all 2^10 ways; it is given their numbers."""
    one, two = draw_pair(numpy.random.default_rng(5), 10, (0.9, 0.5))
    both = numpy.concatenate([one, two])
    wanted = stats.permutation_test(
        (numpy.arange(10), numpy.arange(10, 20)),
        lambda x, y, axis: f(both[x].sum(axis=-2)) - f(both[y].sum(axis=-2)),
        permutation_type="samples",
        n_resamples=numpy.inf,
        vectorized=True,
        axis=-1,
    ).pvalue
    assert 0.01 < wanted < 0.5
    p = randomisation_p(one, two, rng=numpy.random.default_rng(1), resamples=40_000)
    assert p == pytest.approx(wanted, abs=0.01)


def test_p_of_equal_predictions_is_one_and_of_unlike_ones_small():
    one = draw_counts(numpy.random.default_rng(0), 100)
    rng = numpy.random.default_rng(1)
    assert randomisation_p(one, one, rng=rng, resamples=99) == 1
    assert randomisation_p(one, one * [0, 1, 1], rng=rng, resamples=99) == 0.01


@pytest.mark.parametrize("level", [0.05, 0.2])
def test_the_test_has_its_nominal_size(level):
    """Of variants that are equally good, a share of `level` has a p of at most that."""
    rng = numpy.random.default_rng(7)
    trials = 1000
    rejected = sum(
        randomisation_p(*draw_pair(rng, 40), rng=rng, resamples=199) <= level for _ in range(trials)
    )
    assert stats.binomtest(rejected, trials, level).pvalue > 0.01


def test_an_interval_over_documents_holds_the_truth_as_often_as_it_says():
    rng = numpy.random.default_rng(8)
    truth, trials = f(draw_counts(rng, 1_000_000).sum(axis=0)), 300
    held = 0
    for _ in range(trials):
        low, high = percentiles(bootstrap(draw_counts(rng, 150), f, rng=rng, resamples=400))
        held += low <= truth <= high
    assert stats.binomtest(held, trials, 0.95).pvalue > 0.01


@pytest.mark.parametrize("freedom", [1, 1.5, 2, 3.7, 10, 200])
def test_the_quantile_of_t_is_scipys(freedom):
    assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-6)


def test_an_interval_over_seeds_is_scipys():
    one, two = [0.61, 0.64, 0.60], [0.52, 0.57]
    mean, error = numpy.mean(one), stats.sem(one)
    assert seeds_interval(one) == pytest.approx(stats.t.interval(0.95, 2, mean, error))
    wanted = stats.ttest_ind(one, two, equal_var=False).confidence_interval()
    assert seeds_interval(one, two) == pytest.approx([wanted.low, wanted.high])


def test_one_seed_has_no_interval_and_equal_seeds_have_a_point():
    assert seeds_interval([0.5]) is None
    assert seeds_interval([0.5, 0.6], [0.4]) is None
    assert seeds_interval([0.5, 0.5], [0.25, 0.25]) == (0.25, 0.25)
