"""Rows for everybody, and a bar for a person."""

import io

import pytest
from rich.console import Console

from scripts.training import display as module
from scripts.training.display import Display, _clock
from scripts.training.loop import Progress

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

    def make(*, is_terminal: bool) -> io.StringIO:
        written = io.StringIO()
        monkeypatch.setattr(
            module, "console", Console(file=written, force_terminal=is_terminal, width=250, highlight=False)
        )
        return written

    return make


def test_rows_stand_below_their_headings(screen):
    written = screen(is_terminal=False)
    with Display(max_steps=100, eval_frequency=20) as display:
        display.row(ROW, is_best=True)
        display.row(ROW | {"words_per_second": 0.0}, is_best=False)
    head, best, other = written.getvalue().splitlines()
    assert head.split() == ["epoch", "step", "loss", "ents_f", "ents_p", "ents_r", "words/s", "best"]
    assert best.split() == ["1", "20", "12.35", "50.00", "25.00", "100.00", "12,346", "*"]
    assert other.split() == ["1", "20", "12.35", "50.00", "25.00", "100.00", "0"]
    assert best.index("100.00") + 6 == head.index("ents_r") + 6


def test_without_a_terminal_there_is_no_bar(screen):
    written = screen(is_terminal=False)
    with Display(max_steps=100, eval_frequency=20) as display:
        before = written.getvalue()
        for step in range(5):
            display.step(Progress(step=step))
        assert written.getvalue() == before


@pytest.mark.parametrize(
    ("max_steps", "end"), [(100, "end 1:30"), (0, "end at most when no score gets better")]
)
def test_the_bar_says_where_training_is(screen, monkeypatch, max_steps, end):
    written = screen(is_terminal=True)
    clock = iter([0.0, 1.0, 2.0, 3.0, 4.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    with monkeypatch.context():
        display = Display(max_steps=max_steps, eval_frequency=25)
        for step in (9, 10):
            display.step(
                Progress(
                    step=step,
                    epoch=3,
                    words=1_500 * step,
                    losses={"ner": 40.0, "tok2vec": 2.0},
                    best={"score": 0.625},
                )
            )
        monkeypatch.undo()
    task = display.bar.tasks[0]
    assert task.completed == 10
    assert task.fields["speed"] == "1,500 words/s"
    text = render(display)
    for part in (
        "epoch 3",
        "1,500 words/s",
        "loss 42",
        "best 62.50",
        " MB",
        "next score 0:15",
        end,
        "step 10/",
    ):
        assert part in text, part
    assert written.getvalue() == ""


def render(display: Display) -> str:
    """The bar as it is drawn."""
    drawn = io.StringIO()
    Console(file=drawn, width=250, force_terminal=False).print(
        display.bar.make_tasks_table(display.bar.tasks)
    )
    return drawn.getvalue()


def test_an_empty_bar_can_be_drawn(screen):
    screen(is_terminal=True)
    for max_steps in (0, 10):
        assert "step 0/" in render(Display(max_steps=max_steps, eval_frequency=5))


def test_a_run_shown_on_a_terminal_ends_without_the_bar(screen):
    written = screen(is_terminal=True)
    with Display(max_steps=2, eval_frequency=1) as display:
        display.step(Progress(step=1))
        display.row(ROW, is_best=True)
    assert "12,346" in written.getvalue()
    assert display.bar.finished or not display.bar.live.is_started


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3599.7, "1:00:00"), (36_125, "10:02:05")],
)
def test_times_are_hours_minutes_and_seconds(seconds, text):
    assert _clock(seconds) == text
