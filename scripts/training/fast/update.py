"""One training step's forward and backward pass, faster than `nlp.update` and equal to it but for the last
digits.
"""

import random
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from scripts.training.fast.encoder import Encoder

PARSER_DROPOUT = 0.1
"""What the transition model leaves out of its hidden layer in training, whatever the config says
(spacy/ml/parser_model.pyx).
"""


class Prepared(Example):
    """An example that works out once what spaCy works out at each step: alignment, gold tags, gold actions.

    `nlp.update` copies every example at every step, and with the copy all of this is lost: 0.8 ms a document
    of 18 words.
    """

    def __init__(self, example: Example) -> None:
        super().__init__(example.x, example.y)
        self._tags: tuple | None = None
        self._gold: dict[str, Any] = {}  # by recogniser

    @classmethod
    def of(cls, example: Example) -> "Prepared":
        """Return an example as one of these; itself, if it is."""
        return example if isinstance(example, cls) else cls(example)

    @cached_property
    def is_aligned(self) -> bool:
        """Whether predicted and reference have the same tokens."""
        return numpy.array_equal(self.x.to_array(ORTH), self.y.to_array(ORTH))

    def get_aligned_ents_and_ner(self) -> tuple[list[Span], list[str | None]]:
        """Return the aligned entities and their BILUO tags, as Example does; 0.03 ms where tokens are the
        same, else 0.6 ms.
        """
        if self._tags is None:
            self._tags = self._own_tags() if self.is_aligned else super().get_aligned_ents_and_ner()
        return self._tags

    def _own_tags(self) -> tuple[list[Span], list[str | None]]:
        entities = list(self.y.ents)
        if not all(ent.label for ent in entities) or not self.y.has_annotation("ENT_IOB"):
            return super().get_aligned_ents_and_ner()
        tags = [OUTSIDE.get(code) for code in self.y.to_array(ENT_IOB).tolist()]
        for ent in entities:
            name, start, last = ent.label_, ent.start, ent.end - 1
            tags[start : last + 1] = (
                [f"U-{name}"]
                if start == last
                else [f"B-{name}", *[f"I-{name}"] * (last - start - 1), f"L-{name}"]
            )
        if None in tags:
            tags = [
                "O" if tag is None and token.is_space else tag
                for tag, token in zip(tags, self.x, strict=True)
            ]
        return entities, tags

    def gold(self, ner: EntityRecognizer, state: Any) -> Any:
        """Return the gold actions, or None where nothing is annotated."""
        if ner.name not in self._gold:
            annotated = self.y.to_array(ENT_IOB).any() if self.is_aligned else ner.moves.has_gold(self)
            self._gold[ner.name] = ner.moves.init_gold(state, self) if annotated else None
        return self._gold[ner.name]


OUTSIDE = {2: "O"}
"""The tag of what is outside of entities, by spaCy's ENT_IOB code."""


def update(
    nlp: Language,
    examples: list[Prepared],
    *,
    drop: float,
    losses: dict[str, float],
    exclude: Iterable[str] = (),
    encoder: "Encoder | None" = None,
) -> None:
    """Add a batch's gradients to the pipeline's, and its losses to `losses`: `nlp.update(..., sgd=False)`
    without copies.

    Components other than spaCy's own tok2vec, transformer and entity recogniser take their own `update`.
    encoder: what computes the transformer.
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
    if type(ner) is not EntityRecognizer:
        return False
    known, model = {"beam_width": 1, "multitasks": [], "incorrect_spans_key": None}, ner.model
    if (
        any(ner.cfg.get(name, usual) != usual for name, usual in known.items())
        or type(ner.moves) is not BiluoPushDown
    ):
        return False
    is_plain = (
        isinstance(model, Model) and model._func is transition_model and isinstance(model.ops, NumpyOps)
    )
    return is_plain and model.layers[1].get_dim("nP") > 1


def batch_id(docs: list) -> int:
    """Tell batches apart by their documents' identity; spaCy adds up the words of all documents, twice a
    step: 4 µs a word.
    """
    return hash(tuple(map(id, docs)))


def update_tok2vec(
    tok2vec: Tok2Vec, examples: list[Prepared], *, drop: float, losses: dict[str, float]
) -> list[Tok2VecListener]:
    """Run the tok2vec layer forward and hand its output, and the way back, to its listeners
    (spacy/pipeline/tok2vec.py).

    Returns the listeners, which know batches by `batch_id` until that is taken from them.
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
        listener.get_batch_id = batch_id
        listener.receive(batch_id(docs), vectors, backprop if listener is listeners[-1] else accumulate)
    return listeners


