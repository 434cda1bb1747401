import json

import pytest
import spacy
import torch
from spacy.tokens import Doc

from scripts.report import cost
from scripts.report.cost import latency, measure_cost, speeds, spread, start
from scripts.report.tables import comparison
from tests.runs import kept_ops

FRESH = {"load_seconds": 1.25, "first_text_ms": 30.0}
RUNS = {"words_per_second", "lowest", "highest"}


@pytest.fixture
def nlp():
    """A pipeline of the config's batch size 8."""
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "LOC", "pattern": "Cork"}])
    nlp.batch_size = 8
    return nlp


@pytest.fixture
def gold(nlp):
    return [Doc(nlp.vocab, words=["in", "Cork"] * 15) for _ in range(20)]


@pytest.fixture
def measured(nlp, gold, tmp_path, monkeypatch):
    """The cost of the pipeline, but for the process that loads it."""
    monkeypatch.setattr(cost, "start", lambda *_: FRESH)
    monkeypatch.setattr(cost, "load", lambda *_: nlp)
    return measure_cost(nlp, tmp_path, gold, -1, torch.get_num_threads())


def test_the_figures_say_what_they_are_of(measured):
    assert (measured["documents"], measured["words"], measured["batch_size"]) == (20, 600, 8)
    assert measured["one_thread"].keys() == measured["predict"].keys() == measured["all_cores"].keys() == RUNS
    assert measured["all_cores"]["lowest"] <= measured["all_cores"]["words_per_second"]
    assert measured["all_cores"]["words_per_second"] <= measured["all_cores"]["highest"]
    assert measured["short_texts"]["texts"] == 20
    assert measured["fresh_process"] == FRESH
    assert json.loads(json.dumps(measured)) == measured


def test_batches_of_more_documents_than_there_are_are_not_tried(measured):
    assert [*measured["batch_sizes"]] == ["8", "16"]
    assert measured["batch_sizes"]["8"] == measured["all_cores"]
    best = max(figures["words_per_second"] for figures in measured["batch_sizes"].values())
    assert measured["batch_sizes"][str(measured["best_batch_size"])]["words_per_second"] == best


@pytest.mark.parametrize("fails", [False, True])
def test_threads_are_as_before(nlp, gold, tmp_path, monkeypatch, fails):
    """Also where the pipeline fails on the way."""
    seen = []

    def pipe(texts, batch_size):
        seen.append(torch.get_num_threads())
        if fails:
            raise ValueError("broken")
        return []

    monkeypatch.setattr(cost, "start", lambda *_: FRESH)
    monkeypatch.setattr(cost, "load", lambda *_: nlp)
    monkeypatch.setattr(nlp, "pipe", pipe)
    before = torch.get_num_threads()
    cost.device.set_threads(2)
    try:
        if fails:
            with pytest.raises(ValueError, match="broken"):
                measure_cost(nlp, tmp_path, gold, -1, 2)
        else:
            measure_cost(nlp, tmp_path, gold, -1, 2)
        assert torch.get_num_threads() == 2
    finally:
        cost.device.set_threads(before)
    assert seen == ([1] if fails else [1] * 2 * (1 + cost.RUNS) + [2] * (1 + 2 * cost.RUNS))


def test_a_pass_that_does_not_count_comes_first_and_sizes_take_turns(nlp, monkeypatch):
    seen = []
    monkeypatch.setattr(nlp, "pipe", lambda texts, batch_size: seen.append((len(texts), batch_size)) or [])
    assert [*speeds(nlp, ["Cork"] * 5, 5, [2, 4])] == [2, 4]
    assert seen == [(5, 4), *[(5, 2), (5, 4)] * cost.RUNS]


def test_a_speed_is_the_median_of_the_runs(nlp, monkeypatch):
    seconds = iter([1.0, 4.0, 2.0])
    monkeypatch.setattr(cost, "clock", lambda *_: (next(seconds), None))
    assert speeds(nlp, ["Cork"], 8, [1]) == {1: {"words_per_second": 4.0, "lowest": 2.0, "highest": 8.0}}


