"""Checks of what a pipeline starts from, word vectors and weights. Functions are called as their checks."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import srsly
from spacy.strings import hash_string
from thinc.api import Model

from scripts.checks.catalogue import by_slug
from scripts.checks.components import component
from scripts.checks.stats import CorpusFinding, CorpusStats
from scripts.checks.training_config import TrainingConfig
from scripts.cli import UserError
from scripts.corpus.config_file import one_line
from scripts.corpus.files import read_json, sha256
from scripts.corpus.vectors import ORIGIN, cached_vectors, require_vectors

WANTS_VECTORS = re.compile(r"'(?:include_static_vectors|pretrained_vectors)': True|spacy\.StaticVectors")
FEW, FEW_IN_ENTITIES = 0.8, 0.5
"""Shares of all tokens, and of those of entities, below which vectors know too little of a corpus."""
NEARLY_NONE = 0.5
"""Share of all tokens below which they are of another language or script."""
MOSTLY = 0.5
"""Share of capitalised tokens whose lower-case forms alone have a vector: then a table knows no case."""


def no_vectors(config: TrainingConfig) -> Iterator[str]:
    """Find pipelines that want vectors and get none, or none that spaCy can load."""
    initialize, pipeline = config.config["initialize"], config.config["nlp"]["pipeline"]
    name = initialize["vectors"]
    has_vectors = False
    if name:
        try:
            folder = require_vectors(name)
            has_vectors = bool(cached_vectors(folder).size)
        except UserError as error:
            yield str(error)
            return
        lang = read_json(folder / "meta.json")["lang"]
        if lang != config.lang:
            yield f"spaCy takes no vectors of {name}, which is {lang!r}, where [nlp] lang is {config.lang!r}"
    wanting = [one for one in pipeline if WANTS_VECTORS.search(repr(component(config.config, one)))]
    if wanting and not has_vectors and not initialize["before_init"]:
        empty = f"{name} holds none" if name else "[initialize] vectors is empty"
        yield f"{', '.join(wanting)}: made for word vectors, and {empty}"


def other_language(config: TrainingConfig) -> Iterator[str]:
    """Find vectors that were made from another language's texts."""
    folder = _folder(config)
    lang = read_json(folder / "meta.json").get(ORIGIN, {}).get("lang") if folder else None
    if lang not in (None, config.lang):
        yield f"the vectors are of {lang!r}, and [nlp] lang is {config.lang!r}"


def misfitting_weights(config: TrainingConfig) -> Iterator[str]:
    """Find pretrained weights that spaCy would not read, or that have other shapes than the layer."""
    weights, block = config.config["initialize"]["init_tok2vec"], config.config.get("pretraining")
    if not weights:
        return
    if not block:
        yield f"init_tok2vec = {weights}, and without a section [pretraining] spaCy does not read it"
        return
    name, layer = block["component"], block["layer"]
    if name not in config.config["nlp"]["pipeline"]:
        yield f"[pretraining] component = {name!r} is not in the pipeline"
        return
    try:
        message = srsly.msgpack_loads(Path(weights).read_bytes())
        pairs = zip(message["nodes"], message["params"], strict=True)
        found = [(node["name"], node["dims"]) for node, params in pairs if params]
    except OSError as error:
        yield f"init_tok2vec = {weights}: {error.strerror}"
        return
    except Exception as error:  # of msgpack, on what is none
        yield f"{weights}: holds no weights of a model ({type(error).__name__}: {one_line(error)})"
        return
    model = component(config.config, name)["model"]
    if str(model.get("@architectures")).startswith("spacy."):
        wanted = config.resolve(f"[components.{name}.model]", model)
        yield from _differences(weights, found, wanted.get_ref(layer) if layer else wanted, _folder(config))


