"""Tell what was found: to people as it comes and as a table, to programs as JSON."""

import json
import sys
from pathlib import Path

from rich.table import Column, Table

from scripts.checks.catalogue import Finding, Severity
from scripts.checks.examine import Report
from scripts.checks.inputs import Inputs
from scripts.checks.training_config import load_training_config
from scripts.cli import console
from scripts.corpus.config_file import CONFIG, SPLITS, fingerprint
from scripts.corpus.files import sha256, write_json
from scripts.corpus.shards import VALIDATED
from scripts.report.tables import LEDGER_COLUMNS, as_rich, ledger_rows

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
            line = line if len(line) < LONGEST_LINE else f"{line[:LONGEST_LINE]}…"
            _print(line, STYLES[finding.severity])


def as_json(report: Report, inputs: Inputs) -> dict:
    """Return the report as plain data; scripts/checks/README.md says what each key means."""
    return {
        "version": VERSION,
        "errors": report.total(Severity.error),
        "warnings": report.total(Severity.warning),
        "validated": report.counts,
        "trainers": {
            name: {split: counts._asdict() for split, counts in splits.items()}
            for name, splits in report.trainers.items()
        },
        "configs": {
            file.name: {"path": file.path.as_posix(), "sha256": sha256(file.path)} for file in inputs.configs
        },
        "checks": [
            {key: getattr(check, key) for key in ("code", "slug", "summary", "spacy", "remedy")}
            | {"found": sum(severities.values())}
            for check, severities in report.by_check()
        ],
        "findings": [finding.as_json() for finding in report.findings],
    }


def write(
    report: Report, inputs: Inputs, output: str, *, partial: bool, ignored: str, stamp: Path | None = None
) -> Path | None:
    """Write the JSON and, unless only some checks ran, what training asks for: how each config fared.

    output: a file, - for standard output, or empty for the corpus folder's validation.json.
    stamp: where what training asks for goes; None: beside each config that has a folder of its own.
    """
    data = as_json(report, inputs)
    path = Path(output) if output else inputs.corpus / "validation.json" if inputs.corpus else None
    if output == "-":
        sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
        path = None
    elif path is not None:
        write_json(path, data)
    for file in inputs.configs if not partial else ():
        place = stamp or (file.path.with_name(VALIDATED) if file.path.name == CONFIG else None)
        if place is not None:
            errors = report.total(Severity.error, splits=("", *SPLITS), variant=file.name)
            columns = LEDGER_COLUMNS[1:]
            counts = {
                split: {name: report.counts[split][name] for name in columns}
                for split in SPLITS
                if split in report.counts
            }
            hashes = fingerprint(load_training_config(file).raw, file.code, inputs.kept)
            noted = {"errors": errors, "counts": counts} | hashes
            write_json(place, noted | {"ignored": ignored, "reaches": data["trainers"][file.name]})
    return path


def show(report: Report, inputs: Inputs, path: Path | None = None) -> None:
    """Print for each check its first places and the remedy; then a table, the ledger, and the totals."""
    table = Table("check", "name", "severity", Column("found", justify="right"))
    for check, severities in report.by_check():
        severity, total = min(severities, key=list(Severity).index), sum(severities.values())
        of_spacy = f" (spaCy: {check.spacy})" if check.spacy else ""
        _print(f"\n{check.code} {check.slug}: {check.summary}{of_spacy}", style=f"bold {STYLES[severity]}")
        shown = [one for one in report.findings if one.slug == check.slug][:PLACES_SHOWN]
        for one in shown:
            document = f" {one.document}" if one.document and one.document not in one.place else ""
            config = f" [{one.variant}]" if one.variant and one.shard else ""
            _print(f"  {one.place}{document}{config}: {one.detail}")
            if one.excerpt:
                _print(f"      {one.excerpt}", style="dim")
        if total > len(shown):
            _print(f"  … and {total - len(shown):,} more")
        _print(f"  → {check.remedy}")
        table.add_row(check.code, check.slug, str(severity), f"{total:,}", style=STYLES[severity])
    if table.row_count:
        console.print()
        console.print(table)
    if report.trainers:
        rows = ledger_rows({}, stages(report, inputs))
        console.print(as_rich("From raw data to the trainers", LEDGER_COLUMNS, rows))
    found = {severity: report.total(severity) for severity in (Severity.error, Severity.warning)}
    totals = ", ".join(f"{count:,} {what}{'' if count == 1 else 's'}" for what, count in found.items())
    console.print(f"{totals}{f'; all in {path}' if path else ''}")


def _print(text: str, style: str = "") -> None:
    """Print a line as it is: nothing cuts its end off, so that paths can be copied."""
    console.print(text, style=style, markup=False, soft_wrap=True)


def stages(report: Report, inputs: Inputs) -> dict[str, dict[str, dict]]:
    """Return what was counted of train and dev: raw, in the corpus, and what reaches each trainer."""
    found: dict[str, dict[str, dict]] = {}
    for split in (split for split in SPLITS if split in report.counts):
        manifest = inputs.manifests.get(split)
        found[split] = {"raw": manifest["ledger"]["stages"]["read"]} if manifest else {}
        found[split]["corpus"] = report.counts[split]
        for name, splits in report.trainers.items():
            steps = f"trainer, {splits[split].batches:,} steps an epoch"
            what = steps if split == "train" else "evaluation"
            found[split][f"reaches {name}'s {what}"] = splits[split]._asdict()
    return found
