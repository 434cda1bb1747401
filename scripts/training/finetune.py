"""How a pretrained transformer is fine-tuned: what learns, how fast, in how much memory.

Bare spaCy finds this by `--code scripts/training/finetune.py`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from spacy import registry
from spacy.language import Language

RATE = "ner_template_rate"
"""The attribute of a torch parameter that holds its share of the learning rate."""
HEAD_RATE = "ner_template_head_rate"
"""The attribute of a torch module that holds at how many times its rate thinc's layers learn."""
NAME = "ner_template.finetune.v1"


@registry.callbacks(NAME)
def finetune_transformer(
    frozen_layers: int = 0,
    head_rate: float = 1.0,
    rate_decay: float = 1.0,
    dropout: float | None = None,
    recompute: bool = False,
) -> Callable[[Language], Language]:
    """Make a callback for [initialize.after_init] that prepares pretrained transformers for training.

    frozen_layers: the lowest layers and the embeddings stay as they were pretrained; nothing flows back
    through them.
    head_rate: all but the transformer, which begins with random weights, learns at so many times its rate.
    rate_decay: each layer learns at so much of the rate of the layer above it, the embeddings at that of one
    more (Howard and Ruder 2018, arXiv 1801.06146, section 3.2). Bare `spacy train` knows neither: all learn
    at one rate.
    dropout: the share that a transformer leaves out, wherever it does; None: as it was pretrained.
    recompute: of each layer only the output is kept, and the rest computed again on the way back (gradient
    checkpointing). Raises ValueError where there is no transformer, where it has fewer layers, or none that
    can be told.
    """

    def prepare(nlp: Language) -> Language:
        if not (frozen_layers or recompute) and head_rate == rate_decay == 1.0 and dropout is None:
            return nlp
        models = [component.model for _, component in nlp.pipeline if hasattr(component, "model")]
        nodes = [node for model in models for node in model.walk()]  # a component may have one for itself
        transformers = [node.transformer for node in nodes if node.attrs.get("has_transformer")]
        if not transformers:
            raise ValueError(
                f"[initialize.after_init] {NAME}: the pipeline has no transformer; delete the block"
            )
        for transformer in transformers:
            setattr(transformer, HEAD_RATE, head_rate)
            if dropout is not None:
                set_dropout(transformer, dropout)
            if recompute:
                transformer.gradient_checkpointing_enable({"use_reentrant": False})
            _tune_layers(transformer, frozen_layers, rate_decay)
        return nlp

    return prepare


@contextmanager
def portable(nlp: Language) -> Iterator[None]:
    """Let what is saved here name nothing of ours, so that `spacy train` knows all of its config."""
    block = nlp.config["initialize"]
    callback = block["after_init"]
    if callback and callback.get("@callbacks") == NAME:
        block["after_init"] = None
    try:
        yield
    finally:
        block["after_init"] = callback


def set_dropout(transformer: Any, share: float) -> None:
    """Set the share that a transformer leaves out, in its config, its modules and their attributes."""
    for owner in (transformer.config, *transformer.modules()):
        is_module = "Dropout" in type(owner).__name__
        for name, value in [*vars(owner).items()]:
            if isinstance(value, float) and ("drop" in name or (is_module and name == "p")):
                setattr(owner, name, share)


def _tune_layers(transformer: Any, frozen_layers: int, rate_decay: float) -> None:
    """Freeze the lowest layers, and let each of the others learn at a rate of its own."""
    if not frozen_layers and rate_decay == 1.0:
        return
    name = type(transformer).__name__
    body = getattr(transformer, "encoder", getattr(transformer, "transformer", None))
    layers = getattr(body, "layer", None)
    if layers is None or not hasattr(transformer, "embeddings"):
        remedy = "set vars.freeze_layers to 0 and rate_decay to 1.0"
        raise ValueError(f"{name}: its layers cannot be told; {remedy}")
    if frozen_layers and frozen_layers >= len(layers):
        raise ValueError(f"{name} has {len(layers)} layers; set vars.freeze_layers below that")
    parts = (transformer.embeddings, *layers)
    for depth, part in enumerate(parts):
        if frozen_layers:
            part.requires_grad_(depth > frozen_layers)
        for weights in part.parameters() if rate_decay != 1.0 else ():
            setattr(weights, RATE, rate_decay ** (len(parts) - 1 - depth))
