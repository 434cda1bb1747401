"""All that a pipeline learns: its weights, their gradients and the optimizer's moments, as flat arrays on the CPU."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy
import torch
from spacy.language import Language
from thinc.api import Model, Optimizer
from thinc.util import to_numpy, torch2xp

from scripts.cli import UserError
from scripts.training.tuning import HEAD_RATE, RATE
from scripts.training.workers import World, deal


@dataclass(frozen=True, slots=True)
class Parameter:
    """One array of weights: `key` as thinc's optimizer knows it, `name` the same in every process. rate: what the learning rate is multiplied by."""

    key: tuple[int, str]
    name: str
    node: Model | None
    tensor: torch.nn.Parameter | None
    rate: float

    def weights(self):
        """Return the array itself, not a copy."""
        return self.node.get_param(self.key[1]) if self.node is not None else torch2xp(self.tensor.data)


def trainable(nlp: Language, exclude: Iterable[str] = ()) -> list:
    """Return the components that training updates."""
    return [
        component
        for name, component in nlp.pipeline
        if name not in exclude and getattr(component, "is_trainable", False) and component.model
    ]


def walk_parameters(nlp: Language, exclude: Iterable[str] = ()) -> list[Parameter]:
    """List what the optimizer updates: thinc's parameters, and torch's that are not frozen, each once, in the same order every time."""
    found: dict[tuple[int, str], Parameter] = {}
    modules = [
        module
        for component in trainable(nlp)
        for node in component.model.walk()
        for _, module in _torch_modules(node)
    ]
    head_rate = next((getattr(module, HEAD_RATE) for module in modules if hasattr(module, HEAD_RATE)), 1.0)
    for component in trainable(nlp, exclude):
        for number, node in enumerate(component.model.walk()):
            own = [((node.id, name), name, None) for name in node.param_names if node.has_param(name)]
            for shim, module in _torch_modules(node):
                own += [
                    ((shim.id, name), name, tensor)
                    for name, tensor in module.named_parameters()
                    if tensor.requires_grad
                ]
            for key, name, tensor in own:
                of_node, rate = (node, head_rate) if tensor is None else (None, getattr(tensor, RATE, 1.0))
                found.setdefault(
                    key, Parameter(key, f"{component.name}.{number}.{name}", of_node, tensor, rate)
                )
    return list(found.values())


def _torch_modules(node: Model) -> list[tuple[Any, torch.nn.Module]]:
    """Return a layer's torch modules, each with thinc's object around it."""
    return [
        (shim, shim._model)
        for shim in node.shims
        if isinstance(getattr(shim, "_model", None), torch.nn.Module)
    ]


def forget_gradients(parameters: Iterable[Parameter]) -> None:
    """Set gradients to zero, where there are any."""
    for parameter in parameters:
        if parameter.tensor is not None and parameter.tensor.grad is not None:
            parameter.tensor.grad.zero_()
        elif parameter.node is not None and parameter.node.has_grad(parameter.key[1]):
            parameter.node.get_grad(parameter.key[1]).fill(0.0)


def finish_update(
    nlp: Language, exclude: Iterable[str], optimizer: Optimizer, parameters: Iterable[Parameter]
) -> None:
    """Let thinc's optimizer update all components, each parameter at its own rate."""
    rated = Rated(optimizer, parameters)
    for component in trainable(nlp, exclude):
        component.finish_update(rated if rated.rates else optimizer)


def weights_hash(parameters: list[Parameter]) -> str:
    """Return a hash of all weights, bit by bit."""
    digest = hashlib.sha256()
    for parameter in parameters:
        digest.update(numpy.ascontiguousarray(to_numpy(parameter.weights())))
    return digest.hexdigest()


def check_equal(parameters: list[Parameter], world: World) -> None:
    """Raise UserError unless all processes have the same weights, bit by bit."""
    if world.size > 1 and len({*world.gather(weights_hash(parameters))}) > 1:
        raise UserError(
            "the workers' weights are not the same; train with --workers 1, and tell us what config does this"
        )


