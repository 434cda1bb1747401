"""Write the report of scored pipelines: the page, the figures as data, the tables, what is suspected."""

from pathlib import Path

from rich.table import Table

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
NUMBERS = {1: "One pipeline", 2: "Two pipelines", 3: "Three pipelines", 4: "Four pipelines"}


def write_report(folders: list[Path], corpus: Path, output: Path) -> tuple[list[Table], str]:
    """Write the report of folders with scores and predictions; return its tables and what it says in words.

    A corpus that has test alone gives a report without what train shows, and without training.
    """
    runs = read_runs(folders, corpus)
    variants, differences = compare(runs)
    splits = [split for split in SPLITS if (corpus / split).exists()]
    ledgers = {split: read_manifest(corpus / split)["ledger"] for split in splits}
    path = corpus / "validation.json"
    known = {"validated": read_json(path)["validated"]} if "train" in splits else {}
    stages = {split: {"validated": count} for split, count in known.get("validated", {}).items()}
    for name, report in variants.items():
        if "training" in report:
            stages["train"][f"trainer of {name}"] = report["training"]["trainer"]
        stages.setdefault("test", {})[f"test of {name}"] = report["test"]
    rows, ledger = tables.comparison(variants), tables.ledger_rows(ledgers, stages)
    columns, title = (
        ("", *variants),
        f"{NUMBERS.get(len(variants), f'{len(variants)} pipelines')}, one test set",
    )
    summary = {"version": VERSION, "machine": describe(), "variants": variants, "differences": differences}
    summary |= {"ledger": ledgers, **known}
    write_json(output / "summary.json", summary)
    write_text(output / "chart.svg", comparison_chart(variants))
    notes = tables.NOTE + ("" if all(report["spaces_known"] for report in variants.values()) else NO_SPACES)
    said = tables.sentences(differences) + tables.unlike_labels(variants)
    text = f"# {title}\n\n{tables.as_markdown(columns, rows)}\n" + "".join(f"- {line}\n" for line in said)
    text += f"\n{notes}\n\n## Ledger\n\n{tables.as_markdown(tables.LEDGER_COLUMNS, ledger)}"
    write_text(output / "summary.md", text)
    write_text(output / "table.tex", tables.as_latex(columns, rows))
    errors, suspects = find_errors(runs), find_suspects(runs)
    documents = read_texts(corpus, errors.places.keys() | {one.document for one in suspects})
    train = find_shards(corpus / "train") if "train" in splits else None
    uses = None if train is None else count_forms(train, forms_of(suspects, documents))
    shown = write_suspects(output / "suspects.jsonl", rank_suspects(suspects, documents, uses), documents)
    predictions = [(folder / PREDICTIONS).as_posix() for folder in folders]
    texts = {"title": title, "said": said, "notes": notes, "predictions": predictions}
    texts |= {"suspects": shown, "suspected": len(suspects)}
    errors = error_browser(errors, documents, uses)
    write_text(output / "index.html", render(summary, errors, rows, ledger, **texts))
    more = f"With plots and all errors: {output / 'index.html'}; as data: {output / 'summary.json'}"
    first = f", the first in {shown[0]['source']}: {output / 'suspects.jsonl'}" if shown else ""
    more += f"\nSuspected annotation errors: {len(suspects):,}{first}"
    shown_tables = [
        tables.as_rich("Ledger", tables.LEDGER_COLUMNS, ledger),
        tables.as_rich(title, columns, rows),
    ]
    return shown_tables, "\n".join([*said, f"{tables.INTERVALS} {more}"])
