"""Make what a config describes, ready to learn: the pipeline, its settings and its corpora."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from confection import Config
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training.initialize import init_nlp
from spacy.util import registry, resolve_dot_names
from thinc.api import fix_random_seed, get_torch_default_device, set_gpu_allocator

from scripts.command import console
from scripts.training import stream  # noqa: F401  (registers what a config names)

if TYPE_CHECKING:
    from scripts.training.encoder import Encoder

STREAMED = -1
"""The `max_epochs` at which spaCy initialises a pipeline from a sample of train."""


def make_pipeline(config: Config, gpu_id: int) -> tuple[Language, dict[str, Any], Callable, Callable]:
    """Return the initialised pipeline, its resolved training block, and the readers of train and dev.

    Random states are then as `spacy train` has them before its first step.
    """
    nlp = init_nlp(_without_passes(config), use_gpu=gpu_id)
    nlp.config["training"]["max_epochs"] = config.interpolate()["training"]["max_epochs"]
    resolved = nlp.config.interpolate()
    fix_random_seed(resolved["training"]["seed"])
    if gpu_id >= 0 and resolved["training"]["gpu_allocator"]:
        set_gpu_allocator(resolved["training"]["gpu_allocator"])
    T = registry.resolve(resolved["training"], schema=ConfigSchemaTraining)
    return nlp, T, *resolve_dot_names(resolved, [T["train_corpus"], T["dev_corpus"]])


def make_encoder(nlp: Language, exclude: Iterable[str], precision: str) -> "Encoder | None":
    """Return what computes the pipeline's transformer in training; None where there is none, or spacy-transformers' own code must."""
    if not any(nlp.get_pipe_meta(name).factory == "transformer" for name in nlp.pipe_names):
        return None
    from scripts.training.encoder import find_encoder
    from scripts.training.precision import choose_precision

    chosen = choose_precision(precision, get_torch_default_device())
    encoder = find_encoder(nlp, exclude, chosen)
    console.print(f"The transformer computes in {chosen}" if encoder else "The transformer computes as spacy-transformers lets it", highlight=False)
    return encoder


def _without_passes(config: Config) -> Config:
    """Return a config by which spaCy does not read train three times over to find the labels, where it is given them.

    Weights come out the same: beside labels, tok2vec and ner look at ten documents alone.
    """
    known = config["initialize"].get("components", {}) if "initialize" in config else {}
    others = set(config["nlp"]["pipeline"]) - {"tok2vec", "transformer", "doc_cleaner"}
    if not others <= {name for name, block in known.items() if "labels" in block}:
        return config
    return config.merge({"training": {"max_epochs": STREAMED}})
