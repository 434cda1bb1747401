"""How many word pieces of a corpus a GPU can take in one pass: tried out before training, on the corpus's costliest step."""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import get_array_module
from thinc.util import to_numpy

from scripts.cli import UserError, console
from scripts.corpus.files import write_json
from scripts.training.checkpoint import random_states, set_random_states, set_unseen_classes, unseen_classes
from scripts.training.encoder import Encoder
from scripts.training.memory import MB, GpuMemory, Memory
from scripts.training.parameters import finish_update, forget_gradients, walk_parameters
from scripts.training.update import Prepared, update

MARGIN = 0.9
"""Share of the memory that a step may take: others' needs vary, and what is free lies in pieces."""
LOOKED_AT = 20_000
"""Documents among which the costliest step is looked for."""
LONGEST = 64
"""Documents of an evaluation that are predicted: the longest."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The most word pieces of a pass, those of the costliest step (`words` of text), and what a step of such passes takes.

    The batch is as large as the config says in any case: a step of several passes runs them forward once more on its way back.
    """

    most: int
    pieces: int
    words: int
    peak_mb: float
    limit_mb: float
    words_per_second: float


def costliest_step(
    nlp: Language, corpus: Callable, training: dict[str, Any], encoder: Encoder
) -> list[Prepared]:
    """Return the batch with most word pieces of an epoch, as a new copy of the config's batcher makes it.

    Raises UserError where there is none.
    """
    examples = [Prepared(example) for example in islice(corpus(nlp), LOOKED_AT)]
    random.Random(training["seed"] or 0).shuffle(examples)
    batcher = registry.resolve({"it": training["batcher"]})["it"]

    def pieces(batch: list[Prepared]) -> int:
        return sum(len(own.ids) for own in encoder.read([example.x for example in batch]))

    batches = [list(batch) for batch in batcher(examples)]
    if not batches:
        raise UserError("train has no batch: it is empty, or [training.batcher] leaves all documents out")
    return max(batches, key=pieces)


def find_fit(
    nlp: Language,
    encoder: Encoder,
    training: dict[str, Any],
    step: list[Prepared],
    dev: list[Doc],
    memory: Memory,
) -> Fit:
    """Find the largest pass with which a step, forward, back and the optimizer, and an evaluation of the longest documents fit.

    Halved until it fits; then half as much again, where that fits, too. The optimizer's moments are there from the
    beginning, as in all steps but the first. Weights and random states are as before afterwards, but for cupy's.
    Raises UserError where a single window does not fit.
    """
    exclude = training["frozen_components"]
    parameters = walk_parameters(nlp, exclude)
    kept = [
        to_numpy(parameter.weights()).copy() for parameter in parameters
    ]  # a GPU's memory is not for copies
    states, unseen = random_states(None), unseen_classes(nlp)
    scaler = encoder.scaler
    scale, growth = scaler._scale.clone(), scaler._growth_tracker.clone()
    optimizer = registry.resolve({"it": training["optimizer"]})["it"]
    for parameter in parameters:
        optimizer(parameter.key, parameter.weights(), parameter.weights() * 0.0)
    own = encoder.read([example.x for example in step])
    longest, pieces = max(each.longest for each in own), sum(len(each.ids) for each in own)
    docs = sorted(dev, key=len)[-LONGEST:]
    seconds = 0.0

    def attempt() -> None:
        nonlocal seconds
        started = time.perf_counter()
        update(nlp, step, drop=0.1, losses={}, exclude=exclude, encoder=encoder)
        encoder.unscale()
        finish_update(nlp, exclude, optimizer, parameters)
        if encoder.device.type == "cuda":
            torch.cuda.synchronize(encoder.device)
        seconds = time.perf_counter() - started
        list(nlp.pipe([doc.copy() for doc in docs], disable=[encoder.name]))

    def peak(most: int) -> int | None:
        encoder.most = most
        attempt_peak = memory.peak(attempt)
        encoder.let_go()
        forget_gradients(parameters)
        return attempt_peak if attempt_peak is not None and attempt_peak <= MARGIN * memory.limit else None

    most = sum(each.longest * len(each.lengths) for each in own)
    found = peak(most)
    was_too_much = found is None
    while found is None:
        if most <= longest:
            raise UserError(
                f"one window of {longest} word pieces does not fit into {memory.limit / MB:,.0f} MB; take a smaller transformer, freeze layers, "
                "or set recompute = true or a smaller window in configs/gpu.cfg"
            )
        most = max(longest, most // 2)
        found = peak(most)
    if was_too_much and (more := peak(most + most // 2)) is not None:
        most, found = most + most // 2, more
    found = (
        peak(most) or found
    )  # once more for the time: the first steps of all are slow, and the last may have been another
    for parameter, weights in zip(parameters, kept, strict=True):
        own_weights = parameter.weights()
        own_weights[...] = get_array_module(own_weights).asarray(weights)
    scaler._scale, scaler._growth_tracker, encoder.halved = scale, growth, 0
    set_random_states(states, None)
    set_unseen_classes(nlp, unseen)
    words = sum(map(len, step))
    return Fit(
        most, pieces, words, round(found / MB, 1), round(memory.limit / MB, 1), round(words / seconds, 1)
    )


def fit_to_gpu(
    nlp: Language,
    encoder: Encoder,
    training: dict[str, Any],
    train: Callable,
    dev: Callable,
    limit: int | None,
    path: Path | None,
) -> None:
    """Let passes be as large as the GPU takes, tell it, and write it to a file. path: None where only the limit is to be set."""
    memory = GpuMemory(encoder.device, limit)
    if path is None:
        return
    states = random_states(None)
    step, docs = costliest_step(nlp, train, training, encoder), [example.x for example in dev(nlp)]
    set_random_states(states, None)  # readers may have drawn
    fit = find_fit(nlp, encoder, training, step, docs, memory)
    write_json(path, asdict(fit))
    console.print(
        f"{fit.most:,} word pieces a pass, {-(-fit.pieces // fit.most)} in the costliest step: {fit.peak_mb:,.0f} of {fit.limit_mb:,.0f} MB; "
        f"{fit.words_per_second:,.0f} words/s",
        highlight=False,
    )


def estimate_passes(
    nlp: Language, encoder: Encoder, step: list[Prepared], limits: Iterable[int], exclude: Iterable[str] = ()
) -> list[int]:
    """Return about how many word pieces a pass may have on GPUs with so many bytes of memory; 0 where not one window fits.

    Weights, their gradients and the optimizer's moments, and what a pass keeps for its way back are counted in one step on this device. Of what
    a GPU takes besides, some for CUDA itself and some on the way, nothing is known here.
    """
    weights = list(encoder.module.parameters())
    fixed = sum(own.numel() * own.element_size() * (4 if own.requires_grad else 1) for own in weights)
    known = {own.untyped_storage().data_ptr() for own in weights}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    own = encoder.read([example.x for example in step])
    longest, total = max(each.longest for each in own), sum(len(each.ids) for each in own)
    encoder.most = total
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        update(nlp, step, drop=0.1, losses={}, exclude=exclude, encoder=encoder)
    each = sum(kept.values()) / total
    found = [int((MARGIN * limit - fixed) / each) for limit in limits]
    return [most if most >= longest else 0 for most in found]
