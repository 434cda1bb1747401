import json
import signal
import subprocess
import sys

import numpy
import pytest
import spacy
import torch

from scripts.cli import Stopped, UserError
from scripts.training.configs import Settings, build_config
from scripts.training.loop import train
from scripts.training.tracking import NullTracker
from tests.closure import ROOT
from tests.make import make_corpus


class Recorder(NullTracker):
    def __init__(self):
        self.steps = []

    def log(self, step, metrics):
        self.steps.append(step)


def test_training_leaves_best_last_and_a_history(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    metrics = run(config_for(corpus), tmp_path / "cpu")
    assert sorted(path.name for path in (tmp_path / "cpu").iterdir()) == ["model-best", "model-last"]
    assert [row["step"] for row in metrics["history"]] == [0, 1, 2, 3, 4]
    assert metrics["stopped_because"] == "the budget of steps is used up"


def test_the_tracker_gets_one_call_an_evaluation(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    recorder = Recorder()
    train(config_for(corpus), tmp_path / "cpu", gpu_id=-1, tracker=recorder)
    assert recorder.steps == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("variant", "steps"), [("cpu", 6), pytest.param("gpu", 3, marks=pytest.mark.slow)])
def test_training_gives_the_weights_of_spacy_train(tmp_path, write_jsonl, variant, steps):
    """Bare `spacy train` on the same config: the same scores, and the same numbers in every parameter, torch's too."""
    corpus = make_corpus(tmp_path, write_jsonl)
    config = config_for(corpus, variant, max_steps=steps)
    config.to_disk(tmp_path / "config.cfg")
    metrics = run(config, tmp_path / "ours")
    code = ROOT / "scripts" / "training" / "tuning.py"
    command = [
        sys.executable,
        "-m",
        "spacy",
        "train",
        "config.cfg",
        "--output",
        "theirs",
        "--code",
        str(code),
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    ours, theirs = (spacy.load(tmp_path / name / "model-last") for name in ("ours", "theirs"))
    compared = 0
    for name in [name for name in ours.pipe_names if name != "doc_cleaner"]:
        for mine, other in zip(
            ours.get_pipe(name).model.walk(), theirs.get_pipe(name).model.walk(), strict=True
        ):
            for param in mine.param_names:
                if mine.has_param(param):
                    assert numpy.array_equal(mine.get_param(param), other.get_param(param)), (
                        name,
                        mine.name,
                        param,
                    )
                    compared += 1
            for shim, other_shim in zip(mine.shims, other.shims, strict=True):
                tensors, expected = shim._model.state_dict(), other_shim._model.state_dict()
                assert tensors.keys() == expected.keys()
                assert all(torch.equal(tensors[key], expected[key]) for key in tensors), (name, mine.name)
                compared += len(tensors)
    assert compared > (100 if variant == "gpu" else 10)
    meta = json.loads((tmp_path / "theirs" / "model-best" / "meta.json").read_text(encoding="utf-8"))
    assert metrics["best"]["ents_f"] == pytest.approx(
        meta["performance"]["ents_f"], abs=1e-9
    )  # spaCy rounds in meta.json
    last = [
        json.loads((tmp_path / name / "model-last" / "meta.json").read_text(encoding="utf-8"))
        for name in ("ours", "theirs")
    ]
    assert (
        last[0]["performance"] == last[1]["performance"]
    )  # of the best, spaCy keeps the latest of equals, and we the earliest


def test_a_loss_that_is_no_number_stops_and_leaves_the_old_model(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    output = tmp_path / "cpu"
    run(config_for(corpus), output)
    before = (output / "model-best" / "meta.json").read_bytes()
    config = config_for(corpus, max_steps=20)
    config["training"]["optimizer"]["learn_rate"] = 1e30
    config["training"]["optimizer"]["grad_clip"] = 0.0
    with (
        pytest.raises(UserError, match=r"the loss is .* lower the learning rate"),
        numpy.errstate(all="ignore"),
    ):
        run(config, output)
    assert (output / "model-best" / "meta.json").read_bytes() == before


def test_an_interrupt_leaves_the_old_model_and_a_checkpoint(tmp_path, write_jsonl, monkeypatch):
    from scripts.training.engine import Engine

    corpus = make_corpus(tmp_path, write_jsonl)
    output = tmp_path / "cpu"
    run(config_for(corpus), output)
    before = (output / "model-best" / "ner" / "model").read_bytes()
    learn = Engine.learn

    def interrupted(engine, items, losses, signals):
        if engine.batches.position()["taken"] == 1:
            signal.raise_signal(signal.SIGINT)
        return learn(engine, items, losses, signals)

    monkeypatch.setattr(Engine, "learn", interrupted)
    with pytest.raises(Stopped, match="Run the same command to go on") as stop:
        run(config_for(corpus), output)
    assert stop.value.code == 130
    assert (output / "model-best" / "ner" / "model").read_bytes() == before
    monkeypatch.undo()
    run(config_for(corpus), output)
    assert not (output / "unfinished").exists()
