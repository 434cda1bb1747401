"""Make what a config describes, ready to learn: the pipeline, its settings and its corpora."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cache, lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from confection import Config
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Corpus, Example
from spacy.training.corpus import dont_augment
from spacy.training.initialize import init_nlp
from spacy.util import registry, resolve_dot_names
from thinc.api import NumpyOps, fix_random_seed, set_current_ops, set_gpu_allocator

from scripts.cli import UserError, console
from scripts.corpus.hub import require_models
from scripts.corpus.stream import ShardStream
from scripts.training import stream  # noqa: F401  (registers what a config names)
from scripts.training.device import gpu_obstacle, set_threads, use_device
from scripts.training.fast_guard import has_fast
from scripts.training.memory import limit_gpu_memory, parse_gpu_memory
from scripts.training.options import Options
from scripts.training.step import TrainingStep
from scripts.training.world import World, rank

READ_ONCE = "ner_template.read_once.v1"
STREAMED = -1
"""The `max_epochs` at which a corpus is read anew in each epoch."""


class ReadOnce(Corpus):
    """Reads as spaCy's Corpus does, but once: components that are initialised, and training, share it."""

    _nlp: Language | None = None
    _examples: list[Example]

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Return the examples."""
        if self._nlp is not nlp:
            self._examples = list(super().__call__(nlp))
            self._nlp = nlp
        return iter(self._examples)


@registry.readers(READ_ONCE)
@lru_cache(maxsize=1)
def read_once(path: Path, gold_preproc: bool = False, max_length: int = 0, limit: int = 0) -> ReadOnce:
    """Make the reader; the same one for the same settings."""
    return ReadOnce(path, gold_preproc=gold_preproc, max_length=max_length, limit=limit)


def make_pipeline(
    config: Config, gpu_id: int, *, reads_once: bool = True
) -> tuple[Language, dict[str, Any], Callable, Callable]:
    """Return the initialised pipeline, its resolved training block, and the readers of train and dev.

    Random states are then as `spacy train` has them before its first step.
    """
    require_models(config.interpolate())
    read_once.cache_clear()
    own = _train_block(config) if reads_once else None
    shared = {"corpora": {"train": (own or {}) | {"@readers": READ_ONCE}}}
    nlp = init_nlp(config if own is None else config.merge(shared), use_gpu=gpu_id)
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
    """Return the block of train's reader, where that is spaCy's own, reads all at once and draws nothing."""
    training, block = config.get("training", {}), config.get("corpora", {}).get("train", {})
    is_named = training.get("train_corpus", "corpora.train") == "corpora.train"
    is_streamed = training.get("max_epochs", 0) == STREAMED
    if not is_named or is_streamed or block.get("@readers") != "spacy.Corpus.v1" or block.get("augmenter"):
        return None
    return {name: value for name, value in block.items() if name != "augmenter"}


def prepare(
    config: Config, gpu_id: int, options: Options
) -> tuple[Callable[[World], TrainingStep], Callable, str]:
    """Return what makes the step of a training, the reader of dev, and why one process must train alone.

    The step is that of scripts/training/fast unless --exact, where that folder is there and can be used.
    """
    exact, limit = options.exact, parse_gpu_memory(options.gpu_memory)
    if gpu_id >= 0 and limit is not None:
        limit_gpu_memory(gpu_id, limit)
    if not exact:
        set_threads(options.threads)
    fast = None if exact else find_fast()
    prepared = fast.prepare(config, gpu_id, options.precision) if fast else None
    if prepared is None:
        if gpu_id >= 0 and (obstacle := gpu_obstacle(gpu_id)):
            raise UserError(f"thinc's layers would train on the GPU, too: {obstacle}; or add --device cpu")
        use_device(gpu_id)
        if gpu_id < 0 and not exact:
            set_current_ops(NumpyOps(use_blis=False))
        nlp, T, train, dev = make_pipeline(config, gpu_id, reads_once=not exact)
        return partial(TrainingStep, nlp, T, train, exact=exact), dev, "the step is spaCy's own"
    nlp, T, train, dev, step = prepared
    return step, dev, why_alone(T, train)


def meet(workers: int, why_alone: str) -> AbstractContextManager[World]:
    """Return the context in which processes train together; one, where `why_alone` says why no more can."""
    if not why_alone:
        from scripts.training.fast.workers import init_distributed

        return init_distributed(workers)
    if rank() is not None:
        raise UserError(f"one process must train alone: {why_alone}; start it by itself")
    if workers > 1:
        console.print(f"One process trains instead of {workers}: {why_alone}", style="yellow", markup=False)
    return nullcontext(World())


@cache
def find_fast() -> ModuleType | None:
    """Return what makes the fast step; None where there is none, or (and say so) it is for other versions."""
    if not has_fast("Training computes"):
        return None
    from scripts.training.fast import step

    return step


def why_alone(T: dict[str, Any], corpus: Callable) -> str:
    """Say why several processes cannot train together by a config; nothing where they can."""
    if T["seed"] is None:
        return "[training] seed is null, so each would draw its own weights and batches"
    if T["max_epochs"] == STREAMED and not isinstance(corpus, ShardStream):
        is_plain = type(corpus) is Corpus and corpus.augmenter is dont_augment and not corpus.shuffle
        if not is_plain:
            return (
                "max_epochs is -1, and a reader that may draw at random would give each its own documents "
                "in each epoch"
            )
    return ""
