"""Make a variant's config: base, overlay, vars and corpus in; a plain, filled spaCy config out."""

from dataclasses import dataclass
from pathlib import Path

from confection import Config
from spacy.util import CONFIG_SECTION_ORDER, get_sourced_components, load_config, load_model_from_config

from scripts.corpus.files import read_json
from scripts.corpus.shards import MANIFEST
from scripts.training import stream  # noqa: F401  (registers what a config names)
from scripts.training.transformer import locate_transformer

VARIANTS = ("cpu", "gpu")
EVALUATIONS = 5
"""Evaluations in a short run: enough to see it learn, few enough to cost little."""
PATIENT = 4
"""Evaluations that fit into the patience: a long run is scored more often than a short one."""
WARMUP = 0.1
"""Share of the steps in which a transformer's learning rate rises to its initial value."""
IN_MEMORY = 2_000_000
"""Tokens of train up to which it is kept in memory: 0.8 GB, at 400 bytes a token as measured."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What vars decide. max_steps: the budget of updates. stream: whether train is not kept in memory."""

    lang: str
    seed: int
    max_steps: int
    transformer: str
    freeze_layers: int
    train: str
    dev: str
    stream: bool = False


def build_config(folder: Path, variant: str, settings: Settings) -> Config:
    """Lay `folder/<variant>.cfg` over `folder/base.cfg`, apply the settings and fill in spaCy's defaults."""
    base = load_config(folder / "base.cfg", interpolate=False)
    overlay = load_config(folder / f"{variant}.cfg", interpolate=False)
    for name, block in overlay.get("components", {}).items():
        of_base = base.get("components", {})
        if "source" in block or ("factory" in block and "source" in of_base.get(name, {})):
            of_base.pop(name, None)  # either made or taken from a pipeline: the two do not mix
    config = base.merge(overlay)
    config["paths"]["train"] = settings.train
    config["paths"]["dev"] = settings.dev
    config["nlp"]["lang"] = settings.lang
    config["system"]["seed"] = settings.seed
    training = config["training"]
    training["max_steps"] = settings.max_steps
    often = settings.max_steps // EVALUATIONS
    patience = training["patience"]
    training["eval_frequency"] = max(1, min(often, patience // PATIENT) if patience else often)
    rate = training["optimizer"]["learn_rate"]
    if isinstance(rate, dict) and "total_steps" in rate:
        rate["total_steps"] = settings.max_steps
        rate["warmup_steps"] = max(1, round(settings.max_steps * WARMUP))
    if "transformer" in config["components"]:
        config["components"]["transformer"]["model"]["name"] = locate_transformer(settings.transformer)
        config["initialize"]["after_init"]["frozen_layers"] = settings.freeze_layers
    if settings.stream:
        reader = {"@readers": "ner_template.shards.v1", "path": "${paths.train}"}
        config["corpora"]["train"] = reader | {"seed": "${system.seed}", "shuffle": True}
        training["max_epochs"] = -1
        labels = config["initialize"]["components"]["ner"]["labels"]
        labels["require"] = True  # else they are those of the first 100 documents
    return fill(config)


def is_large(train: Path) -> bool:
    """Say whether a split has more tokens than should be kept in memory."""
    return (train / MANIFEST).exists() and read_json(train / MANIFEST)["tokens"] > IN_MEMORY


def fill(config: Config) -> Config:
    """Fill in spaCy's defaults, as `spacy init fill-config` does; variables and sources stay as they are."""
    sourced = get_sourced_components(config)
    filled = load_model_from_config(config, auto_fill=True).config
    filled["components"] = filled["components"] | sourced
    filled.pop("pretraining", None)
    return Config(filled, section_order=CONFIG_SECTION_ORDER)
