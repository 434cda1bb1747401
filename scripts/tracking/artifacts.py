"""What runs are made from, and make: raw data, corpus, findings, pipelines, scores."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from scripts.corpus.files import read_json, sha256
from scripts.corpus.shards import MANIFEST
from scripts.corpus.splits import SPLITS
from scripts.tracking.options import TrackingOptions
from scripts.tracking.private import scrub

RAW = "raw"
"""What stands for a corpus's raw files, in its folder."""
TEXTS = {"places", "understood", "findings", "group"}  # keys under which text, or names from the data, may be


@dataclass(frozen=True, slots=True)
class Artifact:
    """Files and a folder that are sent, SHA-256 of those that stay. Equal ones link their runs."""

    name: str
    kind: str
    files: dict[str, str] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None


def corpus_facts(corpus: Path, used: dict[str, str | None] | None = None) -> dict:
    """Return SHA-256, counts, settings and ledger of each split; nothing where `corpus` is none, or has other
    splits than those whose SHA-256 are `used`.
    """
    paths = {split: corpus / split / MANIFEST for split in SPLITS}
    if not all(path.exists() for path in paths.values()):
        return {}
    hashes = {split: sha256(path) for split, path in paths.items()}
    manifests = {split: scrub(read_json(path), TEXTS) for split, path in paths.items()}
    return {"corpus_sha256": hashes, "corpus": manifests} if hashes == hashes | (used or {}) else {}


def artifact_of(path: Path, options: TrackingOptions) -> Artifact | None:
    """Return what is known of a JSON file of ours, a pipeline, a corpus or its RAW; None where none is there.

    Raw files and shards stay here; so do pipelines and what may hold text, unless the options want it.
    """
    name, is_raw = f"{path.parent.name}-{path.stem}", path.name == RAW
    if path.suffix == ".json" and path.exists():
        content = scrub(read_json(path), () if options.log_text else TEXTS)
        return Artifact(name, path.stem, {path.name: json.dumps(content)})
    if (path / "meta.json").exists():
        if path.name in ("model-best", "model-last")[: ("false", "best", "all").index(options.log_model)]:
            return Artifact(name, "model", folder=path)
        files = sorted(file for file in path.rglob("*") if file.is_file())
        hashes = {file.relative_to(path).as_posix(): sha256(file) for file in files}
        return Artifact(name, "model", references=hashes)
    manifests = corpus_facts(path.parent if is_raw else path).get("corpus", {})
    if is_raw:
        sources = [(split, file) for split, own in manifests.items() for file in own["sources"]]
        hashes = {f"{split}/{file['path']}": file["sha256"] for split, file in sources}
        return Artifact(RAW, RAW, references=hashes)
    files = {f"{split}.json": json.dumps(own) for split, own in manifests.items()}
    return Artifact("corpus", "corpus", files) if manifests else None
