"""What pipelines predicted, a row a test document, beside their scores; read again to compare them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import orjson

from scripts.cli import UserError
from scripts.corpus.files import read_json, sha256, whole_file, write_json
from scripts.corpus.shards import MANIFEST, read_manifest
from scripts.report.matching import Entity, Pair, pair_entities

PREDICTIONS = "predictions.jsonl"
INPUTS = ("gold_tokens", "raw_text")
"""What the pipeline was given: the gold tokens, or the text, of which it makes tokens itself."""


@dataclass(frozen=True)
class Run:
    """A pipeline that was scored: its scores.json, and the rows of its predictions."""

    report: dict
    rows: list[dict]

    @cached_property
    def pairs(self) -> dict[str, list[list[Pair]]]:
        """By input, the pairs of each document, for all that counts or shows them."""
        return {name: [pair_entities(row["gold"], row[name]) for row in self.rows] for name in INPUTS}


def write_predictions(folder: Path, rows: Iterable[dict]) -> str:
    """Write a folder's predictions, complete or not at all; return the file's SHA-256."""
    with whole_file(folder / PREDICTIONS) as file:
        file.writelines(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    return sha256(folder / PREDICTIONS)


def write_scores(folder: Path, scores: dict, rows: list[dict], corpus: Path) -> dict:
    """Write scores.json, with what it was made of, and the predictions; return what is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    test = {"test": sha256(corpus / "test" / MANIFEST)}
    made = {
        "corpus_sha256": scores.get("training", {}).get("corpus_sha256", {}) | test,
        "spaces_known": not read_manifest(corpus / "test")["spaces"]["rebuilt"],
        "predictions_sha256": write_predictions(folder, rows),
    }
    write_json(folder / "scores.json", scores | made)
    return scores | made


def read_runs(folders: list[Path], corpus: Path) -> dict[str, list[Run]]:
    """Read each variant's runs, one a seed. Raises UserError where scores or predictions are missing or of
    another test set, or a seed comes twice.
    """
    runs: dict[str, list[Run]] = {}
    seeds = set()
    for folder in folders:
        report = read_scores(folder, corpus)
        path, remedy = folder / PREDICTIONS, f"run: python -m scripts.evaluate {folder}"
        if not path.exists() or report.get("predictions_sha256") != sha256(path):
            raise UserError(f"{path}: missing, or not of the scores beside it; {remedy}")
        rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        variant, seed = report["variant"], report.get("training", {}).get("seed")
        if (variant, seed) in seeds:
            why = f"another of these folders holds variant {variant} with seed {seed}, too"
            raise UserError(f"{folder}: {why}; name one folder of each")
        seeds.add((variant, seed))
        runs.setdefault(variant, []).append(Run(report, rows))
    return runs


def read_scores(folder: Path, corpus: Path) -> dict:
    """Read a variant's scores. Raises UserError where there are none, or they are of another corpus."""
    path, remedy = folder / "scores.json", f"run: python -m spacy project run {folder.name}"
    if not path.exists():
        raise UserError(f"{path}: no such file; {remedy}")
    scores = read_json(path)
    for split, digest in scores["corpus_sha256"].items():
        if digest != sha256(corpus / split / MANIFEST):
            raise UserError(f"{path}: made with another {split} split than {corpus / split}; {remedy}")
    return scores


def confidences(row: dict) -> dict[Entity, float | None]:
    """Return the confidence of each prediction on gold tokens, if the row has any."""
    if "confidence" not in row:
        return {}
    return dict(zip(map(tuple, row[INPUTS[0]]), row["confidence"][INPUTS[0]], strict=True))


def merge(runs: list[Run]) -> dict:
    """Return a variant's report: its first run's with the means of the scores, and `seeds`, each one's F."""
    means = {name: _mean([run.report[name] for run in runs]) for name in INPUTS} if len(runs) > 1 else {}
    seeds = [
        {"seed": run.report.get("training", {}).get("seed")}
        | {name: run.report[name]["ents_f"] for name in INPUTS}
        for run in runs
    ]
    return runs[0].report | means | {"seeds": seeds}


def _mean(values: list) -> dict | float:
    """Return the mean of numbers, or of those under each key, at any depth; what a run lacks is 0."""
    if not any(isinstance(value, dict) for value in values):
        return sum(value or 0 for value in values) / len(values)
    keys = dict.fromkeys(key for value in values for key in value or ())
    return {key: _mean([(value or {}).get(key) for value in values]) for key in keys}
