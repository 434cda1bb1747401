"""The comparison and the ledger as rows, and rows as a console table and as Markdown."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.table import Table

from scripts.formats.doc_annotation import describe_counts

LEDGER_COLUMNS = ("split and stage", "documents", "tokens", "entities")
INTERVALS = (
    "Intervals tell what other test documents may change, and nothing of other seeds unless they say so."
)
NOTE = (
    "F, precision and recall in percent: an entity counts when its characters and its label are all right. "
    "Speeds are medians (in brackets the slowest and the fastest run), "
    "memory is the peak of all processes of a step together. "
    f"{INTERVALS} A variant of several seeds has the means of their scores; all else is its first one's."
)

ALL_CORES = (
    "{cost[all_cores][words_per_second]:,.0f} "
    "({cost[all_cores][lowest]:,.0f}–{cost[all_cores][highest]:,.0f})"
)
SHORT_TEXT = "{cost[short_texts][median_ms]:,.1f} ms (95 % under {cost[short_texts][p95_ms]:,.1f})"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: its name, and a value for each further column."""

    name: str
    values: tuple[str, ...]


def comparison(variants: dict[str, dict]) -> list[Row]:
    """Make the rows from each variant's scores.json; what only a GPU has stands there if one was used."""
    reports = list(variants.values())
    lines: list[tuple[str, str | Callable[[dict], str | None]]] = [
        ("pipeline", lambda r: " + ".join(r["pipeline"])),
        ("starts from", _starts_from),
        ("F on gold tokens", lambda r: percent(r["gold_tokens"]["ents_f"])),
        ("  95 % interval", lambda r: _interval(r, "gold_tokens")),
        ("  precision", lambda r: percent(r["gold_tokens"]["ents_p"])),
        ("  recall", lambda r: percent(r["gold_tokens"]["ents_r"])),
    ]
    found = [report["gold_tokens"]["ents_per_type"] for report in reports]
    for label in sorted({label for each in found for label, scores in each.items() if scores["support"]}):
        lines.append((f"  F of {label}", lambda r, label=label: percent(_f_of(r, label))))
    lines += [
        ("F from raw text", lambda r: percent(r["raw_text"]["ents_f"])),
        ("  95 % interval", lambda r: _interval(r, "raw_text")),
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
    return [Row(name, tuple(value or "–" for value in values)) for name, values in rows if any(values)]


def sentences(differences: list[dict]) -> list[str]:
    """Return what is to be said of the variants' differences."""
    return [each["sentence"] for each in differences if each["input"] == "gold_tokens"]


def unlike_labels(variants: dict[str, dict]) -> list[str]:
    """Say which labels gold does not have, or a variant never predicts, so that they score 0, and of how many
    entities; and which label no pipeline predicts that was to be renamed.
    """
    lines = []
    for name, report in variants.items():
        scores = report["gold_tokens"]["ents_per_type"]
        strange = {label: each["fp"] for label, each in scores.items() if not each["support"]}
        absent = {label: each["fn"] for label, each in scores.items() if not each["tp"] + each["fp"]}
        for labels, what in (
            (strange, "predictions have labels that gold does not have"),
            (absent, "of gold have labels that are never predicted"),
        ):
            each = ", ".join(f"{label} {count:,.0f}" for label, count in labels.items())
            lines += [f"{name}: {sum(labels.values()):,.0f} {what}: {each}"] if labels else []
    renamed = [report.get("renamed", {}) for report in variants.values()]
    unused = [label for label in renamed[0] if not any(counts[label] for counts in renamed)]
    return lines + [f"No pipeline predicts {label}, which --map names" for label in unused]


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
            shown = tuple("–" if value is None else f"{value:,}" for value in values)
            rows.append(Row(f"{split}: {stage}", shown))
    return rows


CHANGES = {"losses": ("less", "−"), "additions": ("more", "+"), "repairs": ("repaired", "")}


def _change(change: dict, word: str, sign: str) -> Row:
    numbers = tuple(f"{sign}{change[what]:,}" if change[what] else "" for what in LEDGER_COLUMNS[1:])
    other = f" ({describe_counts(change['other'])})" if "other" in change else ""
    return Row(f"  {word}: {change['reason']}{other}", numbers)


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
    lines += [("&nbsp;&nbsp;" * row.name.startswith(" ") + row.name.lstrip(), *row.values) for row in rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in escaped)


NAMED = {"\\": "backslash", "~": "asciitilde", "^": "asciicircum", "<": "less", ">": "greater", "|": "bar"}
LATEX = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {sign: f"\\text{NAMED[sign]}{{}}" for sign in NAMED}
LATEX |= {"[": "{[}", "*": "{*}", "–": "--"}  # behind the end of a line, [ and * would be its options


def as_latex(columns: tuple[str, ...], rows: list[Row]) -> str:
    """Make a LaTeX table for the package booktabs; a name's leading spaces become an indent."""
    lines = []
    for line in (columns, *((row.name, *row.values) for row in rows)):
        cells = (" ".join(cell.split()).translate(str.maketrans(LATEX)) for cell in line)
        lines.append("\\quad " * line[0].startswith(" ") + " & ".join(cells) + " \\\\\n")
    start = f"% \\usepackage{{booktabs}}\n\\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}\n\\toprule\n"
    return "".join([start, lines[0], "\\midrule\n", *lines[1:], "\\bottomrule\n\\end{tabular}\n"])


def _starts_from(report: dict) -> str:
    """Name what is pretrained of a pipeline."""
    made = [name for name, facts in report["training"].get("pretrained", {}).items() if facts]
    return ", ".join(made + ["transformer"] * ("transformer" in report["pipeline"])) or "nothing"


def _interval(report: dict, name: str) -> str:
    return "–".join(map(percent, report["intervals"][name]["exact"]["f"]))


def _f_of(report: dict, label: str) -> float:
    return report["gold_tokens"]["ents_per_type"].get(label, {"f": 0.0})["f"]


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
