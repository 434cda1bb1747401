"""Draw the comparison as a small bar chart, in SVG."""

from collections.abc import Callable
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

    def measure(name: str, unit: str, value: Callable[[dict], float]) -> Measure:
        values = tuple(map(value, variants.values()))
        return Measure(name, values, tuple(f"{n:,.{0 if n >= 100 else 1}f}{unit}" for n in values))

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
    shapes = [_rect(0, 0, WIDTH, 40 + group * len(rows), "white")]
    for i, name in enumerate(names):
        x = LABEL + 90 * i
        shapes += [_rect(x, 12, 12, 12, COLORS[i % len(COLORS)]), _text(x + 18, 22, name)]
    for j, row in enumerate(rows):
        top = 36 + group * j
        shapes.append(_text(LABEL - 10, top + group / 2 - 3, row.name, anchor="end"))
        scale = (WIDTH - LABEL - 90) / max(*row.values, 1e-9)
        for i, (value, text) in enumerate(zip(row.values, row.texts, strict=True)):
            y = top + BAR * i
            shapes.append(_rect(LABEL, y, scale * value, BAR - 2, COLORS[i % len(COLORS)]))
            shapes.append(_text(LABEL + scale * value + 6, y + BAR - 4, text))
    size = f'viewBox="0 0 {WIDTH} {40 + group * len(rows)}" width="{WIDTH}" height="{40 + group * len(rows)}"'
    font = f'font-family="sans-serif" font-size="12" role="img" aria-label="{escape(title)}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>', *shapes, "</svg>", ""])


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}" fill="{fill}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'
