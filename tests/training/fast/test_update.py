"""One backward pass for all decisions gives the gradients and losses of `nlp.update`."""

import random
from functools import cache
from itertools import pairwise

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.backends.ops import Ops

from scripts.training.fast.kernels import FastOps, use_kernels
from scripts.training.fast.update import Prepared, is_greedy, predict_ner, update
from scripts.training.parameters import walk_parameters
from tests.drawn import LABELS, any_doc
from tests.make import vocab
from tests.runs import fast_ops, make_doc, small_pipeline


@pytest.fixture
def alike(monkeypatch):
    """Take away what `update` draws by chance."""
    for ops in (Ops, FastOps):
        monkeypatch.setattr(
            ops, "get_dropout_mask", lambda self, shape, drop: numpy.ones(shape, dtype="float32")
        )


def documents(nlp) -> dict[str, list[Example]]:
    """Batches by what is peculiar about them."""

    def same(doc: Doc) -> Example:
        return Example(
            Doc(nlp.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc]), doc
        )

    plain = make_doc(
        nlp,
        ["Ana", "saw", "New", "York", "City", "and", "Bo", "in", "Cork", "."],
        (0, 1, "PERSON"),
        (2, 5, "LOC"),
        (6, 7, "PERSON"),
        (8, 9, "LOC"),
    )
    nothing = make_doc(nlp, ["they", "went", "there", "."])
    partly = make_doc(nlp, ["Ana", "went", "to", "Cork", "with", "Bo", "."], (0, 1, "PERSON"), missing=(3, 5))
    none = make_doc(nlp, ["Ana", "went", "to", "Cork", "."], missing=None)
    white = make_doc(nlp, ["Ana", "\n", "saw", "  ", "New", "York", "."], (0, 1, "PERSON"), (4, 6, "LOC"))
    inner_white = make_doc(nlp, ["New", "\n", "York", "."], (0, 3, "LOC"))
    white_missing = make_doc(nlp, ["Ana", "\n", "saw", "Bo"], (0, 1, "PERSON"), missing=(1, 3))
    one = make_doc(nlp, ["Ana"], (0, 1, "PERSON"))
    one_nothing = make_doc(nlp, ["."])
    other = make_doc(
        nlp,
        ["Ana", "did", "n't", "see", "New", "York."],
        (0, 1, "PERSON"),
        (4, 6, "LOC"),
        spaces=[True, False, True, True, True, False],
    )
    misaligned = Example(
        Doc(nlp.vocab, words=["Ana", "didn't", "see", "New", "York", "."], spaces=[True] * 4 + [False] * 2),
        other,
    )
    joined = Example(
        Doc(nlp.vocab, words=["Anadid", "n't"]),
        make_doc(nlp, ["Ana", "did", "n't"], (0, 1, "PERSON"), spaces=[False] * 3),
    )
    long = make_doc(
        nlp,
        ("Ana saw New York and then they all went home to Cork again . " * 4).split(),
        *((i * 14 + 2, i * 14 + 4, "LOC") for i in range(4)),
    )
    return {
        "entities": [same(plain), same(plain)],
        "no entities": [same(nothing)],
        "partly annotated": [same(partly), same(plain)],
        "some without annotation": [same(plain), same(none), same(nothing)],
        "all without annotation": [same(none), same(none)],
        "whitespace": [same(white), same(inner_white)],
        "whitespace that is not annotated": [same(white_missing)],
        "one token": [same(one), same(one_nothing)],
        "other tokens": [misaligned, same(plain), joined],
        "long": [same(long), same(plain), same(one)],
    }


NAMES = [*documents(small_pipeline())]


@cache
def pipeline(*, ours: bool, use_upper: bool = True) -> Language:
    """A pipeline that may be used again."""
    nlp = small_pipeline(use_upper=use_upper)
    draw = numpy.random.default_rng(1)
    for parameter in walk_parameters(nlp):  # new upper layers are all zeros, and would let nothing through
        parameter.weights[...] += draw.normal(scale=0.2, size=parameter.weights.shape)
    if ours:
        use_kernels(nlp, FastOps())
    return nlp


def learned(
    name: str, *, ours: bool, cut: int = 100, times: int = 1, use_upper: bool = True, unseen: bool = False
):
    """The gradients and losses of a batch after `times` passes."""
    nlp = pipeline(ours=ours, use_upper=use_upper)
    parameters = walk_parameters(nlp)
    for p in parameters:
        p.node.set_grad(p.key[1], numpy.zeros_like(p.weights))
    ner = nlp.get_pipe("ner")
    ner.cfg["update_with_oracle_cut_size"] = cut
    ner.model.attrs["unseen_classes"] = {2, ner.moves.n_moves - 1} if unseen else set()
    examples = documents(nlp)[name]
    losses: dict[str, float] = {}
    random.seed(5)
    if ours:
        assert is_greedy(ner)
        examples = [Prepared(example) for example in examples]
    for _ in range(times):
        if ours:
            update(nlp, examples, drop=0.0, losses=losses)
        else:
            nlp.update(examples, drop=0.0, losses=losses, sgd=False)
    return (
        {p.name: p.node.get_grad(p.key[1]).copy() for p in parameters},
        losses,
        ner.model.attrs["unseen_classes"],
    )


