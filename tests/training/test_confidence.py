"""Confidences: the entities stay the same, and each is as probable as its actions."""

import numpy
import pytest
import spacy
from spacy.tokens import Doc, Span

from scripts.training.confidence import COMPONENT, add_confidence, calibrated, entity_confidences
from tests.runs import small_pipeline
from tests.tiny import make_transformer, transformer_pipeline

TEXT = "Ana saw New York and Cork , then she went to Cobh with Brendan O Shea again ."
WORDS = TEXT.split()


@pytest.fixture(scope="module")
def transformer(tmp_path_factory):
    return transformer_pipeline(make_transformer("bert", tmp_path_factory.mktemp("model")))


@pytest.fixture(params=["upper", "no upper", "transformer"])
def nlp(request):
    if request.param == "transformer":
        nlp = request.getfixturevalue("transformer")
        yield nlp
        if COMPONENT in nlp.pipe_names:
            nlp.remove_pipe(COMPONENT)
    else:
        yield small_pipeline(use_upper=request.param == "upper")


def given(nlp):
    """Texts, gold tokens, an empty document, and documents where entities are preset, missing and blocked."""
    docs = [Doc(nlp.vocab, words=WORDS[start:]) for start in (0, 3, len(WORDS), 7)]
    preset = Doc(nlp.vocab, words=WORDS)
    label = nlp.get_pipe("ner").labels[0]
    missing = [Span(preset, 0, 1), Span(preset, 8, 12)]
    ents, blocked = [Span(preset, 2, 4, label=label)], [Span(preset, 5, 6)]
    preset.set_ents(ents, missing=missing, blocked=blocked, default="outside")
    sentences = Doc(nlp.vocab, words=WORDS, sent_starts=[place % 4 == 0 for place in range(len(WORDS))])
    return [*docs, preset, sentences, nlp.make_doc("Ana  went to  \n Cork"), nlp.make_doc("")]


def found(doc):
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents], [token.ent_iob for token in doc]


def test_entities_stay_the_same_and_each_has_a_confidence(nlp):
    before = [found(doc) for doc in nlp.pipe(given(nlp))]
    assert add_confidence(nlp)
    docs = list(nlp.pipe(given(nlp)))
    assert [found(doc) for doc in docs] == before
    confidences = [ent._.confidence for doc in docs for ent in doc.ents]
    assert len(confidences) > 10
    assert all(0 < one < 1 for one in confidences)


def test_a_confidence_is_the_product_of_the_probabilities_of_the_actions(nlp):
    """Held against a walk of a single document, action by action, with what spaCy itself calls valid."""
    ner, doc = nlp.get_pipe("ner"), nlp(Doc(nlp.vocab, words=WORDS), disable=["ner"])
    doc.ents = [Span(doc, *place, label=ner.labels[0]) for place in ((0, 1), (2, 4), (5, 8), (10, 14))]
    names = [ner.moves.get_class_name(number) for number in range(ner.moves.n_moves)]
    model, (state,) = ner.model.predict([doc]), ner.moves.init_batch([Doc(nlp.vocab, words=WORDS)])
    moves = ["O"] * len(doc)
    for ent in doc.ents:
        kinds = "U" if len(ent) == 1 else "B" + "I" * (len(ent) - 2) + "L"
        moves[ent.start : ent.end] = [f"{kind}-{ent.label_}" for kind in kinds]
    probabilities = []
    for move in moves:
        (scores,) = model.predict([state])
        valid = [ner.moves.is_valid(state, name) for name in names]
        odds = numpy.where(valid, numpy.exp(scores.astype(float)), 0)
        probabilities.append(odds[names.index(move)] / odds.sum())
        ner.moves.apply_transition(state, move)
    wanted = [numpy.prod(probabilities[ent.start : ent.end]) for ent in doc.ents]
    assert entity_confidences(ner, [doc])[0] == pytest.approx(wanted, rel=1e-4)


def test_confidences_do_not_depend_on_the_batch(nlp):
    add_confidence(nlp)
    together = [ent._.confidence for doc in nlp.pipe(given(nlp)) for ent in doc.ents]
    alone = [ent._.confidence for doc in map(nlp, given(nlp)) for ent in doc.ents]
    assert alone == pytest.approx(together, abs=1e-4)


def test_where_there_is_not_one_ner_there_is_no_confidence():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler")
    assert not add_confidence(nlp)
    for name in ("ner", "another"):
        nlp.add_pipe("ner", name=name)
    assert not add_confidence(nlp)
    assert nlp.pipe_names == ["entity_ruler", "ner", "another"]


def test_what_a_later_component_adds_has_no_confidence():
    nlp = small_pipeline()
    with nlp.select_pipes(disable=["ner"]):
        doc = nlp(Doc(nlp.vocab, words=WORDS))
    doc.ents = [Span(doc, 0, 1, label=nlp.get_pipe("ner").labels[0])]
    add_confidence(nlp)
    doc = nlp.get_pipe(COMPONENT)(doc)
    doc.ents = [*doc.ents, Span(doc, 2, 4, label="NEW")]
    assert 0 < doc.ents[0]._.confidence < 1
    assert doc.ents[1]._.confidence is None


def test_without_a_calibration_confidences_stay_and_with_one_their_order_does():
    confidences = numpy.array([0.001, 0.4, 0.5, 0.999])
    assert calibrated(confidences, 1.0, 0.0) == pytest.approx(confidences)
    assert (numpy.diff(calibrated(numpy.array([0.0, *confidences, 1.0]), 0.5, -2.0)) > 0).all()
    assert calibrated(0.5, 3.0, 0.0) == pytest.approx(0.5)
