"""The comparison and the ledger as rows; rows as a console table."""

from collections.abc import Callable

from rich.table import Table

from scripts.formats.doc_annotation import describe_counts

Row = tuple[str, ...]
"""A line of a table: its name, with two spaces before it if it belongs to the line above, and the values."""
LEDGER_COLUMNS = ("split and stage", "documents", "tokens", "entities")
INTERVALS = (
    "Intervals tell what other test documents may change, and nothing of other seeds unless they say so."
)
ALL_CORES = (
    "{cost[all_cores][words_per_second]:,.0f} "
    "({cost[all_cores][lowest]:,.0f}–{cost[all_cores][highest]:,.0f})"
)
SHORT_TEXT = "{cost[short_texts][median_ms]:,.1f} ms (95 % under {cost[short_texts][p95_ms]:,.1f})"


def comparison(variants: dict[str, dict]) -> list[Row]:
    """Make the rows from each variant's scores.json; what only a GPU has stands there if one was used."""
    reports = list(variants.values())
    lines: list[tuple[str, str | Callable[[dict], str | None]]] = [
        ("pipeline", lambda r: " + ".join(r["pipeline"])),
        ("starts from", _starts_from),
        ("F on gold tokens", lambda r: percent(r["gold_tokens"]["ents_f"])),
        ("  95 % interval", lambda r: interval(r["intervals"]["gold_tokens"]["exact"]["f"])),
        ("  precision", lambda r: percent(r["gold_tokens"]["ents_p"])),
        ("  recall", lambda r: percent(r["gold_tokens"]["ents_r"])),
    ]
    labels = reports[0]["gold_tokens"]["ents_per_type"].items()
    lines += [
        (f"  F of {label}", lambda r, label=label: percent(r["gold_tokens"]["ents_per_type"][label]["f"]))
        for label, scores in labels
        if scores["support"]
    ]
    lines += [
        ("F from raw text", lambda r: percent(r["raw_text"]["ents_f"])),
        ("  95 % interval", lambda r: interval(r["intervals"]["raw_text"]["exact"]["f"])),
        ("words/s, predicting", ALL_CORES),
        ("  on one thread", ALL_CORES.replace("all_cores", "one_thread")),
        ("  by predict, on one thread", ALL_CORES.replace("all_cores", "predict")),
        ("  measured on", "{cost[documents]:,} documents, {cost[words]:,} words"),
        ("time for a short text", SHORT_TEXT),
        ("  the first one", "{cost[fresh_process][first_text_ms]:,.1f} ms"),
        ("time to load", "{cost[fresh_process][load_seconds]:,.1f} s"),
        ("peak memory, predicting", "{peak_memory_mb:,.0f} MB"),
        ("peak GPU memory, predicting", "{peak_gpu_memory_mb:,.0f} MB"),
        ("predicted on", "{device}"),
        ("parameters", lambda r: f"{r['parameters'] / 1e6:.1f} million"),
        ("size on disk", "{model_mb:,.0f} MB"),
        ("time to train", "{training[seconds]:,.0f} s"),
        ("words/s, training", "{training[words_per_second]:,.0f}"),
        ("steps", "{training[steps]:,}"),
        ("peak memory, training", "{training[peak_memory_mb]:,.0f} MB"),
        ("peak GPU memory, training", "{training[peak_gpu_memory_mb]:,.0f} MB"),
        ("trained on", lambda r: r["training"]["device"] + _several(r["training"].get("workers", 1))),
        ("seed", lambda r: ", ".join(str(each["seed"]) for each in r.get("seeds", [r["training"]]))),
    ]
    rows = [(name, [_shown(report, value) for report in reports]) for name, value in lines]
    return [(name, *(value or "–" for value in values)) for name, values in rows if any(values)]


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
    rows = []
    for split in ledgers | (further or {}):
        ledger = ledgers.get(split, {})
        for stage, count in (ledger.get("stages", {}) | (further or {}).get(split, {})).items():
            for kind, (word, sign) in CHANGES.items():
                changes = [change for change in ledger.get(kind, ()) if change["stage"] == stage]
                rows += [_change(change, word, sign) for change in changes]
            values = (count[what] for what in LEDGER_COLUMNS[1:])
            shown = ("–" if value is None else f"{value:,}" for value in values)
            rows.append((f"{split}: {stage}", *shown))
    return rows


CHANGES = {"losses": ("less", "−"), "additions": ("more", "+"), "repairs": ("repaired", "")}


def _change(change: dict, word: str, sign: str) -> Row:
    numbers = (f"{sign}{change[what]:,}" if change[what] else "" for what in LEDGER_COLUMNS[1:])
    other = f" ({describe_counts(change['other'])})" if "other" in change else ""
    return f"  {word}: {change['reason']}{other}", *numbers


def as_rich(title: str, columns: tuple[str, ...], rows: list[Row]) -> Table:
    """Make a table for the console."""
    table = Table(*columns, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    return table


def _starts_from(report: dict) -> str:
    """Name what is pretrained of a pipeline."""
    made = [name for name, facts in report["training"].get("pretrained", {}).items() if facts]
    return ", ".join(made + ["transformer"] * ("transformer" in report["pipeline"])) or "nothing"


def _shown(report: dict, value: str | Callable) -> str | None:
    """Show figures of a report; None where it does not have them, or they are None."""
    try:
        return value.format(**report) if isinstance(value, str) else value(report)
    except (KeyError, TypeError):
        return None


def _several(workers: int) -> str:
    return f", {workers} workers" if workers > 1 else ""


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.1f}"


def interval(bounds: tuple[float, float] | None) -> str:
    """Return from which share to which, in percent."""
    return "–".join(map(percent, bounds)) if bounds else "–"
