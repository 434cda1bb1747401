"""A pipeline that was sped up finds what spaCy finds, keeps nothing in documents, and computes in fewer bits."""

import numpy
import pytest

from scripts.training.fast.kernels import layer_norm, normalise
from scripts.training.fast.predict import FastRecognizer
from scripts.training.predict import speed_up
from tests.runs import kept_ops, small_pipeline
from tests.tiny import make_transformer, transformer_pipeline

TEXTS = ["Ana saw New York and went to Cork.", "", "Bo", "Ed saw " * 150, "Cy went to Cork again, by train."]


def entities(docs) -> list[list[tuple]]:
    return [[(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents] for doc in docs]


@pytest.fixture(autouse=True)
def ops():
    with kept_ops():
        yield


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta"])
@pytest.mark.parametrize("listeners", [1, 2])
def test_a_transformer_without_padding_finds_what_spacy_finds(tmp_path, kind, listeners):
    name = make_transformer(kind, tmp_path)
    right = entities(transformer_pipeline(name, listeners=listeners).pipe(TEXTS))
    nlp = speed_up(transformer_pipeline(name, listeners=listeners))
    docs = list(nlp.pipe(TEXTS))
    assert entities(docs) == right
    assert any(right)
    assert entities(map(nlp, TEXTS)) == right
    assert all(doc.user_data == {} for doc in docs)
    assert isinstance(nlp.get_pipe("ner"), FastRecognizer)


def test_integers_change_a_transformers_vectors_a_little(tmp_path):
    name = make_transformer("bert", tmp_path)
    exact, fewer = (speed_up(transformer_pipeline(name), precision=bits) for bits in ("fp32", "int8"))
    a, b = (
        nlp.get_pipe("ner").model.layers[0].predict([nlp.make_doc(TEXTS[0])])[0] for nlp in (exact, fewer)
    )
    assert not numpy.array_equal(a, b)
    assert numpy.abs(a - b).max() < 0.1 * numpy.abs(a).max()
    assert len(entities(fewer.pipe(TEXTS))) == len(TEXTS)


def test_a_beam_is_left_to_spacy():
    nlp = small_pipeline()
    ner = nlp.get_pipe("ner")
    ner.cfg["beam_width"] = 4
    assert speed_up(nlp).get_pipe("ner") is ner


def test_layers_are_normalised_alike_without_torch():
    nlp = small_pipeline()
    node = next(node for node in nlp.get_pipe("tok2vec").model.walk() if node.name == "layernorm")
    X = numpy.random.default_rng(0).normal(size=(7, node.get_dim("nO"))).astype("float32")
    assert numpy.allclose(normalise(node, X, False)[0], layer_norm(node, X, False)[0], atol=1e-5)
