"""Which pair is of which kind."""

from collections import Counter

import numpy
import pytest
from scipy.optimize import linear_sum_assignment

from scripts.report.matching import kind, pair_entities
from tests.report.drawn_entities import disturb, draw_entities


def kinds(gold, predicted):
    return Counter(map(kind, pair_entities(gold, predicted)))


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([(0, 3, "PER")], [(0, 3, "PER")], {"exact": 1}),
        ([(0, 3, "PER")], [(0, 2, "PER")], {"type_only": 1}),
        ([(0, 3, "PER")], [(0, 3, "ORG")], {"boundary_only": 1}),
        ([(0, 3, "PER")], [(1, 4, "ORG")], {"overlap": 1}),
        ([(0, 3, "PER")], [], {"missed": 1}),
        ([], [(0, 3, "PER")], {"spurious": 1}),
        ([(0, 3, "PER")], [(3, 5, "PER")], {"missed": 1, "spurious": 1}),
        ([], [], {}),
    ],
)
def test_each_kind_of_error(gold, predicted, expected):
    assert kinds(gold, predicted) == expected


def test_an_entity_is_paired_once():
    """A prediction over two gold entities is right about one; two predictions in one gold entity, too."""
    assert kinds([(0, 3, "PER"), (4, 7, "PER")], [(0, 7, "PER")]) == {"type_only": 1, "missed": 1}
    assert kinds([(0, 7, "PER")], [(0, 3, "PER"), (4, 7, "PER")]) == {"type_only": 1, "spurious": 1}


def test_the_same_label_is_paired_before_another():
    assert kinds([(0, 7, "PER")], [(0, 3, "ORG"), (4, 7, "PER")]) == {"type_only": 1, "spurious": 1}
    pairs = pair_entities([(0, 7, "PER")], [(0, 3, "ORG"), (4, 7, "PER")])
    assert ((0, 7, "PER"), (4, 7, "PER")) in pairs


def overlaps(one, two):
    return one[0] < two[1] and two[0] < one[1]


@pytest.mark.parametrize("seed", range(200))
def test_as_many_pairs_as_possible_whatever_the_order(seed):
    """By scipy's assignment: most pairs with one label, and every entity comes once."""
    rng = numpy.random.default_rng(seed)
    gold = draw_entities(rng)
    predicted = disturb(rng, draw_entities(rng)) if seed % 2 else disturb(rng, gold)
    pairs = pair_entities(gold, predicted)
    assert Counter(one for one, _ in pairs if one) == Counter(gold)
    assert Counter(two for _, two in pairs if two) == Counter(predicted)
    both = [pair for pair in pairs if None not in pair]
    assert all(overlaps(*pair) for pair in both)
    gains = numpy.array([[overlaps(g, p) and g[2] == p[2] for p in predicted] for g in gold], dtype=int)
    if gold and predicted:
        rows, columns = linear_sum_assignment(gains, maximize=True)
        assert sum(one[2] == two[2] for one, two in both) == gains[rows, columns].sum()
    assert sum(one == two for one, two in both) == len({*gold} & {*predicted})
    shuffled = [[each[i] for i in rng.permutation(len(each))] for each in (gold, predicted)]
    assert pair_entities(*shuffled) == pairs
