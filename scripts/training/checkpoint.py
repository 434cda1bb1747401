"""Where a training run is, in one file: a run that was killed and goes on from it ends with the same weights."""

import json
import os
import random
from pathlib import Path
from typing import Any

import numpy
import torch
from spacy.language import Language
from thinc.api import Optimizer
from thinc.util import to_numpy

from scripts.cli import UserError
from scripts.training.kernels import FastOps
from scripts.training.parameters import Parameter, trainable

CHECKPOINT = "checkpoint.npz"
STATE = "state"
PARTS = {"identity", "engine", "progress"}
MOMENTS = ("mom1", "mom2", "averages")


def write_checkpoint(path: Path, arrays: dict[str, numpy.ndarray], state: dict) -> None:
    """Write arrays and what JSON knows, complete or not at all: the checkpoint before stays until the new one is on the disk."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            numpy.savez(
                file,
                allow_pickle=False,
                **arrays,
                **{STATE: numpy.frombuffer(json.dumps(state).encode("utf-8"), dtype=numpy.uint8)},
            )
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_checkpoint(path: Path) -> tuple[dict[str, numpy.ndarray], dict]:
    """Read what `write_checkpoint` wrote. Raises UserError where the file is damaged."""
    try:
        with numpy.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        state = json.loads(arrays.pop(STATE).tobytes())
        if not state.keys() >= PARTS:
            raise ValueError("parts are missing")
        return arrays, state
    except Exception as error:  # readers of archives raise some ten kinds, by the bit that is wrong
        raise UserError(
            f"{path}: damaged ({type(error).__name__}: {error}); start the training again with --restart"
        ) from error


def learned(parameters: list[Parameter], optimizer: Optimizer) -> tuple[dict[str, numpy.ndarray], dict]:
    """Return weights, moments and averages, and the optimizer's numbers."""
    arrays = {}
    for i, parameter in enumerate(parameters):
        arrays[f"weights.{i}"] = to_numpy(parameter.weights())
        for kind in MOMENTS:
            moments = getattr(optimizer, kind)
            if moments is not None and parameter.key in moments:
                arrays[f"{kind}.{i}"] = to_numpy(moments[parameter.key])
    updates = [optimizer.nr_update[parameter.key] for parameter in parameters]
    draws = {name: schedule.draws for name, schedule in optimizer.schedules.items()}
    return arrays, {"names": [parameter.name for parameter in parameters], "updates": updates, "draws": draws}


def learn_again(
    arrays: dict[str, numpy.ndarray], state: dict, parameters: list[Parameter], optimizer: Optimizer
) -> None:
    """Put back what `learned` returned. Raises UserError where the pipeline is another one."""
    shapes = [arrays[f"weights.{i}"].shape for i in range(len(state["names"]))]
    if state["names"] != [parameter.name for parameter in parameters] or shapes != [
        parameter.weights().shape for parameter in parameters
    ]:
        raise UserError("the checkpoint holds another pipeline's weights; start again with --restart")
    for i, parameter in enumerate(parameters):
        own = parameter.weights()
        like = type(own)
        own[...] = (
            arrays[f"weights.{i}"] if like is numpy.ndarray else _on_device(own, arrays[f"weights.{i}"])
        )
        for kind in MOMENTS:
            if f"{kind}.{i}" in arrays:
                values = arrays[f"{kind}.{i}"]
                getattr(optimizer, kind)[parameter.key] = (
                    values if like is numpy.ndarray else _on_device(own, values)
                )
        optimizer.nr_update[parameter.key] = state["updates"][i]
    for name, draws in state["draws"].items():
        schedule = optimizer.schedules[name]
        for _ in range(draws - schedule.draws):
            setattr(optimizer, name, next(schedule, getattr(optimizer, name)))


def _on_device(like: Any, values: numpy.ndarray) -> Any:
    """Copy an array to where another one is (a GPU)."""
    from thinc.api import get_array_module

    return get_array_module(like).asarray(values)


def random_states(ops: FastOps | None) -> dict:
    """Return the state of every source of randomness, as what JSON knows."""
    name, keys, position, has_gauss, gauss = numpy.random.get_state()
    states = {
        "python": random.getstate(),
        "numpy": [name, keys.tolist(), position, has_gauss, gauss],
        "torch": torch.get_rng_state().numpy().tobytes().hex(),
    }
    if torch.cuda.is_available():
        states["cuda"] = [state.numpy().tobytes().hex() for state in torch.cuda.get_rng_state_all()]
    if ops is not None and ops.random is not None:
        own = ops.random.bit_generator.state
        states["ops"] = own | {"state": {"state": own["state"]["state"].tolist()}}
    return states


def set_random_states(states: dict, ops: FastOps | None) -> None:
    """Put back what `random_states` returned."""
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = states["numpy"]
    numpy.random.set_state((name, numpy.array(keys, dtype=numpy.uint32), *rest))
    torch.set_rng_state(_bytes(states["torch"]))
    if "cuda" in states:
        torch.cuda.set_rng_state_all([_bytes(state) for state in states["cuda"]])
    if ops is not None and "ops" in states:
        own = states["ops"]
        ops.random.bit_generator.state = own | {
            "state": {"state": numpy.array(own["state"]["state"], dtype=numpy.uint64)}
        }


def _bytes(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)


def unseen_classes(nlp: Language) -> dict[str, list[int]]:
    """Return the actions that no component has seen in training so far; parsers keep them apart from their weights."""
    return {
        pipe.name: sorted(pipe.model.attrs["unseen_classes"])
        for pipe in trainable(nlp)
        if "unseen_classes" in pipe.model.attrs
    }


def set_unseen_classes(nlp: Language, classes: dict[str, list[int]]) -> None:
    """Put back what `unseen_classes` returned."""
    for name, unseen in classes.items():
        nlp.get_pipe(name).model.attrs["unseen_classes"] = set(unseen)


def resumable(folder: Path, identity: dict, *, force: bool) -> str | None:
    """Return the id of an interrupted run in a folder at W&B; None where there is none.

    Raises UserError where it was another config's, corpus's or version's, and not `force`.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    _, state = read_checkpoint(path)
    changed = sorted(key for key in identity if state["identity"].get(key) != identity[key])
    if changed and not force:
        raise UserError(
            f"{path}: of a run with another {', '.join(changed)}; train anew with --restart, or go on all the same with --force"
        )
    return state["progress"]["run_id"]


def discard(folder: Path) -> None:
    """Throw an interrupted run's checkpoint away."""
    (folder / CHECKPOINT).unlink(missing_ok=True)
