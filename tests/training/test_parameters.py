"""Parameters have the same names in each process, and are saved with what the optimizer knows."""

import json

import numpy
import pytest
from numpy.testing import assert_array_equal
from thinc.api import Adam, RAdam

from scripts.cli import UserError
from scripts.training.parameters import load_state_dict, state_dict, trainable, walk_parameters, weights_hash
from tests.runs import small_pipeline


def test_one_bit_makes_another_hash():
    parameters = walk_parameters(small_pipeline())
    seen = {weights_hash(parameters)}
    assert weights_hash(walk_parameters(small_pipeline())) in seen
    for parameter in parameters:
        bits = parameter.weights.reshape(-1).view("uint32")
        bits[-1] ^= 1
        seen.add(weights_hash(parameters))
        bits[-1] ^= 1
    assert len(seen) == len(parameters) + 1
    assert weights_hash(parameters) in seen


def test_parameters_have_names_of_their_own_that_do_not_depend_on_the_process():
    first, second = ([parameter.name for parameter in walk_parameters(small_pipeline())] for _ in range(2))
    assert first == second
    assert len(set(first)) == len(first)


def learn(nlp, optimizer, steps: range) -> None:
    """Take some steps with drawn gradients."""
    for step in steps:
        draw = numpy.random.default_rng(step)
        for parameter in walk_parameters(nlp):
            gradient = draw.normal(size=parameter.weights.shape).astype("float32")
            parameter.node.set_grad(parameter.key[1], gradient)
        for component in trainable(nlp):
            component.finish_update(optimizer)


@pytest.mark.parametrize("averages", [False, True])
@pytest.mark.parametrize("make", [Adam, RAdam])
def test_what_is_restored_goes_on_as_if_nothing_had_been(make, averages):
    whole, optimizer = small_pipeline(), make(0.01, use_averages=averages)
    learn(whole, optimizer, range(8))
    first, optimizer = small_pipeline(), make(0.01, use_averages=averages)
    learn(first, optimizer, range(5))
    arrays, state = state_dict(walk_parameters(first), optimizer)
    second, optimizer = small_pipeline(seed=1), make(0.01, use_averages=averages)
    load_state_dict(arrays, json.loads(json.dumps(state)), walk_parameters(second), optimizer)
    learn(second, optimizer, range(5, 8))
    for one, other in zip(walk_parameters(whole), walk_parameters(second), strict=True):
        assert_array_equal(one.weights, other.weights)


def test_another_pipelines_state_is_refused():
    optimizer = Adam(0.01)
    arrays, state = state_dict(walk_parameters(small_pipeline()), optimizer)
    with pytest.raises(UserError, match="another pipeline's weights"):
        load_state_dict(arrays, state, walk_parameters(small_pipeline(width=24)), optimizer)
