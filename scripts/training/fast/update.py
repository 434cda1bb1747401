"""A step's forward and backward pass, faster than `nlp.update` and equal to it but for the last digits."""

import random
from collections.abc import Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy
from spacy.attrs import ENT_IOB, ORTH
from spacy.language import Language
from spacy.ml.parser_model import ParserStepModel
from spacy.ml.tb_framework import forward as transition_model
from spacy.pipeline import EntityRecognizer
from spacy.pipeline._parser_internals.ner import BiluoPushDown
from spacy.pipeline.tok2vec import Tok2Vec, Tok2VecListener
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Model, NumpyOps, set_dropout_rate

PARSER_DROPOUT = 0.1
"""What the transition model leaves out in training, whatever the config says (spacy/ml/parser_model.pyx)."""
OUTSIDE = 2
"""spaCy's ENT_IOB code of what is outside of entities."""


class Prepared(Example):
    """An example that keeps what spaCy works out anew at each step: alignment, gold tags, gold actions."""

    def __init__(self, example: Example) -> None:
        super().__init__(example.x, example.y)
        self._gold: dict[str, Any] = {}  # by recogniser

    @cached_property
    def is_aligned(self) -> bool:
        """Whether predicted and reference have the same tokens."""
        return numpy.array_equal(self.x.to_array(ORTH), self.y.to_array(ORTH))

    def get_aligned_ents_and_ner(self) -> tuple[list[Span], list[str | None]]:
        """Return the aligned entities and their BILUO tags, as Example does."""
        return self._ents_and_tags

    @cached_property
    def _ents_and_tags(self) -> tuple[list[Span], list[str | None]]:
        entities = list(self.y.ents)
        is_labelled = self.y.has_annotation("ENT_IOB") and all(ent.label for ent in entities)
        if not self.is_aligned or not is_labelled:
            return super().get_aligned_ents_and_ner()
        tags = ["O" if code == OUTSIDE else None for code in self.y.to_array(ENT_IOB).tolist()]
        for ent in entities:
            name, inside = ent.label_, len(ent) - 2
            several = [f"B-{name}", *[f"I-{name}"] * inside, f"L-{name}"]
            tags[ent.start : ent.end] = several if inside >= 0 else [f"U-{name}"]
        for i, tag in enumerate(tags):
            if tag is None and self.x[i].is_space:
                tags[i] = "O"
        return entities, tags

    def gold(self, ner: EntityRecognizer, state: Any) -> Any:
        """Return the gold actions, or None where nothing is annotated."""
        if ner.name not in self._gold:
            annotated = self.y.to_array(ENT_IOB).any() if self.is_aligned else ner.moves.has_gold(self)
            self._gold[ner.name] = ner.moves.init_gold(state, self) if annotated else None
        return self._gold[ner.name]


def update(
    nlp: Language, examples: list, *, drop: float, losses: dict, exclude: Sequence = (), encoder: Any = None
) -> None:
    """Add a batch's gradients to the pipeline's: `nlp.update(..., sgd=False)` without copies.

    encoder: an Encoder, if one computes the transformer. Other components than that and spaCy's own tok2vec
    and entity recogniser take their own `update`.
    """
    listeners: list[Tok2VecListener] = []
    try:
        for name, component in nlp.pipeline:
            if name in exclude or not hasattr(component, "update"):
                continue
            if encoder is not None and component is encoder.component:
                encoder.update(examples, losses)
            elif type(component) is Tok2Vec and isinstance(component.model.ops, NumpyOps):
                listeners += update_tok2vec(component, examples, drop=drop, losses=losses)
            elif is_greedy(component):
                update_ner(component, examples, drop=drop, losses=losses)
            else:
                component.update(examples, sgd=None, drop=drop, losses=losses)
    finally:
        for listener in listeners:
            vars(listener).pop("get_batch_id", None)


def is_greedy(ner: Any) -> bool:
    """Say whether `update_ner` and `predict_ner` do what a component's own update and prediction would do."""
    if type(ner) is not EntityRecognizer or type(ner.moves) is not BiluoPushDown:
        return False
    usual, model = {"beam_width": 1, "multitasks": [], "incorrect_spans_key": None}, ner.model
    if any(ner.cfg.get(name, value) != value for name, value in usual.items()):
        return False
    is_plain = isinstance(model, Model) and model._func is transition_model
    return is_plain and isinstance(model.ops, NumpyOps) and model.layers[1].get_dim("nP") > 1


