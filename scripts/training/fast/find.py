"""Find the transformer that an encoder computes alike: models are asked, not known by their names."""

from collections.abc import Iterable
from typing import Any

import numpy
import torch
from spacy.language import Language
from spacy_transformers import Transformer
from spacy_transformers.annotation_setters import null_annotation_setter
from spacy_transformers.layers import transformer_model
from thinc.api import Model

from scripts.training.fast.encoder import Encoder
from scripts.training.fast.precision import Precision

PROBE = ("Ana saw New York and went to Cork, again, by train ☃ in 1984.", "Bo")
"""Texts of which the shorter is padded."""
TOLERANCE = 1e-4
"""How far vectors may be apart, as a share of the largest number; padding that is seen makes 1e-3."""


def find_encoder(
    nlp: Language, exclude: Iterable[str], precision: Precision, device: torch.device
) -> Encoder | None:
    """Return what computes the first transformer that can be so, on a device; None where there is none.

    It cannot with other listeners, layers or tokenisers, and where an encoder does not compute alike.
    """
    for name, component in nlp.pipeline:
        if type(component) is Transformer and name not in exclude:
            listening = _listening(nlp, component)
            heard = {id(node.layers[0]) for node in listening}
            if listening and heard == set(map(id, component.listeners)):
                encoder = _computing(component, device)
                if encoder is not None:
                    encoder.take_over(listening, precision)
                    return encoder
    return None


def _computing(component: Transformer, device: torch.device) -> Encoder | None:
    """Return an encoder that computes what a transformer does; None where there is none."""
    model: Any = component.model
    if model._func is not transformer_model.forward or not model.tokenizer.is_fast:
        return None
    if component.set_extra_annotations is not null_annotation_setter:
        return None
    try:
        encoder = Encoder(component, device)
        return encoder if is_alike(encoder) else None
    except Exception:  # models differ in what they take, and spacy-transformers says what it cannot do
        return None


def _listening(nlp: Language, transformer: Transformer) -> list[Model]:
    """Return the layers that pool a transformer's output by mean (spacy_transformers/architectures.py)."""
    nodes = [node for name in transformer.listening_components for node in nlp.get_pipe(name).model.walk()]
    return [
        node
        for node in nodes
        if [layer.name for layer in node.layers] == ["transformer-listener", "trfs2arrays"]
        and node.layers[1].layers[0].name == "reduce_mean"
        and node.layers[0] in transformer.listeners
    ]


@torch.no_grad()
def is_alike(encoder: Encoder) -> bool:
    """Say whether windows alone, or packed, come out as padded ones that the model looks up itself.

    They do not where padding is seen (ConvBERT's convolutions, Nyströmformer's landmarks), word vectors are
    scaled (BART) or wordpieces have types.
    """
    tokenizer = encoder.component.model.tokenizer
    batch = tokenizer([*PROBE], padding="longest", return_tensors="pt").to(encoder.device)
    is_real = batch["attention_mask"].bool()
    with torch.random.fork_rng([encoder.device] if encoder.device.type == "cuda" else []):
        encoder.module.eval()
        expected = encoder.module(**batch).last_hidden_state[is_real]
        ids = [row[real].cpu().numpy()[None] for row, real in zip(batch["input_ids"], is_real, strict=True)]
        if encoder.packing:
            layouts, ids = [[own.shape[1] for own in ids]], [numpy.concatenate(ids, axis=1)]
        else:
            layouts = [torch.ones(own.shape, dtype=torch.int64, device=encoder.device) for own in ids]
        pairs = zip(ids, layouts, strict=True)
        found = torch.cat([encoder.run(encoder.look_up(own), layout)[0] for own, layout in pairs])
        encoder.rest()
    if found.shape != expected.shape:
        return False
    return bool((found - expected).abs().max() <= TOLERANCE * expected.abs().max())