def update_ner(
    ner: EntityRecognizer, examples: list[Prepared], *, drop: float, losses: dict[str, float]
) -> None:
    """Parse a batch greedily, learn from each decision, and run all decisions' backward pass at once.

    What `Parser.update` does (spacy/pipeline/transition_parser.pyx), which runs backward after each word.
    Gradients are added up in another order, and so differ in their last digits.
    """
    losses.setdefault(ner.name, 0.0)
    longest = ner.cfg["update_with_oracle_cut_size"]
    if longest >= 1:
        longest = int(random.uniform(longest // 2, longest * 2))
    states, golds = _start(ner, examples, longest)
    if not states:
        return
    set_dropout_rate(ner.model, drop)
    docs = [example.x for example in examples]
    decisions = _Decisions(ner.model, docs)
    for _ in range(longest + 1 if longest >= 1 else max(map(len, docs)) + 1):
        scores = decisions.score(states)
        gradient = ner.get_batch_loss(states, golds, scores, losses)
        decisions.learn(gradient)
        ner.transition_states(states, scores)
        going = [not state.is_final() for state in states]
        if not all(going):
            states = [state for state, goes in zip(states, going, strict=True) if goes]
            golds = [gold for gold, goes in zip(golds, going, strict=True) if goes]
            if not states:
                break
    decisions.backprop()


def predict_ner(ner: EntityRecognizer, docs: list[Doc]) -> None:
    """Set the entities that `EntityRecognizer.pipe` would: a batch's documents are parsed side by side, in
    large steps.

    1,009 documents with 15,733 words: 0.06 s instead of 0.26.
    """
    states = ner.moves.init_batch(docs)
    decisions, going = (
        _Decisions(ner.model, docs, is_train=False),
        [state for state in states if not state.is_final()],
    )
    while going:
        going = ner.transition_states(going, decisions.score(going))
    ner.set_annotations(docs, states)


def _start(ner: EntityRecognizer, examples: list[Prepared], longest: int) -> tuple[list, list]:
    """Return the states that parsing starts from and their gold actions; documents of `longest` words and
    more are cut.
    """
    if longest >= 1 and any(len(example.x) >= longest for example in examples):
        states, golds, _ = ner._init_gold_batch(examples, max_length=longest)
        return states, golds
    states, golds = [], []
    for state, example in zip(
        ner.moves.init_batch([example.x for example in examples]), examples, strict=True
    ):
        gold = example.gold(ner, state)
        if gold is not None and not state.is_final():
            states.append(state)
            golds.append(gold)
    return states, golds


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
        table = numpy.empty(
            (len(self.words) + 1, self.nF * self.nO * self.nP), dtype="float32"
        )  # the first row is for missing features
        self.ops.gemm(self.words, self.lower.get_param("W").reshape(-1, self.nI), trans2=True, out=table[1:])
        table[0] = self.lower.get_param("pad").reshape(-1)
        table[:, : self.nO * self.nP] += self.lower.get_param("b").reshape(-1)
        self.table = table.reshape(-1, self.nO * self.nP)
        self.columns = numpy.arange(self.nF, dtype="int32")
        self.taken: list[tuple] = []
        self.gradients: list = []

    def score(self, states: list):
        """Return the scores of each state's actions, S x C."""
        ids = ParserStepModel.get_token_ids(_HasFeatures(self), states)
        rows = (ids + 1) * self.nF + self.columns
        hidden, which = self.ops.maxout(self.table[rows].sum(axis=1).reshape(-1, self.nO, self.nP))
        mask = None
        if self.upper is not None:
            if self.is_train:
                mask = self.ops.get_dropout_mask(hidden.shape, PARSER_DROPOUT)
                hidden *= mask
            scores = numpy.dot(hidden, self.upper.get_param("W").T)
            scores += self.upper.get_param("b")
        else:
            scores = hidden.copy()
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
        ids, which, hidden = (numpy.concatenate([step[i] for step in self.taken]) for i in range(3))
        gradient = numpy.concatenate(self.gradients)
        if self.upper is not None:
            self.upper.inc_grad("b", gradient.sum(axis=0))
            self.upper.inc_grad("W", numpy.dot(gradient.T, hidden))
            gradient = numpy.dot(gradient, self.upper.get_param("W"))
            gradient *= numpy.concatenate([step[3] for step in self.taken])
        self._backprop_lower(ids, self.ops.backprop_maxout(gradient, which, self.nP).reshape(len(ids), -1))

    def _backprop_lower(self, ids, gradient) -> None:
        """Go back through the layer that computes features in advance (spacy/ml/_precomputable_affine.py)."""
        lower, nF, nI = self.lower, self.nF, self.nI
        missing = (ids < 0).astype("float32")
        lower.inc_grad("pad", numpy.dot(missing.T, gradient).reshape(1, nF, self.nO, self.nP))
        lower.inc_grad("b", gradient.sum(axis=0).reshape(self.nO, self.nP))
        weights = numpy.ascontiguousarray(lower.get_param("W").transpose(1, 2, 0, 3)).reshape(
            -1, nF * nI
        )  # O·P x F·I
        change = numpy.dot(gradient.T, self._features(ids)).reshape(self.nO, self.nP, nF, nI)
        lower.inc_grad("W", change.transpose(2, 0, 1, 3))
        d_words = numpy.zeros((len(self.words) + 1, nI), dtype="float32")
        self.ops.scatter_add(d_words, ids.reshape(-1), numpy.dot(gradient, weights).reshape(-1, nI))
        self.backprop_words(d_words[:-1])

    def _features(self, ids):
        """Return the words of each state's features, S x F·I. Where one is missing (-1: no entity is open)
        spaCy takes the batch's last word.

        That is hardly meant, but it is what its recipes were tuned with.
        """
        return self.words[ids].reshape(-1, self.nF * self.nI)


class _HasFeatures:
    """What `ParserStepModel.get_token_ids` asks for: how many features a state has."""

    def __init__(self, decisions: _Decisions) -> None:
        self.state2vec = decisions
