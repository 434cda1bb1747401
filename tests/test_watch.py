"""What a training that comes to nothing is told by."""

from types import SimpleNamespace

import pytest
from thinc.api import Adam

from scripts.training.watch import Watch
from tests.runs import small_pipeline


def watch(rate: float = 0.001, *, transformer: bool = False) -> Watch:
    model = SimpleNamespace(transformer=None) if transformer else SimpleNamespace()
    return Watch(SimpleNamespace(pipeline=[("it", SimpleNamespace(model=model))]), {"optimizer": Adam(rate)})


def told(watch: Watch, *scores: float) -> list[list[str]]:
    """What is told at each of some evaluations."""
    return [list(watch.look({"score": score, "step": 10 * i})) for i, score in enumerate(scores)]


def test_a_score_that_rises_is_not_worth_a_word():
    assert told(watch(), 0.0, 0.0, 0.0, 0.1, 0.3, 0.2, 0.4) == [[]] * 7


def test_a_score_of_nothing_is_told_once_at_the_third_evaluation_after_the_first():
    found = told(watch(), *[0.0] * 9)
    assert [len(texts) for texts in found] == [0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert "the score is still 0 at step 30" in found[3][0]
    assert "learn_rate, now 0.001" in found[3][0]
    assert "transformer" not in found[3][0]


def test_nothing_must_be_nothing_in_a_row():
    assert told(watch(), 0.0, 0.0, 0.0, 0.2, 0.2)[4] == []


@pytest.mark.parametrize(("rate", "is_told"), [(0.001, True), (0.00005, False)])
def test_a_high_rate_is_told_of_a_transformer_only(rate, is_told):
    (text,) = told(watch(rate, transformer=True), *[0.0] * 4)[3]
    assert ("a transformer seldom learns at more than 0.0005" in text) == is_told


def test_a_collapse_is_told_once_at_its_third_evaluation():
    found = told(watch(), 0.2, 0.6, 0.29, 0.1, 0.2, 0.2, 0.7, 0.2)
    assert [len(texts) for texts in found] == [0, 0, 0, 0, 1, 0, 0, 0]
    assert "the score has collapsed: 20.00 at step 40 after 60.00" in found[4][0]


def test_a_low_score_among_good_ones_is_no_collapse():
    assert told(watch(), 0.0, 0.6, 0.1, 0.6, 0.1, 0.1, 0.5)[-1] == []


def test_nothing_after_something_is_a_collapse():
    (text,) = told(watch(), 0.0, 0.5, 0.0, 0.0, 0.0)[4]
    assert "collapsed" in text


def test_a_tok2vec_is_no_transformer():
    assert not Watch(small_pipeline(), {"optimizer": Adam(0.001)}).has_transformer
