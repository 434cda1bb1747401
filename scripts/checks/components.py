"""The components of a pipeline as its config names them, those too that come from another pipeline."""

from functools import lru_cache
from pathlib import Path

from spacy.language import FactoryMeta
from spacy.pipeline.factories import register_factories
from spacy.util import get_lang_class, get_package_path, is_package, load_config, registry

from scripts.cli import UserError
from scripts.corpus.config_file import CONFIG
from scripts.corpus.files import read_json

NERS = ("ner", "beam_ner")
ENCODERS = ("transformer", "curated_transformer")


def factories(config: dict) -> dict[str, str]:
    """Return the factory of each component of a pipeline, by the component's name. Raises UserError where one's source is not there."""
    return {name: component(config, name).get("factory", "") for name in config["nlp"]["pipeline"]}


def component(config: dict, name: str) -> dict:
    """Return a component's section: its own, or that of the pipeline it comes from. Raises UserError where that is not there."""
    block = config["components"].get(name, {})
    if "factory" in block or "source" not in block:
        return block
    there = _components(_folder(block["source"], name))
    wanted = block.get("component", name)
    if wanted not in there:
        raise UserError(
            f"[components.{name}] source = {block['source']!r}: has no component {wanted!r}, but {', '.join(there)}; name one by component ="
        )
    return there[wanted]


def trained(config: dict, kinds: tuple[str, ...]) -> list[str]:
    """Return the components of some factories that training changes, in the pipeline's order."""
    idle = {*config["training"]["frozen_components"], *config["nlp"]["disabled"]}
    return [name for name, factory in factories(config).items() if factory in kinds and name not in idle]


def meta_of(lang: str, factory: str) -> FactoryMeta | None:
    """Return what a factory says of its components: what they set, and their default settings. None where only its package knows."""
    register_factories()
    try:
        return get_lang_class(lang).get_factory_meta(factory)
    except ValueError:
        return None


def module_of(factory: str) -> str:
    """Return the module that registers a factory; empty where none has done so yet."""
    register_factories()
    return registry.factories.get(factory).__module__ if factory in registry.factories else ""


def _folder(source: str, name: str) -> Path:
    """Return the folder of a pipeline, which is a folder or an installed package."""
    path = Path(source)
    if not (path / CONFIG).is_file() and is_package(source):
        package = get_package_path(source)
        meta = read_json(package / "meta.json")
        path = package / f"{meta['lang']}_{meta['name']}-{meta['version']}"
    if not (path / CONFIG).is_file():
        raise UserError(
            f"[components.{name}] source = {source!r}: no such pipeline, neither a folder nor an installed package; name one that is there"
        )
    return path


def _components(folder: Path) -> dict[str, dict]:
    path = folder / CONFIG
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, modified: int) -> dict[str, dict]:
    config = load_config(path, interpolate=True)
    return {name: config["components"][name] for name in config["nlp"]["pipeline"]}
