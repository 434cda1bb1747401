"""Decide how many processes train a pipeline, by a short measurement."""

import functools
import statistics
import time
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy
import torch
from spacy.language import Language
from spacy.util import registry

from scripts.machine import physical_cores
from scripts.training.checkpoint import random_states, set_random_states, set_unseen_classes, unseen_classes
from scripts.training.kernels import FastOps, use_kernels
from scripts.training.parameters import walk_parameters
from scripts.training.update import Prepared, update

if TYPE_CHECKING:
    from scripts.training.encoder import Encoder

START = 8.0
"""Seconds until another process has imported everything and read the corpus."""
GAIN = 1.15
"""A process more must make steps so many times as fast, or it is not worth its memory."""
MEETING = 0.0008
"""Seconds a step in which processes wait for each other twice."""
UNKNOWN_STEPS = 2_000
"""Steps that a run without a budget is taken to have."""
ROUNDS = 5
ENOUGH = 1.0
"""Seconds after which no further round begins."""


def choose_workers(
    nlp: Language, corpus: Iterable, training: dict[str, Any], ops: FastOps, words: float, encoder: "Encoder | None" = None
) -> tuple[int, str]:
    """Return how many processes to train with, and why.

    Batches of the size that the run has half-way, and parts of them, run forward and back; adding gradients up is timed, too.
    training: the config's block. words: of a batch, where the batcher has no schedule. Neither weights nor random states are changed.
    """
    cores = physical_cores()
    steps = training["max_steps"] or UNKNOWN_STEPS
    words = _words_halfway(training, steps, words)
    if cores == 1:
        return 1, "there is one core"
    states, unseen, threads = random_states(ops), unseen_classes(nlp), torch.get_num_threads()
    examples = [Prepared(example) for example in islice(corpus(nlp), 1_000)]
    use_kernels(nlp, ops)
    flat = numpy.zeros(sum(parameter.weights().size for parameter in walk_parameters(nlp)), dtype="float32")
    adding = _seconds(lambda: numpy.add(flat, flat, out=flat)) * 2 + MEETING
    alone = _step(nlp, examples, words, training["dropout"], encoder)
    found = [(1, alone)]
    while (more := found[-1][0] * 2) <= cores:
        torch.set_num_threads(max(1, threads // more))
        found.append((more, _step(nlp, examples, words / more, training["dropout"], encoder) + adding))
    torch.set_num_threads(threads)
    set_random_states(states, ops)
    set_unseen_classes(nlp, unseen)
    best, fastest = 1, alone
    for workers, seconds in found[1:]:
        if fastest / seconds >= GAIN and (fastest - seconds) * steps > START:
            best, fastest = workers, seconds
    told = ", ".join(f"{1000 * seconds:.0f} ms with {workers}" for workers, seconds in found)
    return best, f"half-way a step of {words:,.0f} words will take about {told}; another process takes about {START:.0f} s to start"


def _step(nlp: Language, examples: list[Prepared], words: float, dropout: Any, encoder: "Encoder | None") -> float:
    """Return the seconds that a batch of so many words takes, forward and back."""
    chosen, total = [], 0
    for example in examples:
        if not chosen or total + len(example) <= words:
            chosen.append(example)
            total += len(example)
    drop = dropout if isinstance(dropout, float) else 0.1
    return _seconds(lambda: update(nlp, chosen, drop=drop, losses={}, encoder=encoder)) * max(1.0, words / total)


def _seconds(action: Any) -> float:
    action()
    times: list[float] = []
    while len(times) < ROUNDS and sum(times) < ENOUGH:
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _words_halfway(training: dict[str, Any], steps: int, otherwise: float) -> float:
    """Return the size of a batch half-way through a run, from a new copy of the batcher's schedule."""
    batcher = registry.resolve({"it": training["batcher"]})["it"]
    size = batcher.keywords.get("size") if isinstance(batcher, functools.partial) else None
    if size is None or isinstance(size, int):
        return float(size or otherwise)
    return float(next(islice(size, steps // 2, None), otherwise))
