"""A spaCy config as training would use it: its reader, tokeniser, batcher and windows, with no weights loaded."""

import configparser
import random
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy
from confection import Config, ConfigValidationError
from spacy.language import DEFAULT_CONFIG_PATH
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.util import dot_to_object, import_file, load_config, load_model_from_config, registry, resolve_dot_names

from scripts.checks.wordpieces import Windows
from scripts.command import UserError
from scripts.corpus.shards import ShardError
from scripts.corpus.stream import ShardStream
from scripts.corpus.tokenizer import MAX_STRINGS, Tokeniser

TRANSFORMER = "transformer"
CALLBACKS = ("before_creation", "after_creation", "after_pipeline_creation")


class RecipeFile(NamedTuple):
    """Where a recipe is: what a process needs to load it.

    name: of the variant. code: Python files to import first. paths: of the corpus, which take the place of the config's own.
    """

    name: str
    path: Path
    code: tuple[Path, ...] = ()
    paths: tuple[tuple[str, str], ...] = ()


class Recipe:
    """What a config does to a corpus."""

    def __init__(self, file: RecipeFile) -> None:
        """Load a config and fill in spaCy's defaults. Raises UserError where it cannot be read."""
        self.file = file
        if not file.path.exists():
            raise UserError(f"{file.path}: no such file; write one by `python -m scripts.configure` or `python -m spacy init config`")
        try:
            for path in file.code:
                import_file("python_code", path)
            own = load_config(file.path, interpolate=False)
            self.config: Config = load_config(DEFAULT_CONFIG_PATH).merge(own).interpolate()
        except (ConfigValidationError, configparser.Error, KeyError, ValueError, ImportError, OSError) as error:
            raise UserError(f"{file.path}: is no config that spaCy can train: {error}") from None
        self.training: dict = self.config["training"]
        self.lang: str = self.config["nlp"]["lang"]

    @cached_property
    def nlp(self) -> Any:
        """What readers need of a pipeline: `vocab` and `make_doc`. A real one, without weights, where the config has code of its own for it."""
        settings, before_init = self.config["nlp"], self.config["initialize"]["before_init"]
        own = before_init or any(settings[name] for name in CALLBACKS) or not settings["tokenizer"]["@tokenizers"].startswith("spacy.")
        if own or not self.has_plain_readers:
            nlp = load_model_from_config(self.config, auto_fill=True)
            if before_init:
                self.resolve("[initialize.before_init]", before_init)(nlp)
            return nlp
        tokenizer = Tokeniser(self.lang, settings["tokenizer"])
        return SimpleNamespace(vocab=tokenizer.vocab, make_doc=tokenizer)

    def resolve(self, name: str, block: dict) -> Any:
        """Make what a block of the config names. Raises UserError where it cannot be made."""
        try:
            return registry.resolve({"it": block})["it"]
        except (ConfigValidationError, ValueError, TypeError) as error:
            raise UserError(f"{self.file.path}: {name} cannot be made: {error}; is its code given (--code)?") from None

    @property
    def is_full(self) -> bool:
        """Whether a new one should take its place, because its vocabulary has grown large."""
        return "nlp" in vars(self) and len(self.nlp.vocab.strings) > MAX_STRINGS

    @cached_property
    def _readers(self) -> dict[str, Callable]:
        """The readers of train and dev, without their augmenters."""
        names, given = {split: self.training[f"{split}_corpus"] for split in ("train", "dev")}, dict(self.file.paths)
        try:
            for split, name in names.items():
                block = self._block(name)
                if "augmenter" in block:
                    block["augmenter"] = None
                if split in given and "path" in block:
                    block["path"] = given[split]
            return dict(zip(names, resolve_dot_names(self.config, list(names.values())), strict=True))
        except (ConfigValidationError, KeyError, ValueError, TypeError) as error:
            raise UserError(f"{self.file.path}: its readers cannot be made: {error}") from None

    def _block(self, name: str) -> dict:
        """Return the section that makes a reader: its own, or that of a function which makes several."""
        section = name.partition(".")[0]
        return self.config[section] if registry.is_promise(self.config[section]) else dot_to_object(self.config, name)

    def reader(self, split: str) -> Callable:
        """Return the reader of train or dev."""
        return self._readers[split]

    @property
    def has_plain_readers(self) -> bool:
        """Whether spaCy's own Corpus or our ShardStream reads both, so that documents can be read one by one and in any process."""
        return all(type(reader) in (Corpus, ShardStream) for reader in self._readers.values())

    def path(self, split: str) -> Path:
        """Return where train's or dev's DocBin files are. Raises UserError where the config names none."""
        path = getattr(self.reader(split), "path", None)
        if path is None or not Path(path).exists():
            raise UserError(f"{self.file.path}: {split}'s data is at {path}, which does not exist; give --{split}")
        return Path(path)

    def examples(self, split: str, doc: Doc) -> Iterator[Example]:
        """Yield what the reader makes of one document."""
        reader = self.reader(split)
        make = reader.make_examples_gold_preproc if reader.gold_preproc else reader.make_examples
        return make(self.nlp, [doc])

    @property
    def reading(self) -> str:
        """What decides the examples, so that recipes that read alike need to read only once."""
        blocks = [self._block(self.training[f"{split}_corpus"]) for split in self._readers]
        return repr((blocks, [self.config["nlp"][name] for name in ("tokenizer", *CALLBACKS)], self.lang, self.config["initialize"]["before_init"]))

    def first_epoch(self, lengths: numpy.ndarray) -> list[list[int]]:
        """Return the batches of the first epoch, as indexes into `lengths` (tokens of each example).

        The config's own batcher makes them, of things that have a length; shuffled by the config's seed as spaCy does
        (spacy/training/loop.py), or in the order of our ShardStream. Raises UserError where the batcher asks for more than a length.
        """
        state = random.getstate()
        try:
            batcher = self.resolve("[training.batcher]", self.training["batcher"])
            order = [_Sized(i, int(length)) for i, length in enumerate(lengths)]
            order = self._streamed(order)
            if self.training["max_epochs"] >= 0:
                random.seed(self.training["seed"])
                random.shuffle(order)
            return [[item.index for item in batch] for batch in batcher(order)]
        except (TypeError, AttributeError) as error:
            raise UserError(f"{self.file.path}: [training.batcher] wants more of an example than its length, all that checks have: {error}") from None
        finally:
            random.setstate(state)

    def _streamed(self, items: list["_Sized"]) -> list["_Sized"]:
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
    def windows(self) -> Windows:
        """The transformer's windows and tokeniser, loaded once."""
        return Windows(self.transformer, self.file.path)

    @property
    def transformer(self) -> dict | None:
        """The model block of the transformer component, where the pipeline has one of spacy-transformers."""
        for name in self.config["nlp"]["pipeline"]:
            block = self.config["components"].get(name, {})
            if block.get("factory") == TRANSFORMER and "TransformerModel" in str(block.get("model", {}).get("@architectures")):
                return block["model"]
        return None


def load_recipe(file: RecipeFile) -> Recipe:
    """Load a config, once in each process as long as its file stays what it is. Raises UserError where it cannot be read."""
    return _loaded(file, file.path.read_bytes() if file.path.exists() else b"")


@lru_cache(maxsize=8)
def _loaded(file: RecipeFile, content: bytes) -> Recipe:
    return Recipe(file)


def forget_recipes() -> None:
    """Let go of all that is loaded, with its vocabularies."""
    _loaded.cache_clear()


class _Sized:
    """Something with an example's length, which is all that batchers ask for."""

    __slots__ = ("index", "length")

    def __init__(self, index: int, length: int) -> None:
        self.index, self.length = index, length

    def __len__(self) -> int:
        return self.length