def test_short_texts_come_one_by_one_and_the_first_round_does_not_count(nlp, monkeypatch):
    milliseconds = iter(range(1, 201))
    monkeypatch.setattr(cost, "clock", lambda *_: (next(milliseconds) / 1000, None))
    assert latency(nlp, ["Cork"] * 100) == {"texts": 100, "median_ms": 150.5, "p95_ms": 195.05}
    assert next(milliseconds, None) is None


@pytest.mark.parametrize(("gpu_id", "words"), [(-1, 2_000), (0, 20_000)])
def test_words_are_bounded_by_the_device(nlp, tmp_path, monkeypatch, gpu_id, words):
    """Not by how fast it is; single texts are short."""
    given = []
    monkeypatch.setattr(cost.device, "set_threads", lambda threads: None)
    monkeypatch.setattr(cost, "start", lambda model, text, *_: given.append(text) or FRESH)
    monkeypatch.setattr(cost, "load", lambda *_: nlp)
    monkeypatch.setattr(
        cost, "speeds", lambda nlp, texts, words, sizes: dict.fromkeys(sizes, dict.fromkeys(RUNS, 1))
    )
    found = measure_cost(nlp, tmp_path, [Doc(nlp.vocab, words=["a"] * 100)] * 500, gpu_id, 1)
    assert (found["documents"], found["words"]) == (words // 100, words)
    assert found["short_texts"]["texts"] == 100
    assert given == [" ".join("a" * 20)]


def test_documents_are_spread_over_the_test_set():
    assert spread([*range(10)], 4) == [0, 2, 5, 7]
    assert spread([*range(3)], 9) == [0, 1, 2]
    assert spread([*range(3)], 0) == [0]


def test_a_pipeline_is_loaded_in_a_process_of_its_own(nlp, tmp_path, monkeypatch):
    nlp.to_disk(tmp_path / "model-best")
    monkeypatch.chdir(tmp_path)
    with kept_ops():
        found = start(cost.Path("model-best"), "in Cork – é", -1, 1)
    assert found.keys() == FRESH.keys()
    assert all(figure >= 0 for figure in found.values())


def test_where_that_process_fails_the_rest_is_measured(tmp_path, caplog):
    assert start(tmp_path, "", -1, 1) == {}
    assert f"time to load not measured: [E053] Could not read meta.json from {tmp_path}" in caplog.text


def test_the_table_shows_what_a_reader_decides_by(measured):
    figures = dict.fromkeys(
        ("words_per_second", "peak_memory_mb", "parameters", "model_mb", "seconds", "steps"), 1
    )
    scores = {"ents_p": 1.0, "ents_r": 1.0, "ents_f": 1.0, "ents_per_type": {}}
    training = figures | {"peak_gpu_memory_mb": None, "device": "CPU", "seed": 3}
    old = figures | {"pipeline": ["ner"], "gold_tokens": scores, "raw_text": scores, "training": training}
    old |= {"peak_gpu_memory_mb": None, "device": "CPU"}
    runs = {"words_per_second": 1000.0, "lowest": 900.0, "highest": 1100.4}
    short = {"short_texts": {"texts": 9, "median_ms": 2.51, "p95_ms": 4.0}}
    new = measured | short | {"all_cores": runs, "one_thread": runs | {"lowest": 700.0}, "predict": runs}
    rows = comparison({"old": old, "new": old | {"cost": new}})
    start = [row[0] for row in rows].index("words/s, predicting")
    assert rows[start : start + 7] == [
        ("words/s, predicting", "–", "1,000 (900–1,100)"),
        ("  on one thread", "–", "1,000 (700–1,100)"),
        ("  by predict, on one thread", "–", "1,000 (900–1,100)"),
        ("  measured on", "–", "20 documents, 600 words"),
        ("time for a short text", "–", "2.5 ms (95 % under 4.0)"),
        ("  the first one", "–", "30.0 ms"),
        ("time to load", "–", "1.2 s"),
    ]
    without = comparison({"new": old | {"cost": new | {"fresh_process": {}}}})
    assert [row[0] for row in without].count("time to load") == 0
