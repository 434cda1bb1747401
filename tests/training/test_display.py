"""Rows for everybody, and a bar for a person."""

import io

import pytest
from rich.console import Console

from scripts import cli
from scripts.training import display as module
from scripts.training.display import Display
from scripts.training.progress import Progress

ROW = {
    "epoch": 1,
    "step": 20,
    "loss": 12.345,
    "ents_f": 0.5,
    "ents_p": 0.25,
    "ents_r": 1.0,
    "words_per_second": 12345.6,
}


@pytest.fixture
def screen(monkeypatch):
    """Put another console in the place of standard error."""
    monkeypatch.setenv("TERM", "xterm")

    def make(*, is_terminal: bool) -> io.StringIO:
        written = io.StringIO()
        console = Console(file=written, force_terminal=is_terminal, width=250, highlight=False)
        for owner in (module, cli):
            monkeypatch.setattr(owner, "console", console)
        return written

    return make


def test_rows_stand_below_their_headings(screen):
    written = screen(is_terminal=False)
    with Display(max_steps=100) as display:
        display.row(ROW, is_best=True)
        display.row(ROW | {"words_per_second": 0.0}, is_best=False)
    head, best, other = written.getvalue().splitlines()
    assert head.split() == ["epoch", "step", "loss", "ents_f", "ents_p", "ents_r", "words/s", "best"]
    assert best.split() == ["1", "20", "12.35", "50.00", "25.00", "100.00", "12,346", "*"]
    assert other.split() == ["1", "20", "12.35", "50.00", "25.00", "100.00", "0"]
    assert best.index("100.00") + 6 == head.index("ents_r") + 6


def test_without_a_terminal_the_time_left_is_told_once(screen, monkeypatch):
    written = screen(is_terminal=False)
    clock = iter([0.0, 5.0, 11.0, 12.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    display = Display(max_steps=100)
    for step in (5, 10, 11):
        display.step(Progress(step=step, seconds=2.0 * step))
    assert written.getvalue() == "10 of 100 steps taken; about 3 min left, if steps stay as large\n"


@pytest.mark.parametrize("max_steps", [100, 0])
def test_the_bar_says_where_training_is(screen, monkeypatch, max_steps):
    written = screen(is_terminal=True)
    clock = iter([0.0, 1.0, 2.0])
    with monkeypatch.context() as patch:
        patch.setattr(module.time, "perf_counter", lambda: next(clock))
        display = Display(max_steps=max_steps)
        for step in (9, 10):
            losses, best = {"ner": 40.0, "tok2vec": 2.0}, {"score": 0.625}
            display.step(Progress(step=step, epoch=3, words=1_500 * step, losses=losses, best=best))
    drawn = io.StringIO()
    table = display.bar.make_tasks_table(display.bar.tasks)
    Console(file=drawn, width=250, force_terminal=False).print(table)
    for part in ("epoch 3", "1,500 words/s", "loss 42", "best 62.50", " MB", "10/", "left"):
        assert part in drawn.getvalue(), part
    assert written.getvalue() == ""


def test_a_run_shown_on_a_terminal_ends_without_the_bar(screen):
    written = screen(is_terminal=True)
    with Display(max_steps=2) as display:
        display.step(Progress(step=1))
        display.row(ROW, is_best=True)
    assert "12,346" in written.getvalue()
    assert display.bar.finished or not display.bar.live.is_started
