"""Set the scored variants side by side: training/report (scripts/report/README.md).

python -m scripts.compare training/cpu training/gpu
"""

from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import console, run
from scripts.corpus.files import read_json, write_json, write_text
from scripts.corpus.shards import read_manifest
from scripts.corpus.splits import SPLITS
from scripts.corpus.stream import find_shards
from scripts.report import tables
from scripts.report.chart import comparison_chart
from scripts.report.comparison import compare
from scripts.report.errors import error_browser, find_errors
from scripts.report.machine import describe
from scripts.report.page import render
from scripts.report.predictions import PREDICTIONS, read_runs
from scripts.report.slices import count_forms
from scripts.report.suspects import find_suspects, forms_of, rank_suspects, write_suspects
from scripts.report.texts import read_texts

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
    runs = read_runs(folders, corpus)
    variants, differences = compare(runs)
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
    write_text(output / "table.tex", tables.as_latex(columns, rows))
    errors, suspects = find_errors(runs), find_suspects(runs)
    documents = read_texts(corpus, errors.places.keys() | {one.document for one in suspects})
    uses = count_forms(find_shards(corpus / "train"), forms_of(suspects, documents))
    shown = write_suspects(output / "suspects.jsonl", rank_suspects(suspects, documents, uses), documents)
    predictions = [(folder / PREDICTIONS).as_posix() for folder in folders]
    texts = {"title": title, "said": said, "notes": notes, "predictions": predictions}
    texts |= {"suspects": shown, "suspected": len(suspects)}
    errors = error_browser(errors, documents, uses)
    write_text(output / "index.html", render(summary, errors, rows, ledger, **texts))
    console.print(tables.as_rich("Ledger", tables.LEDGER_COLUMNS, ledger))
    console.print(tables.as_rich(title, columns, rows))
    more = f"With plots and all errors: {output / 'index.html'}; as data: {output / 'summary.json'}"
    first = f", the first in {shown[0]['source']}: {output / 'suspects.jsonl'}" if shown else ""
    more += f"\nSuspected annotation errors: {len(suspects):,}{first}"
    console.print("\n".join([*said, f"{tables.INTERVALS} {more}"]), markup=False, soft_wrap=True)


if __name__ == "__main__":
    run(main)
