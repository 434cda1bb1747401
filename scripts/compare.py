"""Set the scored variants side by side: training/report/summary.json and summary.md, and a table here.

python -m scripts.compare training/cpu training/gpu
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import UserError, console, run
from scripts.corpus.files import read_json, sha256, write_json, write_text
from scripts.corpus.shards import MANIFEST, read_manifest
from scripts.corpus.splits import SPLITS
from scripts.report.chart import comparison_chart
from scripts.report.machine import describe
from scripts.report.tables import LEDGER_COLUMNS, NOTE, as_markdown, as_rich, comparison, ledger_rows

NO_SPACES = (
    " The data gave tokens without their spaces; the raw text was put together by habits of punctuation."
)


def main(
    folders: Annotated[list[Path], typer.Argument(help="The variants' folders, each with a scores.json.")],
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    output: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("training/report"),
) -> None:
    """Set the scored variants side by side."""
    reports = [read_scores(folder, corpus) for folder in folders]
    variants = {report["variant"]: report for report in reports}
    if len(variants) < len(reports):
        names = ", ".join(str(folder) for folder in folders)
        raise UserError(f"{names}: two of these hold the same variant; name one folder a variant")
    ledgers = {split: read_manifest(corpus / split)["ledger"] for split in SPLITS}
    validated = read_json(corpus / "validation.json")["validated"]
    stages = {split: {"validated": validated[split]} for split in SPLITS}
    for name, report in variants.items():
        stages["train"][f"trainer of {name}"] = report["training"]["trainer"]
        stages["test"][f"test of {name}"] = report["test"]
    rows, ledger = comparison(variants), ledger_rows(ledgers, stages)
    columns, title = ("", *variants), "Two pipelines, one test set"
    summary = {"machine": describe(), "variants": variants, "ledger": ledgers, "validated": validated}
    write_json(output / "summary.json", summary)
    write_text(output / "chart.svg", comparison_chart(variants))
    notes = NOTE + ("" if all(report["spaces_known"] for report in reports) else NO_SPACES)
    tables = as_markdown(columns, rows), as_markdown(LEDGER_COLUMNS, ledger)
    write_text(output / "summary.md", f"# {title}\n\n{tables[0]}\n{notes}\n\n## Ledger\n\n{tables[1]}")
    console.print(as_rich("Ledger", LEDGER_COLUMNS, ledger))
    console.print(as_rich(title, columns, rows))
    console.print(
        "One seed: differences of a point or two may be chance. "
        f"The same in {output / 'summary.md'} and {output / 'summary.json'}"
    )


def read_scores(folder: Path, corpus: Path) -> dict:
    """Read a variant's scores. Raises UserError where there are none, or they are of another corpus."""
    path = folder / "scores.json"
    if not path.exists():
        raise UserError(f"{path}: no such file; run: python -m spacy project run {folder.name}")
    scores = read_json(path)
    for split, digest in scores["corpus_sha256"].items():
        if digest != sha256(corpus / split / MANIFEST):
            raise UserError(
                f"{path}: made with another {split} split than {corpus / split}; "
                f"run: python -m spacy project run {folder.name}"
            )
    return scores


if __name__ == "__main__":
    run(main)
