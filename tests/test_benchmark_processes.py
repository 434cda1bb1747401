"""Two processes beside one, and threads beside a busy neighbour."""

import psutil
import pytest

from scripts.benchmarks.processes import Pair, Results, Speed, _neighbours, as_markdown, interval


def test_the_interval_is_students():
    mean, low, high = interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert (low, high) == pytest.approx((2.0 - 2.4841, 2.0 + 2.4841), abs=1e-3)  # 4.3027 / 3 ** 0.5


def test_the_difference_stands_below_the_seeds():
    pairs = [Pair(0, (0.20, 0.19), (0.22, 0.23)), Pair(1, (0.18, 0.19), (0.24, 0.21))]
    text = as_markdown(
        Results("wnut17", 800, pairs, [Speed("cpu", "1 thread", 9000.4, 4500.0)]), "Measured somewhere."
    )
    assert "| 0 | 20.00, 22.00 | 19.00, 23.00 |" in text
    assert "- mean F, two processes less one: +0.00; 95 % interval -12.71 to +12.71." in text
    assert "| cpu | 1 thread | 9,000 | 4,500 |" in text


def test_neighbours_are_gone_afterwards():
    with _neighbours(2):
        busy = [process for process in psutil.Process().children() if "while True: pass" in process.cmdline()]
        assert len(busy) == 2
    assert not any(process.is_running() for process in busy)
