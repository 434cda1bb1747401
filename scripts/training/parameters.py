"""All that a pipeline learns: its parameters, each once and in the same order every time."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from spacy.language import Language
from thinc.api import Model, Optimizer, get_array_module, get_current_ops
from thinc.util import to_numpy

from scripts.cli import UserError
from scripts.training.finetune import HEAD_RATE, RATE
from scripts.training.world import World

MOMENTS = ("mom1", "mom2", "averages")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One array of weights, of a thinc layer (`node`) or of a torch module (`tensor`).

    key: as thinc's optimizer knows it. name: the same in every process. rate: what the learning rate is
    multiplied by.
    """

    key: tuple[int, str]
    name: str
    node: Model | None
    tensor: torch.nn.Parameter | None
    rate: float

    @property
    def weights(self) -> Any:
        """The array itself: numpy, cupy or torch."""
        return self.node.get_param(self.key[1]) if self.tensor is None else self.tensor.data

    @property
    def gradient(self) -> Any:
        """The gradient itself; None where there is none."""
        if self.tensor is not None:
            return self.tensor.grad
        return self.node.get_grad(self.key[1]) if self.node.has_grad(self.key[1]) else None


def trainable(nlp: Language, exclude: Iterable[str] = ()) -> list:
    """Return the components that training updates."""
    return [
        component
        for name, component in nlp.pipeline
        if name not in exclude and getattr(component, "is_trainable", False) and component.model
    ]


def walk_parameters(nlp: Language, exclude: Iterable[str] = ()) -> list[Parameter]:
    """List what the optimizer updates: thinc's parameters, and torch's that are not frozen."""
    found: dict[tuple[int, str], Parameter] = {}
    modules = [module for own in trainable(nlp) for node in own.model.walk() for _, module in _modules(node)]
    head_rate = next((getattr(module, HEAD_RATE) for module in modules if hasattr(module, HEAD_RATE)), 1.0)
    for component in trainable(nlp, exclude):
        for number, node in enumerate(component.model.walk()):
            prefix = f"{component.name}.{number}"
            for name in filter(node.has_param, node.param_names):
                key = (node.id, name)
                found.setdefault(key, Parameter(key, f"{prefix}.{name}", node, None, head_rate))
            for shim, module in _modules(node):
                for name, tensor in module.named_parameters():
                    if tensor.requires_grad:
                        key, rate = (shim.id, name), getattr(tensor, RATE, 1.0)
                        found.setdefault(key, Parameter(key, f"{prefix}.{name}", None, tensor, rate))
    return list(found.values())


def _modules(node: Model) -> list[tuple[Any, torch.nn.Module]]:
    """Return a layer's torch modules, each with thinc's object around it."""
    modules = [(shim, getattr(shim, "_model", None)) for shim in node.shims]
    return [(shim, module) for shim, module in modules if isinstance(module, torch.nn.Module)]


def zero_grad(parameters: Iterable[Parameter]) -> None:
    """Set gradients to zero, where there are any."""
    for gradient in (parameter.gradient for parameter in parameters):
        if isinstance(gradient, torch.Tensor):
            gradient.zero_()
        elif gradient is not None:
            gradient.fill(0.0)


def as_numpy(array: Any) -> numpy.ndarray:
    """Return an array of numpy's, cupy's or torch's as numpy's, without a copy where it is on the CPU."""
    return array.detach().cpu().numpy() if isinstance(array, torch.Tensor) else to_numpy(array)


def write_into(array: Any, values: numpy.ndarray) -> None:
    """Put values in the place of an array's own."""
    if isinstance(array, torch.Tensor):
        array.copy_(torch.from_numpy(values).reshape(array.shape))
    else:
        array[...] = get_array_module(array).asarray(values).reshape(array.shape)


def weights_hash(parameters: list[Parameter]) -> str:
    """Return a hash of all weights, bit by bit."""
    digest = hashlib.sha256()
    for parameter in parameters:
        digest.update(numpy.ascontiguousarray(as_numpy(parameter.weights)))
    return digest.hexdigest()


def check_equal(parameters: list[Parameter], world: World) -> None:
    """Raise UserError unless all processes have the same weights, bit by bit."""
    if world.size > 1 and len({*world.gather(weights_hash(parameters))}) > 1:
        what = "the workers' weights are not the same"
        raise UserError(f"{what}; train with --workers 1, and tell us what config does this")


def state_dict(parameters: list[Parameter], optimizer: Optimizer) -> tuple[dict[str, numpy.ndarray], dict]:
    """Return weights, moments and averages, and the optimizer's numbers."""
    arrays = {}
    for i, parameter in enumerate(parameters):
        arrays[f"weights.{i}"] = as_numpy(parameter.weights)
        for kind in MOMENTS:
            moments = getattr(optimizer, kind)
            if moments is not None and parameter.key in moments:
                arrays[f"{kind}.{i}"] = as_numpy(moments[parameter.key])
    updates = [optimizer.nr_update[parameter.key] for parameter in parameters]
    draws = {name: schedule.draws for name, schedule in optimizer.schedules.items()}
    return arrays, {"names": [parameter.name for parameter in parameters], "updates": updates, "draws": draws}


def load_state_dict(
    arrays: dict[str, numpy.ndarray], state: dict, parameters: list[Parameter], optimizer: Optimizer
) -> None:
    """Put back what `state_dict` returned. Raises UserError where the pipeline is another one."""
    saved = [(name, arrays[f"weights.{i}"].shape) for i, name in enumerate(state["names"])]
    if saved != [(parameter.name, tuple(parameter.weights.shape)) for parameter in parameters]:
        raise UserError("the checkpoint holds another pipeline's weights; start again with --restart")
    ops = get_current_ops()
    for i, parameter in enumerate(parameters):
        write_into(parameter.weights, arrays[f"weights.{i}"])
        for kind in MOMENTS:
            if f"{kind}.{i}" in arrays:
                getattr(optimizer, kind)[parameter.key] = ops.asarray(arrays[f"{kind}.{i}"])
        optimizer.nr_update[parameter.key] = state["updates"][i]
    for name, draws in state["draws"].items():
        schedule = optimizer.schedules[name]
        for _ in range(draws - schedule.draws):
            setattr(optimizer, name, next(schedule, getattr(optimizer, name)))
