"""Whether all that a config names is registered, or can be loaded: found out without building anything."""

import importlib.metadata
from collections.abc import Iterator
from functools import cache

from catalogue import REGISTRY
from confection import Config
from spacy.pipeline.factories import register_factories
from spacy.schemas import ConfigSchema
from spacy.util import copy_config, get_lang_class, registry

from scripts.checks.components import component
from scripts.cli import UserError
from scripts.corpus.config_file import one_line

KINDS = {
    "architectures": "architecture",
    "factories": "factory",
    "misc": "function",
    "batchers": "batcher",
    "readers": "reader",
}
"""What those are called that a registry holds; others are called by the registry's name, less its s."""


def faults(full: Config) -> Iterator[str]:
    """Yield what of a config, filled with defaults and without variables, spaCy could not make: where it stands, and the name."""
    registry.ensure_populated()
    register_factories()
    get_lang_class(str(full["nlp"]["lang"]))  # which registers that language's own
    unknown = [*_unregistered(full, ""), *_sources(full)]
    yield from unknown
    if unknown:
        return
    config = copy_config(full)
    config["components"] = {}
    config.pop("pretraining", None)
    try:
        registry.fill(config, validate=True, schema=ConfigSchema)
    except ImportError:
        pass  # torch is kept out of the process that checks; spaCy will load it in training
    except (ValueError, TypeError) as error:
        yield one_line(error)


def _unregistered(block: dict, where: str) -> Iterator[str]:
    """Walk a config for keys like `@architectures`, and for factories."""
    for key, value in block.items():
        if isinstance(value, dict):
            if key != "pretraining" or where:
                yield from _unregistered(value, f"{where}.{key}" if where else key)
        elif isinstance(value, str) and key.startswith("@") and not _is_known(key[1:], value):
            yield _missing(where, key[1:], value)
        elif (
            key == "factory"
            and where.startswith("components.")
            and where.count(".") == 1
            and not _is_known("factories", value)
        ):
            yield _missing(where, "factories", value)


def _missing(where: str, kind: str, name: str) -> str:
    return f"[{where}] names the {KINDS.get(kind, kind.removesuffix('s'))} {name!r}, which nothing registers; give the file that does by --code"


def _is_known(kind: str, name: str) -> bool:
    """Say whether a name is registered, or some installed package says that it would be; no such package is imported.

    spacy-transformers registers more than it announces; all that bears the name of an installed package counts as known.
    """
    names = {name, name.replace("spacy.", "spacy-legacy.", 1)}
    if names & _announced(kind):
        return True
    if kind == "factories":  # some are one language's: `zh.ner`
        return any(
            key[:2] == ("spacy", "internal_factories") and key[2].rpartition(".")[2] == name
            for key in REGISTRY
        )
    known = getattr(registry, kind, None)
    if known is not None and any((*known.namespace, one) in REGISTRY for one in names):
        return True
    package, dot, _ = name.partition(".")
    try:
        return bool(dot and package != "spacy" and importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return False


@cache
def _announced(kind: str) -> frozenset[str]:
    """Return the names that installed packages say they register."""
    groups = (f"{space}_{kind}" for space in ("spacy", "thinc"))
    return frozenset(entry.name for group in groups for entry in importlib.metadata.entry_points(group=group))


def _sources(full: Config) -> Iterator[str]:
    """Yield the components that are to come from a pipeline which is not there, or has none such."""
    for name in full["nlp"]["pipeline"]:
        block = full["components"].get(name)
        if block is None:
            yield f"[nlp] pipeline names {name!r}, and there is no [components.{name}]; write it, or take the name out"
        elif "source" not in block and "factory" not in block:
            yield f"[components.{name}] has neither factory nor source; write one"
        else:
            try:
                component(full, name)
            except UserError as error:
                yield str(error)
