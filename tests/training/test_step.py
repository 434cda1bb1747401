"""Steps by configs that are not plain: growing components, no seed, loggers, too little memory."""

import json
import signal
from collections.abc import Callable
from functools import partialmethod
from pathlib import Path

import numpy
import pytest
import spacy
import torch
from confection import Config
from numpy.testing import assert_allclose, assert_array_equal
from spacy.training import Corpus
from spacy.util import registry

from scripts.cli import Stopped, UserError
from scripts.training.parameters import walk_parameters
from scripts.training.pipeline import make_pipeline, why_alone
from scripts.training.step import TrainingStep
from scripts.training.world import rank
from tests.make import make_corpus, rows
from tests.runs import config_for, fast_ops, models, run, untimed
from tests.training.conftest import NEW
from tests.training.test_resume import Interrupter, interrupted


@pytest.mark.parametrize("exact", [False, True])
def test_a_sourced_component_learns_labels_that_it_did_not_know(tmp_path, growing, exact):
    metrics = run(growing, tmp_path / "tuned", exact=exact)
    assert metrics["stopped_because"] == "the budget of steps is used up"
    nlp = spacy.load(tmp_path / "tuned" / "model-last")
    assert {*nlp.get_pipe("ner").labels} == {*NEW, "LOC", "PERSON"}
    with fast_ops():
        made, *_ = make_pipeline(growing, -1)
    assert {*made.get_pipe("ner").labels} == {"LOC", "PERSON"}  # as it began


@pytest.mark.parametrize("exact", [False, True])
def test_a_run_that_has_grown_goes_on_as_if_nothing_had_been(tmp_path, growing, monkeypatch, exact):
    expected = run(growing, tmp_path / "whole", exact=exact)
    moments = {1: signal.SIGINT, 4: signal.SIGTERM}
    assert untimed(interrupted(growing, tmp_path / "stopped", monkeypatch, moments, exact=exact)) == untimed(
        expected
    )
    assert models(tmp_path / "stopped") == models(tmp_path / "whole")


def test_without_a_seed_one_process_trains(tmp_path, corpus, capfd):
    config = config_for(corpus)
    config["training"]["seed"] = None
    metrics = run(config, tmp_path / "out", workers=2)
    assert metrics["workers"] == 1
    assert "One process trains instead of 2: [training] seed is null" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("augmented", "epochs", "told"), [(True, -1, "may draw at random"), (False, -1, ""), (True, 0, "")]
)
def test_a_reader_that_draws_in_each_epoch_trains_alone(corpus, augmented, epochs, told):
    augmenter = registry.augmenters.get("spacy.lower_case.v1")(level=0.5) if augmented else None
    why = why_alone({"seed": 0, "max_epochs": epochs}, Corpus(corpus / "train", augmenter=augmenter))
    assert told in why
    assert bool(why) == bool(told)


