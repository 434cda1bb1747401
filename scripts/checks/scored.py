"""Whether the test split is the one that a config's pipeline was scored on."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from spacy.vocab import Vocab

from scripts.checks.catalogue import Finding, Severity, declare, finding
from scripts.checks.training_config import ConfigFile
from scripts.corpus.files import read_json, sha256
from scripts.corpus.shards import MANIFEST, ShardError, documents_sha256, read_shard

SCORES = "scores.json"
"""Beside a config: what evaluation wrote of its pipeline."""

declare(
    "NER219",
    "test-changed",
    Severity.warning,
    """The test split holds other documents, or other entities, than when the config's pipeline was last scored.
    Scores from before and after cannot be compared: a difference may be the test's.""",
    remedy="train and score anew all that you compare; to keep a test split whatever is added, give it a file (vars.test)",
    bad='scored: elsewhere\n\n{"text": "She saw Cork", "spans": [[8, 12, "LOC"]]}',
    good='scored: here\n\n{"text": "She saw Cork", "spans": [[8, 12, "LOC"]]}',
)


def scored_elsewhere(test: Path, manifest: dict, recipes: Iterable[ConfigFile]) -> Iterator[Finding]:
    """Yield the configs whose pipelines were scored on another test split than the one in a folder, with that manifest.

    What was never scored, or by a version that did not note on what, is passed over; so is a split that cannot be read.
    """
    now = ""
    for recipe in recipes:
        path = recipe.path.with_name(SCORES)
        try:
            scores = read_json(path) if path.exists() else {}
        except (OSError, ValueError):
            continue  # scoring writes it anew
        before = scores.get("test_sha256")
        if before is None or scores.get("corpus_sha256", {}).get("test") == sha256(test / MANIFEST):
            continue
        try:
            now = now or documents_sha256(
                chain(*(read_shard(test / shard["name"], Vocab()) for shard in manifest["shards"]))
            )
        except ShardError:
            return
        if now != before:
            counts = f"scored on {scores['test']['documents']:,} documents, not on the {manifest['documents']:,} of now"
            yield finding("test-changed", "test", counts, source=path.as_posix(), variant=recipe.name)
