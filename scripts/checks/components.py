"""The components of a pipeline as its config names them, and whether all that a config names is there."""

import importlib.metadata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import product

from catalogue import check_exists
from confection import Config
from spacy.language import FactoryMeta
from spacy.pipeline.factories import register_factories
from spacy.schemas import ConfigSchema
from spacy.util import get_lang_class, load_config, registry, walk_dict

from scripts.cli import UserError
from scripts.corpus.config_file import CONFIG, one_line
from scripts.corpus.vectors import pipeline_folder

NERS = ("ner", "beam_ner")
ENCODERS = ("transformer", "curated_transformer")
_read = lru_cache(maxsize=8)(lambda path, modified: load_config(path, interpolate=True))


def factories(config: dict) -> dict[str, str]:
    """Return the factory of each component of a pipeline. Raises UserError as `component` does."""
    return {name: component(config, name).get("factory", "") for name in config["nlp"]["pipeline"]}


def component(config: dict, name: str) -> dict:
    """Return a component's section, its own or its source's. Raises UserError if there is none."""
    block = config["components"].get(name)
    if block is None:
        problem = f"[nlp] pipeline names {name!r}, and there is no [components.{name}]"
        raise UserError(f"{problem}; write it, or take the name out")
    if "factory" in block:
        return block
    if "source" not in block:
        raise UserError(f"[components.{name}] has neither factory nor source; write one")
    folder = pipeline_folder(block["source"])
    place = f"[components.{name}] source = {block['source']!r}"
    if folder is None or not (folder / CONFIG).is_file():
        problem = "no such pipeline, neither a folder nor an installed package"
        raise UserError(f"{place}: {problem}; name one that is there")
    config = _read(folder / CONFIG, (folder / CONFIG).stat().st_mtime_ns)
    wanted = block.get("component", name)
    if wanted not in config["nlp"]["pipeline"]:
        problem = f"has no component {wanted!r}, but {', '.join(config['nlp']['pipeline'])}"
        raise UserError(f"{place}: {problem}; name one by component =")
    return config["components"][wanted]


def trained(config: dict, kinds: tuple[str, ...]) -> list[str]:
    """Return the components of some factories that training changes, in the pipeline's order."""
    idle = {*config["training"]["frozen_components"], *config["nlp"]["disabled"]}
    return [name for name, factory in factories(config).items() if factory in kinds and name not in idle]


def meta_of(lang: str, factory: str) -> FactoryMeta | None:
    """Return what a factory says of its components: what they set, and settings. None if it is not loaded."""
    try:
        return get_lang_class(lang).get_factory_meta(factory)
    except ValueError:
        return None


def module_of(factory: str) -> str:
    """Return the module that registers a factory; empty where none has done so yet."""
    return registry.factories.get(factory).__module__ if factory in registry.factories else ""


def faults(full: Config) -> list[str]:
    """Return what of a config, filled with defaults and without variables, spaCy could not make."""
    registry.ensure_populated()
    register_factories()
    get_lang_class(str(full["nlp"]["lang"]))  # which registers that language's own
    found = list(_unregistered(full))
    for name in full["nlp"]["pipeline"]:
        try:
            component(full, name)
        except UserError as error:
            found.append(str(error))
    config = Config(full | {"components": {}})
    config.pop("pretraining", None)
    try:
        if not found:
            registry.fill(config, validate=True, schema=ConfigSchema)
    except ImportError:
        pass  # torch is kept out of the process that checks; spaCy will load it in training
    except (ValueError, TypeError) as error:
        found.append(one_line(error))
    return found


def _unregistered(full: Config) -> Iterator[str]:
    """Look at all keys like `@architectures`, and at the components' factories."""
    for (*section, key), value in walk_dict(full):
        is_factory = key == "factory" and section[0] == "components" and len(section) == 2
        kind = "factories" if is_factory else key[1:] if key.startswith("@") else ""
        if kind and section[0] != "pretraining" and not _is_registered(kind, value, full["nlp"]["lang"]):
            what = "factory" if is_factory else kind.removesuffix("s")
            named = f"[{'.'.join(section)}] names the {what} {value!r}"
            yield f"{named}, which nothing registers; give the file that does by --code"


def _is_registered(kind: str, name: str, lang: str) -> bool:
    """Say whether a name is registered, or an installed package says that it would be; none is imported.

    spacy-transformers registers more than it announces: all that bears an installed package's name is known.
    """
    names = {name, name.replace("spacy.", "spacy-legacy.", 1)}
    if not _announced().isdisjoint(product((f"spacy_{kind}", f"thinc_{kind}"), names)):
        return True
    if kind == "factories":
        return get_lang_class(lang).has_factory(name)
    known = getattr(registry, kind, None)
    if known is not None and any(check_exists(*known.namespace, one) for one in names):
        return True
    package, dot, _ = name.partition(".")
    try:
        return bool(dot and package != "spacy" and importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return False


@cache
def _announced() -> frozenset[tuple[str, str]]:
    """Return group and name of all that installed packages say they register."""
    packages = importlib.metadata.distributions()
    return frozenset((entry.group, entry.name) for package in packages for entry in package.entry_points)
