"""What a training that comes to nothing is told by."""

from types import SimpleNamespace

import pytest
from thinc.api import Adam

from scripts.corpus.config_file import TOO_HIGH
from scripts.training.monitor import HIGH, Monitor
from tests.runs import small_pipeline
from tests.tiny import make_transformer, transformer_pipeline

WEIGHTS = {"ents_f": 1.0, "ents_per_type": None, "speed": 0.0}


def monitor(rate: float = 0.001, *, transformer: bool = False, weights: dict = WEIGHTS) -> Monitor:
    node = SimpleNamespace(transformer=None) if transformer else SimpleNamespace()
    nlp = SimpleNamespace(pipeline=[("it", SimpleNamespace(model=SimpleNamespace(walk=lambda: [node])))])
    return Monitor(nlp, {"optimizer": Adam(rate), "score_weights": weights, "frozen_components": []})


def warnings(monitor: Monitor, *scores: float, every: int = 200, words: int = 1_000) -> list[list[str]]:
    """What is told at each of some evaluations, with so many steps between them, and so many words a step."""
    rows = [{"score": score, "step": every * i, "words": words * every * i} for i, score in enumerate(scores)]
    return [list(monitor.look(row)) for row in rows]


def test_a_score_that_rises_is_not_worth_a_word():
    assert warnings(monitor(), 0.0, 0.0, 0.0, 0.1, 0.3, 0.2, 0.4) == [[]] * 7


def test_a_score_of_nothing_is_told_once_at_the_third_evaluation_after_the_first():
    found = warnings(monitor(), *[0.0] * 9)
    assert [len(texts) for texts in found] == [0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert "the score (ents_f) is still 0 at step 600" in found[3][0]


def test_a_usual_rate_is_not_blamed_for_a_score_of_nothing():
    (text,) = warnings(monitor(), *[0.0] * 4)[3]
    assert "learn_rate" not in text
    assert "labels that train lacks" in text


@pytest.mark.parametrize(("every", "words"), [(4, 1_000), (40, 1_000), (200, 20)])
def test_few_steps_or_words_are_too_few_to_tell(every, words):
    assert warnings(monitor(), *[0.0] * 10, every=every, words=words) == [[]] * 10


def test_a_score_of_nothing_is_told_once_enough_was_learned_from():
    found = warnings(monitor(), *[0.0] * 9, every=100)
    assert [len(texts) for texts in found] == [0, 0, 0, 0, 0, 1, 0, 0, 0]


def test_nothing_must_be_nothing_in_a_row():
    assert warnings(monitor(), 0.0, 0.0, 0.0, 0.2, 0.2)[4] == []


def test_a_transformers_high_rate_is_told_sooner():
    (text,) = warnings(monitor(0.001, transformer=True), *[0.0] * 4, every=40)[3]
    assert "learn_rate, now 0.001" in text
    assert "a transformer seldom learns at more than 0.0005" in text


def test_a_short_run_of_a_transformer_at_a_high_rate_is_told_nothing():
    assert warnings(monitor(0.001, transformer=True), *[0.0] * 6, every=4) == [[]] * 6


def test_a_high_rate_is_told_of_a_tok2vec_without_a_word_of_transformers():
    (text,) = warnings(monitor(0.05), *[0.0] * 4, every=40)[3]
    assert "learn_rate, now 0.05" in text
    assert "transformer" not in text


def test_a_config_that_weights_no_score_is_told_nothing():
    assert warnings(monitor(weights={"ents_f": None, "ents_p": 0.0}), *[0.0] * 9) == [[]] * 9


def test_the_scores_that_are_weighted_are_named():
    assert (
        "the score (tag_acc, ents_f) is"
        in warnings(monitor(weights={"tag_acc": 0.5, "ents_f": 0.5}), *[0.0] * 4)[3][0]
    )


def test_a_collapse_is_told_once_at_its_third_evaluation():
    found = warnings(monitor(), 0.2, 0.6, 0.29, 0.1, 0.2, 0.2, 0.7, 0.2)
    assert [len(texts) for texts in found] == [0, 0, 0, 0, 1, 0, 0, 0]
    assert "the score has collapsed: 20.00 at step 800 after 60.00; lower the learning rate" in found[4][0]


def test_a_low_score_among_good_ones_is_no_collapse():
    assert warnings(monitor(), 0.0, 0.6, 0.1, 0.6, 0.1, 0.1, 0.5)[-1] == []


def test_nothing_after_something_is_a_collapse():
    (text,) = warnings(monitor(), 0.0, 0.5, 0.0, 0.0, 0.0)[4]
    assert "collapsed" in text


@pytest.mark.parametrize(("frozen", "high"), [([], TOO_HIGH), (["transformer"], HIGH)])
def test_a_transformer_that_learns_wants_a_low_rate(tmp_path, frozen, high):
    nlp = transformer_pipeline(make_transformer("bert", tmp_path))
    assert (
        Monitor(nlp, {"optimizer": Adam(0.001), "score_weights": WEIGHTS, "frozen_components": frozen}).high
        == high
    )


def test_a_tok2vec_is_no_transformer():
    T = {"optimizer": Adam(0.001), "score_weights": WEIGHTS, "frozen_components": []}
    assert Monitor(small_pipeline(), T).high == HIGH
