"""What an offline run's files hold: read back, record by record."""

import getpass
import json
import os
import socket
from pathlib import Path

import pytest

from scripts.corpus.files import read_json
from scripts.tracking.options import TrackingOptions
from scripts.tracking.tracker import start_tracker, track_evaluation
from scripts.training import loop
from scripts.training.options import Options
from scripts.training.run import train_config
from tests.make import jsonl_writer, make_corpus
from tests.runs import check, config_for, kept_ops, run
from tests.wandb_files import files_of, read_run

SECRET = "0123456789abcdef" * 3

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A variant's folder after a tracked training; its corpus is beside it."""
    base = tmp_path_factory.mktemp("tracked")
    corpus = make_corpus(base, jsonl_writer(base))
    folder = base / "training" / "cpu"
    folder.mkdir(parents=True)
    config = config_for(corpus, max_steps=40)
    config["training"]["eval_frequency"] = 10
    config.to_disk(folder / "config.cfg")
    assert check(corpus, folder) == 0
    with pytest.MonkeyPatch.context() as patch, kept_ops():
        for name in ("WANDB_MODE", "WANDB_DATA_DIR", "WANDB_CACHE_DIR"):
            patch.setenv(name, "")
            patch.delenv(name)
        patch.setenv("WANDB_API_KEY", SECRET)
        train_config(Options(folder, corpus=corpus, device="cpu", wandb_group="first", wandb_tags="x,y"))
    return folder


@pytest.fixture(scope="module")
def logged(trained):
    return read_run(files_of(trained)[0])


def test_each_evaluation_is_one_row_at_its_training_step(logged):
    steps = [row["_step"] for row in logged["rows"]]
    assert steps == sorted(set(steps))
    scored = [row for row in logged["rows"] if "dev/score" in row]
    assert [row["_step"] for row in scored] == [0, 10, 20, 30, 40]
    assert all(row["train/step"] == row["_step"] for row in logged["rows"])


def test_a_row_has_scores_by_label_and_the_figures_of_the_step(logged):
    row = logged["rows"][-1]
    assert {"dev/ents_f", "ents_per_type/LOC/f", "ents_per_type/PERSON/r", "best_score"} <= row.keys()
    assert {"train/loss/ner", "train/learn_rate", "train/gradient_norm", "train/memory_mb"} <= row.keys()
    assert {"words", "seconds", "epoch", "train/words_per_second"} <= row.keys()
    assert row["train/gradient_norm"] > 0


def test_the_run_has_its_names_and_what_it_was_made_from(logged, trained):
    run, config = logged["run"], logged["config"]
    assert (run.project, run.run_group, run.job_type, [*run.tags]) == ("ner", "first", "train", ["x", "y"])
    assert (run.display_name, run.host) == ("cpu-seed0", "")
    assert {"spacy", "corpus", "corpus_sha256", "versions", "hardware", "code", "device"} <= config.keys()
    assert config["spacy"]["training"]["max_steps"] == 40
    assert config["corpus"]["train"]["ledger"]["stages"]["found"]["documents"] > 0


def test_the_summary_says_how_it_ended(logged, trained):
    summary, metrics = logged["summary"], read_json(trained / "metrics.json")
    for key in ("stopped_because", "words", "steps", "peak_memory_mb"):
        assert summary[key] == metrics[key], key
    assert summary["best_step"] == metrics["best"]["step"]


def test_inputs_and_the_pipeline_are_linked_by_hashes_and_nothing_of_them_is_sent(logged):
    artifacts = logged["artifacts"]
    inputs = {name: artifact.use_after_commit for name, artifact in artifacts.items()}
    assert inputs == {
        "cpu-config": True,
        "corpus": True,
        "corpus-validation": True,
        "cpu-model-best": False,
    }
    for name in ("corpus", "cpu-model-best"):
        kept = [entry for entry in artifacts[name].manifest.contents if entry.ref]
        assert all(entry.ref.startswith("sha256:") and not entry.local_path for entry in kept)
    assert not [entry for entry in artifacts["cpu-model-best"].manifest.contents if entry.local_path]


