"""What preprocessing noted about the raw data, as findings."""

import json
from collections.abc import Iterator
from pathlib import Path

from scripts.checks.catalogue import BY_SLUG, Finding, Severity, excerpt, finding
from scripts.corpus.build import MENDS, REJECTS
from scripts.corpus.ledger import Ledger
from scripts.corpus.parts import EXCERPT
from scripts.corpus.settings import OnError, Overlaps, Settings

ACCEPTED = frozenset(
    {
        "unreadable",
        "i-without-b",
        "illegal-sequence",
        "misaligned",
        "overlap",
        "nested",
        "whitespace-edge",
        "bad-offsets",
        "empty-label",
    }
    | {"other-text", "discontinuous"}
)
"""Faults that preprocessing rejects or mends, with a place in the ledger, where the user says so."""
OTHER_NAMES = {"empty text": "empty-document"}
"""Reasons of the ledger that are called otherwise among the checks; what has no check at all was asked for."""


def noted(corpus: Path, settings: Settings, manifests: dict[str, dict]) -> Iterator[Finding]:
    """Yield a finding for each record or span that preprocessing left out or mended for a fault.

    What the settings accept is a warning, where it would be an error. Places are those of the raw files.
    """
    rows = {REJECTS: 0, MENDS: 0}
    for name in rows:
        path = corpus / name
        if not path.exists():
            yield finding("ledger", "", f"{path} is missing", shard=path.as_posix())
            continue
        with path.open(encoding="utf-8") as file:
            for line in file:
                rows[name] += 1
                row = json.loads(line)
                slug = OTHER_NAMES.get(row["reason"], row["reason"])
                if slug in BY_SLUG:
                    stated = slug in ("overlap", "nested") and settings.overlaps is not Overlaps.error
                    accepted = slug in ACCEPTED and settings.on_error is OnError.reject
                    yield _finding(slug, row)._replace(
                        severity=Severity.warning if stated or accepted else BY_SLUG[slug].severity
                    )
    for name, kind in ((REJECTS, "losses"), (MENDS, "mends")):
        ledgers = [Ledger.from_json(manifest["ledger"]) for manifest in manifests.values()]
        listed = sum(
            change.count.documents or change.count.entities or len(change.places)
            for ledger in ledgers
            for (stage, _), change in getattr(ledger, kind).items()
            if stage != "read"
        )
        if listed > rows[name] and (corpus / name).exists():
            yield finding(
                "ledger",
                "",
                f"{corpus / name} has {rows[name]} rows, the ledger counts {listed}",
                shard=(corpus / name).as_posix(),
            )


def _finding(slug: str, row: dict) -> Finding:
    place = {"source": row["source"], "document": row.get("id", "")}
    span = row.get("span")
    if span is None:
        return finding(slug, row["split"], row.get("detail", "").removeprefix(f"{row['source']}: "), **place)
    shown = min(EXCERPT, max(0, span["start"]))
    detail = f"{span['text'][:80]!r} {span['label']} ({span['start']}–{span['end']}): {row['detail']}"
    return finding(
        slug, row["split"], detail, **place, excerpt=excerpt(row["text"], shown, shown + len(span["text"]))
    )
