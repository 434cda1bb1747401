"""Configs that are not the plain one: components that grow, readers that draw, no seed, loggers, equal scores."""

import json
import signal
from pathlib import Path

import pytest
import spacy
from confection import Config
from spacy.training import Corpus
from spacy.util import registry

from scripts.cli import Stopped, UserError
from scripts.training import ranks
from scripts.training.batches import Batches
from scripts.training.engine import Engine
from scripts.training.loop import train
from scripts.training.pipeline import make_pipeline, why_alone
from scripts.training.tracking import NullTracker
from scripts.training.fast.workers import World
from tests.make import make_corpus, rows
from tests.runs import fast_ops, models, run, untimed
from tests.training.test_resume import Interrupter, interrupted
from tests.runs import config_for
from tests.training.fast.test_workers import drive

NEW = ("DRINK", "GAME")


@pytest.fixture
def corpus(tmp_path, write_jsonl):
    return make_corpus(tmp_path, write_jsonl)


@pytest.fixture
def growing(tmp_path, write_jsonl):
    """A config whose ner is sourced, and knows none of the corpus's labels but one."""
    return _growing(tmp_path, write_jsonl)


def _growing(tmp_path, write_jsonl) -> Config:
    old = make_corpus(tmp_path, write_jsonl)
    run(config_for(old), tmp_path / "old")
    planted = []
    for i, row in enumerate(rows(40, offset=5000)):
        row["spans"][0]["label"] = NEW[i % 7 == 0]
        planted.append(row)
    (tmp_path / "new").mkdir()
    new = make_corpus(tmp_path / "new", write_jsonl, planted=planted)
    config = config_for(new, max_steps=8)
    config["components"] = {
        name: {"source": (tmp_path / "old" / "model-last").as_posix()} for name in ("tok2vec", "ner")
    }
    config["initialize"]["components"] = {}
    config["training"]["eval_frequency"] = 3
    return config


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


@pytest.mark.slow
def test_two_workers_grow_alike(tmp_path, growing):
    hashes, _ = drive(tmp_path, growing, "two", 2)
    assert len(hashes) == 2
    assert len({*hashes}) == 1


class Another(World):
    """A world of two, the other of which has read something else."""

    size = 2

    def gather(self, thing):
        return [thing, "another"]


def test_a_reader_that_gives_each_process_its_own_documents_is_told(corpus):
    with fast_ops():
        nlp, T, train_corpus, _ = make_pipeline(config_for(corpus), -1)
        with pytest.raises(
            UserError, match=r"\[corpora.train\]: its reader gives each process other documents"
        ):
            Engine(nlp, T, train_corpus, Another(), exact=False)


@pytest.mark.slow
def test_two_workers_read_what_an_augmenter_drew_once(tmp_path, corpus):
    config = config_for(corpus)
    config["corpora"]["train"]["augmenter"] = {"@augmenters": "spacy.lower_case.v1", "level": 0.5}
    hashes, _ = drive(tmp_path, config, "two", 2)
    assert len({*hashes}) == 1


def test_each_process_draws_other_dropout_after_it_has_read(corpus, monkeypatch):
    states = []
    config = config_for(corpus)
    config["corpora"]["train"]["augmenter"] = {"@augmenters": "spacy.lower_case.v1", "level": 0.5}
    digest = Batches.digest
    monkeypatch.setattr(Batches, "digest", lambda batches: states.append(digest(batches)) or "")
    monkeypatch.setattr(Another, "gather", lambda world, thing: [thing, thing])
    for rank in (0, 1):
        world = Another()
        world.rank = rank
        with fast_ops():
            nlp, T, train_corpus, _ = make_pipeline(config, -1)
            Engine(nlp, T, train_corpus, world, exact=False)
    assert len({*states}) == 1


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
    assert ranks.rank() is None
    assert run(config_for(corpus), tmp_path / "out")["workers"] == 1
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert ranks.rank() == 1


def test_the_corpus_is_read_once(tmp_path, corpus, monkeypatch):
    config, read = config_for(corpus), []
    original = Corpus.read_docbin
    monkeypatch.setattr(
        Corpus,
        "read_docbin",
        lambda reader, vocab, locs: read.append(reader) or original(reader, vocab, locs),
    )
    config["initialize"]["components"] = {}
    run(config, tmp_path / "out")
    assert len(read) == 2  # train and dev
    saved = Config().from_disk(tmp_path / "out" / "model-last" / "config.cfg", interpolate=False)
    assert saved["corpora"] == config["corpora"]


def test_labels_of_null_are_looked_for_in_all_of_train(tmp_path, write_jsonl):
    late = rows(1, offset=9000)
    late[0]["spans"][0]["label"] = "LATE"
    config = config_for(make_corpus(tmp_path, write_jsonl, train=150, planted=late))
    config["initialize"]["components"] = {"ner": {"labels": None}}
    run(config, tmp_path / "out")
    assert "LATE" in spacy.load(tmp_path / "out" / "model-last").get_pipe("ner").labels


@registry.loggers("test_engine.lines.v1")
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
        "@loggers": "test_engine.lines.v1",
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


@registry.loggers("test_engine.broken.v1")
def broken():
    """A logger that does not start."""

    def setup(nlp, stdout, stderr):
        raise ConnectionError("no service there")

    return setup


def test_a_logger_that_cannot_start_is_told(tmp_path, corpus):
    config = config_for(corpus)
    config["training"]["logger"] = {"@loggers": "test_engine.broken.v1"}
    with pytest.raises(
        UserError,
        match=r"\[training.logger\] test_engine.broken.v1 did not start \(ConnectionError: no service there\)",
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
        fast_ops(),
    ):
        train(config_for(corpus), tmp_path / "out", gpu_id=-1, tracker=NullTracker())
    assert "Run the same command to go on" in str(stop.value)
    spacy.load(tmp_path / "out" / "unfinished" / "model-best")
