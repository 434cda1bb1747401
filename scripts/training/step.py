"""Everything that changes while a pipeline learns, and the step that changes it, as spaCy computes it."""

import math
import random
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from itertools import repeat
from typing import Any

import numpy
from spacy.language import Language
from spacy.training import Example
from spacy.training.loop import create_evaluation_callback, subdivide_batch
from spacy.util import minibatch
from thinc.api import Optimizer

from scripts.cli import console
from scripts.training.batches import Batches, ResumableSchedule
from scripts.training.checkpoint import random_states, set_random_states, set_unseen_classes, unseen_classes
from scripts.training.labels import parser_labels
from scripts.training.memory import is_out_of_memory
from scripts.training.parameters import (
    Parameter,
    load_state_dict,
    state_dict,
    trainable,
    walk_parameters,
    zero_grad,
)
from scripts.training.world import World


class TrainingStep:
    """A pipeline with its optimizer and its batches; learns by `nlp.update`, if `exact` to spaCy's numbers.

    Where memory runs out, the step begins anew with twice as many micro-batches.
    scripts/training/fast has another step of the same methods, which computes the same faster.
    """

    save_context: Callable[[], AbstractContextManager] = nullcontext
    """What a pipeline is saved in."""
    gradient_norm = 0.0

    def __init__(
        self, nlp: Language, T: dict[str, Any], corpus: Callable, world: World, *, exact: bool
    ) -> None:
        """Read the corpus. Raises UserError where it is empty."""
        self.nlp, self.T, self.world, self.exact = nlp, T, world, exact
        self.optimizer: Optimizer = T["optimizer"]
        schedules = self.optimizer.schedules
        self.optimizer.schedules = {name: ResumableSchedule(own) for name, own in schedules.items()}
        dropout = T["dropout"]
        self.dropouts = ResumableSchedule(repeat(dropout) if isinstance(dropout, (int, float)) else dropout)
        self.exclude: list[str] = T["frozen_components"]
        self.micro_batches: int = T["accumulate_gradient"]
        self.out_of_memory = 0
        self.batches = self.make_batches(corpus)
        self.added: list[tuple[str, str]] = []
        self._may_grow = self.batches.examples is None or any(
            not {*labels} <= {*parser.labels}
            for parser, labels in parser_labels(nlp, self.batches.examples, self.exclude)
        )
        self.parameters: list[Parameter] = []
        self.lay_out()

    def make_batches(self, corpus: Callable) -> Batches:
        """Read the corpus; batches are in spaCy's order."""
        return Batches(self.nlp, corpus, self.T["batcher"], max_epochs=self.T["max_epochs"], shuffle=random)

    def lay_out(self) -> None:
        """Take the pipeline's parameters over: at the start, and when a component has grown."""
        self.parameters = walk_parameters(self.nlp, self.exclude)

    def learn(self, items: list, losses: dict[str, float], signals: Callable[[], list[bool]]) -> list[bool]:
        """Take one step on a batch; return which signals any process gave when it had its gradients."""
        drop = next(self.dropouts)
        with self.nlp.memory_zone() if self.batches.forgets else nullcontext():
            examples = self.batches.load(self.world.shard_batch(items))
            if self._may_grow:
                self.grow(self.batches.load(items) if self.batches.examples is not None else examples)
            self.accumulate(examples, drop, losses)
        signals_given = self.finish_update(signals())
        self.optimizer.step_schedules()
        return signals_given

    def grow(self, examples: list[Example]) -> list[tuple[str, str]]:
        """Make room for a batch's labels before it is divided; return what is new to which component."""
        found = parser_labels(self.nlp, examples, self.exclude)
        added = [
            (parser.name, label) for parser, labels in found for label in labels if parser.add_label(label)
        ]
        if added:
            self.added += added
            self.lay_out()
        return added

    def accumulate(self, examples: list[Example], drop: float, losses: dict[str, float]) -> None:
        """Add a batch's gradients up. Where memory runs out, begin anew with smaller micro-batches."""
        states, before, unseen = self.random_states(), dict(losses), unseen_classes(self.nlp)
        while True:
            try:
                for part in self.divided(examples):
                    self.update(part, drop, losses)
                return
            except Exception as error:
                if not is_out_of_memory(error) or not self.is_divisible(examples):
                    raise
            self.divide(examples)  # when the error, which holds all that the step held, is gone
            self.out_of_memory += 1
            zero_grad(self.parameters)
            self.set_random_states(states)
            set_unseen_classes(self.nlp, unseen)
            losses.clear()
            losses.update(before)

    def divided(self, examples: list[Example]) -> Iterable[list[Example]]:
        """Divide a batch into micro-batches: as spaCy does, or evenly once memory ran out."""
        if self.micro_batches == self.T["accumulate_gradient"]:
            return subdivide_batch(examples, self.micro_batches)
        return minibatch(examples, math.ceil(len(examples) / self.micro_batches))

    def is_divisible(self, examples: list[Example]) -> bool:
        """Say whether less than what memory did not do for can be computed at once."""
        return self.micro_batches < len(examples)

    def divide(self, examples: list[Example]) -> None:
        """Let less be computed at once from here on."""
        self.micro_batches *= 2
        if not self.out_of_memory:
            text = f"memory ran out; from here on a batch is computed in {self.micro_batches} micro-batches"
            console.print(f"Warning: {text}", style="yellow")

    def update(self, examples: list[Example], drop: float, losses: dict[str, float]) -> None:
        """Add a micro-batch's gradients to the pipeline's, and its losses to `losses`."""
        annotates = self.T["annotating_components"]
        self.nlp.update(
            examples, drop=drop, losses=losses, sgd=False, exclude=self.exclude, annotates=annotates
        )

    def finish_update(self, signals: list[bool]) -> list[bool]:
        """Let the optimizer update all components; return which signals any process gave."""
        optimizer = PerParameterLR(self.optimizer, () if self.exact else self.parameters)
        for component in trainable(self.nlp, self.exclude):
            component.finish_update(optimizer if optimizer.rates else self.optimizer)
        return list(signals)

    def evaluation(self, dev: Callable) -> Callable[[], tuple[float, dict[str, float]]]:
        """Return what scores the pipeline on dev: the weighted score, and all scores."""
        return create_evaluation_callback(self.nlp, dev, self.T["score_weights"])

    def random_states(self) -> dict:
        """Return the state of every source of randomness, as what JSON knows."""
        return random_states()

    def set_random_states(self, states: dict) -> None:
        """Put back what `random_states` returned."""
        set_random_states(states)

    def state_dict(self) -> tuple[dict[str, numpy.ndarray], dict]:
        """Return all that this process must have to go on from here, but for what the loop itself counts."""
        arrays, learning = state_dict(self.parameters, self.optimizer)
        return arrays, {
            "learning": learning,
            "dropouts": self.dropouts.draws,
            "batches": self.batches.state_dict(),
            "random": self.world.gather(self.random_states()),
            "unseen": unseen_classes(self.nlp),
            "labels": self.added,
            "micro_batches": self.micro_batches,
        }

    def load_state_dict(self, arrays: dict[str, numpy.ndarray], state: dict) -> None:
        """Put back what `state_dict` returned, before the first step."""
        for name, label in state["labels"]:
            self.nlp.get_pipe(name).add_label(label)
        self.added = state["labels"]
        if self.added:
            self.lay_out()
        load_state_dict(arrays, state["learning"], self.parameters, self.optimizer)
        self.dropouts.skip(state["dropouts"])
        self.batches.load_state_dict(state["batches"])
        self.micro_batches = state["micro_batches"]
        set_unseen_classes(self.nlp, state["unseen"])
        if self.world.rank < len(state["random"]):  # a process more than before keeps its own
            self.set_random_states(state["random"][self.world.rank])

    def measure_gradients(self) -> None:
        """Take the norm of the gradients, before the optimizer clips them and uses them up."""
        gradients = (parameter.gradient for parameter in self.parameters)
        self.gradient_norm = math.sqrt(sum(float((own * own).sum()) for own in gradients if own is not None))

    def vitals(self) -> dict[str, float]:
        """Return what this process knows of the last step without computing anything for it."""
        return {"train/gradient_norm": self.gradient_norm}

    def summary(self) -> dict:
        """Return what metrics.json should say of how this run computed."""
        return {"out_of_memory": self.out_of_memory, "micro_batches": self.micro_batches}


class PerParameterLR:
    """thinc's optimizer, by which some parameters learn at a share of its rate."""

    def __init__(self, optimizer: Optimizer, parameters: Iterable[Parameter]) -> None:
        self.optimizer = optimizer
        self.rates = {own.key: own.rate for own in parameters if own.rate != 1.0}

    def __call__(self, key: tuple[int, str], weights: Any, gradient: Any, **options: Any) -> tuple:
        """Update weights, as the optimizer does."""
        rate = self.optimizer.learn_rate
        self.optimizer.learn_rate = rate * self.rates.get(key, 1.0)
        try:
            return self.optimizer(key, weights, gradient, **options)
        finally:
            self.optimizer.learn_rate = rate
