"""Everything that changes while a pipeline learns, and the step that changes it."""

import random
from collections.abc import Callable
from contextlib import nullcontext
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy
import torch
from spacy.language import Language
from spacy.pipeline import (
    DependencyParser,
    EditTreeLemmatizer,
    EntityRecognizer,
    Morphologizer,
    MultiLabel_TextCategorizer,
    SentenceRecognizer,
    SpanCategorizer,
    SpanFinder,
    Tagger,
    TextCategorizer,
    Tok2Vec,
)
from spacy.training import Example
from spacy.training.loop import subdivide_batch
from thinc.api import NumpyOps, fix_random_seed, get_current_ops
from thinc.util import torch2xp, xp2torch

from scripts.cli import UserError
from scripts.training.batches import Batches, Counted
from scripts.training.checkpoint import (
    learn_again,
    learned,
    random_states,
    set_random_states,
    set_unseen_classes,
    unseen_classes,
)
from scripts.training.kernels import FastOps, use_kernels
from scripts.training.labels import add_labels, knows_labels
from scripts.training.memory import is_out_of_memory
from scripts.training.parameters import FlatParameters, finish_update, forget_gradients, walk_parameters
from scripts.training.update import update
from scripts.training.workers import World

if TYPE_CHECKING:
    from scripts.training.encoder import Encoder

OTHER_SEEDS = 1_000_003
"""What lies between the seeds of two processes: each leaves other units out (dropout)."""
SIGNALS = 2
"""What a process tells all others at each step: whether it was asked to stop, and whether a checkpoint is due."""
READS_ONLY = (
    Tok2Vec,
    EntityRecognizer,
    DependencyParser,
    Tagger,
    Morphologizer,
    SentenceRecognizer,
    EditTreeLemmatizer,
    TextCategorizer,
    MultiLabel_TextCategorizer,
    SpanCategorizer,
    SpanFinder,
)
"""Components whose update leaves the documents as they are, so that these need no copy at each step."""


def reads_only(nlp: Language, T: dict[str, Any]) -> bool:
    """Say whether documents stay as they are in a step. Else they are copied, as spaCy does: what is written into them must not stay."""
    learning = [
        component
        for name, component in nlp.pipeline
        if name not in T["frozen_components"] and hasattr(component, "update")
    ]
    return not T["annotating_components"] and all(
        type(component) in READS_ONLY or nlp.get_pipe_meta(component.name).factory == "transformer"
        for component in learning
    )


