"""Check the raw annotations and the shards of all three splits.

python -m scripts.validate --train=assets/demo/train.jsonl --dev=assets/demo/dev.jsonl --test=assets/demo/test.jsonl
Exit codes: 0 no error (warnings may be), 1 errors, 2 wrong usage.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from scripts.annotations.formats import Format
from scripts.checks.catalogue import CHECKS, Finding, Severity
from scripts.checks.raw import check_records
from scripts.checks.shards import check_split
from scripts.command import console, progress_bar, run, track_lines
from scripts.corpus.files import sha256, write_json
from scripts.corpus.shards import MANIFEST, VALIDATED
from scripts.corpus.splits import SPLITS, raw_corpus

PLACES_SHOWN = 3


def main(
    train: Annotated[str, typer.Option(help="Raw training file.")],
    dev: Annotated[str, typer.Option(help="Raw development file; empty: a tenth of train.")] = "",
    test: Annotated[str, typer.Option(help="Raw test file; empty: a tenth of train.")] = "",
    format: Annotated[Format, typer.Option(help="How the raw files are written.")] = Format.auto,
    lang: Annotated[str, typer.Option(help="spaCy's code of the language.")] = "en",
    labels: Annotated[str, typer.Option(help="Allowed labels, with commas between; empty: any.")] = "",
    sentences_per_doc: Annotated[int, typer.Option(min=0, help="As for preprocessing.")] = 0,
    seed: Annotated[int, typer.Option(help="As for preprocessing.")] = 0,
    corpus: Annotated[Path, typer.Option(help="The corpus folder; validation.json is written there.")] = Path("corpus"),
) -> None:
    """Check the raw annotations and the shards of all three splits; exit with 1 on errors."""
    raw = raw_corpus(train, dev, test, format=format, sentences_per_doc=sentences_per_doc, seed=seed)
    allowed = frozenset(label.strip() for label in labels.split(",") if label.strip())
    with progress_bar() as bar:
        records = track_lines(bar, raw, "checking raw records, by lines")
        findings = list(check_records(records, lang=lang, labels=allowed))
        counts = {}
        for split in bar.track(SPLITS, description="checking shards"):
            counts[split], found = check_split(corpus / split, split=split, lang=lang, labels=allowed)
            findings += found
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


def count_errors(findings: list[Finding]) -> int:
    """Count the findings that are errors."""
    return sum(finding.check.severity is Severity.error for finding in findings)


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
            style = "red" if check.severity is Severity.error else "yellow"
            table.add_row(
                f"{check.code}\n{check.slug}\n{check.severity}", f"{len(places)}", where + more, check.consequence, check.remedy, style=style
            )
    console.print(table, markup=False)


if __name__ == "__main__":
    run(main)
