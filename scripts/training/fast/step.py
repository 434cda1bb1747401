"""The step of a pipeline laid out for speed: thinc's arrays on the CPU, a transformer's on its device."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy
import torch
import torch.utils.deterministic
from confection import Config
from spacy.language import Language
from spacy.training import Example
from thinc.api import fix_random_seed, set_current_ops

from scripts.cli import UserError, console
from scripts.training.batches import Batches
from scripts.training.checkpoint import set_unseen_classes, unseen_classes
from scripts.training.fast.encoder import Encoder
from scripts.training.fast.evaluation import Evaluation
from scripts.training.fast.find import find_encoder
from scripts.training.fast.kernels import FastOps, use_kernels
from scripts.training.fast.parameters import FlatParameters
from scripts.training.fast.precision import choose_precision
from scripts.training.fast.update import Prepared, update
from scripts.training.finetune import portable
from scripts.training.pipeline import make_pipeline
from scripts.training.step import TrainingStep
from scripts.training.world import World

SEED_STRIDE = 1_000_003
"""What lies between the seeds of two processes: each leaves other units out (dropout)."""
SIGNALS = 2
"""What a process tells all others at each step: whether to stop, and whether a checkpoint is due."""


def reads_only(nlp: Language, T: dict[str, Any]) -> bool:
    """Say whether documents stay as they are in a step. Else they are copied, as spaCy does."""
    for name, component in nlp.pipeline:
        module = type(component).__module__
        is_spacys = module.startswith("spacy.pipeline.") and "entity_linker" not in module
        is_known = is_spacys or nlp.get_pipe_meta(name).factory == "transformer"
        if name not in T["frozen_components"] and hasattr(component, "update") and not is_known:
            return False
    return not T["annotating_components"]


def prepare(config: Config, gpu_id: int, precision: str) -> tuple | None:
    """Make a pipeline; return it, its settings, the readers of train and dev, and what makes its step.

    thinc's layers are on the CPU, a transformer is on the GPU. None where no transformer could be put there.
    """
    ops = FastOps()
    set_current_ops(ops)
    nlp, T, train, dev = make_pipeline(config, -1)
    device = torch.device("cpu") if gpu_id < 0 else torch.device("cuda", gpu_id)
    encoder = None
    if any(nlp.get_pipe_meta(name).factory == "transformer" for name in nlp.pipe_names):
        chosen = choose_precision(precision, device)
        if reads_only(nlp, T):
            encoder = find_encoder(nlp, T["frozen_components"], chosen, device)
        how = f"in {chosen}" if encoder else "as spacy-transformers lets it"
        console.print(f"The transformer computes {how}", highlight=False)
    if gpu_id >= 0:
        if encoder is None:
            return None
        torch.cuda.set_device(device)
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False
    return nlp, T, train, dev, partial(FastStep, nlp, T, train, ops=ops, encoder=encoder)


class FastStep(TrainingStep):
    """Computes what TrainingStep does, but for the last digits, in one or several processes."""

    def __init__(
        self, nlp: Language, T: dict, corpus: Callable, world: World, *, ops: FastOps, encoder: Encoder | None
    ) -> None:
        """Read the corpus. Raises UserError where it is empty, or another in each process."""
        self.ops, self.encoder = ops, encoder
        self.prepares = reads_only(nlp, T)
        self.save_context = partial(portable, nlp)
        super().__init__(nlp, T, corpus, world, exact=False)
        if T["seed"] is not None and world.rank:  # after the corpus was read, which may have drawn, too
            fix_random_seed(T["seed"] + world.rank * SEED_STRIDE)
        ops.random = None  # the first step leaves out what spaCy does, so that its losses can be compared
        self._some_unseen = any(unseen_classes(nlp).values())  # the same in every process

    def make_batches(self, corpus: Callable) -> Batches:
        """Read the corpus; where several processes draw, its order is drawn by a generator of its own."""
        T, shuffle = self.T, random
        if self.world.size > 1:
            shuffle = random.Random()
            shuffle.setstate(random.getstate())
        options = {"max_epochs": T["max_epochs"], "shuffle": shuffle}
        wrap = Prepared if self.prepares else None
        batches = Batches(self.nlp, corpus, T["batcher"], **options, wrap=wrap)
        if self.world.size > 1 and len({*self.world.gather(batches.digest())}) > 1:
            what = f"[{T['train_corpus']}]: its reader gives each process other documents"
            raise UserError(f"{what}; train with --workers 1")
        return batches

    def lay_out(self) -> None:
        """Lay the parameters out in flat arrays."""
        use_kernels(self.nlp, self.ops)
        self.flat = FlatParameters(self.nlp, self.optimizer, self.exclude, world=self.world, signals=SIGNALS)
        self.flat.adopt()
        self.parameters = self.flat.parameters

    def grow(self, examples: list[Example]) -> list[tuple[str, str]]:
        """Make room for new labels, so that all processes do it alike. Raises UserError where they cannot."""
        added = super().grow(examples)
        if added and self.world.size > 1 and self.batches.examples is None:
            what = "{} does not know the label {} of a document that is streamed".format(*added[0])
            raise UserError(f"{what}; use --workers 1")
        return added

    def is_divisible(self, examples: list[Example]) -> bool:
        """Say whether the transformer can read less at once; else whether the batch can be divided."""
        if self.encoder is None:
            return super().is_divisible(examples)
        return self.encoder.is_divisible([example.x for example in examples])

    def divide(self, examples: list[Example]) -> None:
        """Let the transformer read half as much at once."""
        if self.encoder is None:
            super().divide(examples)
        else:
            self.encoder.halve([example.x for example in examples])

    def update(self, examples: list[Example], drop: float, losses: dict[str, float]) -> None:
        """Add a micro-batch's gradients to the pipeline's; copy documents only where one is written to."""
        if self.prepares:
            update(self.nlp, examples, drop=drop, losses=losses, exclude=self.exclude, encoder=self.encoder)
        else:
            super().update(examples, drop, losses)

    def finish_update(self, signals: list[bool]) -> list[bool]:
        """Add up the gradients of all processes and update the flat arrays."""
        signals_given = self.flat.step(signals, self.encoder.unscale if self.encoder else None)
        self._agree_on_classes()
        self._draw_faster()
        return signals_given

    def _draw_faster(self) -> None:
        """Draw dropout by a generator of this process's own from here on."""
        if self.ops.random is None:
            seed = self.T["seed"]
            own = None if seed is None else seed + self.world.rank * SEED_STRIDE
            self.ops.random = numpy.random.Generator(numpy.random.SFC64(own))

    def _agree_on_classes(self) -> None:
        """Let every process know which actions any of them has seen."""
        if self.world.size > 1 and self._some_unseen:
            unseen = self.world.gather(unseen_classes(self.nlp))
            common = {name: set.intersection(*(set(own[name]) for own in unseen)) for name in unseen[0]}
            set_unseen_classes(self.nlp, {name: sorted(own) for name, own in common.items()})
            self._some_unseen = any(unseen_classes(self.nlp).values())

    def evaluation(self, dev: Callable) -> Callable[[], tuple[float, dict[str, float]]]:
        """Return what scores the pipeline on dev, which is read once."""
        return Evaluation(self.nlp, dev, self.T["score_weights"], self.world, self.encoder)

    def random_states(self) -> dict:
        """Return the state of every source of randomness, dropout's own among them."""
        return super().random_states() | ({"ops": self.ops.state_dict()} if self.ops.random else {})

    def set_random_states(self, states: dict) -> None:
        """Put back what `random_states` returned."""
        super().set_random_states(states)
        if "ops" in states:
            self._draw_faster()
            self.ops.load_state_dict(states["ops"])

    def state_dict(self) -> tuple[dict[str, numpy.ndarray], dict]:
        """Return all that this process must have to go on from here."""
        arrays, state = super().state_dict()
        return arrays, state | ({"encoder": self.encoder.state_dict()} if self.encoder else {})

    def load_state_dict(self, arrays: dict[str, numpy.ndarray], state: dict) -> None:
        """Put back what `state_dict` returned, before the first step."""
        super().load_state_dict(arrays, state)
        self.flat.adopt()
        if self.encoder is not None and "encoder" in state:
            self.encoder.load_state_dict(state["encoder"])
        self._some_unseen = any(state["unseen"].values())
        self._draw_faster()

    def measure_gradients(self) -> None:
        """Do nothing: each step knows these norms."""

    def vitals(self) -> dict[str, float]:
        """Return the last step's gradient norm before it was clipped, and the share of padding so far."""
        figures, encoder = {"train/gradient_norm": float(numpy.linalg.norm(self.flat.norms))}, self.encoder
        padding = {"train/padding": 1 - encoder.wordpieces / (encoder.padded or 1)} if encoder else {}
        return figures | padding

    def summary(self) -> dict:
        """Return what metrics.json should say of how this run computed."""
        return super().summary() | (self.encoder.summary(self.world) if self.encoder else {})
