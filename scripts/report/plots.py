"""Choose what the page's plots show, and their axes. page.html.j2 draws them."""

import math
from typing import NamedTuple

MOST_STEPS, LEAST_SPAN = 6, 0.5
"""Of an axis: the steps between its ticks, which are 0.1 or more, as numbers are shown with a digit."""


class Point(NamedTuple):
    """A figure, and the interval it may lie in."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


def plots(variants: dict[str, dict]) -> list[dict]:
    """Return F against speed, learning curves, and how good confidences are, as far as that is known."""
    speed, steps, seconds, bins, thresholds = ({} for _ in range(5))
    for name, report in variants.items():
        if "words_per_second" in report:
            f = report["gold_tokens"]["ents_f"], *report["intervals"]["gold_tokens"]["exact"]["f"]
            speed[name] = [Point(report["words_per_second"], *(100 * share for share in f))]
        if "training" in report:
            history = report["training"]["history"]
            times = [row["words"] / max(row["words_per_second"], 1e-9) for row in history]
            steps[name] = [Point(row["step"], 100 * row["ents_f"]) for row in history]
            seconds[name] = [Point(x, point.y) for x, point in zip(times, steps[name], strict=True)]
        if sure := report.get("confidence"):
            bins[name] = [Point(100 * row["confidence"], 100 * row["right"]) for row in sure["bins"]]
            for what in ("precision", "recall"):
                rows = [(row["confidence"], row[what[0]]) for row in sure["thresholds"]]
                thresholds[f"{name}, {what}"] = [Point(100 * x, 100 * y) for x, y in rows]
    if bins:
        bins["as it should be"] = [Point(0, 0), Point(100, 100)]
    found = [
        plot("F and speed of prediction", "words/s", "F on test", speed),
        plot("Learning curves over steps", "steps", "F on dev", steps),
        plot("Learning curves over time", "seconds of learning", "F on dev", seconds),
        plot("Reliability of confidences", "confidence", "right", bins),
        plot("Precision and recall over the least confidence", "least confidence", "%", thresholds),
    ]
    return [each for each in found if each["series"]]


def plot(title: str, x_name: str, y_name: str, series: dict[str, list[Point]]) -> dict:
    """Return a plot's titles, ticks and series."""
    points = [point for each in series.values() for point in each]
    x_ticks = ticks([0, *(point.x for point in points)])
    y_ticks = ticks([end for point in points for end in point[1:] if end is not None])
    found = {"title": title, "x_name": x_name, "y_name": y_name, "series": series}
    return found | {"x_ticks": x_ticks, "y_ticks": y_ticks}


def ticks(values: list[float]) -> list[float]:
    """Return round numbers at equal distances, of which the first and the last enclose the values."""
    low, high = min(values, default=0), max(values, default=0)
    rough = max(high - low, LEAST_SPAN) / MOST_STEPS
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 9) for number in range(first, max(last, first + 1) + 1)]
