"""Make what a config describes, ready to learn: the pipeline, its settings and its corpora."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confection import Config
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Corpus
from spacy.training.corpus import dont_augment
from spacy.training.initialize import init_nlp
from spacy.util import registry, resolve_dot_names
from thinc.api import fix_random_seed, get_torch_default_device, set_gpu_allocator

from scripts.cli import console
from scripts.corpus.hub import require_models
from scripts.corpus.stream import ShardStream
from scripts.training import stream  # noqa: F401
from scripts.training.update import Prepared

if TYPE_CHECKING:
    from scripts.training.encoder import Encoder

READ_ONCE = "ner_template.read_once.v1"
STREAMED = -1
"""The `max_epochs` at which a corpus is read anew in each epoch."""


class ReadOnce(Corpus):
    """Reads as spaCy's Corpus does, but for one pipeline once: each component that is initialised, and training, take what is there."""

    _nlp: Language | None = None
    _examples: list[Prepared]

    def __call__(self, nlp: Language) -> Iterator[Prepared]:
        """Return the examples."""
        if self._nlp is not nlp:
            self._examples = [Prepared(example) for example in super().__call__(nlp)]
            self._nlp = nlp
        return iter(self._examples)


@registry.readers(READ_ONCE)
@lru_cache(maxsize=1)
def read_once(path: Path, gold_preproc: bool = False, max_length: int = 0, limit: int = 0) -> ReadOnce:
    """Make the reader; the same one for the same settings."""
    return ReadOnce(path, gold_preproc=gold_preproc, max_length=max_length, limit=limit)


def make_pipeline(
    config: Config, gpu_id: int, *, exact: bool = False
) -> tuple[Language, dict[str, Any], Callable, Callable]:
    """Return the initialised pipeline, its resolved training block, and the readers of train and dev.

    Random states are then as `spacy train` has them before its first step.
    """
    require_models(config.interpolate())
    read_once.cache_clear()
    own = None if exact else _train_block(config)
    nlp = init_nlp(
        config if own is None else config.merge({"corpora": {"train": own | {"@readers": READ_ONCE}}}),
        use_gpu=gpu_id,
    )
    resolved = nlp.config.interpolate()
    if resolved["training"]["seed"] is not None:
        fix_random_seed(resolved["training"]["seed"])
    if gpu_id >= 0 and resolved["training"]["gpu_allocator"]:
        set_gpu_allocator(resolved["training"]["gpu_allocator"])
    T = registry.resolve(resolved["training"], schema=ConfigSchemaTraining)
    readers = resolve_dot_names(resolved, [T["train_corpus"], T["dev_corpus"]])
    if own is not None:
        nlp.config["corpora"]["train"] = config["corpora"]["train"]
    return nlp, T, *readers


def _train_block(config: Config) -> dict | None:
    """Return the block of train's reader, where that is spaCy's own, reads all at once and draws nothing at random."""
    training, block = config.get("training", {}), config.get("corpora", {}).get("train", {})
    is_named = (
        training.get("train_corpus", "corpora.train") == "corpora.train"
        and training.get("max_epochs", 0) != STREAMED
    )
    if not is_named or block.get("@readers") != "spacy.Corpus.v1" or block.get("augmenter") is not None:
        return None
    return {name: value for name, value in block.items() if name != "augmenter"}


def make_encoder(nlp: Language, exclude: Iterable[str], precision: str) -> "Encoder | None":
    """Return what computes the pipeline's transformer in training; None where there is none, or spacy-transformers' own code must."""
    if not any(nlp.get_pipe_meta(name).factory == "transformer" for name in nlp.pipe_names):
        return None
    from scripts.training.encoder import find_encoder
    from scripts.training.precision import choose_precision

    chosen = choose_precision(precision, get_torch_default_device())
    encoder = find_encoder(nlp, exclude, chosen)
    console.print(
        f"The transformer computes in {chosen}"
        if encoder
        else "The transformer computes as spacy-transformers lets it",
        highlight=False,
    )
    return encoder


def why_alone(T: dict[str, Any], corpus: Callable) -> str:
    """Say why several processes cannot train together by a config; nothing where they can."""
    if T["seed"] is None:
        return "[training] seed is null, so each would draw its own weights and batches"
    if T["max_epochs"] == STREAMED and not isinstance(corpus, ShardStream):
        is_plain = type(corpus) is Corpus and corpus.augmenter is dont_augment and not corpus.shuffle
        if not is_plain:
            return "max_epochs is -1, and a reader that may draw at random would give each its own documents in each epoch"
    return ""