def update_tok2vec(tok2vec: Tok2Vec, examples: list[Prepared], *, drop: float, losses: dict) -> list:
    """Run the layer forward and hand its output, and the way back, to listeners (spacy/pipeline/tok2vec.py).

    Returns the listeners, which know a batch by its documents' identity, not by the sum of all words.
    """
    docs = [example.x for example in examples]
    set_dropout_rate(tok2vec.model, drop)
    vectors, backprop_vectors = tok2vec.model.begin_update(docs)
    total = [numpy.zeros_like(array) for array in vectors]
    losses.setdefault(tok2vec.name, 0.0)

    def accumulate(gradients: list) -> list:
        for own, gradient in zip(total, gradients, strict=True):
            own += gradient
            losses[tok2vec.name] += float(numpy.vdot(gradient, gradient))
        return [numpy.zeros_like(array) for array in vectors]

    def backprop(gradients: list) -> list:
        accumulate(gradients)
        return backprop_vectors(total)

    listeners = tok2vec.listeners
    for listener in listeners:
        listener.get_batch_id = lambda docs: hash(tuple(map(id, docs)))
        way_back = backprop if listener is listeners[-1] else accumulate
        listener.receive(listener.get_batch_id(docs), vectors, way_back)
    return listeners


def update_ner(ner: EntityRecognizer, examples: list[Prepared], *, drop: float, losses: dict) -> None:
    """Parse a batch greedily, learn from each decision, and run all decisions' backward pass at once.

    `Parser.update` (spacy/pipeline/transition_parser.pyx) runs backward after each word; last digits differ.
    """
    losses.setdefault(ner.name, 0.0)
    longest = ner.cfg["update_with_oracle_cut_size"]
    if longest >= 1:
        longest = int(random.uniform(longest // 2, longest * 2))
    going = _start(ner, examples, longest)
    if not going:
        return
    set_dropout_rate(ner.model, drop)
    docs = [example.x for example in examples]
    decisions = _Decisions(ner.model, docs)
    for _ in range(longest + 1 if longest >= 1 else max(map(len, docs)) + 1):
        states, golds = map(list, zip(*going, strict=True))
        scores = decisions.score(states)
        decisions.learn(ner.get_batch_loss(states, golds, scores, losses))
        ner.transition_states(states, scores)
        going = [(state, gold) for state, gold in going if not state.is_final()]
        if not going:
            break
    decisions.backprop()


def predict_ner(ner: EntityRecognizer, docs: list[Doc]) -> None:
    """Set the entities that `EntityRecognizer.pipe` would, parsing a batch's documents side by side."""
    ner.set_annotations(docs, parse(ner, docs))


def parse(ner: EntityRecognizer, docs: list[Doc]) -> list:
    """Return the final states of a batch's documents, which `EntityRecognizer.predict` would return."""
    states = ner.moves.init_batch(docs)
    going = [state for state in states if not state.is_final()]
    decisions = _Decisions(ner.model, docs, is_train=False) if going else None
    while going:
        going = ner.transition_states(going, decisions.score(going))
    return states


def _start(ner: EntityRecognizer, examples: list[Prepared], longest: int) -> list[tuple]:
    """Return the states that parsing starts from with their gold actions; longer documents are cut."""
    if longest >= 1 and any(len(example.x) >= longest for example in examples):
        states, golds, _ = ner._init_gold_batch(examples, max_length=longest)
        return list(zip(states, golds, strict=True))
    states = ner.moves.init_batch([example.x for example in examples])
    pairs = [(state, example.gold(ner, state)) for state, example in zip(states, examples, strict=True)]
    return [(state, gold) for state, gold in pairs if gold is not None and not state.is_final()]


class _Decisions:
    """The transition model's decisions in one batch: scored step by step, learned from all at once.

    Sizes: N words, S states, F features of a state, O hidden units, P pieces of a maxout, C classes.
    """

    def __init__(self, model: Model, docs: list, *, is_train: bool = True) -> None:
        self.is_train = is_train
        tok2vec, self.lower, upper = model.layers
        self.ops: NumpyOps = self.lower.ops
        self.upper = upper if model.attrs["has_upper"] else None
        self.unseen = sorted(model.attrs["unseen_classes"])
        self.words, self.backprop_words = tok2vec(docs, is_train)
        self.nF, self.nO, self.nP, self.nI = (self.lower.get_dim(name) for name in ("nF", "nO", "nP", "nI"))
        width = self.nO * self.nP
        table = numpy.empty((len(self.words) + 1, self.nF * width), dtype="float32")
        self.ops.gemm(self.words, self.lower.get_param("W").reshape(-1, self.nI), trans2=True, out=table[1:])
        table[0] = self.lower.get_param("pad").reshape(-1)  # for missing features
        table[:, :width] += self.lower.get_param("b").reshape(-1)
        self.table = table.reshape(-1, width)
        self.columns = numpy.arange(self.nF, dtype="int32")
        self.taken: list[tuple] = []
        self.gradients: list = []

    def score(self, states: list):
        """Return the scores of each state's actions, S x C."""
        sizes = SimpleNamespace(state2vec=self)  # what `get_token_ids` asks for: how many features there are
        ids = ParserStepModel.get_token_ids(sizes, states)
        rows = (ids + 1) * self.nF + self.columns
        hidden, which = self.ops.maxout(self.table[rows].sum(axis=1).reshape(-1, self.nO, self.nP))
        mask = None
        if self.upper is None:
            scores = hidden.copy()
        else:
            if self.is_train:
                mask = self.ops.get_dropout_mask(hidden.shape, PARSER_DROPOUT)
                hidden *= mask
            scores = numpy.dot(hidden, self.upper.get_param("W").T)
            scores += self.upper.get_param("b")
        if self.unseen:
            scores[:, self.unseen] = numpy.nanmin(scores)
        if self.is_train:
            self.taken.append((ids, which, hidden, mask))
        return scores

    def learn(self, gradient) -> None:
        """Take the gradient of the last scores."""
        if self.unseen:
            gradient[:, self.unseen] = 0.0
        self.gradients.append(gradient)

    def backprop(self) -> None:
        """Add the gradients of all decisions to the model's."""
        ids, which, hidden, masks = zip(*self.taken, strict=True)
        ids, which, hidden = map(numpy.concatenate, (ids, which, hidden))
        gradient = numpy.concatenate(self.gradients)
        if self.upper is not None:
            self.upper.inc_grad("b", gradient.sum(axis=0))
            self.upper.inc_grad("W", numpy.dot(gradient.T, hidden))
            gradient = numpy.dot(gradient, self.upper.get_param("W"))
            gradient *= numpy.concatenate(masks)
        self._backprop_lower(ids, self.ops.backprop_maxout(gradient, which, self.nP).reshape(len(ids), -1))

    def _backprop_lower(self, ids, gradient) -> None:
        """Go back through the layer that computes features in advance (spacy/ml/_precomputable_affine.py)."""
        lower, nF, nO, nP, nI = self.lower, self.nF, self.nO, self.nP, self.nI
        missing = (ids < 0).astype("float32")
        lower.inc_grad("pad", numpy.dot(missing.T, gradient).reshape(1, nF, nO, nP))
        lower.inc_grad("b", gradient.sum(axis=0).reshape(nO, nP))
        change = numpy.dot(gradient.T, self._features(ids)).reshape(nO, nP, nF, nI)
        lower.inc_grad("W", change.transpose(2, 0, 1, 3))
        weights = numpy.ascontiguousarray(lower.get_param("W").transpose(1, 2, 0, 3))
        weights = weights.reshape(-1, nF * nI)  # O·P x F·I
        d_words = numpy.zeros((len(self.words) + 1, nI), dtype="float32")
        self.ops.scatter_add(d_words, ids.reshape(-1), numpy.dot(gradient, weights).reshape(-1, nI))
        self.backprop_words(d_words[:-1])

    def _features(self, ids):
        """Return the words of each state's features, S x F·I.

        Where one is missing (-1: no entity is open) spaCy takes the batch's last word. That is hardly meant,
        but it is what its recipes were tuned with.
        """
        return self.words[ids].reshape(-1, self.nF * self.nI)
