"""Tell what was found: to people as it comes and as a table, to programs as JSON."""

import json
import sys
from pathlib import Path

from rich.table import Table

from scripts.checks.catalogue import Finding, Severity
from scripts.checks.examine import Report
from scripts.checks.inputs import Inputs
from scripts.checks.registry import in_order
from scripts.checks.training_config import load_training_config
from scripts.cli import console
from scripts.corpus.config_file import CONFIG, SPLITS, ConfigFile, fingerprint
from scripts.corpus.files import sha256, write_json
from scripts.corpus.shards import VALIDATED
from scripts.report.tables import LEDGER_COLUMNS, Row, as_rich

VERSION = 1
"""Of the JSON; it grows by new keys, and changes its number when one means something else."""
PLACES_SHOWN = 3
LONGEST_LINE = 300
STYLES = {Severity.error: "red", Severity.warning: "yellow", Severity.note: "default"}


class FirstSeen:
    """Prints the first finding of each check as soon as it is there."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, finding: Finding) -> None:
        """Take a finding."""
        if finding.slug not in self._seen and finding.severity is not Severity.note:
            self._seen.add(finding.slug)
            line = f"{finding.place}: {finding.check.code} {finding.slug}: {finding.detail}"
            _print(line if len(line) < LONGEST_LINE else line[:LONGEST_LINE] + "…", STYLES[finding.severity])


def as_json(report: Report, inputs: Inputs) -> dict:
    """Return the report as plain data; scripts/checks/README.md says what each key means."""
    checks = {slug for slug, _ in report.found}
    return {
        "version": VERSION,
        "errors": report.errors,
        "warnings": report.warnings,
        "validated": report.counts,
        "trainers": {
            name: {split: counts.as_json() for split, counts in splits.items()}
            for name, splits in report.trainers.items()
        },
        "configs": {
            file.name: {"path": file.path.as_posix(), "sha256": sha256(file.path)} for file in inputs.recipes
        },
        "checks": [
            {
                "code": check.code,
                "slug": check.slug,
                "summary": check.summary,
                "spacy": check.error,
                "remedy": check.remedy,
            }
            | {"found": sum(count for (slug, _), count in report.found.items() if slug == check.slug)}
            for check in in_order(checks)
        ],
        "findings": [finding.as_json() for finding in report.findings],
    }


def write(
    report: Report, inputs: Inputs, output: str, *, partial: bool, ignored: str, stamp: Path | None = None
) -> Path | None:
    """Write the JSON and, unless only some checks ran, what training asks for: what was found of these data for each config.

    stamp: where that goes; None: beside each config that has a folder of its own.
    """
    data = as_json(report, inputs)
    path = (
        Path(output)
        if output not in ("", "-")
        else inputs.corpus / "validation.json"
        if inputs.corpus and not output
        else None
    )
    if output == "-":
        sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
    elif path is not None:
        write_json(path, data)
    for file in inputs.recipes if not partial else ():
        place = (
            stamp
            if stamp is not None
            else file.path.with_name(VALIDATED)
            if file.path.name == CONFIG
            else None
        )
        if place is not None:
            write_json(
                place,
                _passed(report, inputs, file) | {"ignored": ignored, "reaches": data["trainers"][file.name]},
            )
    return path


def _passed(report: Report, inputs: Inputs, file: ConfigFile) -> dict:
    """Return how many errors of train and dev (or of no split) concern a config, and the hashes of what was looked at."""
    errors = sum(
        report.total(Severity.error, split=split, variant=who)
        for split in ("", *SPLITS)
        for who in ("", file.name)
    )
    counts = {
        split: {name: report.counts[split][name] for name in ("documents", "tokens", "entities")}
        for split in SPLITS
        if split in report.counts
    }
    return {"errors": errors, "counts": counts} | fingerprint(
        load_training_config(file).own, file.code, inputs.kept
    )


def show(report: Report, inputs: Inputs) -> None:
    """Print for each check its first places and the remedy; then a table of all that was found, and the ledger."""
    table = Table("check", "name", "severity", "found")
    table.columns[-1].justify = "right"
    for check in in_order({slug for slug, _ in report.found}):
        found = {severity: count for (slug, severity), count in report.found.items() if slug == check.slug}
        severity = min(found, key=list(Severity).index)
        total = sum(found.values())
        own = [finding for finding in report.findings if finding.slug == check.slug][:PLACES_SHOWN]
        _print(
            f"\n{check.code} {check.slug}: {check.summary}{f' (spaCy: {check.error})' if check.error else ''}",
            style=f"bold {STYLES[severity]}",
        )
        for finding in own:
            document = (
                f" {finding.document}" if finding.document and finding.document not in finding.place else ""
            )
            who = f" [{finding.variant}]" if finding.variant and finding.shard else ""
            _print(f"  {finding.place}{document}{who}: {finding.detail}")
            if finding.excerpt:
                _print(f"      {finding.excerpt}", style="dim")
        if total > len(own):
            _print(f"  … and {total - len(own):,} more")
        _print(f"  → {check.remedy}")
        table.add_row(check.code, check.slug, str(severity), f"{total:,}", style=STYLES[severity])
    if table.row_count:
        console.print()
        console.print(table)
    if report.trainers:
        console.print(as_rich("From raw data to the trainers", LEDGER_COLUMNS, ledger(report, inputs)))


def counted(number: int, what: str) -> str:
    """Return a number and what it counts."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _print(text: str, style: str = "") -> None:
    """Print a line as it is: its end may be cut off by nothing, so that paths can be copied."""
    console.print(text, style=style, markup=False, soft_wrap=True)


def ledger(report: Report, inputs: Inputs) -> list[Row]:
    """Return what was counted of train and dev: in the raw data, in the corpus, and what reaches each trainer or its evaluation."""
    rows = []
    for split in [split for split in ("train", "dev") if split in report.counts]:
        stages = {"corpus": report.counts[split]}
        if split in inputs.manifests:
            stages = {"raw": inputs.manifests[split]["ledger"]["stages"]["read"]} | stages
        for name, splits in report.trainers.items():
            steps = f", {splits[split].batches:,} steps an epoch" if split == "train" else ""
            stages[f"reaches {name}'s {'trainer' if split == 'train' else 'evaluation'}{steps}"] = splits[
                split
            ].as_json()
        for stage, count in stages.items():
            rows.append(
                Row(
                    f"{split}: {stage}",
                    tuple("–" if count[what] is None else f"{count[what]:,}" for what in LEDGER_COLUMNS[1:]),
                )
            )
    return rows
