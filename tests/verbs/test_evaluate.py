"""From a trained pipeline to the report, by the commands."""

import json

import pytest
import spacy

from scripts import compare, evaluate, validate
from scripts.corpus.files import read_json, sha256, write_json
from scripts.report.predictions import INPUTS
from scripts.report.scores import predict, read_gold, score_pipeline
from tests.make import make_corpus
from tests.runs import kept_ops, small_pipeline
from tests.verbs.test_commands import call, failure
from tests.wandb_files import files_of, read_run

METRICS = {
    "seconds": 1.0,
    "words_per_second": 1.0,
    "steps": 1,
    "peak_memory_mb": 1.0,
    "peak_gpu_memory_mb": None,
    "words": 1,
    "best": {"step": 1, "ents_f": 0.5},
    "stopped_because": "the budget of steps is used up",
    "versions": {"spacy": spacy.__version__},
    "history": [{"step": 1, "words": 1, "words_per_second": 1.0, "ents_f": 0.5}],
    "tracking": {"wandb_mode": "disabled"},
}


@pytest.fixture
def corpus(tmp_path, write_jsonl, monkeypatch):
    """A validated corpus; the threads of this process stay as they are, and no other is started."""
    monkeypatch.setattr("scripts.report.scores.set_threads", lambda threads: None)
    fresh = {"load_seconds": 1.0, "first_text_ms": 1.0}
    monkeypatch.setattr("scripts.report.cost.start", lambda *_: fresh)
    corpus = make_corpus(tmp_path, write_jsonl)
    assert call(validate.main, f"--corpus={corpus}").exit_code == 0
    return corpus


def evaluated(tmp_path, corpus, name, *options, seed=0, shape="IS_TITLE"):
    """The folder of a pipeline that finds what its tokens look like, after its evaluation."""
    folder = tmp_path / name
    folder.mkdir()
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "LOC", "pattern": [{shape: True}]}])
    nlp.to_disk(folder / "model-best")
    nlp.config.to_disk(folder / "config.cfg")
    hashes = {split: sha256(corpus / split / "manifest.json") for split in ("train", "dev")}
    metrics = METRICS | {"seed": seed, "device": "CPU", "corpus_sha256": hashes}
    if (corpus / "validation.json").exists():
        metrics["trainer"] = {"documents": 1, "tokens": 1, "entities": 1}
    write_json(folder / "metrics.json", metrics)
    with kept_ops():
        result = call(evaluate.main, folder, f"--corpus={corpus}", "--device=cpu", *options)
    assert result.exit_code == 0, result
    return folder


def test_evaluation_leaves_a_row_of_predictions_for_each_document(tmp_path, corpus):
    folder = evaluated(tmp_path, corpus, "cpu")
    scores = read_json(folder / "scores.json")
    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == scores["test"]["documents"]
    assert sum(row["tokens"] for row in rows) == scores["test"]["tokens"]
    assert (
        sum(len(row["gold"]) for row in rows)
        == scores["gold_tokens"]["support"]
        == scores["test"]["entities"]
    )
    assert scores["predictions_sha256"] == sha256(folder / "predictions.jsonl")
    assert scores["words_per_second"] == scores["cost"]["all_cores"]["words_per_second"]
    assert {"surface form", "entity length", "document length"} <= scores["raw_text"]["slices"].keys()


def test_confidences_are_calibrated_on_dev_and_entities_stay_the_same(tmp_path, corpus):
    nlp = small_pipeline()
    nlp.to_disk(tmp_path / "model")
    with kept_ops():
        found, rows = score_pipeline("x", tmp_path / "model", corpus, device="cpu", cost=False)
    assert found["pipeline"] == ["tok2vec", "ner"]
    assert rows == [
        row | {"confidence": was["confidence"]}
        for row, was in zip(predict(nlp, read_gold(corpus / "test", nlp)), rows, strict=True)
    ]
    for row in rows:
        for given in INPUTS:
            assert len(row["confidence"][given]) == len(row[given])
    assert 0 <= found["confidence"]["expected_calibration_error"] <= 1
    assert (
        sum(each["predictions"] for each in found["confidence"]["bins"])
        == sum(len(row["gold_tokens"]) for row in rows)
        > 0
    )
    assert json.loads(json.dumps(found["confidence"], allow_nan=False)) == found["confidence"]


def test_the_report_says_which_variant_is_better_and_how_sure_that_is(tmp_path, corpus):
    folders = [
        evaluated(tmp_path, corpus, "cpu", shape="IS_CURRENCY"),
        evaluated(tmp_path, corpus, "cpu-1", "--variant=cpu", seed=1, shape="IS_CURRENCY"),
        evaluated(tmp_path, corpus, "gpu"),
    ]
    output = tmp_path / "report"
    assert call(compare.main, *folders, f"--corpus={corpus}", f"--output={output}").exit_code == 0
    summary = read_json(output / "summary.json")
    assert [*summary["variants"]] == ["cpu", "gpu"]
    sentence = summary["differences"][0]["sentence"]
    assert sentence.startswith("gpu is better than cpu by ")
    text = (output / "summary.md").read_text(encoding="utf-8")
    assert f"\n- {sentence}\n" in text
    assert "| seed | 0, 1 | 0 |" in text
    assert "&nbsp;&nbsp;95 % interval | 0.0–0.0 |" in text
    assert " & cpu & gpu \\\\\n\\midrule\n" in (output / "table.tex").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in (output / "suspects.jsonl").read_text("utf-8").splitlines()]
    assert [row["rank"] for row in rows] == sorted({row["places"][0]["rank"] for row in rows})
    assert f"<li>{sentence}</li>" in (output / "index.html").read_text(encoding="utf-8")


def test_pipelines_that_were_trained_unvalidated_are_compared(tmp_path, corpus):
    (corpus / "validation.json").unlink()
    folder = evaluated(tmp_path, corpus, "a", "--no-cost")
    result = call(compare.main, folder, f"--corpus={corpus}", f"--output={tmp_path / 'report'}")
    assert result.exit_code == 0, result.output
    assert "trainer of" not in (tmp_path / "report" / "summary.md").read_text(encoding="utf-8")


def test_comparing_wants_the_predictions_of_each_folder(tmp_path, corpus):
    folder = evaluated(tmp_path, corpus, "cpu")
    (folder / "predictions.jsonl").unlink()
    assert f"run: python -m scripts.evaluate {folder}" in failure(compare.main, folder, f"--corpus={corpus}")


@pytest.mark.slow
@pytest.mark.parametrize("log_text", [False, True])
def test_an_evaluation_is_tracked_as_its_training_was_and_sends_texts_if_asked(
    tmp_path, corpus, monkeypatch, log_text
):
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_ERROR_REPORTING"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setitem(
        METRICS, "tracking", {"wandb_mode": "offline", "wandb_tags": "a", "log_text": log_text}
    )
    folder = evaluated(tmp_path, corpus, "cpu")
    (path,) = files_of(folder)
    assert [*read_run(path)["run"].tags] == ["a"]
    tables = {
        own.name.split("_")[0]: own.read_text("utf-8") for own in path.parent.glob("files/media/table/*")
    }
    assert tables.keys() == {"F by label", "confusion", *(["errors"] if log_text else [])}
    assert ("went to Cork" in tables.get("errors", "")) == log_text
