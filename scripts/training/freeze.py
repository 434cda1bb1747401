"""Leave a transformer's lower layers as they were pretrained. Bare spaCy finds this by `--code scripts/training/freeze.py`."""

from collections.abc import Callable

from spacy import registry
from spacy.language import Language


@registry.callbacks("ner_template.freeze_transformer.v1")
def freeze_transformer(layers: int) -> Callable[[Language], Language]:
    """Make a callback that keeps the embeddings and the lowest `layers` layers from being trained; 0 trains all.

    Nothing flows back through what is frozen, and the optimizer has less to update. The config names this in
    [initialize.after_init], so that loading a trained pipeline does not need it.
    Raises ValueError where the model has fewer layers, or none that can be told.
    """

    def freeze(nlp: Language) -> Language:
        if layers == 0:
            return nlp
        transformer = nlp.get_pipe("transformer").model.transformer
        stack = getattr(getattr(transformer, "encoder", getattr(transformer, "transformer", None)), "layer", None)
        if stack is None or not hasattr(transformer, "embeddings"):
            raise ValueError(f"{type(transformer).__name__}: its layers cannot be told, so none can be frozen; set vars.freeze_layers to 0")
        if layers >= len(stack):
            raise ValueError(f"{type(transformer).__name__} has {len(stack)} layers; set vars.freeze_layers below that")
        for module in (transformer.embeddings, *stack[:layers]):
            module.requires_grad_(False)
        return nlp

    return freeze
