"""The comparison as rows, and the rows as a console table and as Markdown."""

from dataclasses import dataclass

from rich.table import Table

from scripts.formats.doc_annotation import describe_counts


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the comparison: its name, and a value for each variant in order."""

    name: str
    values: tuple[str, ...]


def comparison(variants: dict[str, dict]) -> list[Row]:
    """Make the rows from each variant's scores.json."""
    reports = list(variants.values())
    labels = sorted({label for report in reports for label in report["gold_tokens"]["ents_per_type"]})
    rows = [
        _row("pipeline", reports, lambda r: " + ".join(r["pipeline"])),
        _row("F on gold tokens", reports, lambda r: _percent(r["gold_tokens"]["ents_f"])),
        _row("  precision", reports, lambda r: _percent(r["gold_tokens"]["ents_p"])),
        _row("  recall", reports, lambda r: _percent(r["gold_tokens"]["ents_r"])),
        _row("F from raw text", reports, lambda r: _percent(r["raw_text"]["ents_f"])),
    ]
    for label in labels:
        rows.append(
            _row(
                f"  F of {label}",
                reports,
                lambda r, label=label: _percent(
                    r["gold_tokens"]["ents_per_type"].get(label, {"f": 0.0})["f"]
                ),
            )
        )
    return [
        *rows,
        _row("words/s, predicting", reports, lambda r: f"{r['words_per_second']:,.0f}"),
        _row("peak memory, predicting", reports, lambda r: _megabytes(r["peak_memory_mb"])),
        *_gpu_memory("peak GPU memory, predicting", reports, lambda r: r["peak_gpu_memory_mb"]),
        _row("predicted on", reports, lambda r: r["device"]),
        _row("parameters", reports, lambda r: f"{r['parameters'] / 1e6:.1f} million"),
        _row("size on disk", reports, lambda r: _megabytes(r["model_mb"])),
        _row("time to train", reports, lambda r: f"{r['training']['seconds']:,.0f} s"),
        _row("words/s, training", reports, lambda r: f"{r['training']['words_per_second']:,.0f}"),
        _row("steps", reports, lambda r: f"{r['training']['steps']:,}"),
        _row("peak memory, training", reports, lambda r: _megabytes(r["training"]["peak_memory_mb"])),
        *_gpu_memory("peak GPU memory, training", reports, lambda r: r["training"]["peak_gpu_memory_mb"]),
        _row(
            "trained on",
            reports,
            lambda r: r["training"]["device"] + _several(r["training"].get("workers", 1)),
        ),
        _row("seed", reports, lambda r: str(r["training"]["seed"])),
    ]


LEDGER_COLUMNS = ("split and stage", "documents", "tokens", "entities")


def ledger_rows(
    splits: dict[str, dict], validated: dict[str, dict] | None = None, variants: dict[str, dict] | None = None
) -> list[Row]:
    """Return what was counted at each stage: documents, tokens and entities, from raw files to the trainers and the test.

    splits: each split's manifest. validated, variants: counts of validation and each variant's scores.json, where there are any.
    """
    rows = []
    for split, manifest in splits.items():
        ledger = manifest["ledger"]
        stages = dict(ledger["stages"])
        if validated:
            stages["validated"] = validated[split]
        for name, report in (variants or {}).items():
            if split == "train":
                stages[f"trainer of {name}"] = report["training"]["trainer"]
            if split == "test":
                stages[f"test of {name}"] = report["test"]
        for stage, count in stages.items():
            for kind, sign in (("losses", "−"), ("additions", "+"), ("mends", "")):
                rows += [_change(change, sign) for change in ledger[kind] if change["stage"] == stage]
            rows.append(
                Row(
                    f"{split}: {stage}",
                    tuple("–" if count[what] is None else f"{count[what]:,}" for what in LEDGER_COLUMNS[1:]),
                )
            )
    return rows


def _change(change: dict, sign: str) -> Row:
    numbers = (f"{sign}{change[what]:,}" if change[what] else "" for what in LEDGER_COLUMNS[1:])
    other = f" ({describe_counts(change['other'])})" if "other" in change else ""
    return Row(
        f"  {dict({'−': 'less', '+': 'more'}).get(sign, 'mended')}: {change['reason']}{other}", tuple(numbers)
    )


def as_rich(title: str, columns: tuple[str, ...], rows: list[Row]) -> Table:
    """Make a table for the console."""
    table = Table(*columns, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(row.name, *row.values)
    return table


def as_markdown(columns: tuple[str, ...], rows: list[Row]) -> str:
    """Make a Markdown table; a name's leading spaces become an indent."""
    lines = [columns, ("---", *("---:" for _ in columns[1:]))]
    lines += [(_indent(row.name), *row.values) for row in rows]
    return (
        "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        + "\n"
    )


def _indent(name: str) -> str:
    return "&nbsp;&nbsp;" * (len(name) - len(name.lstrip()) > 0) + name.lstrip()


def _several(workers: int) -> str:
    return f", {workers} workers" if workers > 1 else ""


def _row(name: str, reports: list[dict], value) -> Row:
    return Row(name, tuple(value(report) for report in reports))


def _gpu_memory(name: str, reports: list[dict], value) -> list[Row]:
    """One row where a GPU was used at all."""
    sizes = [value(report) for report in reports]
    return (
        [Row(name, tuple("–" if size is None else _megabytes(size) for size in sizes))]
        if any(size is not None for size in sizes)
        else []
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _megabytes(size: float) -> str:
    return f"{size:,.0f} MB"
