"""What is said of vectors and weights that a pipeline cannot start from."""

import shutil

import numpy
import pytest
import spacy

from scripts.checks.pretrained import misfitting_weights, no_vectors
from scripts.checks.training_config import ConfigFile, TrainingConfig
from tests.make import jsonl_writer, make_corpus
from tests.runs import PRETRAINED, config_for


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A corpus, and beside it the packaged vectors and weights."""
    folder = tmp_path_factory.mktemp("corpus")
    made = make_corpus(folder, jsonl_writer(folder))
    config_for(made, **PRETRAINED)
    return made


@pytest.fixture
def findings(corpus, tmp_path):
    """What a check says of the cpu config, changed."""

    def find(check, change=lambda config: None) -> list[str]:
        config = config_for(corpus, **PRETRAINED)
        change(config)
        config.to_disk(tmp_path / "config.cfg")
        return list(check(TrainingConfig(ConfigFile("cpu", tmp_path / "config.cfg"))))

    return find


def test_the_packaged_vectors_and_weights_fit(findings):
    assert findings(no_vectors) == findings(misfitting_weights) == []


def test_vectors_that_are_missing_damaged_or_of_another_language_are_told(findings, corpus, tmp_path):
    def of(path):
        return lambda config: config["paths"].update(vectors=str(path))

    (found,) = findings(no_vectors, of(tmp_path / "none"))
    assert (
        "none: holds no word vectors, and no installed pipeline has that name; run: python -m scripts.configure"
        in found
    )
    shutil.copytree(corpus / "vectors", tmp_path / "damaged")
    (tmp_path / "damaged" / "vocab" / "key2row").write_bytes(b"damaged")
    (found,) = findings(no_vectors, of(tmp_path / "damaged"))
    assert "is no table of word vectors" in found
    spacy.blank("en").to_disk(tmp_path / "empty")
    (found,) = findings(no_vectors, of(tmp_path / "empty"))
    assert found == f"tok2vec: made for word vectors, and {tmp_path / 'empty'} holds none"
    spacy.blank("de").to_disk(tmp_path / "german")
    assert "which is 'de', where [nlp] lang is 'en'" in findings(no_vectors, of(tmp_path / "german"))[0]
    (found,) = findings(no_vectors, lambda config: config["paths"].update(vectors=None))
    assert found == "tok2vec: made for word vectors, and [initialize] vectors is empty"


def test_a_component_of_another_pipeline_wants_its_vectors(findings, corpus, tmp_path):
    nlp = spacy.load(corpus / "vectors")
    embed = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 8, "attrs": ["NORM"], "rows": [20]}
    embed["include_static_vectors"] = True
    encode = {"@architectures": "spacy.MaxoutWindowEncoder.v2", "width": 8, "depth": 1}
    model = {"@architectures": "spacy.Tok2Vec.v2", "embed": embed}
    nlp.add_pipe(
        "tok2vec", config={"model": model | {"encode": encode | {"window_size": 1, "maxout_pieces": 2}}}
    )
    nlp.initialize()
    nlp.to_disk(tmp_path / "source")

    def source(config):
        config["components"]["tok2vec"] = {"source": str(tmp_path / "source")}
        config["components"]["ner"]["model"]["tok2vec"]["width"] = 8
        config["paths"]["vectors"] = None

    assert findings(no_vectors, source) == [
        "tok2vec: made for word vectors, and [initialize] vectors is empty"
    ]


def test_weights_that_do_not_fit_are_told_with_both_shapes(findings, corpus, tmp_path):
    def narrow(config):
        config["components"]["tok2vec"]["model"]["encode"]["width"] = 64

    (found,) = findings(misfitting_weights, narrow)
    path = (corpus / "tok2vec.bin").as_posix()
    shapes = f"static_vectors (nM 300, nO 96) in {path}, and static_vectors (nM 300, nO 64) in the config"
    assert found == f"layer 1 with weights is {shapes}"
    (found,) = findings(
        misfitting_weights, lambda config: config["components"]["tok2vec"]["model"]["encode"].update(depth=2)
    )
    assert "layers with weights, and the config's model" in found
    nlp = spacy.blank("en")
    nlp.vocab.set_vector("Cork", numpy.ones(2, dtype=numpy.float32))
    nlp.to_disk(tmp_path / "two")
    (found,) = findings(
        misfitting_weights, lambda config: config["paths"].update(vectors=str(tmp_path / "two"))
    )
    assert "static_vectors (nM 300, nO 96)" in found
    assert "static_vectors (nM 2, nO 96)" in found


def test_weights_that_nothing_reads_or_that_are_none_are_told(findings, tmp_path):
    def of(path):
        return lambda config: config["paths"].update(init_tok2vec=str(path))

    (found,) = findings(misfitting_weights, lambda config: config.pop("pretraining"))
    assert "without a section [pretraining] spaCy does not read it" in found
    assert "No such file" in findings(misfitting_weights, of(tmp_path / "none.bin"))[0]
    (tmp_path / "damaged.bin").write_bytes(b"damaged")
    assert "holds no weights of a model" in findings(misfitting_weights, of(tmp_path / "damaged.bin"))[0]

    def other(config):
        config["pretraining"]["component"] = "no"

    assert findings(misfitting_weights, other) == ["[pretraining] component = 'no' is not in the pipeline"]
