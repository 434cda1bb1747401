"""A spaCy config as a command line gives it: a file, settings in the place of its own, and its code."""

import configparser
import difflib
import hashlib
import json
import os
import shlex
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from confection import Config, ConfigValidationError
from spacy.language import DEFAULT_CONFIG_PATH
from spacy.util import dot_to_object, import_file, load_config, registry

from scripts.cli import UserError
from scripts.corpus.files import digests, sha256
from scripts.corpus.shards import MANIFEST
from scripts.corpus.vectors import pretrained_sha256

CONFIG = "config.cfg"
VARIABLE = "SPACY_CONFIG_OVERRIDES"
"""The variable from which spaCy takes overrides, too; they win over the command line's."""
SPLITS = ("train", "dev")
TOO_HIGH = 5e-4
"""Learning rate from which a transformer forgets what it knows; tok2vec's 0.001 leaves it at F 0."""
KNOWN = ("nlp", "training", "initialize")
"""Sections of which all settings are spaCy's own."""


class ConfigFile(NamedTuple):
    """Where a config is: what a process needs to load it.

    name: of the variant. code: Python files to import first. paths: of the corpus, and overrides: settings as
    on a command line, both in the place of the config's own.
    """

    name: str
    path: Path
    code: tuple[Path, ...] = ()
    paths: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()


def parse_overrides(words: tuple[str, ...]) -> dict[str, Any]:
    """Return what `--section.name value`, `--section.name=value` and `--section.name` (true) set.

    words: of the command line; those of SPACY_CONFIG_OVERRIDES come behind them.
    Follows spacy.cli._util.parse_config_overrides. Raises UserError where a word is none of these.
    """
    variable = os.environ.get(VARIABLE, "")
    try:
        return _parsed(list(words), "") | _parsed(shlex.split(variable), f"{VARIABLE}: ")
    except ValueError as error:  # of shlex
        raise UserError(f"{VARIABLE}={variable}: {error}; write it as on a command line") from None


def _parsed(words: list[str], prefix: str) -> dict[str, Any]:
    found = {}
    while words:
        word = words.pop(0)
        name, equals, value = word.replace("--", "").partition("=")
        if not word.startswith("--"):
            remedy = "a setting is written --section.name value, after the config"
            raise UserError(f"{prefix}unexpected {word!r}; {remedy}")
        if "." not in name:
            remedy = "settings of the config are written --section.name value (see --help)"
            raise UserError(f"{prefix}no such option: --{name}; {remedy}")
        if equals:
            name = name.replace("-", "_")
        else:
            value = "true" if not words or words[0].startswith("--") else words.pop(0)
        found[name] = value
        with suppress(ValueError):
            found[name] = json.loads(value)
    return found


def read_config(path: Path, overrides: tuple[str, ...] = ()) -> Config:
    """Read a config as `spacy train` does, with its variables. Raises UserError if that fails."""
    if not path.is_file():
        remedy = "write one by `python -m scripts.configure` or `python -m spacy init config`"
        raise UserError(f"{path}: no such file; {remedy}")
    settings = parse_overrides(overrides)
    try:
        config = load_config(path, overrides=settings, interpolate=False)
        _check(settings, load_config(DEFAULT_CONFIG_PATH).merge(load_config(path)))
        return config
    except (configparser.Error, KeyError, ValueError) as error:
        for wrong in getattr(error, "errors", None) or ():
            name = ".".join(map(str, wrong["loc"]))
            if name in settings:
                section = name.rpartition(".")[0]
                problem = f"--{name}: {path} has no section [{section}]"
                raise UserError(f"{problem}; see how it is spelt there") from None
        raise UserError(f"{path}: is no config that spaCy can train: {one_line(error)}") from None


def _check(settings: dict[str, Any], config: Config) -> None:
    """Raise UserError where a setting has no value, or spaCy has none of that name: it would not tell."""
    for name, value in settings.items():
        section, _, key = name.rpartition(".")
        block = dot_to_object(config, section)
        if section in KNOWN and key not in block:
            close = difflib.get_close_matches(key, block, n=1)
            hint = f"perhaps {close[0]}" if close else f"it has {', '.join(block)}"
            raise UserError(f"--{name}: [{section}] has no {key!r}; {hint}")
        if value is True and not isinstance(block.get(key), bool | dict | None):
            raise UserError(f"--{name}: wants a value, as the config's {block[key]!r}; write --{name} VALUE")


def full_config(config: Config) -> Config:
    """Return a config with spaCy's defaults, without variables. Raises what confection does."""
    return load_config(DEFAULT_CONFIG_PATH).merge(config).interpolate()


def one_line(error: Exception) -> str:
    """Return what an error says, on one line; of a config's: each value's place and what is wrong with it."""
    if isinstance(error, ConfigValidationError) and error.errors:
        places = ((".".join(map(str, one.get("loc", ()))), one.get("msg")) for one in error.errors)
        return "; ".join(f"{place}: {message}" for place, message in places)
    return " ".join(str(error).split()) or type(error).__name__


def import_code(paths: tuple[Path, ...]) -> None:
    """Import Python files as spaCy's `--code` does. Raises UserError where one is missing or fails."""
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: no such file; --code wants a Python file")
        _import(path.resolve(), path.read_bytes())


@cache
def _import(path: Path, content: bytes) -> None:
    """Import a file once in each process and for each content: what registers may object to a second time."""
    try:
        import_file("python_code", path)
    except Exception as error:  # whatever somebody's code does
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == path]
        line = lines[-1] if lines else getattr(error, "lineno", None)
        problem = f"{type(error).__name__}: {one_line(error)}"
        raise UserError(f"{path}{f':{line}' if line else ''}: {problem}; repair that code") from None


def reader_block(full: Config, name: str) -> dict:
    """Return the section that makes a reader (`corpora.train`): its own, or that of a function of several."""
    section = name.partition(".")[0]
    return full[section] if registry.is_promise(full[section]) else dot_to_object(full, name)


def data_paths(full: Config) -> dict[str, Path | None]:
    """Return where a config's data for train and dev are; None where its reader has no path that exists."""
    blocks = {split: reader_block(full, full["training"][f"{split}_corpus"]) for split in SPLITS}
    paths = {split: block.get("path") for split, block in blocks.items()}
    is_there = {split for split, path in paths.items() if isinstance(path, str) and Path(path).exists()}
    return {split: Path(path) if split in is_there else None for split, path in paths.items()}


def _data_sha256(path: Path) -> str:
    """Return a hash of training data: of a corpus's manifest, of a file, or of all files of a folder."""
    for file in (path, path / MANIFEST):
        if file.is_file():
            return sha256(file)
    return hashlib.sha256(json.dumps(digests(path, "*.spacy")).encode()).hexdigest()


def fingerprint(config: Config, code: tuple[Path, ...], data: dict[str, Path | None]) -> dict[str, Any]:
    """Return the hashes of all that decides what training sees: config, code, data, vectors and weights."""
    return {
        "config_sha256": hashlib.sha256(config.to_str(interpolate=False).encode()).hexdigest(),
        "code_sha256": [sha256(path) for path in code],
        "corpus_sha256": {split: data.get(split) and _data_sha256(data[split]) for split in SPLITS},
        "pretrained_sha256": pretrained_sha256(full_config(config)),
    }


def default_output(path: Path) -> Path:
    """Return where pipelines go: FOLDER of training/FOLDER/config.cfg, else training/NAME of NAME.cfg."""
    is_variant = path.name == CONFIG and path.resolve().parent.parent.name == "training"
    return path.parent if is_variant else Path("training") / path.stem
