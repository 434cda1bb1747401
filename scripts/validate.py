"""Check the corpus: the shards of all three splits, and the raw annotations that they were made from.

python -m scripts.validate
Exit codes: 0 no error (warnings may be), 1 errors, 2 wrong usage.
"""

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from scripts.checks.catalogue import CHECKS, Finding, Severity
from scripts.command import UserError, console, progress_bar, run
from scripts.corpus.files import sha256, write_json
from scripts.corpus.pool import without_torch
from scripts.corpus.settings import Settings
from scripts.corpus.shards import MANIFEST, VALIDATED, read_manifest
from scripts.corpus.splits import SPLITS
from scripts.corpus.units import cut_into_units, tracked

PLACES_SHOWN = 3


def main(
    labels: Annotated[str, typer.Option(help="Allowed labels, with commas between; empty: any.")] = "",
    corpus: Annotated[Path, typer.Option(help="The corpus folder; validation.json is written there.")] = Path("corpus"),
) -> None:
    """Check the shards of all three splits, and the raw annotations that they were made from; exit with 1 on errors."""
    from scripts.checks.raw import check_labels, check_records
    from scripts.checks.shards import check_split

    manifests = {split: read_manifest(corpus / split) for split in SPLITS}
    settings = Settings.from_json(manifests["train"]["settings"])
    files = raw_files_of(manifests)
    allowed = frozenset(label.strip() for label in labels.split(",") if label.strip())
    with progress_bar(unit="bytes") as bar:
        task = bar.add_task("checking raw documents", total=sum(path.stat().st_size for path in chain(*files.values())))

        def records():
            for unit in tracked(cut_into_units(files, settings), lambda done: bar.update(task, completed=done)):
                yield from ((unit.split, item.source, record) for item, record in unit.records(settings))

        findings = list(check_records(records(), settings, allowed))
    with progress_bar() as bar:
        counts = {}
        for split in bar.track(SPLITS, description="checking shards"):
            counts[split], found = check_split(corpus / split, split=split, lang=settings.lang, labels=allowed)
            findings += found
    findings += check_labels(counts)
    errors = count_errors(findings)
    write_json(
        corpus / "validation.json",
        {
            "errors": errors,
            "warnings": len(findings) - errors,
            "validated": {split: count.as_json() for split, count in counts.items()},
            "findings": [finding.as_json() for finding in findings],
        },
    )
    for split in SPLITS:
        own = [finding for finding in findings if finding.split == split]
        write_json(corpus / split / VALIDATED, {"errors": count_errors(own), "manifest_sha256": sha256(corpus / split / MANIFEST)})
    show(findings)
    console.print(f"{errors} errors, {len(findings) - errors} warnings; all of them in {corpus / 'validation.json'}")
    if errors:
        raise typer.Exit(1)


def raw_files_of(manifests: dict[str, dict]) -> dict[str, list[Path]]:
    """Return the raw files that each split was made from, none where it was drawn from train's.

    Raises UserError where one is gone or has changed.
    """
    files: dict[str, list[Path]] = {}
    for split, manifest in manifests.items():
        sources = [] if manifest["drawn_from_train"] else manifest["sources"]
        files[split] = [Path(source["path"]) for source in sources]
        for path, source in zip(files[split], sources, strict=True):
            if not path.exists() or sha256(path) != source["sha256"]:
                raise UserError(f"{path}: changed or gone since the corpus was built; run: python -m spacy project run preprocess")
    return files


def count_errors(findings: list[Finding]) -> int:
    """Count the findings that are errors."""
    return sum(finding.severity is Severity.error for finding in findings)


def show(findings: list[Finding]) -> None:
    """Print a table: a row a check, with its count, its first places and the remedy."""
    if not findings:
        return
    table = Table("check", "found", "where, and the text around it", "in training", "what to do", show_lines=True)
    for check in CHECKS:
        places = [finding for finding in findings if finding.check is check]
        if places:
            where = "\n".join(
                f"{f.place}{' ' + f.document if f.document not in f.place else ''}\n  {f.detail}\n  {f.excerpt}".rstrip()
                for f in places[:PLACES_SHOWN]
            )
            more = f"\n… and {len(places) - PLACES_SHOWN} more" if len(places) > PLACES_SHOWN else ""
            severity = Severity.error if count_errors(places) else Severity.warning
            table.add_row(
                f"{check.code}\n{check.slug}\n{severity}",
                f"{len(places)}",
                where + more,
                check.consequence,
                check.remedy,
                style="red" if severity is Severity.error else "yellow",
            )
    console.print(table, markup=False)


if __name__ == "__main__":
    without_torch()
    run(main)
