"""Set the scored variants side by side: training/report/summary.json and summary.md, and a table here.

python -m scripts.compare training/cpu training/gpu
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import console, run
from scripts.corpus.files import read_json, write_json, write_text
from scripts.corpus.shards import read_manifest
from scripts.corpus.splits import SPLITS
from scripts.report import tables
from scripts.report.chart import comparison_chart
from scripts.report.comparison import compare
from scripts.report.machine import describe
from scripts.report.predictions import read_runs

VERSION = 1
"""Of summary.json; it grows by new keys, and changes its number when one means something else."""
NO_SPACES = (
    " The data gave tokens without their spaces; the raw text was put together by habits of punctuation."
)


def main(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders that were evaluated, one a variant and seed.")
    ],
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    output: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("training/report"),
) -> None:
    """Set the scored variants side by side."""
    variants, differences = compare(read_runs(folders, corpus))
    ledgers = {split: read_manifest(corpus / split)["ledger"] for split in SPLITS}
    validated = read_json(corpus / "validation.json")["validated"]
    stages = {split: {"validated": validated[split]} for split in SPLITS}
    for name, report in variants.items():
        stages["train"][f"trainer of {name}"] = report["training"]["trainer"]
        stages["test"][f"test of {name}"] = report["test"]
    rows, ledger = tables.comparison(variants), tables.ledger_rows(ledgers, stages)
    columns, title = ("", *variants), "Two pipelines, one test set"
    summary = {"version": VERSION, "machine": describe(), "variants": variants, "differences": differences}
    summary |= {"ledger": ledgers, "validated": validated}
    write_json(output / "summary.json", summary)
    write_text(output / "chart.svg", comparison_chart(variants))
    notes = tables.NOTE + ("" if all(report["spaces_known"] for report in variants.values()) else NO_SPACES)
    said = tables.sentences(differences)
    text = f"# {title}\n\n{tables.as_markdown(columns, rows)}\n" + "".join(f"- {line}\n" for line in said)
    text += f"\n{notes}\n\n## Ledger\n\n{tables.as_markdown(tables.LEDGER_COLUMNS, ledger)}"
    write_text(output / "summary.md", text)
    console.print(tables.as_rich("Ledger", tables.LEDGER_COLUMNS, ledger))
    console.print(tables.as_rich(title, columns, rows))
    files = f"{output / 'summary.md'} and {output / 'summary.json'}"
    console.print("\n".join([*said, f"{tables.INTERVALS} The same in {files}"]), soft_wrap=True)


if __name__ == "__main__":
    run(main)
