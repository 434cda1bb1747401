"""Draw the comparison as a small bar chart, in SVG."""

from dataclasses import dataclass
from html import escape

COLORS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2")
WIDTH, LABEL, BAR, GAP = 720, 230, 16, 14
"""Pixels: the picture's width, the space for names, a bar's height, the space between groups."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of each variant: its name, the values, and how they read."""

    name: str
    values: tuple[float, ...]
    texts: tuple[str, ...]


def measures(variants: dict[str, dict]) -> list[Measure]:
    """Make the chart's measures from each variant's scores.json."""
    reports = list(variants.values())

    def measure(name: str, unit: str, value) -> Measure:
        values = tuple(value(report) for report in reports)
        return Measure(
            name, values, tuple(f"{number:,.{0 if number >= 100 else 1}f}{unit}" for number in values)
        )

    return [
        measure("F on the test set (higher is better)", "", lambda r: 100 * r["gold_tokens"]["ents_f"]),
        measure("predicting, words/s (higher)", "", lambda r: r["words_per_second"]),
        measure("predicting, peak memory (lower)", " MB", lambda r: r["peak_memory_mb"]),
        measure("size on disk (lower)", " MB", lambda r: r["model_mb"]),
        measure("time to train (lower)", " s", lambda r: r["training"]["seconds"]),
    ]


def bar_chart(
    names: list[str], rows: list[Measure], *, title: str = "Comparison of the trained pipelines"
) -> str:
    """Return the SVG: a group of bars a measure, each group scaled to its own largest value."""
    group = BAR * len(names) + GAP
    height = 40 + group * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12" role="img" aria-label="{escape(title)}">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for i, name in enumerate(names):
        x = LABEL + 90 * i
        parts.append(f'<rect x="{x}" y="12" width="12" height="12" fill="{COLORS[i % len(COLORS)]}"/>')
        parts.append(f'<text x="{x + 18}" y="22">{escape(name)}</text>')
    for j, row in enumerate(rows):
        top = 36 + group * j
        parts.append(
            f'<text x="{LABEL - 10}" y="{top + group / 2 - 3:.0f}" text-anchor="end">{escape(row.name)}</text>'
        )
        largest = max(*row.values, 1e-9)
        for i, (value, text) in enumerate(zip(row.values, row.texts, strict=True)):
            y, length = top + BAR * i, (WIDTH - LABEL - 90) * value / largest
            parts.append(
                f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{COLORS[i % len(COLORS)]}"/>'
            )
            parts.append(f'<text x="{LABEL + length + 6:.1f}" y="{y + BAR - 4}">{escape(text)}</text>')
    return "\n".join([*parts, "</svg>", ""])
