"""Weights, gradients and moments, laid out so that few kernels update them all."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy
import torch
from spacy.language import Language
from thinc.api import Optimizer

from scripts.cli import UserError
from scripts.training.fast.workers import assign
from scripts.training.parameters import MOMENTS, Parameter, as_numpy, check_equal, walk_parameters, write_into
from scripts.training.step import PerParameterLR
from scripts.training.world import World

MAX_DECAY = 0.9999
"""Of thinc's moving averages (thinc/backends/ops.py, update_averages)."""


class FlatParameters:
    """A pipeline's weights and gradients: on the CPU one array that its layers look into, on a GPU in place.

    One kernel updates all. Where processes share memory, each adds up the gradients of some arrays and
    updates these, for all: none does another's work again.
    """

    def __init__(
        self, nlp: Language, optimizer: Optimizer, exclude: Sequence = (), *, world: World, signals: int = 0
    ) -> None:
        """Take a pipeline's parameters over. signals: numbers that are added up beside the gradients."""
        self.parameters = walk_parameters(nlp, exclude)
        self.optimizer, self.world = optimizer, world
        check_equal(self.parameters, world)
        self._plain = _is_plain_adam(optimizer)
        self._learns = [False] * len(self.parameters)
        self._on_gpu = [i for i, parameter in enumerate(self.parameters) if _is_on_gpu(parameter)]
        sizes = [0 if _is_on_gpu(own) else math.prod(own.weights.shape) for own in self.parameters]
        self._slices = [slice(*ends) for ends in pairwise(numpy.cumsum([0, *sizes]).tolist())]
        self._signals = slice(sum(sizes), None)
        weights, *moments = self._allocate(sum(sizes), signals)
        owners = assign(sizes, world.size) if self._is_shared else [world.rank] * len(sizes)
        self._on_cpu = [i for i, owner in enumerate(owners) if owner == world.rank and i not in self._on_gpu]
        for parameter, own in zip(self.parameters, self._slices, strict=True):
            if not _is_on_gpu(parameter):
                _move(parameter, weights[own], self.gradients[own])
        arrays = (self._sums, weights, *moments)  # of each parameter; the last moment may be an average
        self._tensors = [[torch.from_numpy(array[own]) for own in self._slices] for array in arrays]
        for i in self._on_gpu:
            tensor = self.parameters[i].tensor
            if tensor.grad is None:
                tensor.grad = torch.zeros_like(tensor)
            zeros = [torch.zeros_like(tensor.data) for _ in moments]
            for kind, own in zip(self._tensors, (tensor.grad, tensor.data, *zeros), strict=True):
                kind[i] = own

    def _allocate(self, total: int, signals: int) -> numpy.ndarray:
        """Make flat arrays, shared where that can be; return those of weights, moments and averages."""
        kinds = [getattr(self.optimizer, name) for name in MOMENTS]
        self._known: list[dict] = [known for known in kinds if known is not None]
        state = (1 + len(self._known), total)
        rows = (self.world.size, total + signals)  # a process's gradients in each
        shapes = {"rows": rows, "state": state, "norms": (len(self.parameters),)}
        shared = self.world.shared(shapes) if self._plain else None
        arrays = shared or {name: numpy.zeros(shape, dtype="float32") for name, shape in shapes.items()}
        self._is_shared, self._rows, self.norms = shared is not None, arrays["rows"], arrays["norms"]
        self.gradients = self._rows[self.world.rank]
        self._sums = numpy.zeros_like(self.gradients) if self._is_shared else self.gradients
        return arrays["state"]

    def adopt(self) -> None:
        """Let the optimizer's moments and averages, where it has some already, live here."""
        for i, parameter in enumerate(self.parameters):
            self._learns[i] = self.optimizer.nr_update[parameter.key] > 0
            for kind, known in zip(self._tensors[2:], self._known, strict=True):
                if parameter.key in known:
                    write_into(kind[i], as_numpy(known[parameter.key]))
            if self._learns[i] and self._plain:
                self._publish(i)

    def step(self, signals: Sequence[bool] = (), unscale: Callable[[], bool] | None = None) -> list[bool]:
        """Update the weights by the sum of all processes' gradients; return which signals any process gave.

        unscale: undoes a scaling of the summed gradients; where one overflowed, no weights change.
        Raises UserError where a gradient is no number; the weights that this process updates are as before.
        """
        self.gradients[self._signals] = signals
        self._add_up()
        signals_given = [signal > 0.0 for signal in self._sums[self._signals].tolist()]
        overflowed = unscale is not None and unscale()
        if not overflowed:
            norms = self._norms_of(self._on_cpu) | self._norms_of(self._on_gpu)
            self.norms[[*norms]] = [*norms.values()]
            if all(map(math.isfinite, norms.values())):
                update = self._adam if self._plain else self._update
                update({i: norm for i, norm in norms.items() if norm > 0.0 or self._learns[i]})
        if self._is_shared:
            self.world.wait()
        if not overflowed:
            self._count()
        self.gradients.fill(0.0)
        if self._on_gpu:
            torch._foreach_zero_([self._tensors[0][i] for i in self._on_gpu])
        return signals_given

    def _add_up(self) -> None:
        """Add up gradients: where they are shared those of this process's arrays, in the order of ranks."""
        if self.world.size > 1 and self._on_gpu:
            self.world.sum([self._tensors[0][i] for i in self._on_gpu])
        if self._is_shared:
            self.world.wait()
            for own in (*(self._slices[i] for i in self._on_cpu), self._signals):
                numpy.add.reduce(self._rows[:, own], axis=0, out=self._sums[own])
        elif self.world.size > 1:
            self.world.sum([torch.from_numpy(self.gradients)])

    def _norms_of(self, indexes: list[int]) -> dict[int, float]:
        """Return the norms of gradients, which are all on one device."""
        if not indexes:
            return {}
        norms = torch.stack(torch._foreach_norm([self._tensors[0][i] for i in indexes])).tolist()
        return dict(zip(indexes, norms, strict=True))

    def _count(self) -> None:
        """Count the updates that any process has made, and let the optimizer know where their moments are."""
        for i, norm in enumerate(self.norms.tolist()):
            if not math.isfinite(norm):
                remedy = "lower the learning rate ([training.optimizer] learn_rate)"
                raise UserError(f"the gradient of {self.parameters[i].name} is {norm}; {remedy}")
            if self._plain and (norm > 0.0 or self._learns[i]):
                self.optimizer.nr_update[self.parameters[i].key] += 1
                if not self._learns[i]:
                    self._publish(i)
            self._learns[i] = self._learns[i] or norm > 0.0

    def _publish(self, i: int) -> None:
        key, shape = self.parameters[i].key, self.parameters[i].weights.shape
        for kind, known, form in zip(self._tensors[2:], self._known, (-1, -1, shape), strict=False):
            known[key] = kind[i] if i in self._on_gpu else kind[i].numpy().reshape(form)

    def _update(self, norms: dict[int, float]) -> None:
        """Update arrays by another optimizer than plain Adam."""
        optimizer = PerParameterLR(self.optimizer, self.parameters)
        for i in norms:
            key, weights = self.parameters[i].key, as_numpy(self.parameters[i].weights)
            gradient = as_numpy(self._tensors[0][i]).reshape(weights.shape)
            write_into(self.parameters[i].weights, optimizer(key, weights, gradient)[0])

    def _adam(self, norms: dict[int, float]) -> None:
        """Clip gradients, and run torch's fused AdamW as thinc's Adam; weights decay before the update."""
        optimizer = self.optimizer
        gradients, weights, mom1, mom2, *averages = self._tensors
        groups: dict[tuple[torch.device, int, float], list[int]] = {}
        for i, norm in norms.items():
            if norm >= optimizer.grad_clip > 0.0:
                gradients[i].mul_(optimizer.grad_clip / norm)
            parameter = self.parameters[i]
            updates = optimizer.nr_update[parameter.key] + 1
            groups.setdefault((weights[i].device, updates, parameter.rate), []).append(i)
        for (device, updates, rate), group in groups.items():
            torch._fused_adamw_(
                *([tensors[i] for i in group] for tensors in (weights, gradients, mom1, mom2)),
                [],
                [torch.tensor(float(updates), device=device)] * len(group),
                lr=float(optimizer.learn_rate) * rate,
                beta1=float(optimizer.b1),
                beta2=float(optimizer.b2),
                weight_decay=float(optimizer.L2),
                eps=float(optimizer.eps / (1.0 - optimizer.b2**updates) ** 0.5),  # thinc adds eps uncorrected
                amsgrad=False,
                maximize=False,
            )
            for average in averages:
                decay = min((1.0 + updates) / (10.0 + updates), MAX_DECAY)
                torch._foreach_lerp_([average[i] for i in group], [weights[i] for i in group], 1.0 - decay)


def _is_on_gpu(parameter: Parameter) -> bool:
    return parameter.tensor is not None and parameter.tensor.device.type != "cpu"


def _is_plain_adam(optimizer: Optimizer) -> bool:
    plain = type(optimizer) is Optimizer and not optimizer.use_radam and optimizer.L2_is_weight_decay
    return plain and optimizer.b1 > 0 and optimizer.b2 > 0


def _move(parameter: Parameter, weights: numpy.ndarray, gradient: numpy.ndarray) -> None:
    """Let a layer look into the flat arrays, with its weights in them."""
    shape = tuple(parameter.weights.shape)
    weights[:] = as_numpy(parameter.weights).reshape(-1)  # the same in every process
    if parameter.node is not None:
        parameter.node.set_param(parameter.key[1], weights.reshape(shape))
        parameter.node.set_grad(parameter.key[1], gradient.reshape(shape))
    else:
        parameter.tensor.data = torch.from_numpy(weights.reshape(shape))
        parameter.tensor.grad = torch.from_numpy(gradient.reshape(shape))
