"""Findings about a corpus that preprocessing made: what it noted, and whether the files are whole."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from spacy.vocab import Vocab

from scripts.checks.catalogue import BY_SLUG, Finding, Severity, excerpt, finding
from scripts.corpus.build import REJECTS, REPAIRS
from scripts.corpus.chunks import EXCERPT
from scripts.corpus.config_file import ConfigFile
from scripts.corpus.files import read_json, sha256
from scripts.corpus.settings import Settings
from scripts.corpus.shards import MANIFEST, ShardError, check_shards, documents_sha256, read_shard

SCORES = "scores.json"
"""Beside a config: what evaluation wrote of its pipeline."""
NEVER_ACCEPTED = "white-space-token"
"""A fault that stays an error where the user says that others may be rejected."""
OTHER_NAMES = {"empty text": "empty-document"}
"""Reasons of the ledger that are called otherwise among the checks; what has no check was asked for."""


def check_files(corpus: Path, manifests: dict[str, dict], configs: Iterable[ConfigFile]) -> Iterator[Finding]:
    """Yield what preprocessing noted, what is wrong with files, and who was scored on another test split."""
    settings = Settings(**manifests["train"]["settings"])
    for name, kind in ((REJECTS, "losses"), (REPAIRS, "repairs")):
        changes = chain(*(manifest["ledger"][kind] for manifest in manifests.values()))
        noted = [change for change in changes if change["stage"] != "read"]
        listed = sum(one["documents"] or one["entities"] or len(one["places"]) for one in noted)
        yield from _noted(corpus / name, settings, listed)
    for split, manifest in manifests.items():
        try:
            check_shards(corpus / split, manifest)
        except ShardError as error:
            yield finding("damaged-shard", split, str(error), shard=(corpus / split).as_posix())
    yield from scored_elsewhere(corpus / "test", manifests["test"], configs)


def _noted(path: Path, settings: Settings, listed: int) -> Iterator[Finding]:
    """Yield a finding for each record or span that was left out or repaired for a fault.

    What the settings accept is a warning, where it would be an error. listed: how many the ledger counts.
    """
    if not path.exists():
        yield finding("ledger", "", f"{path} is missing", shard=path.as_posix())
        return
    rows = 0
    with path.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            rows += 1
            slug = OTHER_NAMES.get(row["reason"], row["reason"])
            if slug in BY_SLUG:
                may_choose = slug in ("overlap", "nested") and settings.overlaps != "error"
                is_accepted = may_choose or (settings.on_error == "reject" and slug != NEVER_ACCEPTED)
                yield _finding(slug, row, {"severity": Severity.warning} if is_accepted else {})
    if listed > rows:
        detail = f"{path} has {rows} rows, the ledger counts {listed}"
        yield finding("ledger", "", detail, shard=path.as_posix())


def _finding(slug: str, row: dict, more: dict) -> Finding:
    detail, more = row.get("detail", "").removeprefix(f"{row['source']}: "), more | {"source": row["source"]}
    if span := row.get("span"):
        start = min(EXCERPT, max(0, span["start"]))
        detail = f"{span['text'][:80]!r} {span['label']} ({span['start']}–{span['end']}): {row['detail']}"
        more["excerpt"] = excerpt(row["text"], start, start + len(span["text"]))
    return finding(slug, row["split"], detail, document=row.get("id", ""), **more)


def check_counts(corpus: Path, manifests: dict[str, dict], counts: dict[str, dict]) -> Iterator[Finding]:
    """Yield where the shards do not hold what their manifest says."""
    for split, manifest in manifests.items():
        counted = tuple(counts[split][name] for name in ("documents", "tokens", "labels"))
        listed = tuple(manifest[name] for name in ("documents", "tokens", "entities"))
        if counted != listed:
            detail = f"documents, tokens, entities: {counted} in the shards, {listed} in the manifest"
            yield finding("ledger", split, detail, shard=(corpus / split).as_posix())


def scored_elsewhere(test: Path, manifest: dict, configs: Iterable[ConfigFile]) -> Iterator[Finding]:
    """Yield the configs whose pipelines were scored on another test split than the one in a folder.

    What was never scored, or not noted on what, is passed over; so is a split that cannot be read.
    """
    now = ""
    for config in configs:
        path = config.path.with_name(SCORES)
        try:
            scores = read_json(path) if path.exists() else {}
        except (OSError, ValueError):
            continue  # scoring writes it anew
        before = scores.get("test_sha256")
        if before is None or scores.get("corpus_sha256", {}).get("test") == sha256(test / MANIFEST):
            continue
        try:
            shards = (read_shard(test / shard["name"], Vocab()) for shard in manifest["shards"])
            now = now or documents_sha256(chain.from_iterable(shards))
        except ShardError:
            return
        if now != before:
            scored = f"scored on {scores['test']['documents']:,} documents"
            detail = f"{scored}, not on the {manifest['documents']:,} of now"
            yield finding("test-changed", "test", detail, source=path.as_posix(), variant=config.name)