def test_no_text_no_path_no_name_and_no_key_is_in_what_is_sent(logged, trained):
    """Paths of what is to be sent are in the file for `wandb sync` alone, which sends what is there."""
    path = files_of(trained)[0]
    content = path.read_bytes()
    for artifact in logged["artifacts"].values():
        for entry in artifact.manifest.contents:
            content = content.replace(entry.local_path.encode(), b"")
            content += Path(entry.local_path).read_bytes() if entry.local_path else b""
    content += b"".join(own.read_bytes() for own in path.parent.glob("files/**/*") if own.is_file())
    corpus = trained.parent.parent / "corpus"
    texts = [
        json.loads(line)["text"] for line in (corpus.parent / "train.jsonl").read_text("utf-8").splitlines()
    ]
    assert texts
    private = [*(text[:20] for text in texts), SECRET, str(trained.parent.parent), str(Path.home()) + os.sep]
    private += [name for name in (socket.gethostname(),) if len(name) > 4]
    private += [f"/{getpass.getuser()}/"]
    assert [text for text in private if text.encode() in content] == []


def test_an_evaluation_is_a_run_that_used_the_pipeline(trained, monkeypatch):
    gold = {
        "ents_f": 0.5,
        "ents_p": 0.4,
        "ents_r": 0.6,
        "ents_per_type": {"LOC": {"f": 0.5}},
        "confusion": {"LOC": {"": 2}},
    }
    scores = {"variant": "cpu", "device": "CPU", "pipeline": ["ner"], "corpus_sha256": {"train": "68476da3"}}
    scores |= {"training": {"seed": 3}, "gold_tokens": gold, "raw_text": gold, "model_mb": 3.5}
    (trained / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    track_evaluation(TrackingOptions(wandb_mode="offline"), trained, scores, ())
    found = read_run(files_of(trained)[-1])
    assert (found["run"].job_type, found["run"].display_name) == ("evaluate", "cpu-seed3")
    assert found["artifacts"]["cpu-model-best"].use_after_commit
    digests = {read_run(path)["artifacts"]["cpu-model-best"].digest for path in files_of(trained)}
    assert len(digests) == 1
    assert found["summary"]["test/gold_tokens/ents_f"] == 0.5
    tables = [path.name.split("_")[0] for path in files_of(trained)[-1].parent.glob("files/media/table/*")]
    assert sorted(tables) == ["F by label", "confusion"]


class Killed(BaseException):
    """What stands for the end of the process: nothing catches it."""


def test_a_run_that_goes_on_has_the_same_id_and_no_step_twice(tmp_path, write_jsonl, monkeypatch):
    """It is killed after rows that no checkpoint knows of: these steps are taken again, and not logged again."""
    config = config_for(make_corpus(tmp_path, write_jsonl), max_steps=6)
    config["training"]["eval_frequency"] = 1
    output, facts = tmp_path / "cpu", {"variant": "cpu", "seed": 0}
    write, learn, taken = loop._Run._write_checkpoint, loop.TrainingStep.learn, []

    def learning(step, *rest):
        taken.append(step)
        if len(taken) == 6:
            raise Killed
        return learn(step, *rest)

    first = start_tracker(TrackingOptions(), "train", output, facts)
    with monkeypatch.context() as patch:
        patch.setattr(
            loop._Run, "_write_checkpoint", lambda self: write(self) if self.progress.step == 3 else None
        )
        patch.setattr(loop.TrainingStep, "learn", learning)
        with pytest.raises(Killed):
            run(config, output, tracker=first, checkpoint_minutes=0.0)
    first.finish({}, failed=True)
    second = start_tracker(TrackingOptions(), "train", output, facts, run_id=first.run_id)
    run(config, output, tracker=second)
    second.finish({})
    runs = [read_run(path) for path in files_of(output)]
    assert [found["run"].run_id for found in runs] == [first.run_id] * 2
    assert [[row["_step"] for row in found["rows"]] for found in runs] == [[0, 1, 2, 3, 4], [5, 6]]
