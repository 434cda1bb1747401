"""Lay out the page's plots: where each figure stands in the picture. page.html.j2 draws them."""

import math
from typing import NamedTuple

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 330, 48, 28, 30, 48
"""Of a plot, in pixels: its size, and the space around the axes."""
MOST_STEPS, LEAST_SPAN = 6, 0.5
"""Of an axis: the steps between its ticks, which are 0.1 or more, as numbers are shown with a digit."""


class Point(NamedTuple):
    """A figure, and the interval it may lie in."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


def plot(title: str, x_name: str, y_name: str, series: dict[str, list[Point]]) -> dict:
    """Return a plot's titles, ticks and series; each point and tick with the pixels where it stands."""
    points = [point for each in series.values() for point in each]
    bounds = [end for point in points for end in point[1:] if end is not None]
    x_ticks, y_ticks = ticks([0, *(point.x for point in points)]), ticks(bounds)

    def x_pixel(value: float) -> float:
        return round(_scaled(value, x_ticks, LEFT, WIDTH - RIGHT), 1)

    def y_pixel(value: float | None) -> float | None:
        return None if value is None else round(_scaled(value, y_ticks, HEIGHT - BOTTOM, TOP), 1)

    return {
        "title": title,
        "x_name": x_name,
        "y_name": y_name,
        "x_ticks": [(x_pixel(value), value) for value in x_ticks],
        "y_ticks": [(y_pixel(value), value) for value in y_ticks],
        "series": {
            name: [(point, Point(x_pixel(point.x), *map(y_pixel, point[1:]))) for point in each]
            for name, each in series.items()
        },
    }


def ticks(values: list[float]) -> list[float]:
    """Return round numbers at equal distances, of which the first and the last enclose the values."""
    low, high = min(values, default=0), max(values, default=0)
    rough = max(high - low, LEAST_SPAN) / MOST_STEPS
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 9) for number in range(first, max(last, first + 1) + 1)]


def _scaled(value: float, axis: list[float], low: float, high: float) -> float:
    return low + (high - low) * (value - axis[0]) / (axis[-1] - axis[0])
