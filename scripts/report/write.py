"""Write the report of scored pipelines: the page, the figures as data, the tables, what is suspected."""

from pathlib import Path

from rich.table import Table

from scripts.corpus.files import read_json, write_json, write_text
from scripts.corpus.shards import read_manifest
from scripts.corpus.splits import SPLITS
from scripts.report import tables
from scripts.report.comparison import compare
from scripts.report.errors import draw_places, error_browser, find_places, read_texts
from scripts.report.machine import describe, measured_on
from scripts.report.plots import plots
from scripts.report.predictions import PREDICTIONS, read_runs
from scripts.report.slices import count_forms
from scripts.report.suspects import find_suspects, forms_of, rank_suspects, write_suspects
from scripts.report.templates import INTERVALS, render

VERSION = 1
"""Of summary.json; it grows by new keys, and changes its number when one means something else."""
TEMPLATES = {name: name for name in ("chart.svg", "summary.md", "table.tex")} | {"index.html": "page.html"}
NUMBERS = {1: "One pipeline", 2: "Two pipelines", 3: "Three pipelines", 4: "Four pipelines"}


def write_report(folders: list[Path], corpus: Path, output: Path) -> tuple[list[Table], str]:
    """Write the report of folders with scores and predictions; return its tables and what it says in words.

    A corpus that has test alone gives a report without what train shows, and without training.
    """
    runs = read_runs(folders, corpus)
    variants, differences = compare(runs)
    ledgers = {
        split: read_manifest(corpus / split)["ledger"] for split in SPLITS if (corpus / split).exists()
    }
    path = corpus / "validation.json"
    validated = read_json(path)["validated"] if path.exists() else {}
    stages = {split: {"validated": count} for split, count in validated.items()}
    for name, report in variants.items():
        if trainer := report.get("training", {}).get("trainer"):  # not where it was trained --unvalidated
            stages.setdefault("train", {})[f"trainer of {name}"] = trainer
        stages.setdefault("test", {})[f"test of {name}"] = report["test"]
    summary = {"version": VERSION, "machine": describe(), "variants": variants, "differences": differences}
    summary |= {"ledger": ledgers, "validated": validated}
    write_json(output / "summary.json", summary)
    first = {name: each[0] for name, each in runs.items()}
    places, suspects = [*find_places([*first.values()])], find_suspects(runs)
    kept = draw_places(places)
    documents = read_texts(corpus, {place.document for place in (*kept, *(one.place for one in suspects))})
    uses = count_forms(corpus / "train", forms_of(suspects, documents))
    shown = write_suspects(output / "suspects.jsonl", rank_suspects(suspects, documents, uses), documents)
    values = {
        "title": f"{NUMBERS.get(len(variants), f'{len(variants)} pipelines')}, one test set",
        "measured_on": measured_on(summary["machine"]),
        "said": tables.sentences(differences) + tables.unlike_labels(variants),
        "variants": variants,
        "columns": ("", *variants),
        "rows": tables.comparison(variants),
        "ledger_columns": tables.LEDGER_COLUMNS,
        "ledger": tables.ledger_rows(ledgers, stages),
        "plots": plots(variants),
        "errors": error_browser(first, places, kept, documents, uses),
        "predictions": [(folder / PREDICTIONS).as_posix() for folder in folders],
        "suspects": shown,
        "suspected": len(suspects),
    }
    for name, template in TEMPLATES.items():
        write_text(output / name, render(template, **values))
    more = f"With plots and all errors: {output / 'index.html'}; as data: {output / 'summary.json'}"
    example = f", the first in {shown[0]['source']}: {output / 'suspects.jsonl'}" if shown else ""
    more += f"\nSuspected annotation errors: {len(suspects):,}{example}"
    console_tables = [
        tables.as_rich("Ledger", values["ledger_columns"], values["ledger"]),
        tables.as_rich(values["title"], values["columns"], values["rows"]),
    ]
    return console_tables, "\n".join([*values["said"], f"{INTERVALS} {more}"])
