"""What runs are made from, and make: raw data, corpus, findings, pipelines, scores."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.corpus.files import read_json, sha256
from scripts.corpus.shards import MANIFEST
from scripts.corpus.splits import SPLITS
from scripts.training.tracking.options import TrackingOptions
from scripts.training.tracking.private import scrub

TEXTS = {"places", "understood", "findings", "group"}  # keys under which text, or names from the data, may be


@dataclass(frozen=True, slots=True)
class Artifact:
    """Files and a folder that are sent, SHA-256 of those that stay. Equal ones link their runs."""

    name: str
    kind: str
    files: dict[str, str] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None


def corpus_facts(corpus: Path, hashes: dict[str, str | None]) -> dict:
    """Return each split's counts, settings and ledger; {} unless the splits in `corpus` have these hashes."""
    paths = {split: corpus / split / MANIFEST for split in SPLITS}
    if not all(
        path.exists() and hashes.get(split, sha256(path)) == sha256(path) for split, path in paths.items()
    ):
        return {}
    return {split: as_sent(read_json(path)) for split, path in paths.items()}


def corpus_manifest(facts: dict) -> Artifact:
    """Return what is known of a corpus, and the hashes of its raw files: these and the shards stay here."""
    raw = [(f"raw/{split}/{file['path']}", file) for split, own in facts.items() for file in own["sources"]]
    files = {f"{split}.json": json.dumps(own) for split, own in facts.items()}
    return Artifact("corpus", "corpus", files, {name: file["sha256"] for name, file in raw})


def json_file(path: Path, name: str, options: TrackingOptions) -> Artifact:
    """Return a JSON file of ours, a validation or an evaluation; what may hold text only with --log-text."""
    return Artifact(name, path.stem, {path.name: json.dumps(as_sent(read_json(path), options.log_text))})


def pipeline(path: Path, options: TrackingOptions) -> Artifact:
    """Return a trained pipeline, such as model-best: whole if asked for, else the hashes of its files."""
    name = f"{path.parent.name}-{path.name}"
    if options.log_model == "all" or (options.log_model == "best" and path.name == "model-best"):
        return Artifact(name, "model", folder=path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    hashes = {file.relative_to(path).as_posix(): sha256(file) for file in files}
    return Artifact(name, "model", references=hashes)


def as_sent(data: dict, with_text: bool = False) -> dict:
    """Return a JSON-like file of ours without what is private, and without text unless `with_text`."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(own) for key, own in value.items() if with_text or key not in TEXTS}
        return [clean(own) for own in value] if isinstance(value, list) else value

    return scrub(clean(data))
