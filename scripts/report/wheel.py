"""Make a pipeline's model card, and a wheel that needs nothing of this project: `spacy package`, offline."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from spacy.cli.package import package
from spacy.schemas import ModelMetaSchema, validate

from scripts.cli import UserError
from scripts.corpus.files import read_json, write_bytes, write_json, write_text
from scripts.report import tables
from scripts.report.machine import measured_on
from scripts.report.templates import render

GIVEN = dict.fromkeys(("description", "author", "email", "url", "license", "notes"), "") | {"sources": []}
"""What configs/meta.json may say besides name and version; a pipeline's own meta.json has the rest."""
NUMBERED = r"\d+(\.\d+)*((a|b|rc)\d+)?"
"""A version as setuptools leaves it, so that the wheel is called as its meta.json says."""
BUILD = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
"""What `python -m build` does within the environment that it first fetches from the network."""


def read_meta(path: Path) -> dict:
    """Read what is to be said of the pipelines. Raises UserError where no package can be made with it."""
    try:
        meta = GIVEN | read_json(path)
        meta["sources"] = meta["sources"] or []
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: is no JSON object ({error}); correct it") from None
    faults = [f"may not say {key}" for key in meta if key not in {*GIVEN, "name", "version"}]
    faults = faults or validate(ModelMetaSchema, {"lang": "en"} | meta)
    if not faults and not all(isinstance(each, dict) and "name" in each for each in meta["sources"]):
        faults = ['sources is to be a list of objects with a "name" each']
    if not faults and not re.fullmatch(NUMBERED, meta["version"]):
        faults = [f"version is {meta['version']!r}; write it like 1.0.0"]
    if faults:
        raise UserError(f"{path}: {' '.join('; '.join(faults).split())}; correct it")
    return meta


def package_meta(model: Path, given: dict, scores: dict, origins: list[dict]) -> dict:
    """Return the package's meta.json; its `performance` is that on test, where training has that on dev.

    given: of `read_meta`; the variant's name is added to its name.
    """
    gold, meta = scores["gold_tokens"], read_json(model / "meta.json") | given
    meta["name"] = re.sub("[^a-z0-9]+", "_", f"{meta['name']} {scores['variant']}".lower()).strip("_")
    keys = ("name", "url", "author", "license")
    meta["sources"] = given["sources"] + [{key: each[key] for key in keys if each[key]} for each in origins]
    labels = {label: {key: each[key] for key in "prf"} for label, each in gold["ents_per_type"].items()}
    performance = {key: gold[key] for key in ("ents_p", "ents_r", "ents_f")} | {"ents_per_type": labels}
    performance |= {"speed": scores["words_per_second"]} if "words_per_second" in scores else {}
    return meta | {"performance": performance}


def model_card(summary: dict, report: dict, meta: dict, origins: list[dict], manifests: dict) -> str:
    """Return a variant's model card; first comes what the Hugging Face hub reads, between lines of `---`.

    report: the variant's in the summary. meta: of `package_meta`. manifests: of each split.
    """
    stages = {split: {"validated": count} for split, count in summary["validated"].items()}
    if trainer := report["training"].get("trainer"):  # not where it was trained --unvalidated
        stages.setdefault("train", {})["reaches the trainer"] = trainer
    pairs = [each for each in summary["differences"] if report["variant"] in (each["better"], each["other"])]
    return render(
        "card.md",
        report=report,
        meta=meta,
        origins=origins,
        manifests=manifests,
        ledger_columns=tables.LEDGER_COLUMNS,
        ledger=tables.ledger_rows(summary["ledger"], stages),
        rows=tables.comparison({"": report}),
        said=tables.sentences(pairs),
        measured_on=measured_on(summary["machine"]),
    )


def build_wheel(model: Path, meta: dict, texts: dict[str, str], paths: list[str], folder: Path) -> Path:
    """Write a pipeline's wheel, complete or not at all; return its path. One of the same version goes away.

    texts: further files, by name. paths: of this machine; they are made illegible in config and weights.
    Raises UserError where setuptools cannot build.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=folder) as place:
        copy = shutil.copytree(model, Path(place, "copy"))
        write_json(copy / "meta.json", meta)
        for name, text in texts.items():
            write_text(copy / name, text)
        for path in (copy / "config.cfg", *copy.glob("*/model")):
            content = path.read_bytes()
            for hidden in map(str.encode, paths):
                content = content.replace(hidden, b"-" * len(hidden))  # as long: msgpack says how long it is
            write_bytes(path, content)
        package(copy, Path(place), create_sdist=False, require_parent=True)
        root = Path(place, f"{meta['lang']}_{meta['name']}-{meta['version']}")
        write_text(root / "setup.cfg", "[metadata]\nlong_description_content_type = text/markdown\n")
        env = os.environ | {"SOURCE_DATE_EPOCH": "315532800"}  # the first second that a zip knows
        built = subprocess.run([sys.executable, "-c", BUILD], cwd=root, env=env, capture_output=True)
        if built.returncode:
            why = built.stderr.decode(errors="replace").strip().splitlines()[-1]
            raise UserError(
                f"{root.name}: setuptools cannot make a wheel ({why}); install version 77 or newer"
            )
        (new,) = root.glob("dist/*.whl")
        return new.replace(folder / new.name)
