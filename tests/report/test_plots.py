"""Where figures stand in a plot."""

import pytest

from scripts.report.plots import MOST_STEPS, Point, plot, ticks
from scripts.report.templates import pixel


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([0, 100], [0, 20, 40, 60, 80, 100]),
        ([56.1, 67.6], [56, 58, 60, 62, 64, 66, 68]),
        ([0.1, 0.6], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        ([60.01, 60.03], [60.0, 60.1]),
        ([99.9, 100], [99.9, 100]),
        ([0], [0, 0.1]),
        ([], [0, 0.1]),
    ],
)
def test_ticks_are_round_and_enclose_the_values(values, wanted):
    assert ticks(values) == wanted


@pytest.mark.parametrize("scale", [0.7, 3, 9.99, 12_345, 1e9])
def test_there_are_a_few_ticks_at_any_scale(scale):
    found = ticks([scale, 2 * scale])
    assert 3 <= len(found) <= MOST_STEPS + 2
    assert found[0] <= scale < 2 * scale <= found[-1]


def test_a_figure_stands_where_the_axes_say():
    found = plot("t", "x", "y", {"cpu": [Point(0, 0), Point(100, 50, 0, 100)], "gpu": []})
    axes = (found["x_ticks"], 48, 612), (found["y_ticks"], 282, 30)
    assert [pixel(value, *axes[0]) for value in (0, 100)] == [48, 612]
    assert [pixel(value, *axes[1]) for value in (0, 50, 100)] == [282, 156, 30]
