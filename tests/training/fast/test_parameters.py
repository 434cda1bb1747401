"""Flat parameters learn as thinc's optimizers let them, and are the pipeline's own weights."""

import numpy
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from spacy.util import registry
from thinc.api import SGD, Adam, Linear, Optimizer, PyTorchWrapper, RAdam, chain

from scripts.cli import UserError
from scripts.training.fast.parameters import FlatParameters
from scripts.training.finetune import HEAD_RATE, RATE
from scripts.training.parameters import walk_parameters, weights_hash
from scripts.training.step import PerParameterLR
from scripts.training.world import World
from tests.runs import small_pipeline

STEPS = 20


class Component:
    """As much of a component as the optimizer sees."""

    is_trainable = True

    def __init__(self, model, name="it"):
        self.model, self.name = model, name


class Pipeline:
    def __init__(self, *components):
        self.pipeline = [(component.name, component) for component in components]


def linear() -> tuple[Pipeline, list]:
    """Three layers with the same weights each time."""
    draw = numpy.random.default_rng(0)
    layers = [Linear(nO, nI) for nO, nI in ((4, 3), (5, 4), (2, 5))]
    for layer in layers:
        for name in layer.param_names:
            layer.set_param(
                name,
                draw.normal(
                    size=layer.get_dim("nO") if name == "b" else (layer.get_dim("nO"), layer.get_dim("nI"))
                ).astype("float32"),
            )
    return Pipeline(Component(chain(*layers))), layers


def gradients(layers: list, step: int) -> dict:
    """The step's gradients; layer 1 has none until step 5, layer 2 none in every third step."""
    draw = numpy.random.default_rng(100 + step)
    found = {}
    for i, layer in enumerate(layers):
        for name in ("W", "b"):
            gradient = (draw.normal(size=layer.get_param(name).shape) * 10.0 ** (step % 4 - 2)).astype(
                "float32"
            )
            if not (i == 1 and step < 5):
                found[i, name] = gradient
    return found


def rate():
    return registry.resolve(
        {
            "it": {
                "@schedules": "warmup_linear.v1",
                "warmup_steps": 5,
                "total_steps": STEPS,
                "initial_rate": 0.001,
            }
        }
    )["it"]


def learn_both(make) -> tuple:
    """Twenty steps with thinc's optimizer and with flat parameters."""
    (_, theirs), (pipeline, ours) = linear(), linear()
    stock, optimizer = make(), make()
    flat = FlatParameters(pipeline, optimizer, world=World())
    for step in range(STEPS):
        for (i, name), gradient in gradients(theirs, step).items():
            layer = theirs[i]
            weights, _ = stock((layer.id, name), layer.get_param(name), gradient.copy())
            layer.set_param(name, weights)
            ours[i].inc_grad(name, gradient)
        flat.step()
        stock.step_schedules()
        optimizer.step_schedules()
    return theirs, ours, stock, optimizer


def assert_same(theirs: list, ours: list, stock: Optimizer, optimizer: Optimizer) -> None:
    for layer, other in zip(theirs, ours, strict=True):
        for name in ("W", "b"):
            assert_allclose(other.get_param(name), layer.get_param(name), rtol=2e-5, atol=2e-6)
            assert optimizer.nr_update[other.id, name] == stock.nr_update[layer.id, name]
            if stock.averages is not None:
                average = optimizer.averages[other.id, name]
                assert average.shape == other.get_param(name).shape
                assert_allclose(average, stock.averages[layer.id, name], rtol=2e-5, atol=2e-6)
    assert optimizer.learn_rate == pytest.approx(stock.learn_rate)


@pytest.mark.parametrize("grad_clip", [0.0, 1.0])
@pytest.mark.parametrize("L2", [0.0, 0.01])
@pytest.mark.parametrize("use_averages", [False, True])
@pytest.mark.parametrize("scheduled", [False, True])
def test_flat_parameters_learn_as_with_thincs_adam(grad_clip, L2, use_averages, scheduled):
    assert_same(
        *learn_both(
            lambda: Adam(
                rate() if scheduled else 0.001,
                L2=L2,
                grad_clip=grad_clip,
                use_averages=use_averages,
                L2_is_weight_decay=True,
            )
        )
    )


@pytest.mark.parametrize("use_averages", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda averages: SGD(0.01, L2=0.01, grad_clip=1.0, use_averages=averages),
        lambda averages: RAdam(0.01, L2=0.01, grad_clip=1.0, use_averages=averages),
        lambda averages: Adam(0.01, L2=0.01, grad_clip=1.0, use_averages=averages, L2_is_weight_decay=False),
    ],
    ids=["SGD", "RAdam", "L2 in the gradient"],
)
def test_other_optimizers_are_thincs_own(make, use_averages):
    assert_same(*learn_both(lambda: make(use_averages)))


def test_what_never_had_a_gradient_is_not_touched():
    pipeline, layers = linear()
    before = layers[1].get_param("W").copy()
    optimizer = Adam(0.01, L2=0.5, use_averages=True)
    flat = FlatParameters(pipeline, optimizer, world=World())
    for _ in range(3):
        layers[0].inc_grad("W", numpy.ones((4, 3), dtype="float32"))
        flat.step()
    assert_array_equal(layers[1].get_param("W"), before)
    assert set(optimizer.nr_update.values()) <= {0, 3}
    assert (layers[1].id, "W") not in optimizer.mom1
    assert (layers[1].id, "W") not in optimizer.averages


