"""Draw the comparison as a small bar chart, in SVG."""

from html import escape

COLORS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2")
WIDTH, LABEL, BAR, GAP = 720, 230, 16, 14
"""Pixels: the picture's width, the space for names, a bar's height, the space between groups."""


def comparison_chart(variants: dict[str, dict]) -> str:
    """Return the SVG of each variant's scores.json: a group of bars a figure, scaled to its largest."""
    reports = variants.values()
    figures = {
        "F on the test set (higher is better)": ([100 * r["gold_tokens"]["ents_f"] for r in reports], ""),
        "predicting, words/s (higher)": ([r.get("words_per_second") for r in reports], ""),
        "predicting, peak memory (lower)": ([r["peak_memory_mb"] for r in reports], " MB"),
        "size on disk (lower)": ([r["model_mb"] for r in reports], " MB"),
        "time to train (lower)": ([r.get("training", {}).get("seconds") for r in reports], " s"),
    }
    figures = {name: figure for name, figure in figures.items() if None not in figure[0]}
    group = BAR * len(variants) + GAP
    height = 40 + group * len(figures)
    shapes = [_rect(0, 0, WIDTH, height, "white")]
    for i, name in enumerate(variants):
        shapes += [
            _rect(LABEL + 90 * i, 12, 12, 12, COLORS[i % len(COLORS)]),
            text(LABEL + 90 * i + 18, 22, name),
        ]
    for j, (name, (values, unit)) in enumerate(figures.items()):
        top, scale = 36 + group * j, (WIDTH - LABEL - 90) / max(*values, 1e-9)
        shapes.append(text(LABEL - 10, top + group / 2 - 3, name, anchor="end"))
        for i, value in enumerate(values):
            y, length = top + BAR * i, scale * value
            shapes.append(_rect(LABEL, y, length, BAR - 2, COLORS[i % len(COLORS)]))
            shapes.append(text(LABEL + length + 6, y + BAR - 4, f"{value:,.{value < 100:d}f}{unit}"))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
    head += ' font-size="12" role="img" aria-label="Comparison of the trained pipelines">'
    return "\n".join([head, *shapes, "</svg>", ""])


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}" fill="{fill}"/>'


def text(x: float, y: float, content: str, *, anchor: str = "start", fill: str = "") -> str:
    """Return text at a place of a picture, in pixels."""
    color = f' fill="{fill}"' if fill else ""
    return f'<text x="{x:.1f}" y="{y:.0f}" text-anchor="{anchor}"{color}>{escape(content)}</text>'
