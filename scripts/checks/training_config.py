"""A spaCy config as training would use it: its reader, tokeniser, batcher and windows, with no weights loaded."""

import random
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
from confection import Config, ConfigValidationError
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.training.corpus import FILE_TYPE
from spacy.util import copy_config, load_model_from_config, registry, resolve_dot_names

from scripts.checks.annotating import Annotators
from scripts.checks.components import component
from scripts.checks.registered import faults
from scripts.checks.wordpieces import Windows
from scripts.cli import UserError
from scripts.corpus.config_file import (
    ConfigFile,
    full_config,
    import_code,
    one_line,
    read_config,
    reader_block,
)
from scripts.corpus.pool import as_without_torch
from scripts.corpus.shards import ShardError
from scripts.corpus.stream import ShardStream
from scripts.corpus.tokenizer import MAX_STRINGS, Tokeniser

TRANSFORMER = "transformer"
CALLBACKS = ("before_creation", "after_creation", "after_pipeline_creation")
OWN_CODE = Path(__file__).resolve().parent.parent / "training" / "stream.py"
"""What registers all that this project's own configs name."""
PLAIN = ("spacy.Corpus.v1", "ner_template.shards.v1")
"""The readers of DocBin files."""
MOST = 100_000
"""Examples that are taken of a reader which is not spaCy's Corpus: it may be endless."""