class Engine:
    """A pipeline with its optimizer and its batches. `exact` computes by spaCy's own `nlp.update` and `finish_update`."""

    def __init__(
        self,
        nlp: Language,
        T: dict[str, Any],
        corpus: Callable,
        world: World,
        *,
        exact: bool,
        encoder: "Encoder | None" = None,
    ) -> None:
        """Read the corpus, the same in all processes. Raises UserError where it is empty, or another in each process."""
        self.nlp, self.T, self.world, self.encoder, self.exact = nlp, T, world, encoder, exact
        self.optimizer = T["optimizer"]
        self.optimizer.schedules = {
            name: Counted(schedule) for name, schedule in self.optimizer.schedules.items()
        }
        self.dropouts = Counted(
            repeat(T["dropout"]) if isinstance(T["dropout"], (int, float)) else T["dropout"]
        )
        self.exclude = T["frozen_components"]
        ops, seed = get_current_ops(), T["seed"]
        self.ops = ops if isinstance(ops, FastOps) else None
        self._fast = not exact and isinstance(ops, NumpyOps)
        self.prepares = encoder is not None or (self._fast and reads_only(nlp, T))
        shuffle = (
            random if world.size == 1 else random.Random()
        )  # of its own, where processes go on to draw other numbers
        self.batches = Batches(
            nlp, corpus, T["batcher"], max_epochs=T["max_epochs"], shuffle=shuffle, prepare=self.prepares
        )
        if shuffle is not random:
            shuffle.setstate(random.getstate())
        if len({*world.gather(self.batches.digest() if world.size > 1 else "")}) > 1:
            raise UserError(
                f"[{T['train_corpus']}]: its reader gives each process other documents; train with --workers 1"
            )
        if seed is not None and world.rank:  # after the corpus was read, which may have drawn, too
            fix_random_seed(seed + world.rank * OTHER_SEEDS)
        if self.ops is not None:
            self.ops.random = (
                None  # the first step leaves out what spaCy leaves out, so that its losses can be compared
            )
        self.added: list[tuple[str, str]] = []
        self._may_grow = not self.batches.are_all(lambda examples: knows_labels(nlp, examples, self.exclude))
        self.flat: FlatParameters | None = None
        self._lay_out()
        if encoder is not None:
            encoder.pieces = encoder.padded = 0  # those of measurements do not count

    def _lay_out(self) -> None:
        """Take the pipeline's parameters over: at the start, and when a component has grown."""
        if self.ops is not None:
            use_kernels(self.nlp, self.ops)
        if self._fast:
            self.flat = FlatParameters(
                self.nlp, self.optimizer, self.exclude, world=self.world, signals=SIGNALS
            )
            self.flat.adopt()
        self.parameters = self.flat.parameters if self.flat else walk_parameters(self.nlp, self.exclude)
        self._some_unseen = any(
            unseen_classes(self.nlp).values()
        )  # the same in every process, also while they learn

    def learn(
        self, items: list, losses: dict[str, float], signals: Callable[[], tuple[bool, bool]]
    ) -> list[bool]:
        """Take one step on a batch; return which signals any process gave when it had its gradients."""
        drop = next(self.dropouts)
        with self.nlp.memory_zone() if self.batches.forgets else nullcontext():
            examples = self.batches.load(self.world.part(items))
            if self._may_grow:
                self._grow(self.batches.load(items) if self.batches.is_in_memory else examples)
            self._accumulate(examples, drop, losses)
        if self.flat is not None:
            told = self.flat.step(signals())
        else:
            told = self._sum(signals()) if self.world.size > 1 else list(signals())
            if self.encoder is not None:
                self.encoder.unscale()
            finish_update(self.nlp, self.exclude, self.optimizer, [] if self.exact else self.parameters)
        self.optimizer.step_schedules()
        self._agree_on_classes()
        self._draw_faster()
        return told

    def _draw_faster(self) -> None:
        """Draw dropout by a generator of this process's own from here on."""
        if self.ops is not None and self.ops.random is None:
            seed = self.T["seed"]
            own = None if seed is None else seed + self.world.rank * OTHER_SEEDS
            self.ops.random = numpy.random.Generator(numpy.random.SFC64(own))

    def _grow(self, examples: list[Example]) -> None:
        """Make room for a batch's labels before the batch is divided, so that all processes do it alike."""
        added = add_labels(self.nlp, examples, self.exclude)
        if added and self.world.size > 1 and not self.batches.is_in_memory:
            name, label = added[0]
            raise UserError(
                f"{name} does not know the label {label} of a document that is streamed; train with --workers 1"
            )
        if added:
            self.added += added
            self._lay_out()

    def _accumulate(self, examples: list[Example], drop: float, losses: dict[str, float]) -> None:
        """Add a batch's gradients up, part by part. Where memory runs out, begin the step anew with smaller passes."""
        parts = list(subdivide_batch(examples, self.T["accumulate_gradient"]))
        if self.encoder is None:
            for part in parts:
                self._update(part, drop, losses)
            return
        states, before, docs = random_states(self.ops), dict(losses), [example.x for example in examples]
        unseen, counts = unseen_classes(self.nlp), (self.encoder.pieces, self.encoder.padded)
        while True:
            try:
                for part in parts:
                    self._update(part, drop, losses)
                return
            except Exception as error:
                if not is_out_of_memory(error) or not self.encoder.is_divisible(docs):
                    raise
            self.encoder.halve(docs)
            self.encoder.pieces, self.encoder.padded = counts
            forget_gradients(self.parameters)
            set_random_states(states, self.ops)
            set_unseen_classes(self.nlp, unseen)
            losses.clear()
            losses.update(before)

    def _update(self, examples: list[Example], drop: float, losses: dict[str, float]) -> None:
        if self.prepares:
            update(self.nlp, examples, drop=drop, losses=losses, exclude=self.exclude, encoder=self.encoder)
        else:
            annotates = self.T["annotating_components"]
            self.nlp.update(
                examples, drop=drop, losses=losses, sgd=False, exclude=self.exclude, annotates=annotates
            )

    def _sum(self, signals: tuple[bool, bool]) -> list[bool]:
        """Add up the gradients of all processes where they are (on GPUs), with which of them have one: only these learn."""
        found: dict[Any, Any] = {}
        for parameter in self.parameters:
            if parameter.node is not None and parameter.node.has_grad(parameter.key[1]):
                found[parameter.key] = xp2torch(parameter.node.get_grad(parameter.key[1]))
            elif parameter.tensor is not None and parameter.tensor.grad is not None:
                found[parameter.key] = parameter.tensor.grad
        likes = [
            xp2torch(parameter.weights()) if parameter.node is not None else parameter.tensor.data
            for parameter in self.parameters
        ]
        pieces = [
            found.get(p.key, torch.zeros_like(like)).reshape(-1)
            for p, like in zip(self.parameters, likes, strict=True)
        ]
        has = torch.tensor(
            [float(parameter.key in found) for parameter in self.parameters]
            + [float(signal) for signal in signals]
        )
        total = self.world.sum_tensor(torch.cat([*pieces, has.to(pieces[0].device)]))
        *sums, has = total.split([piece.numel() for piece in pieces] + [len(has)])
        for parameter, like, own, any_has in zip(self.parameters, likes, sums, has.tolist(), strict=False):
            if any_has and parameter.node is not None:
                parameter.node.set_grad(parameter.key[1], torch2xp(own.reshape(like.shape)))
            elif any_has:
                parameter.tensor.grad = own.reshape(like.shape)
        return [signal > 0 for signal in has.tolist()[-SIGNALS:]]

    def _agree_on_classes(self) -> None:
        """Let every process know which actions any of them has seen."""
        if self.world.size > 1 and self._some_unseen:
            all_unseen = self.world.gather(unseen_classes(self.nlp))
            set_unseen_classes(
                self.nlp,
                {
                    name: sorted(set.intersection(*(set(own[name]) for own in all_unseen)))
                    for name in all_unseen[0]
                },
            )
            self._some_unseen = any(unseen_classes(self.nlp).values())

    def state(self) -> tuple[dict[str, numpy.ndarray], dict]:
        """Return all that this process must have to go on from here, but for what the loop itself counts."""
        arrays, learning = learned(self.parameters, self.optimizer)
        state = {
            "learned": learning,
            "dropouts": self.dropouts.draws,
            "batches": self.batches.position(),
            "random": self.world.gather(random_states(self.ops)),
            "unseen": unseen_classes(self.nlp),
            "labels": self.added,
            "most_pieces": self.encoder.most if self.encoder else None,
        }
        return arrays, state

    def restore(self, arrays: dict[str, numpy.ndarray], state: dict) -> None:
        """Put back what `state` returned, before the first step."""
        for name, label in state["labels"]:
            self.nlp.get_pipe(name).add_label(label)
        self.added = state["labels"]
        if self.added:
            self._lay_out()
        learn_again(arrays, state["learned"], self.parameters, self.optimizer)
        if self.flat is not None:
            self.flat.adopt()
        self.dropouts.skip(state["dropouts"])
        self.batches.go_to(state["batches"])
        set_unseen_classes(self.nlp, state["unseen"])
        if self.encoder is not None and state["most_pieces"]:
            self.encoder.most = state["most_pieces"]
        self._some_unseen = any(state["unseen"].values())
        self._draw_faster()
        if self.world.rank < len(
            state["random"]
        ):  # a process more than before goes on with the seed of its own
            set_random_states(state["random"][self.world.rank], self.ops)
