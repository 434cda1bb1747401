"""A spaCy config as training would use it: reader, tokeniser, batcher and windows, with no weights loaded."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy
from confection import Config, ConfigValidationError
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.training import Corpus, Example
from spacy.util import load_model_from_config, registry, resolve_dot_names

from scripts.checks.annotators import Annotators
from scripts.checks.components import component, faults
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
from scripts.corpus.shards import ShardError
from scripts.corpus.stream import ShardStream, docbin_files
from scripts.corpus.tokenizer import CACHE, MAX_STRINGS

OWN_CODE = Path(__file__).resolve().parent.parent / "training" / "stream.py"
"""What registers all that this project's own configs name."""
PLAIN = ("spacy.Corpus.v1", "ner_template.shards.v1")
"""The readers of DocBin files."""
MOST = 100_000
"""Examples that are taken of a reader which is not spaCy's Corpus: it may be endless."""


class TrainingConfig:
    """What a config does to a corpus."""

    def __init__(self, file: ConfigFile) -> None:
        """Load a config and fill in spaCy's defaults. Raises UserError where spaCy could not train by it."""
        self.file = file
        self.raw = read_config(file.path, file.overrides)
        import_code((OWN_CODE, *file.code))
        try:
            self.config: Config = full_config(self.raw)
            wrong = "; ".join(faults(self.config))
        except (ConfigValidationError, KeyError, ValueError, OSError, ImportError) as error:
            wrong = one_line(error)
        if wrong:
            raise UserError(f"{file.path}: is no config that spaCy can train: {wrong}")
        self.training: dict = self.config["training"]
        self.lang: str = self.config["nlp"]["lang"]

    @cached_property
    def nlp(self) -> Language:
        """A pipeline without components, which readers need."""
        block = self.config["nlp"] | {"pipeline": [], "disabled": [], "after_pipeline_creation": None}
        before_init = self.config["initialize"]["before_init"]
        try:
            nlp = load_model_from_config({"nlp": block}, auto_fill=True)
            if isinstance(nlp.tokenizer, Tokenizer):
                nlp.tokenizer.max_cache_size = CACHE
            if before_init:
                self.resolve("[initialize.before_init]", before_init)(nlp)
        except UserError:
            raise
        except Exception as error:  # of somebody's callback or tokeniser
            raise self._failed("a pipeline cannot be made", error) from None
        return nlp

    def _failed(self, what: str, error: Exception) -> UserError:
        why = f"{type(error).__name__}: {one_line(error)}"
        remedy = "install that" if isinstance(error, ImportError) else "repair that code"
        return UserError(f"{self.file.path}: {what}: {why}; {remedy}")

    def resolve(self, name: str, block: dict) -> Any:
        """Make what a block of the config names. Raises UserError where it cannot be made."""
        try:
            return registry.resolve({"it": block})["it"]
        except (ConfigValidationError, ValueError, TypeError) as error:
            problem = f"{name} cannot be made: {one_line(error)}"
            raise UserError(f"{self.file.path}: {problem}; is its code given (--code)?") from None

    @cached_property
    def readers(self) -> dict[str, Callable]:
        """The readers of train and dev, without their augmenters."""
        names = {split: self.training[f"{split}_corpus"] for split in ("train", "dev")}
        given = dict(self.file.paths)
        try:
            for split, name in names.items():
                block = reader_block(self.config, name)
                if "augmenter" in block:
                    block["augmenter"] = None
                if split in given and "path" in block:
                    block["path"] = given[split]
            return dict(zip(names, resolve_dot_names(self.config, [*names.values()]), strict=True))
        except Exception as error:  # a reader may be anybody's code
            raise self._failed("its readers cannot be made", error) from None

    @property
    def has_plain_readers(self) -> bool:
        """Whether spaCy's Corpus or our ShardStream reads both: then documents can be read one by one."""
        return all(type(reader) in (Corpus, ShardStream) for reader in self.readers.values())

    def path(self, split: str) -> Path | None:
        """Return where train's or dev's DocBin files are; None where a reader has its data elsewhere.

        Raises UserError where spaCy's reader has none.
        """
        name = self.training[f"{split}_corpus"]
        block = reader_block(self.config, name)
        path = Path(block["path"]) if block.get("path") else None
        if path is None or not path.exists():
            if block.get("@readers") not in PLAIN:
                return None
            setting = f"--paths.{split}" if split in self.config["paths"] else f"--{name}.path"
            is_own = path == Path("corpus") / split
            remedy = "run: python -m spacy project run corpus" if is_own else f"give it by {setting}"
            problem = f"{split}'s data is at {path}, which does not exist"
            raise UserError(f"{self.file.path}: {problem}; {remedy}")
        return path if self.has_plain_readers or docbin_files(path) else None

    def read(self, split: str) -> Iterator[Example]:
        """Yield what the reader makes of all its data, up to MOST examples."""
        return islice(self.readers[split](self.nlp), MOST)

    @property
    def reading_key(self) -> str:
        """What decides the examples: configs in which it is the same need to read only once."""
        blocks = [reader_block(self.config, self.training[f"{split}_corpus"]) for split in self.readers]
        names = ("lang", "tokenizer", "before_creation", "after_creation", "after_pipeline_creation")
        nlp = [self.config["nlp"][name] for name in names]
        return repr((blocks, nlp, self.config["initialize"]["before_init"], self.annotators.key))

    def first_epoch(self, lengths: numpy.ndarray) -> list[list[int]]:
        """Return the batches of the first epoch, as indexes into `lengths` (tokens of each example).

        The config's batcher makes them, of things that have a length, or of the examples if it asks for more.
        Raises UserError where it fails.
        """
        try:
            return self._batches([range(length) for length in lengths.tolist()])
        except UserError:
            raise
        except Exception:  # a batcher may be anybody's code, and want more of an example than its length
            examples = list(self.read("train"))
        if len(examples) != len(lengths):  # nothing more can be told of it
            return [list(range(len(lengths)))]
        try:
            return self._batches(examples)
        except Exception as error:
            raise self._failed("[training.batcher] fails", error) from None

    def _batches(self, items: list) -> list[list[int]]:
        """Return the batches of examples, or of what stands for them, as their numbers in the files.

        They are shuffled as spaCy does by the config's seed (spacy/training/loop.py), or as ShardStream does.
        """
        reader, order = self.readers["train"], list(range(len(items)))
        if isinstance(reader, ShardStream):
            with suppress(ShardError):  # which is told where shards are looked at
                numbers = reader.numbers(0)
                order = numbers if len(numbers) == len(items) else order
        state = random.getstate()
        try:
            batcher = self.resolve("[training.batcher]", self.training["batcher"])
            if self.training["max_epochs"] >= 0:
                random.seed(self.training["seed"])
                random.shuffle(order)
            known = {id(items[number]): number for number in order}
            return [[known[id(item)] for item in batch] for batch in batcher(items[i] for i in order)]
        finally:
            random.setstate(state)

    @cached_property
    def annotators(self) -> Annotators:
        """What stands before the ner and may set sentences and entities."""
        return Annotators(self.config, self.nlp.vocab, lambda: self.read("train"))

    @cached_property
    def windows(self) -> Windows | None:
        """The transformer's windows and tokeniser; None without one of spacy-transformers."""
        return Windows(self.transformer, self.file.path) if self.transformer else None

    @property
    def transformer(self) -> dict | None:
        """The model block of the transformer component, where the pipeline has one of spacy-transformers."""
        for name in self.config["nlp"]["pipeline"]:
            block = component(self.config, name)
            model = block.get("model", {}) if block.get("factory") == "transformer" else {}
            is_known = "TransformerModel" in str(model.get("@architectures"))
            if is_known and (block is self.config["components"][name] or Path(model["name"]).exists()):
                return model  # else its tokeniser is only among its weights
        return None


_loaded = lru_cache(maxsize=8)(lambda file, content: TrainingConfig(file))


def load_training_config(file: ConfigFile) -> TrainingConfig:
    """Load a config, once in each process as long as its file and its vocabulary stay what they are."""
    content = file.path.read_bytes() if file.path.exists() else b""
    config = _loaded(file, content)
    if "nlp" in vars(config) and len(config.nlp.vocab.strings) > MAX_STRINGS:
        _loaded.cache_clear()
        config = _loaded(file, content)
    return config
