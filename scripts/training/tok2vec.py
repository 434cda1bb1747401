"""Make the weights from which a tok2vec starts: a file that `[initialize] init_tok2vec` takes."""

import warnings
from pathlib import Path

import spacy
from spacy.util import load_config
from thinc.api import Model

from scripts.cli import UserError
from scripts.corpus.config_file import CONFIG, one_line
from scripts.corpus.files import read_json, sha256, write_bytes, write_json
from scripts.corpus.vectors import FACTS
from scripts.training.packaged import find_source

NERS = ("ner", "beam_ner")


def make_tok2vec(source: str, path: Path, *, lang: str) -> dict:
    """Write weights to a file, and beside it (.json) what they are of, which is returned.

    source: a packaged model's name, an installed pipeline's, a pipeline's folder, or `spacy pretrain`'s file.
    What is there already, made of the same, stays as it is. Raises UserError where a source is none.
    """
    origin = find_source(source, lang, "tok2vec")
    component = "" if origin.is_file() else _component(origin)
    weights = origin / component / "model" if component else origin
    made_of = {"source": source, "component": component, "sha256": sha256(weights)}
    facts = path.with_suffix(".json")
    if path.is_file() and facts.is_file() and read_json(facts).get("made_of") == made_of:
        return read_json(facts)
    write_bytes(path, _weights(origin, component) if component else origin.read_bytes())
    meta = read_json(origin / "meta.json") if component else {}
    table = origin / "vocab" / "vectors"
    noted = {name: meta[name] for name in ("lang", *FACTS) if name in meta}
    noted |= {"made_of": made_of, "vectors_sha256": sha256(table) if component and table.is_file() else None}
    write_json(facts, noted)
    return noted


def _component(folder: Path) -> str:
    """Return which component's tok2vec to take: a recogniser's own, or a tok2vec. Raises UserError."""
    try:
        config = load_config(folder / CONFIG, interpolate=True)
    except (OSError, ValueError) as error:
        remedy = "name a pipeline that spaCy loads"
        raise UserError(f"{folder / CONFIG}: cannot be read: {one_line(error)}; {remedy}") from None
    blocks = {name: config["components"][name] for name in config["nlp"]["pipeline"]}
    for name, block in blocks.items():
        embeds = block["model"].get("tok2vec", {}) if block.get("factory") in NERS else {}
        if "Listener" not in str(embeds.get("@architectures", "Listener")):
            return name
    for name, block in blocks.items():
        if block.get("factory") == "tok2vec":
            return name
    what = f"its components ({', '.join(blocks)}) have no tok2vec"
    raise UserError(f"{folder}: {what}; set vars.tok2vec to a pipeline that has one, or leave it empty")


def _weights(folder: Path, component: str) -> bytes:
    """Return the weights of a component's tok2vec. Raises UserError where spaCy cannot load it."""
    others = [name for name in load_config(folder / CONFIG)["nlp"]["pipeline"] if name != component]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # W095: made by another version of spaCy
            nlp = spacy.load(folder, exclude=[*others, "vocab", "tokenizer"])
        model: Model = nlp.get_pipe(component).model
        return (model.get_ref("tok2vec").layers[0] if model.has_ref("tok2vec") else model).to_bytes()
    except Exception as error:  # a pipeline may need anybody's code
        what = f"{component} cannot be loaded ({one_line(error)})"
        raise UserError(f"{folder}: {what}; name a pipeline that spaCy loads") from None
