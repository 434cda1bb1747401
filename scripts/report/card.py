"""Write a pipeline's model card: use and limits, data, origins, training, scores and cost, in Markdown."""

import json
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scripts.report import tables
from scripts.report.machine import measured_on
from scripts.report.page import number


def model_card(summary: dict, report: dict, meta: dict, origins: list[dict], manifests: dict) -> str:
    """Return a variant's model card; first comes what the Hugging Face hub reads, between lines of `---`.

    summary: summary.json. report: the variant's in it. meta: of `package_meta`. origins: of `find_origins`.
    manifests: of each split.
    """
    stages = {split: {"validated": count} for split, count in summary["validated"].items()}
    stages["train"]["reaches the trainer"] = report["training"]["trainer"]
    pairs = [each for each in summary["differences"] if report["variant"] in (each["better"], each["other"])]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).resolve().parent),
        finalize=in_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": tables.percent,
        "range": lambda bounds: "–".join(map(tables.percent, bounds)) if bounds else "–",
        "number": number,
        "json": lambda value: Markup(json.dumps(value, ensure_ascii=False)),
        "file": lambda path: Path(path).name,
    }
    return environment.get_template("card.md.j2").render(
        report=report,
        meta=meta,
        origins=origins,
        manifests=manifests,
        columns=tables.LEDGER_COLUMNS,
        ledger=tables.ledger_rows(summary["ledger"], stages),
        rows=tables.comparison({"": report}),
        said=tables.sentences(pairs),
        note=tables.INTERVALS,
        measured_on=measured_on(summary["machine"]),
    )


def in_markdown(value: object) -> str:
    """Return a value as it stands in a line or a cell: whatever means something in Markdown is escaped."""
    if isinstance(value, Markup):
        return value
    return re.sub(r"([\\`*_\[\]<>|#&~$])", r"\\\1", re.sub(r"\s+", " ", str(value)))