def weights_of_other_vectors(config: TrainingConfig) -> Iterator[str]:
    """Find weights that were trained with other vectors."""
    weights, folder = config.config["initialize"]["init_tok2vec"], _folder(config)
    notes = Path(weights).with_suffix(".json") if weights else None
    if folder is None or notes is None or not notes.is_file():
        return
    trained_with = read_json(notes).get("vectors_sha256")
    here = read_json(folder / "meta.json").get(ORIGIN, {}).get("vectors_sha256")
    if trained_with and trained_with not in (here, sha256(folder / "vocab" / "vectors")):
        yield f"{weights} was trained with other vectors than those of {folder.as_posix()}"


PRETRAINED_CHECKS = by_slug(globals())
"""Of a config; what follows is of a corpus."""


def vector_coverage(config: TrainingConfig, corpus: CorpusStats) -> Iterator[CorpusFinding]:
    """Tell which share of a corpus has a vector; find shares that are small, and tables without case."""
    folder = _folder(config)
    if folder is None or cached_vectors(folder).mode == "floret":
        return
    known = cached_vectors(folder).key2row
    for split, stats in corpus.splits.items():
        tokens, in_entities, capitalised = Counter(), Counter(), Counter()  # by whether they have a vector
        for word, count in stats.types.items():
            has_vector = hash_string(word) in known
            tokens[has_vector] += count
            in_entities[has_vector] += stats.entity_types[word]
            if (lower := word.lower()) != word:
                capitalised[not has_vector and hash_string(lower) in known] += count
        if not tokens:
            continue
        parts = [(tokens, FEW, "tokens"), (in_entities, FEW_IN_ENTITIES, "tokens in entities")]
        texts = [f"{_share(counted)} {what}" for counted, _, what in parts]
        detail = f"{split}: {' and '.join(texts)} have a vector"
        yield CorpusFinding(split, detail, slug="vector-coverage")
        if tokens[True] < NEARLY_NONE * tokens.total():
            yield CorpusFinding(split, detail, slug="unknown-script")
        elif any(counted[True] < least * counted.total() for counted, least, _ in parts):
            yield CorpusFinding(split, detail, slug="few-vectors")
        if capitalised[True] > MOSTLY * capitalised.total():
            detail = f"{split}: {_share(capitalised)} capitalised tokens have a vector only in lower case"
            yield CorpusFinding(split, detail, slug="lowercase-vectors")


def _folder(config: TrainingConfig) -> Path | None:
    """Return where a config's vectors are; None where there are none that can be loaded."""
    name = config.config["initialize"]["vectors"]
    folder = require_vectors(name) if name and not any(no_vectors(config)) else None
    return folder if folder is not None and cached_vectors(folder).size else None


def _share(counted: Counter[bool]) -> str:
    total = counted.total()
    return (f"{100 * counted[True] / total:.0f} %" if total else "none") + f" of {total:,}"


def _differences(path: str, found: list, model: Model, vectors: Path | None) -> Iterator[str]:
    """Find the first layer that is another in a file than in the model that it is for."""
    wanted = []
    for node in [node for node in model.walk() if node.param_names]:
        dims = {name: node.get_dim(name) for name in node.dim_names if node.has_dim(name)}
        if node.name == "static_vectors" and vectors is not None:
            dims["nM"] = cached_vectors(vectors).shape[1]
        wanted.append((node.name, dims))
    for number, ((name, dims), (own_name, own_dims)) in enumerate(zip(found, wanted, strict=False), 1):
        if name != own_name or any(dims.get(dim, size) not in (None, size) for dim, size in own_dims.items()):
            shapes = [_shape(name, dims), _shape(own_name, own_dims)]
            yield f"layer {number} with weights is {shapes[0]} in {path}, and {shapes[1]} in the config"
            return
    if len(found) != len(wanted):
        yield f"{path} has {len(found)} layers with weights, and the config's model {len(wanted)}"


def _shape(name: str, dims: dict[str, int | None]) -> str:
    known = ", ".join(f"{dim} {size:,}" for dim, size in sorted(dims.items()) if size is not None)
    return f"{name} ({known})"
