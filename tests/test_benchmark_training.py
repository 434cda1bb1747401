"""The benchmark of training: the same task for both, and figures that follow from what was measured."""

import json
from types import SimpleNamespace

import pytest
from spacy.util import load_config

from scripts.benchmark import as_steps
from scripts.benchmarks import stamps
from scripts.benchmarks.inputs import build_corpus, demo_sentences, made_files
from scripts.benchmarks.trained import as_markdown
from scripts.benchmarks.training import (
    THEIRS,
    Line,
    Memory,
    Plan,
    Results,
    Resumption,
    train_ours,
    train_theirs,
    validate,
    write_config,
)
from scripts.benchmarks.training import evaluated_every as every
from scripts.cli import UserError
from scripts.training.configs import write_quickstarts
from tests.closure import ROOT

LINES = [
    Line("growing", 40, "1 worker", 2000, 10.0, 500.0, [0.41, 0.42], 0.01),
    Line("growing", 40, "2 workers", 3000, 8.0, 900.0, [0.4, 0.43], 0.02),
    Line("growing", 40, THEIRS, 1000, 16.0, 600.0, [0.39, 0.44], 0.0),
]


@pytest.mark.parametrize("steps", [1, 7, 40, 100, 199, 200, 201, 2300, 2400])
def test_the_last_step_is_evaluated_and_none_more_often_than_in_the_quickstart(steps):
    assert steps % every(steps) == 0
    assert every(steps) >= min(steps, 200)


def test_workers_double_up_to_all():
    counts = {workers: Plan((1, 1, 1), 1, workers, [], 0).counts for workers in (1, 2, 6, 8)}
    assert counts == {1: [1], 2: [1, 2], 6: [1, 2, 4, 6], 8: [1, 2, 4, 8]}


def test_three_numbers_of_steps():
    assert as_steps("2300,100,200") == (2300, 100, 200)
    for text in ("", "1,2", "1,2,x", "1,2,0", "1,2,3,4"):
        with pytest.raises(UserError, match="three numbers"):
            as_steps(text)


def test_both_train_by_the_same_config(tmp_path):
    quickstart = write_quickstarts(tmp_path) / "cpu.cfg"
    folder = write_config(tmp_path / "a", quickstart, tmp_path / "corpus", seed=3, steps=40, size=4000)
    ours, theirs = (load_config(folder / name, interpolate=False) for name in ("config.cfg", "spacy.cfg"))
    assert (ours["system"]["seed"], ours["training"]["max_steps"], ours["training"]["batcher"]["size"]) == (
        3,
        40,
        4000,
    )
    assert {name for name in ours["training"] if ours["training"][name] != theirs["training"][name]} == set(
        stamps.NAMES
    )
    assert {name: part for name, part in ours.items() if name != "training"} == {
        name: part for name, part in theirs.items() if name != "training"
    }


def test_stamps_run_from_the_first_step_to_the_end_of_each_evaluation(tmp_path, monkeypatch):
    clock = iter([10.0, 11.0, 13.0, 14.0, 18.0])
    monkeypatch.setattr(stamps, "_times", {})
    monkeypatch.setattr(stamps.time, "perf_counter", lambda: next(clock))
    begin, save = stamps.create_before_update(), stamps.create_before_to_disk()
    log, finish = stamps.create_logger(tmp_path / "stamps.jsonl")(None)
    for step, is_evaluated in enumerate([True, False, True]):
        begin(None, {"step": step})
        if is_evaluated:
            save(SimpleNamespace())
        log(
            {"step": step, "words": 5 * step, "other_scores": {"ents_f": None if step == 0 else 0.5}}
            if is_evaluated
            else None
        )
    finish()
    rows = [json.loads(line) for line in (tmp_path / "stamps.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows == [
        {"step": 0, "words": 0, "seconds": 1.0, "ents_f": 0.0},
        {"step": 2, "words": 10, "seconds": 8.0, "ents_f": 0.5},
    ]


def test_ratios_follow_from_the_table():
    memory = [Memory(10_000, 200_000, "1 worker, streamed", 200, 9.0, 400.0)]
    text = as_markdown(
        Results("demo", LINES, memory, Resumption(1.0, 4.0, 18.0), {"stock": 1000.0, "openblas": 1500.0}),
        "Machine.",
    )
    assert "| growing | spacy train | 1,000 | 16.0 | 600 MB | 39.00, 44.00 |" in text
    assert (
        "1 worker 2 times (1.6 from start to end), 2 workers 3 times (2 from start to end) as fast as `spacy train`"
        in text
    )
    assert "2 workers 1.50 times the words/s of 1 worker" in text
    assert "checkpoints take 2.0 %" in text
    assert "1.5 times as many" in text
    assert "| 10,000 | 200,000 | 1 worker, streamed | 200 | 9.0 | 400 MB |" in text



@pytest.mark.slow
def test_both_train_on_a_made_corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    corpus = build_corpus(
        tmp_path / "corpus", made_files(tmp_path, demo_sentences(ROOT / "assets" / "demo"), 300)
    )
    folder = write_config(tmp_path / "a", write_quickstarts(tmp_path) / "cpu.cfg", corpus, seed=0, steps=4)
    validate(corpus, [folder])
    for trained in (train_ours(folder, corpus, 1), train_theirs(folder)):
        assert trained.words_per_second > 0
        assert 0 <= trained.best_f <= 1
    assert [
        json.loads(line)["step"]
        for line in (folder / "stamps.jsonl").read_text(encoding="utf-8").splitlines()
    ] == [0, 4]