class TrainingConfig:
    """What a config does to a corpus."""

    def __init__(self, file: ConfigFile) -> None:
        """Load a config and fill in spaCy's defaults. Raises UserError where it cannot be read, or names what nothing registers."""
        self.file = file
        self.own = read_config(file.path, file.overrides)
        import_code((OWN_CODE, *file.code))
        try:
            self.config: Config = full_config(self.own)
            wrong = "; ".join(faults(self.config))
        except (ConfigValidationError, KeyError, ValueError, OSError, ImportError) as error:
            wrong = one_line(error)
        if wrong:
            raise UserError(f"{file.path}: is no config that spaCy can train: {wrong}")
        self.training: dict = self.config["training"]
        self.lang: str = self.config["nlp"]["lang"]

    @cached_property
    def nlp(self) -> Any:
        """What readers need of a pipeline: `vocab` and `make_doc`. A real one, without components, where the config has code of its own for it."""
        settings, before_init = self.config["nlp"], self.config["initialize"]["before_init"]
        own = (
            before_init
            or any(settings[name] for name in CALLBACKS)
            or not settings["tokenizer"]["@tokenizers"].startswith("spacy.")
        )
        if own or not self.has_plain_readers:
            return self._blank(before_init)
        tokenizer = Tokeniser(self.lang, settings["tokenizer"])
        return SimpleNamespace(vocab=tokenizer.vocab, make_doc=tokenizer)

    def _blank(self, before_init: dict | None) -> Language:
        config = copy_config(self.config)
        config["nlp"] |= {"pipeline": [], "disabled": [], "after_pipeline_creation": None}
        config["components"] = {}
        as_without_torch()
        try:
            nlp = load_model_from_config(config, auto_fill=True)
            if before_init:
                self.resolve("[initialize.before_init]", before_init)(nlp)
        except UserError:
            raise
        except Exception as error:  # of somebody's callback or tokeniser
            raise UserError(
                f"{self.file.path}: a pipeline cannot be made: {type(error).__name__}: {one_line(error)}; mend that code"
            ) from None
        return nlp

    def resolve(self, name: str, block: dict) -> Any:
        """Make what a block of the config names. Raises UserError where it cannot be made."""
        try:
            return registry.resolve({"it": block})["it"]
        except (ConfigValidationError, ValueError, TypeError) as error:
            raise UserError(
                f"{self.file.path}: {name} cannot be made: {one_line(error)}; is its code given (--code)?"
            ) from None

    @property
    def is_full(self) -> bool:
        """Whether a new one should take its place, because its vocabulary has grown large."""
        return "nlp" in vars(self) and len(self.nlp.vocab.strings) > MAX_STRINGS

    @cached_property
    def _readers(self) -> dict[str, Callable]:
        """The readers of train and dev, without their augmenters."""
        names, given = (
            {split: self.training[f"{split}_corpus"] for split in ("train", "dev")},
            dict(self.file.paths),
        )
        try:
            for split, name in names.items():
                block = reader_block(self.config, name)
                if "augmenter" in block:
                    block["augmenter"] = None
                if split in given and "path" in block:
                    block["path"] = given[split]
            return dict(zip(names, resolve_dot_names(self.config, list(names.values())), strict=True))
        except Exception as error:  # a reader may be anybody's code
            raise UserError(
                f"{self.file.path}: its readers cannot be made: {one_line(error)}; mend them"
            ) from None

    def reader(self, split: str) -> Callable:
        """Return the reader of train or dev."""
        return self._readers[split]

    @property
    def has_plain_readers(self) -> bool:
        """Whether spaCy's own Corpus or our ShardStream reads both, so that documents can be read one by one and in any process."""
        return all(type(reader) in (Corpus, ShardStream) for reader in self._readers.values())

    def path(self, split: str) -> Path | None:
        """Return where train's or dev's DocBin files are; None where a reader of another kind has its data elsewhere.

        Raises UserError where spaCy's reader has none.
        """
        name = self.training[f"{split}_corpus"]
        block = reader_block(self.config, name)
        path = Path(block["path"]) if block.get("path") else None
        there = path is not None and path.exists()
        if not there and block.get("@readers") in PLAIN:
            setting = f"--paths.{split}" if split in self.config["paths"] else f"--{name}.path"
            remedy = (
                "run: python -m spacy project run corpus"
                if path == Path("corpus") / split
                else f"give it by {setting}"
            )
            raise UserError(f"{self.file.path}: {split}'s data is at {path}, which does not exist; {remedy}")
        if there and (
            self.has_plain_readers
            or path.suffix == FILE_TYPE
            or (path.is_dir() and any(path.rglob(f"*{FILE_TYPE}")))
        ):
            return path
        return None

    def read(self, split: str) -> Iterator[Example]:
        """Yield what the reader makes of all its data, up to MOST examples."""
        return islice(self.reader(split)(self.nlp), MOST)

    def examples(self, split: str, doc: Doc) -> Iterator[Example]:
        """Yield what the reader makes of one document."""
        reader = self.reader(split)
        make = reader.make_examples_gold_preproc if reader.gold_preproc else reader.make_examples
        return make(self.nlp, [doc])

    @property
    def reading(self) -> str:
        """What decides the examples, so that recipes that read alike need to read only once."""
        blocks = [reader_block(self.config, self.training[f"{split}_corpus"]) for split in self._readers]
        return repr(
            (
                blocks,
                [self.config["nlp"][name] for name in ("tokenizer", *CALLBACKS)],
                self.lang,
                self.config["initialize"]["before_init"],
            )
        )

    def first_epoch(self, lengths: numpy.ndarray) -> list[list[int]]:
        """Return the batches of the first epoch, as indexes into `lengths` (tokens of each example).

        The config's own batcher makes them, of things that have a length, or of the examples themselves if it asks for more; shuffled by the config's
        seed as spaCy does (spacy/training/loop.py), or in the order of our ShardStream. Raises UserError where the batcher fails.
        """
        sized = [_Sized(int(length)) for length in lengths]
        try:
            return self._batches(sized)
        except UserError:
            raise
        except Exception:  # a batcher may be anybody's code, and want more of an example
            examples = list(self.read("train"))
            if len(examples) != len(lengths):  # nothing more can be told of it
                return [list(range(len(lengths)))]
            try:
                return self._batches(examples)
            except Exception as error:
                raise UserError(
                    f"{self.file.path}: [training.batcher] fails: {type(error).__name__}: {one_line(error)}; mend that code"
                ) from None

    def _batches(self, items: list) -> list[list[int]]:
        """Return the batches that the config's batcher makes of examples, or of what stands for them, as their numbers."""
        numbers = {id(item): i for i, item in enumerate(items)}
        state = random.getstate()
        try:
            batcher = self.resolve("[training.batcher]", self.training["batcher"])
            order = self._streamed(items)
            if self.training["max_epochs"] >= 0:
                order = list(order)
                random.seed(self.training["seed"])
                random.shuffle(order)
            return [[numbers[id(item)] for item in batch] for batch in batcher(order)]
        finally:
            random.setstate(state)

    def _streamed(self, items: list) -> list:
        """Return the examples, which are in the order of the files, in that of the first epoch of a reader that has one of its own."""
        reader = self.reader("train")
        if not isinstance(reader, ShardStream):
            return items
        try:
            numbers = reader.numbers(0)
        except ShardError:  # which is told where shards are looked at
            return items
        return [items[i] for i in numbers] if len(numbers) == len(items) else items

    @cached_property
    def annotators(self) -> Annotators:
        """What stands before the ner and may set sentences and entities, made once."""
        return Annotators(self.config, self.nlp.vocab, lambda: self.read("train"))

    @cached_property
    def windows(self) -> Windows:
        """The transformer's windows and tokeniser, loaded once."""
        return Windows(self.transformer, self.file.path)

    @property
    def transformer(self) -> dict | None:
        """The model block of the transformer component, where the pipeline has one of spacy-transformers."""
        for name in self.config["nlp"]["pipeline"]:
            block = component(self.config, name)
            if block.get("factory") == TRANSFORMER and "TransformerModel" in str(
                block.get("model", {}).get("@architectures")
            ):
                sourced = block is not self.config["components"][name]
                if (
                    not sourced or Path(block["model"]["name"]).exists()
                ):  # else its tokeniser is only among its weights
                    return block["model"]
        return None


def load_training_config(file: ConfigFile) -> TrainingConfig:
    """Load a config, once in each process as long as its file stays what it is. Raises UserError where it cannot be read."""
    return _loaded(file, file.path.read_bytes() if file.path.exists() else b"")


@lru_cache(maxsize=8)
def _loaded(file: ConfigFile, content: bytes) -> TrainingConfig:
    return TrainingConfig(file)


def forget_training_configs() -> None:
    """Let go of all that is loaded, with its vocabularies."""
    _loaded.cache_clear()


class _Sized:
    """Something with an example's length, which is all that batchers ask for."""

    __slots__ = ("length",)

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length
