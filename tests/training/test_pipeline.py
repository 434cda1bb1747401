"""The fast step computes where it is there and can; else the plain one does, and the reason is told."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts.cli import UserError
from scripts.training import fast, pipeline
from scripts.training.fast.step import FastStep
from scripts.training.options import Options
from scripts.training.pipeline import find_fast, prepare
from scripts.training.step import TrainingStep
from scripts.training.world import World
from tests.runs import config_for, kept_ops, run

PLAIN = {"out_of_memory": 0, "micro_batches": 1}
"""What metrics say of a plain step's computation."""


@pytest.fixture(autouse=True)
def asked_anew():
    """Let this test, and the next, look for the fast step again."""
    find_fast.cache_clear()
    yield
    find_fast.cache_clear()


@pytest.fixture
def another_version(monkeypatch):
    monkeypatch.setitem(fast.TESTED, "thinc", "7.9")


@pytest.fixture
def no_fast(monkeypatch):
    """Without scripts/training/fast."""
    monkeypatch.delattr("scripts.training.fast")
    monkeypatch.setitem(sys.modules, "scripts.training.fast", None)


def step_of(config, **options) -> TrainingStep:
    """The step by which a config is trained."""
    with kept_ops():
        make, _, _ = prepare(config, -1, Options(Path(), **options))
        return make(World())


def test_the_fast_step_computes_unless_spacys_numbers_are_asked_for(corpus):
    assert isinstance(step_of(config_for(corpus)), FastStep)
    exact = step_of(config_for(corpus), exact=True)
    assert type(exact) is TrainingStep
    assert exact.exact


def test_another_version_is_told_in_one_line_and_the_plain_step_computes(
    tmp_path, corpus, another_version, capfd
):
    metrics = run(config_for(corpus), tmp_path / "out")
    assert metrics["computation"] == PLAIN
    said = " ".join(capfd.readouterr().err.split())
    what = f"thinc {version('thinc')} is installed, and it is made for thinc 7.9"
    assert said.count(f"Training computes as spaCy does, slower: {what}") == 1


def test_without_the_folder_the_plain_step_computes_and_nothing_is_told(tmp_path, corpus, no_fast, capfd):
    metrics = run(config_for(corpus), tmp_path / "out")
    assert metrics["computation"] == PLAIN
    assert metrics["stopped_because"] == "the budget of steps is used up"
    assert "slower" not in capfd.readouterr().err


def test_without_the_fast_step_one_process_trains(tmp_path, corpus, no_fast, monkeypatch, capfd):
    assert run(config_for(corpus), tmp_path / "out", workers=2)["workers"] == 1
    assert "One process trains instead of 2: the step is spaCy's own" in capfd.readouterr().err
    monkeypatch.setattr(pipeline, "rank", lambda: 1)
    with pytest.raises(UserError, match="one process must train alone: the step is spaCy's own"):
        run(config_for(corpus), tmp_path / "other")


def test_the_plain_step_is_faster_than_spacys_by_other_operations_unless_exact(corpus, no_fast):
    ops = [step_of(config_for(corpus), exact=exact).nlp.get_pipe("ner").model.ops for exact in (False, True)]
    assert [own.use_blis for own in ops] == [False, True]