class FlatParameters:
    """Weights and gradients of a pipeline on the CPU, each laid out in one array that its layers look into.

    One kernel updates them: 1.5 million parameters in 31 arrays take 2 ms instead of the 12 ms of thinc's Adam. Where
    processes share memory, each adds up the gradients of some arrays and updates them, for all: none does another's work again.
    """

    def __init__(
        self,
        nlp: Language,
        optimizer: Optimizer,
        exclude: Iterable[str] = (),
        *,
        world: World,
        signals: int = 0,
    ) -> None:
        """Take a pipeline's parameters over. signals: numbers that are added up beside the gradients."""
        self.parameters = walk_parameters(nlp, exclude)
        self.optimizer, self.world = optimizer, world
        check_equal(self.parameters, world)
        sizes = [parameter.weights().size for parameter in self.parameters]
        total = sum(sizes)
        self.slices = [slice(start, end) for start, end in pairwise(numpy.cumsum([0, *sizes]).tolist())]
        self._signals = slice(total, None)
        self._plain = _is_plain_adam(optimizer)
        kinds = 3 if optimizer.averages is None else 4
        rows, state, norms = (world.size, total + signals), (kinds, total), (len(sizes),)
        shared = world.shared({"rows": rows, "state": state, "norms": norms}) if self._plain else None
        self._rows = None if shared is None else shared["rows"]
        self.gradients = (
            numpy.zeros(total + signals, dtype="float32") if shared is None else shared["rows"][world.rank]
        )
        self._sums = self.gradients if shared is None else numpy.zeros(total + signals, dtype="float32")
        self._norms = numpy.zeros(norms, dtype="float32") if shared is None else shared["norms"]
        self.weights, *self.moments = (
            numpy.zeros(state, dtype="float32") if shared is None else shared["state"]
        )
        self._mine = [
            i for i, owner in enumerate(deal(sizes, world.size)) if shared is None or owner == world.rank
        ]
        self._learns = [False] * len(sizes)
        for parameter, own in zip(self.parameters, self.slices, strict=True):
            _move(parameter, self.weights[own], self.gradients[own])
        self._tensors = [
            [torch.from_numpy(array[own]) for own in self.slices]
            for array in (self._sums, self.weights, *self.moments)
        ]

    def adopt(self) -> None:
        """Let the optimizer's moments and averages, where it has some already, live in the flat arrays."""
        for i, parameter in enumerate(self.parameters):
            self._learns[i] = self.optimizer.nr_update[parameter.key] > 0
            for flat, known in zip(self.moments, self._known(), strict=True):
                if parameter.key in known:
                    flat[self.slices[i]] = known[parameter.key].reshape(-1)
            if self._learns[i] and self._plain:
                self._publish(i)

    def step(self, signals: Sequence[bool] = ()) -> list[bool]:
        """Add the gradients of all processes up, update the weights, and set the gradients to zero; return which signals any process gave.

        What never had a gradient stays as it is, as with thinc. Raises UserError where a gradient is no number; the weights that
        this process updates are then as before.
        """
        self.gradients[self._signals] = signals
        self._add_up()
        told = [signal > 0.0 for signal in self._sums[self._signals].tolist()]
        own = torch.stack(torch._foreach_norm([self._tensors[0][i] for i in self._mine])).tolist()
        self._norms[self._mine] = own
        chosen = {i: norm for i, norm in zip(self._mine, own, strict=True) if norm > 0.0 or self._learns[i]}
        if all(map(math.isfinite, own)):
            self._update(chosen)
        if self._rows is not None:
            self.world.wait()
        self._count()
        self.gradients.fill(0.0)
        return told

    def _add_up(self) -> None:
        """Add up the gradients of this process's arrays, in the order of ranks; without shared memory, of all."""
        if self._rows is None:
            self.world.sum(self.gradients)
            return
        self.world.wait()
        for own in (*(self.slices[i] for i in self._mine), self._signals):
            numpy.add.reduce(self._rows[:, own], axis=0, out=self._sums[own])

    def _count(self) -> None:
        """Count the updates that any process has made, and let the optimizer know where their moments are."""
        for i, norm in enumerate(self._norms.tolist()):
            if not math.isfinite(norm):
                raise UserError(
                    f"the gradient of {self.parameters[i].name} is {norm}; lower the learning rate ([training.optimizer] learn_rate)"
                )
            if self._plain and (norm > 0.0 or self._learns[i]):
                self.optimizer.nr_update[self.parameters[i].key] += 1
                if not self._learns[i]:
                    self._publish(i)
            self._learns[i] = self._learns[i] or norm > 0.0

    def _known(self) -> list[dict]:
        """Return what the optimizer keeps of each parameter, in the order of `moments`."""
        averages = self.optimizer.averages
        return (
            [self.optimizer.mom1, self.optimizer.mom2]
            if averages is None
            else [self.optimizer.mom1, self.optimizer.mom2, averages]
        )

    def _publish(self, i: int) -> None:
        key, shape = self.parameters[i].key, self.parameters[i].weights().shape
        for flat, known, form in zip(self.moments, self._known(), (-1, -1, shape), strict=False):
            known[key] = flat[self.slices[i]].reshape(form)

    def _update(self, chosen: dict[int, float]) -> None:
        """Update arrays, given their gradients' norms."""
        if self._plain:
            self._adam(chosen)
            return
        optimizer = Rated(self.optimizer, self.parameters)
        for i in chosen:
            weights = self.parameters[i].weights()
            weights[...], _ = optimizer(
                self.parameters[i].key, weights, self._sums[self.slices[i]].reshape(weights.shape)
            )

    def _adam(self, chosen: dict[int, float]) -> None:
        """Clip gradients, given their norms, and run torch's fused AdamW as thinc's Adam would be; weights decay before the update, not after it."""
        optimizer = self.optimizer
        gradients, weights, mom1, mom2, *averages = self._tensors
        groups: dict[tuple[int, float], list[int]] = {}
        for i, norm in chosen.items():
            if norm >= optimizer.grad_clip > 0.0:
                gradients[i].mul_(optimizer.grad_clip / norm)
            groups.setdefault(
                (optimizer.nr_update[self.parameters[i].key] + 1, self.parameters[i].rate), []
            ).append(i)
        for (updates, rate), group in groups.items():
            torch._fused_adamw_(
                *([tensors[i] for i in group] for tensors in (weights, gradients, mom1, mom2)),
                [],
                [torch.tensor(float(updates))] * len(group),
                lr=float(optimizer.learn_rate) * rate,
                beta1=float(optimizer.b1),
                beta2=float(optimizer.b2),
                weight_decay=float(optimizer.L2),
                eps=float(
                    optimizer.eps / (1.0 - optimizer.b2**updates) ** 0.5
                ),  # thinc adds eps before it corrects for bias
                amsgrad=False,
                maximize=False,
            )
            for average in averages:
                decay = min((1.0 + updates) / (10.0 + updates), MAX_DECAY)
                torch._foreach_lerp_([average[i] for i in group], [weights[i] for i in group], 1.0 - decay)


