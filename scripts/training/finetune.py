"""How a pretrained transformer is tuned: what learns, how fast, in how much memory. Bare spaCy finds this by `--code scripts/training/tuning.py`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from spacy import registry
from spacy.language import Language

RATE = "ner_template_rate"
"""The attribute of a torch parameter that holds its share of the learning rate."""
HEAD_RATE = "ner_template_head_rate"
"""The attribute of a torch module that holds at how many times its rate all that is no torch module learns."""


NAME = "ner_template.tune_transformer.v1"


@registry.callbacks(NAME)
def tune_transformer(
    frozen_layers: int = 0,
    head_rate: float = 1.0,
    rate_decay: float = 1.0,
    dropout: float | None = None,
    recompute: bool = False,
    compiled: bool = False,
) -> Callable[[Language], Language]:
    """Make a callback that prepares pretrained transformers for training. The config names it in [initialize.after_init].

    frozen_layers: the lowest layers stay as they were pretrained, and the embeddings; nothing flows back through what is frozen.
    head_rate: all but the transformer, which begins with random weights, learns at so many times its rate.
    rate_decay: each layer learns at so much of the rate of the layer above it, the embeddings at that of one more (Howard and Ruder 2018,
    arXiv 1801.06146, section 3.2). Bare `spacy train` knows neither: all learn at one rate.
    dropout: the share that a transformer leaves out, wherever it does; None: as it was pretrained.
    recompute: of each layer's way forward only the end is kept, and the rest is computed again on the way back (gradient checkpointing).
    compiled: torch.compile makes kernels for it, for windows of any length; that takes a minute at first, and a C++ compiler.
    Loading a trained pipeline needs none of this. Raises ValueError where there is no transformer, where it has fewer layers, or none
    that can be told, and where torch cannot compile.
    """

    def prepare(nlp: Language) -> Language:
        if (
            frozen_layers == 0
            and head_rate == rate_decay == 1.0
            and dropout is None
            and not recompute
            and not compiled
        ):
            return nlp
        transformers = _transformers(nlp)
        if not transformers:
            raise ValueError(
                f"[initialize.after_init] {NAME}: the pipeline has no transformer; delete the block"
            )
        for transformer in transformers:
            setattr(transformer, HEAD_RATE, head_rate)
            if dropout is not None:
                set_dropout(transformer, dropout)
            if compiled:
                _try_compiler(transformer.device)
                transformer.compile(dynamic=True)
            if recompute:
                transformer.gradient_checkpointing_enable({"use_reentrant": False})
            _tune_layers(transformer, frozen_layers, rate_decay)
        return nlp

    return prepare


@contextmanager
def portable(nlp: Language) -> Iterator[None]:
    """Let what is saved here name nothing of ours, so that `spacy train` knows all of its config wherever it runs: loading needs no callback."""
    block = nlp.config["initialize"]
    callback = block["after_init"]
    if callback and callback.get("@callbacks") == NAME:
        block["after_init"] = None
    try:
        yield
    finally:
        block["after_init"] = callback


def set_dropout(transformer: Any, share: float) -> None:
    """Set the share that a transformer leaves out, in its modules, and where its functions read it: its config and modules' attributes."""
    for owner in (transformer.config, *transformer.modules()):
        is_module = "Dropout" in type(owner).__name__
        for name, value in [*vars(owner).items()]:
            if isinstance(value, float) and ("drop" in name or (is_module and name == "p")):
                setattr(owner, name, share)


def _transformers(nlp: Language) -> list[Any]:
    """Return the transformers of a pipeline, whatever the names of their components, also those that one component has for itself."""
    nodes = [
        node
        for _, component in nlp.pipeline
        if hasattr(component, "model")
        for node in component.model.walk()
    ]
    return [node.transformer for node in nodes if node.attrs.get("has_transformer")]


def _tune_layers(transformer: Any, frozen_layers: int, rate_decay: float) -> None:
    """Freeze the lowest layers, and let each of the others learn at a rate of its own."""
    layers = getattr(
        getattr(transformer, "encoder", getattr(transformer, "transformer", None)), "layer", None
    )
    if (frozen_layers or rate_decay != 1.0) and (layers is None or not hasattr(transformer, "embeddings")):
        raise ValueError(
            f"{type(transformer).__name__}: its layers cannot be told; set vars.freeze_layers to 0 and rate_decay to 1.0"
        )
    if frozen_layers and frozen_layers >= len(layers):
        raise ValueError(
            f"{type(transformer).__name__} has {len(layers)} layers; set vars.freeze_layers below that"
        )
    parts = (transformer.embeddings, *layers) if frozen_layers or rate_decay != 1.0 else ()
    for depth, part in enumerate(parts if frozen_layers else ()):
        part.requires_grad_(depth > frozen_layers)
    for depth, part in enumerate(parts if rate_decay != 1.0 else ()):
        for weights in part.parameters():
            setattr(weights, RATE, rate_decay ** (len(parts) - 1 - depth))


def _try_compiler(device: Any) -> None:
    """Raise ValueError where torch cannot compile: training would find out at its first step."""
    import torch  # the checks read configs that name this callback, and load no torch

    try:
        torch.compile(torch.sin)(torch.zeros(2, device=device))
    except Exception as error:  # of whatever kind: torch wraps what compilers and Triton say
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"torch cannot compile here ({why}); install a C++ compiler, or set compiled = false in configs/gpu.cfg"
        ) from error
