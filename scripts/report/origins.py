"""Of what a pipeline is made: data and pretrained parts, whose they are, and the texts of their licences."""

import re
from pathlib import Path

from confection import Config

from scripts.corpus.config_file import CONFIG
from scripts.corpus.files import read_json
from scripts.corpus.vectors import FACTS, ORIGIN, pipeline_folder
from scripts.training.packaged import PACKAGED, packaged_folder

TEXTS = ("LICENSE*", "LICENCE*", "NOTICE*", "COPYING*")
"""What goes from a folder to whatever is made of its content; spaCy's LICENSES_SOURCES is among them."""
LICENCES = Path("configs/licenses")
"""Texts by the name of the licence, for what names a licence and has no text of it."""


def find_origins(folder: Path, manifests: dict[str, dict]) -> list[dict]:
    """Return of what a variant is made: `name`, `path`, `parts`, `texts` of licences, and (None if unknown)
    `author`, `url`, `license`, and `sources`, of what it was made itself.

    manifests: of each split. Raises UserError where the package of a pretrained part is not installed.
    """
    metrics, config = read_json(folder / "metrics.json"), folder / CONFIG
    config = Config().from_disk(config if config.exists() else folder / "model-best" / CONFIG)
    found: dict[str, dict] = {}

    def add(path: str, part: str, facts: dict) -> None:
        parts = found.setdefault(path, {"parts": []} | facts)["parts"]
        parts += [part] * (part not in parts)

    for split, manifest in manifests.items():
        for source in manifest["sources"]:
            add(Path(source["path"]).parent.as_posix(), f"{split} data", {})
    for part, facts in metrics.get("pretrained", {}).items():
        if metrics["pretrained_sha256"][part]:
            made_of = (facts or {}).get(ORIGIN, facts or {}).get("made_of", {})
            add(made_of.get("source", "not known"), part, facts or {})
    for part, block in config["components"].items():
        model = block.get("model", {})
        if "source" in block:
            place = pipeline_folder(block["source"])
            add(block["source"], part, read_json(place / "meta.json") if place else {})
        elif "Transformer" in model.get("@architectures", "") and "name" in model:
            is_here = Path(model["name"]).exists()
            add(model["name"], part, {} if is_here else {"url": f"https://huggingface.co/{model['name']}"})
    return [_origin(path, facts) for path, facts in found.items()]


def _origin(path: str, facts: dict) -> dict:
    """Add what an origin's folder tells: its name, its licence, and the texts of that."""
    place = packaged_folder(path) if path in PACKAGED else pipeline_folder(path) or Path(path)
    is_project = place.resolve() == Path.cwd()  # what lies there is about the code
    paths = [one for pattern in TEXTS for one in sorted(place.glob(pattern)) if not is_project]
    own = "\n".join(_read(one) for one in paths if one.name != "LICENSES_SOURCES")  # that is about its parts
    card = "" if is_project else _read(place / "README.md")
    heading = re.search(r"^# *(.+)", card, re.MULTILINE) if (place / "config.json").is_file() else None
    named = re.match(r"---\n(?:(?!---).*\n)*?license: *[\"']?([\w.-]+)", card)
    named = named or re.search(r"SPDX-License-Identifier: *(\S+)", own)
    licence = facts.get("license") or (named and named[1])
    texts = [_read(one) for one in paths or [LICENCES / f"{(licence or '').lower()}.txt"]]
    name = heading[1] if heading else place.name if place.is_absolute() else path
    origin = {key: facts.get(key) for key in ("parts", *FACTS)}
    return origin | {"name": name, "path": path, "license": licence, "texts": [*filter(None, texts)]}


def _read(path: Path) -> str:
    """Return a text; an empty one where there is none."""
    return path.read_text("utf-8", "replace") if path.is_file() else ""
