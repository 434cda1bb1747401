"""Where a training run is, in one file: a killed run that goes on from it ends with the same weights."""

import json
import random
from pathlib import Path

import numpy
import torch
from spacy.language import Language

from scripts.cli import UserError
from scripts.corpus.files import whole_file
from scripts.training.parameters import trainable

CHECKPOINT = "checkpoint.npz"
STATE = "state"
PARTS = {"identity", "step", "progress"}


def write_checkpoint(path: Path, arrays: dict[str, numpy.ndarray], state: dict) -> None:
    """Write arrays and what JSON knows, complete or not at all: the checkpoint before stays until then."""
    text = numpy.frombuffer(json.dumps(state).encode("utf-8"), dtype=numpy.uint8)
    with whole_file(path) as file:
        numpy.savez(file, allow_pickle=False, **arrays, **{STATE: text})


def read_checkpoint(path: Path) -> tuple[dict[str, numpy.ndarray], dict]:
    """Read what `write_checkpoint` wrote. Raises UserError where the file is damaged."""
    try:
        with numpy.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        state = json.loads(arrays.pop(STATE).tobytes())
        if state.keys() >= PARTS:
            return arrays, state
    except Exception as error:  # readers of archives raise some ten kinds, by the bit that is wrong
        raise UserError(
            f"{path}: damaged ({type(error).__name__}: {error}); start the training again with --restart"
        ) from error
    raise UserError(f"{path}: of another version of this project; start the training again with --restart")


def random_states() -> dict:
    """Return the state of every source of randomness, as what JSON knows."""
    name, keys, position, has_gauss, gauss = numpy.random.get_state()
    states = {
        "python": random.getstate(),
        "numpy": [name, keys.tolist(), position, has_gauss, gauss],
        "torch": torch.get_rng_state().numpy().tobytes().hex(),
    }
    if torch.cuda.is_available():
        states["cuda"] = [state.numpy().tobytes().hex() for state in torch.cuda.get_rng_state_all()]
    return states


def set_random_states(states: dict) -> None:
    """Put back what `random_states` returned."""
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = states["numpy"]
    numpy.random.set_state((name, numpy.array(keys, dtype=numpy.uint32), *rest))
    torch.set_rng_state(_bytes(states["torch"]))
    for i, state in enumerate(states.get("cuda", [])[: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(_bytes(state), i)


def _bytes(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)


def unseen_classes(nlp: Language) -> dict[str, list[int]]:
    """Return the actions that no component has seen in training so far; they are not among the weights."""
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
    """Return the id at W&B of an interrupted run in a folder, if there is one. Raises UserError where it was
    another config's, corpus's or version's, and not `force`.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    _, state = read_checkpoint(path)
    changed = sorted(key for key in identity if state["identity"].get(key) != identity[key])
    if changed and not force:
        remedy = "train anew with --restart, or go on all the same with --force"
        raise UserError(f"{path}: of a run with another {', '.join(changed)}; {remedy}")
    return state["progress"]["run_id"]
