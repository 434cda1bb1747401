"""Decide how many processes train a pipeline, by a short measurement."""

import functools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
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
UNKNOWN_WORDS = 1_000
"""Words that a batch is taken to have where its batcher does not tell."""
ROUNDS = 5
ENOUGH = 1.0
"""Seconds after which no further round begins."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How many processes train, the seconds and words of a step half-way through the run, and why so many."""

    workers: int
    seconds: float
    words: float
    why: str


def choose_workers(
    nlp: Language,
    corpus: Callable,
    training: dict[str, Any],
    ops: FastOps,
    *,
    workers: int | None = None,
    encoder: "Encoder | None" = None,
) -> Choice:
    """Return how many processes to train with, and how long a step will take.

    Batches of the size that the run has half-way, and parts of them, run forward and back; adding gradients up is timed, too.
    training: the config's block. workers: where their number is given.
    Neither weights nor random states are changed.
    """
    cores = physical_cores()
    if cores == 1 and workers is None:
        workers = 1
    states, unseen, threads = random_states(ops), unseen_classes(nlp), torch.get_num_threads()
    examples = [Prepared(example) for example in islice(corpus(nlp), 1_000)]
    use_kernels(nlp, ops)
    steps = training["max_steps"] or UNKNOWN_STEPS
    words = _words_halfway(training, steps)
    flat = numpy.zeros(sum(parameter.weights().size for parameter in walk_parameters(nlp)), dtype="float32")
    adding = _seconds(lambda: numpy.add(flat, flat, out=flat)) * 2 + MEETING
    found = [(1, _step(nlp, examples, words, training["dropout"], encoder))] if workers in (None, 1) else []
    for more in (2**i for i in range(1, cores.bit_length())) if workers is None else ({workers} - {1}):
        torch.set_num_threads(max(1, threads // more))
        found.append((more, _step(nlp, examples, words / more, training["dropout"], encoder) + adding))
    torch.set_num_threads(threads)
    set_random_states(states, ops)
    set_unseen_classes(nlp, unseen)
    (best, fastest), *others = found
    for more, seconds in others:
        if fastest / seconds >= GAIN and (fastest - seconds) * steps > START:
            best, fastest = more, seconds
    if workers is not None:
        return Choice(best, fastest, words, "as asked" if cores > 1 else "there is one core")
    told = ", ".join(f"{1000 * seconds:.0f} ms with {count}" for count, seconds in found)
    why = f"half-way a step of {words:,.0f} words will take about {told}; another process takes about {START:.0f} s to start"
    return Choice(best, fastest, words, why)


def estimate(choice: Choice, training: dict[str, Any], *, done: int, dev_words: int) -> str:
    """Say how long the rest of a run with a budget of steps will take. dev_words: of an evaluation."""
    left = training["max_steps"] - done
    evaluations = training["max_steps"] // training["eval_frequency"] - (done - 1) // training["eval_frequency"]
    evaluating = FORWARD * choice.seconds * dev_words / choice.words
    total = left * choice.seconds + evaluations * evaluating
    scoring = f"{evaluations} evaluation{'' if evaluations == 1 else 's'} of about {evaluating:.0f} s"
    return f"{_spoken(total)} here: {left:,} steps of about {choice.seconds:.2f} s, {scoring}"


FORWARD = 0.4
"""What forward alone takes of forward and back."""


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"About {max(10, round(seconds, -1)):.0f} s"
    return f"About {seconds / 60:.0f} min" if seconds < 90 * 60 else f"About {seconds / 3600:.1f} h"


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


def _words_halfway(training: dict[str, Any], steps: int) -> float:
    """Return the size of a batch half-way through a run, from a new copy of the batcher's schedule."""
    batcher = registry.resolve({"it": training["batcher"]})["it"]
    size = batcher.keywords.get("size") if isinstance(batcher, functools.partial) else None
    if size is None or isinstance(size, int):
        return float(size or UNKNOWN_WORDS)
    return float(next(islice(size, steps // 2, None), UNKNOWN_WORDS))