class Rated:
    """thinc's optimizer, by which some parameters learn at a share of its rate."""

    def __init__(self, optimizer: Optimizer, parameters: Iterable[Parameter]) -> None:
        self.optimizer = optimizer
        self.rates = {parameter.key: parameter.rate for parameter in parameters if parameter.rate != 1.0}

    def __call__(self, key: tuple[int, str], weights: Any, gradient: Any, **options: Any) -> tuple:
        """Update weights, as the optimizer does."""
        whole = self.optimizer.learn_rate
        self.optimizer.learn_rate = whole * self.rates.get(key, 1.0)
        try:
            return self.optimizer(key, weights, gradient, **options)
        finally:
            self.optimizer.learn_rate = whole


MAX_DECAY = 0.9999
"""Of thinc's moving averages (thinc/backends/ops.py, update_averages)."""


def _is_plain_adam(optimizer: Optimizer) -> bool:
    plain = type(optimizer) is Optimizer and not optimizer.use_radam and optimizer.L2_is_weight_decay
    return plain and optimizer.b1 > 0 and optimizer.b2 > 0


def _move(parameter: Parameter, weights: numpy.ndarray, gradient: numpy.ndarray) -> None:
    """Let a layer look into the flat arrays, with its weights in them."""
    shape = parameter.weights().shape
    weights[:] = parameter.weights().reshape(-1)  # the same in every process
    if parameter.node is not None:
        parameter.node.set_param(parameter.key[1], weights.reshape(shape))
        parameter.node.set_grad(parameter.key[1], gradient.reshape(shape))
    else:
        parameter.tensor.data = torch.from_numpy(weights.reshape(shape))
        parameter.tensor.grad = torch.from_numpy(gradient.reshape(shape))