def assert_same(*arguments, **options) -> None:
    (ours, losses, unseen), (theirs, expected, their_unseen) = (
        learned(*arguments, ours=own, **options) for own in (True, False)
    )
    assert losses.keys() == expected.keys()
    for name, loss in losses.items():
        assert loss == pytest.approx(expected[name], rel=1e-4, abs=1e-4)
    for name in ours.keys() | theirs.keys():
        mine, other = ours.get(name, numpy.zeros(1)), theirs.get(name, numpy.zeros(1))
        assert_allclose(
            mine, other, rtol=1e-3, atol=1e-4 * max(1.0, float(numpy.abs(other).max())), err_msg=name
        )
    assert unseen == their_unseen


@pytest.mark.parametrize("use_upper", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_and_losses_are_spacys(alike, name, use_upper):
    assert_same(name, use_upper=use_upper)


@pytest.mark.parametrize("name", ["entities", "other tokens", "some without annotation"])
def test_a_batch_may_come_again(alike, name):
    """What is worked out once for an example holds at each of its steps."""
    assert_same(name, times=3)


@pytest.mark.parametrize("cut", [0, 2, 4, 8])
@pytest.mark.parametrize("name", ["long", "other tokens", "partly annotated"])
def test_documents_are_cut_as_spacy_cuts_them(alike, name, cut):
    assert_same(name, cut=cut, times=2)


def test_actions_that_were_never_seen_stay_out(alike):
    assert_same("entities", unseen=True, times=2)


@pytest.mark.parametrize("unseen", [False, True])
@pytest.mark.parametrize("use_upper", [True, False])
def test_what_is_predicted_is_what_spacy_predicts(use_upper, unseen):
    with fast_ops():
        nlp = small_pipeline(use_upper=use_upper)
        draw = numpy.random.default_rng(0)
        for parameter in walk_parameters(nlp):
            weights = parameter.weights
            weights += draw.normal(scale=0.3, size=weights.shape).astype("float32")
        ner = nlp.get_pipe("ner")
        if unseen:
            ner.model.attrs["unseen_classes"] = {2, 5}
        examples = [example for batch in documents(nlp).values() for example in batch]
        texts = [*(example.x for example in examples), Doc(nlp.vocab)]
        theirs, ours = (
            list(nlp.pipe([doc.copy() for doc in texts])),
            list(nlp.pipe([doc.copy() for doc in texts], disable=["ner"])),
        )
        predict_ner(ner, ours)
    assert [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in ours] == [
        [(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in theirs
    ]
    assert sum(len(doc.ents) for doc in ours) > 5


def test_a_step_leaves_listeners_as_they_were(alike):
    nlp = small_pipeline()
    (listener,) = nlp.get_pipe("tok2vec").listeners
    with fast_ops():
        update(nlp, [Prepared(example) for example in documents(nlp)["entities"]], drop=0.1, losses={})
    assert "get_batch_id" not in vars(listener)


def test_there_is_something_to_compare(alike):
    found, losses, _ = learned("entities", ours=True)
    assert losses["ner"] > 1
    assert sum(gradient.any() for gradient in found.values()) > 10


def tags(example: Example) -> tuple:
    entities, biluo = example.get_aligned_ents_and_ner()
    return [(ent.start, ent.end, ent.label_) for ent in entities], biluo


@pytest.mark.parametrize("name", NAMES)
def test_tags_are_the_examples_own(name):
    for example in documents(small_pipeline())[name]:
        assert tags(Prepared(example)) == tags(example)


NLP = small_pipeline()
NER = NLP.get_pipe("ner")
for label in LABELS:
    NER.add_label(label)
    vocab().strings.add(label)


def drawn(seed: int) -> Example:
    """A document as spaCy's reader gives it: with its own tokens, with another tokeniser's, or cut anyhow."""
    draw = random.Random(seed)
    reference = any_doc(draw, vocab())
    kind = draw.choice(("same", "tokenised", "cut"))
    if kind == "same":
        predicted = Doc(
            vocab(), words=[t.text for t in reference], spaces=[bool(t.whitespace_) for t in reference]
        )
    elif kind == "tokenised":
        predicted = NLP.make_doc(reference.text)
    else:
        text = reference.text
        places = sorted({0, len(text), *(draw.randrange(len(text) + 1) for _ in range(len(text) // 4))})
        words = [text[a:b] for a, b in pairwise(places)]
        predicted = Doc(vocab(), words=words, spaces=[False] * len(words))
    return Example(predicted, reference)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_tags_and_gold_of_any_document_are_spacys(seed):
    example = drawn(seed)
    if not len(example.x):
        return
    prepared = Prepared(example)
    assert tags(prepared) == tags(example)
    state = NER.moves.init_batch([example.x])[0]
    assert (prepared.gold(NER, state) is not None) == bool(NER.moves.has_gold(example))
