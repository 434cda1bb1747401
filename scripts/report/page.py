"""Make the report's page: one HTML file with all that is in summary.json, plots, and the error browser."""

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scripts.report import tables
from scripts.report.machine import measured_on
from scripts.report.plots import HEIGHT, WIDTH, Point, plot

FOLDER = Path(__file__).resolve().parent
JSON_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
"""In a script element, text must not end it, nor begin a comment; the JSON stays the same."""


def render(summary: dict, errors: dict, rows: list[tables.Row], ledger: list[tables.Row], **texts) -> str:
    """Return the page.

    summary: summary.json. errors: of `error_browser`. rows: of the comparison. texts: `title`, `said` (the
    sentences of the differences), `notes`, `predictions` (their files), `suspects`, `suspected` (how many).
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": tables.percent, "number": number, "json": script_json}
    variants = summary["variants"]
    confident = {name: report["confidence"] for name, report in variants.items() if "confidence" in report}
    by_label = [report["gold_tokens"]["ents_per_type"] for report in variants.values()]
    supports = {label: scores["support"] for each in by_label for label, scores in each.items()}
    return environment.get_template("page.html.j2").render(
        texts,
        errors=errors,
        variants=variants,
        columns=("", *variants),
        rows=rows,
        ledger=ledger,
        ledger_columns=tables.LEDGER_COLUMNS,
        labels=sorted(supports),
        supports=supports,
        confusions={name: confusion(report["gold_tokens"]["confusion"]) for name, report in variants.items()},
        plots=plots(variants) + (confidence_plots(confident) if confident else []),
        confident=confident,
        width=WIDTH,
        height=HEIGHT,
        measured_on=measured_on(summary["machine"]),
        css=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),
        js=Markup((FOLDER / "page.js").read_text(encoding="utf-8")),
    )


def confusion(pairs: dict[str, dict[str, float]]) -> dict:
    """Return the labels of a confusion's rows (gold) and columns (predicted), with "" last, and its cells:
    how many pairs, and which share of the row's.
    """
    columns = {predicted for row in pairs.values() for predicted in row}
    names = sorted((columns | {*pairs}) - {""})
    totals = {gold: sum(row.values()) for gold, row in pairs.items()}
    cells = {
        gold: {predicted: (count, count / totals[gold]) for predicted, count in row.items()}
        for gold, row in pairs.items()
    }
    return {"labels": [*names, ""], "cells": cells}


def plots(variants: dict[str, dict]) -> list[dict]:
    """Lay out F against speed, and the learning curves by steps and by seconds, as far as they are known."""
    speed = {}
    for name, report in variants.items():
        low, high = report["intervals"]["gold_tokens"]["exact"]["f"]
        figures = (report["gold_tokens"]["ents_f"], low, high)
        if "words_per_second" in report:
            speed[name] = [Point(report["words_per_second"], *(100 * figure for figure in figures))]
    histories = {
        name: report["training"]["history"] for name, report in variants.items() if "training" in report
    }
    steps = {
        name: [Point(row["step"], 100 * row["ents_f"]) for row in history]
        for name, history in histories.items()
    }
    seconds = {
        name: [
            Point(row["words"] / max(row["words_per_second"], 1e-9), 100 * row["ents_f"]) for row in history
        ]
        for name, history in histories.items()
    }
    all_plots = [
        plot("F and speed of prediction", "words/s", "F on test", speed),
        plot("Learning curves over steps", "steps", "F on dev", steps),
        plot("Learning curves over time", "seconds of learning", "F on dev", seconds),
    ]
    return [each for each in all_plots if each["series"]]


def confidence_plots(variants: dict[str, dict]) -> list[dict]:
    """Lay out the reliability of confidences, and precision and recall over them; of scores.json's."""
    bins = {
        name: [Point(100 * each["confidence"], 100 * each["right"]) for each in found["bins"]]
        for name, found in variants.items()
    }
    scores = {
        f"{name}, {what}": [Point(100 * row["confidence"], 100 * row[what[0]]) for row in found["thresholds"]]
        for name, found in variants.items()
        for what in ("precision", "recall")
    }
    bins["as it should be"] = [Point(0, 0), Point(100, 100)]
    return [
        plot("Reliability of confidences", "confidence", "right", bins),
        plot("Precision and recall over the least confidence", "least confidence", "%", scores),
    ]


def number(value: float) -> str:
    """Return a number as people read it; means over seeds may have a fraction."""
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:,.1f}"


def script_json(data: dict) -> Markup:
    """Return data as JSON for a script element: hostile text in it stays text."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.translate(JSON_ESCAPES))