@pytest.mark.parametrize("bad", [numpy.nan, numpy.inf])
@pytest.mark.parametrize("grad_clip", [0.0, 1.0])
@pytest.mark.parametrize("make", [Adam, SGD])
def test_a_gradient_that_is_no_number_stops_and_leaves_the_weights(bad, grad_clip, make):
    pipeline, layers = linear()
    flat = FlatParameters(pipeline, make(0.01, grad_clip=grad_clip), world=World())
    before = weights_hash(flat.parameters)
    layers[0].inc_grad("W", numpy.ones((4, 3), dtype="float32"))
    layers[2].inc_grad("b", numpy.array([1.0, bad], dtype="float32"))
    with pytest.raises(UserError, match=r"the gradient of it\.3\.b is (nan|inf); lower the learning rate"):
        flat.step()
    assert weights_hash(flat.parameters) == before


def test_a_step_hands_the_signals_back_and_begins_with_empty_gradients():
    pipeline, layers = linear()
    flat = FlatParameters(pipeline, Adam(0.01), world=World(), signals=2)
    layers[0].inc_grad("W", numpy.ones((4, 3), dtype="float32"))
    assert flat.step((True, False)) == [True, False]
    assert not layers[0].get_grad("W").any()
    assert flat.step((False, False)) == [False, False]


def wrapped(freeze: bool = False) -> tuple[Pipeline, torch.nn.Module]:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    module[0].requires_grad_(not freeze)
    return Pipeline(Component(PyTorchWrapper(module))), module


@pytest.mark.parametrize("freeze", [False, True])
def test_torch_parameters_learn_as_with_thinc_and_frozen_ones_do_not(freeze):
    (theirs, stock_module), (ours, module) = wrapped(freeze), wrapped(freeze)
    stock, optimizer = (Adam(0.001, L2=0.01, grad_clip=1.0) for _ in range(2))
    flat = FlatParameters(ours, optimizer, world=World())
    assert len(flat.parameters) == (2 if freeze else 4)
    first = module[0].weight.detach().clone()
    given = numpy.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    for _ in range(5):
        for pipeline in (theirs, ours):
            model = pipeline.pipeline[0][1].model
            output, backprop = model.begin_update(given)
            backprop(output - 1.0)
        theirs.pipeline[0][1].model.finish_update(stock)
        flat.step()
    for name, tensor in module.state_dict().items():
        assert_allclose(tensor.numpy(), stock_module.state_dict()[name].numpy(), rtol=1e-4, atol=1e-6)
    assert torch.equal(module[0].weight, first) == freeze


@pytest.mark.parametrize(
    "make", [lambda: Adam(0.01, L2=0.01), lambda: RAdam(0.01)], ids=["flat", "thinc's own"]
)
def test_a_share_of_the_learning_rate_is_the_same_in_every_way_of_learning(make):
    """Adam's first step is as long as its rate."""
    moved = []
    for is_flat in (True, False):
        pipeline, module = wrapped()
        setattr(module, HEAD_RATE, 5.0)  # of all that is no torch module, of which there is nothing here
        before = [weights.detach().clone() for weights in module.parameters()]
        for weights in module[0].parameters():
            setattr(weights, RATE, 0.25)
        model, optimizer = pipeline.pipeline[0][1].model, make()
        flat = FlatParameters(pipeline, optimizer, world=World()) if is_flat else None
        given = numpy.random.default_rng(0).normal(size=(6, 3)).astype("float32")
        output, backprop = model.begin_update(given)
        backprop(output - 1.0)
        if flat is not None:
            flat.step()
        else:
            model.finish_update(PerParameterLR(optimizer, walk_parameters(pipeline)))
        assert optimizer.learn_rate == 0.01
        moved.append(
            [
                (after - earlier).detach().numpy()
                for after, earlier in zip(module.parameters(), before, strict=True)
            ]
        )
    for own, other in zip(*moved, strict=True):
        assert_allclose(own, other, rtol=1e-3, atol=1e-5)
    lower, upper = (max(abs(moved[0][i]).max() for i in part) for part in ((0, 1), (2, 3)))
    assert lower < 0.5 * upper


def test_laying_weights_out_flat_changes_no_weight_and_averages_come_and_go():
    nlp = small_pipeline()
    before = weights_hash(walk_parameters(nlp))
    flat = FlatParameters(nlp, Adam(0.01), world=World())
    assert weights_hash(flat.parameters) == before
    with nlp.use_params(
        {parameter.key: numpy.zeros_like(parameter.weights) for parameter in flat.parameters}
    ):
        assert weights_hash(flat.parameters) != before
    assert weights_hash(flat.parameters) == before
    flat.parameters[0].weights[...] += 1
    assert weights_hash(flat.parameters) != before


@pytest.mark.parametrize("make", [lambda: Adam(0.01, L2=0.01), lambda: RAdam(0.01, L2=0.01)])
def test_adopted_moments_go_on_as_if_nothing_had_been(make):
    def learn(flat, layers, steps):
        for step in steps:
            for (i, name), gradient in gradients(layers, step).items():
                layers[i].inc_grad(name, gradient)
            flat.step()

    pipeline, whole = linear()
    learn(FlatParameters(pipeline, make(), world=World()), whole, range(STEPS))
    pipeline, layers = linear()
    first = make()
    learn(FlatParameters(pipeline, first, world=World()), layers, range(8))
    pipeline, others = linear()
    second = make()
    flat = FlatParameters(pipeline, second, world=World())
    for old, new in zip(layers, others, strict=True):
        for name in ("W", "b"):
            new.get_param(name)[...] = old.get_param(name)
            second.nr_update[new.id, name] = first.nr_update[old.id, name]
            for kind in ("mom1", "mom2", "averages"):
                moments = getattr(first, kind)
                if moments is not None and (old.id, name) in moments:
                    getattr(second, kind)[new.id, name] = moments[old.id, name].copy()
    flat.adopt()
    learn(flat, others, range(8, STEPS))
    for one, other in zip(whole, others, strict=True):
        assert_array_equal(other.get_param("W"), one.get_param("W"))