def test_what_a_cluster_left_in_the_environment_does_not_matter(tmp_path, corpus, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert rank() is None
    assert run(config_for(corpus), tmp_path / "out")["workers"] == 1
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert rank() == 1


def test_labels_of_null_are_looked_for_in_all_of_train(tmp_path, write_jsonl):
    late = rows(1, offset=9000)
    late[0]["spans"][0]["label"] = "LATE"
    config = config_for(make_corpus(tmp_path, write_jsonl, train=150, planted=late))
    config["initialize"]["components"] = {"ner": {"labels": None}}
    run(config, tmp_path / "out")
    assert "LATE" in spacy.load(tmp_path / "out" / "model-last").get_pipe("ner").labels


@registry.loggers("test_step.lines.v1")
def lines(path: str, fails_at: int = -1):
    """A logger of somebody's own."""

    def setup(nlp, stdout, stderr):
        def log(info):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(
                    "-\n"
                    if info is None
                    else f"{info['step']} {info['score']:.4f} {sorted(info['losses'])}\n"
                )
            if info and info["step"] == fails_at:
                raise ConnectionError("the service is gone")

        def end():
            with Path(path).open("a", encoding="utf-8") as file:
                file.write("end\n")

        return log, end

    return setup


@pytest.mark.parametrize("fails", [False, True])
def test_the_configs_own_logger_hears_of_each_step(tmp_path, corpus, capfd, fails):
    config = config_for(corpus)
    config["training"]["eval_frequency"] = 2
    config["training"]["logger"] = {
        "@loggers": "test_step.lines.v1",
        "path": str(tmp_path / "log"),
        "fails_at": 2 if fails else -1,
    }
    assert run(config, tmp_path / "out")["steps"] == 5
    written = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    if fails:
        assert len(written) == 3
        assert "[training.logger] is off from here on: ConnectionError" in capfd.readouterr().err
    else:
        assert [line.split()[0] for line in written] == ["0", "-", "2", "-", "4", "end"]
        assert written[0].endswith("['ner', 'tok2vec']")


def test_a_console_logger_writes_its_file_alone(tmp_path, corpus, capfd):
    config = config_for(corpus)
    config["training"]["logger"] = {
        "@loggers": "spacy.ConsoleLogger.v3",
        "progress_bar": "eval",
        "output_file": str(tmp_path / "log.jsonl"),
    }
    run(config, tmp_path / "out")
    assert [
        json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    ] == [0, 1, 2, 3, 4]
    assert "LOSS" not in capfd.readouterr().out


@registry.loggers("test_step.broken.v1")
def broken():
    """A logger that does not start."""

    def setup(nlp, stdout, stderr):
        raise ConnectionError("no service there")

    return setup


def test_a_logger_that_cannot_start_is_told(tmp_path, corpus):
    config = config_for(corpus)
    config["training"]["logger"] = {"@loggers": "test_step.broken.v1"}
    with pytest.raises(
        UserError,
        match=r"\[training.logger\] test_step.broken.v1 did not start \(ConnectionError: no service there\)",
    ):
        run(config, tmp_path / "out")


@pytest.mark.parametrize("weights", [{"ents_f": None}, {"ents_f": 1.0}])
def test_of_equal_scores_the_last_is_best(tmp_path, corpus, weights):
    config = config_for(corpus)
    config["training"]["score_weights"] = weights | {"ents_p": None, "ents_r": None}
    config["training"]["optimizer"] |= {"learn_rate": 0.0, "L2": 0.0}
    metrics = run(config, tmp_path / "out")
    assert len({row["score"] for row in metrics["history"]}) == 1
    assert metrics["best"]["step"] == 4


def test_a_score_that_is_no_number_is_told(tmp_path, corpus):
    config = config_for(corpus)
    config["training"]["score_weights"] = {"ents_per_type": 1.0}
    config["training"]["optimizer"]["learn_rate"] = 0.01
    with pytest.raises(UserError, match=r"\[training.score_weights\] ents_per_type is no number but dict"):
        run(config, tmp_path / "out")


def test_who_stops_a_run_is_told_where_the_best_pipeline_is(tmp_path, corpus, monkeypatch):
    Interrupter(monkeypatch, {2: signal.SIGINT})
    with (
        pytest.raises(
            Stopped, match=r"the best pipeline so far \(score [\d.]+ at step \d+\) is .*unfinished.model-best"
        ) as stop,
    ):
        run(config_for(corpus), tmp_path / "out")
    assert "Run the same command to go on" in str(stop.value)
    spacy.load(tmp_path / "out" / "unfinished" / "model-best")


class Limited:
    """Lets memory run out where more documents than `most` are computed at once, after all is computed."""

    def __init__(self, monkeypatch, most: int, error: Exception) -> None:
        self.sizes: list[int] = []
        update = TrainingStep.update

        def limited(step, examples, drop, losses):
            self.sizes.append(len(examples))
            update(step, examples, drop, losses)
            if len(examples) > most:
                raise error

        monkeypatch.setattr(TrainingStep, "update", limited)


def begin_small(step: TrainingStep, init: Callable, *given, **options) -> None:
    """Begin with four micro-batches, as after memory ran out twice."""
    init(step, *given, **options)
    step.micro_batches = 4


def plain_run(config: Config, output: Path, monkeypatch, **options) -> tuple[dict, numpy.ndarray]:
    """Train by the plain step; return the metrics and all weights."""
    with monkeypatch.context() as patch:
        patch.setattr("scripts.training.pipeline.find_fast", lambda: None)
        metrics = run(config, output, **options)
    parameters = walk_parameters(spacy.load(output / "model-last"))
    return metrics, numpy.concatenate([parameter.weights.reshape(-1) for parameter in parameters])


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("error", [torch.OutOfMemoryError("none left"), MemoryError()])
def test_where_memory_runs_out_a_batch_is_computed_in_more_micro_batches(
    tmp_path, corpus, monkeypatch, capfd, exact, error
):
    config = config_for(corpus)
    with monkeypatch.context() as patch:
        limited = Limited(patch, 4, error)
        metrics, found = plain_run(config, tmp_path / "limited", monkeypatch, exact=exact)
    assert capfd.readouterr().err.count("Warning: memory ran out") == 1
    assert metrics["computation"] == {"out_of_memory": 2, "micro_batches": 4}
    assert sum(size > 4 for size in limited.sizes) == 2
    with monkeypatch.context() as patch:
        init = TrainingStep.__init__
        patch.setattr(TrainingStep, "__init__", partialmethod(begin_small, init))
        _, expected = plain_run(config, tmp_path / "small", monkeypatch, exact=exact)
    assert_array_equal(found, expected)  # nothing is left of what was given up
    _, whole = plain_run(config, tmp_path / "whole", monkeypatch, exact=exact)
    assert not numpy.array_equal(found, whole)
    assert_allclose(found, whole, atol=0.01)


def test_where_a_single_document_is_too_large_the_error_is_told(tmp_path, corpus, monkeypatch):
    limited = Limited(monkeypatch, 0, torch.OutOfMemoryError("none left"))
    with pytest.raises(torch.OutOfMemoryError, match="none left"):
        plain_run(config_for(corpus), tmp_path / "out", monkeypatch)
    assert limited.sizes[-1] == 1


def test_other_errors_are_not_taken_for_a_want_of_memory(tmp_path, corpus, monkeypatch):
    limited = Limited(monkeypatch, 4, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        plain_run(config_for(corpus), tmp_path / "out", monkeypatch)
    assert len(limited.sizes) == 1
