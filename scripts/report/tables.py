"""The comparison and the ledger as rows; rows as a console table."""

from rich.table import Column, Table

from scripts.formats.doc_annotation import describe_counts
from scripts.report.templates import comparison_rows

Row = tuple[str, ...]
"""A line of a table: its name, with two spaces before it if it belongs to the line above, and the values."""
LEDGER_COLUMNS = ("split and stage", "documents", "tokens", "entities")
CHANGES = {"losses": ("less", "−"), "additions": ("more", "+"), "repairs": ("repaired", "")}


def comparison(variants: dict[str, dict]) -> list[Row]:
    """Make the rows of comparison.j2 from each variant's scores.json; what none has is left out."""
    columns = [comparison_rows(report) for report in variants.values()]
    found = [(cells[0][0], *(value for _, value in cells)) for cells in zip(*columns, strict=True)]
    return [(name, *(value or "–" for value in values)) for name, *values in found if any(values)]


def sentences(differences: list[dict]) -> list[str]:
    """Return what is to be said of the variants' differences."""
    return [each["sentence"] for each in differences if each["input"] == "gold_tokens"]


def unlike_labels(variants: dict[str, dict]) -> list[str]:
    """Say which labels gold does not have, or a variant never predicts, so that they score 0, and of how many
    entities.
    """
    lines = []
    for name, report in variants.items():
        for key, other, what in (
            ("fp", "fn", "predictions have labels that gold does not have"),
            ("fn", "fp", "of gold have labels that are never predicted"),
        ):
            scores = report["gold_tokens"]["ents_per_type"].items()
            wrong = {label: each[key] for label, each in scores if not each["tp"] + each[other]}
            said = ", ".join(f"{label} {count:,.0f}" for label, count in wrong.items())
            lines += [f"{name}: {sum(wrong.values()):,.0f} {what}: {said}"] if wrong else []
    return lines


def ledger_rows(ledgers: dict[str, dict], further: dict[str, dict[str, dict]] | None = None) -> list[Row]:
    """Return what was counted of each split at each stage, and why a stage differs from the one before.

    ledgers: of each split, from its manifest. further: by split and stage, what was counted after that.
    """
    rows, counted = [], LEDGER_COLUMNS[1:]
    for split in ledgers | (further or {}):
        ledger = ledgers.get(split, {})
        for stage, count in (ledger.get("stages", {}) | (further or {}).get(split, {})).items():
            for kind, (word, sign) in CHANGES.items():
                for change in (each for each in ledger.get(kind, ()) if each["stage"] == stage):
                    other = f" ({describe_counts(change['other'])})" if "other" in change else ""
                    numbers = (f"{sign}{change[what]:,}" if change[what] else "" for what in counted)
                    rows.append((f"  {word}: {change['reason']}{other}", *numbers))
            shown = ("–" if count[what] is None else f"{count[what]:,}" for what in counted)
            rows.append((f"{split}: {stage}", *shown))
    return rows


def as_rich(title: str, columns: tuple[str, ...], rows: list[Row]) -> Table:
    """Make a table for the console."""
    table = Table(columns[0], *(Column(name, justify="right") for name in columns[1:]), title=title)
    for row in rows:
        table.add_row(*row)
    return table
