"""Training is that of `spacy train`, and leaves whole models, or the ones before."""

import json
import signal
import subprocess
import sys

import numpy
import pytest
import spacy
import torch
from thinc.api import Model

from scripts.cli import Stopped, UserError
from scripts.tracking.tracker import Tracker
from scripts.training.step import TrainingStep
from tests.closure import ROOT
from tests.make import make_corpus
from tests.runs import PRETRAINED, config_for, run


class Recorder(Tracker):
    def __init__(self, is_due=False):
        self.steps, self.rows, self.is_due = [], [], lambda: is_due

    def log(self, step, metrics):
        self.steps.append(step)
        self.rows.append(metrics)


def test_training_leaves_best_last_and_a_history(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    metrics = run(config_for(corpus), tmp_path / "cpu")
    assert sorted(path.name for path in (tmp_path / "cpu").iterdir()) == ["model-best", "model-last"]
    assert [row["step"] for row in metrics["history"]] == [0, 1, 2, 3, 4]
    assert metrics["stopped_because"] == "the budget of steps is used up"


def test_the_tracker_gets_one_call_an_evaluation(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    recorder = Recorder()
    run(config_for(corpus), tmp_path / "cpu", tracker=recorder)
    assert recorder.steps == [0, 1, 2, 3, 4]


def test_each_step_knows_the_norm_of_its_gradients(tmp_path, write_jsonl):
    config = config_for(make_corpus(tmp_path, write_jsonl))
    config["training"]["eval_frequency"] = 3
    config["training"]["dropout"] = 0.0
    norms = []
    for exact in (False, True):
        recorder = Recorder(is_due=True)
        run(config, tmp_path / "cpu", tracker=recorder, exact=exact)
        norms.append([row["train/gradient_norm"] for row in recorder.rows])
        assert {*recorder.steps} == {0, 1, 2, 3, 4}
    assert norms[0] == pytest.approx(norms[1], rel=0.3)
    assert norms[1][0] == pytest.approx(norms[0][0], rel=1e-4)
    assert len({*norms[1]}) >= 5


def compare(ours: Model, theirs: Model) -> int:
    """Compare all parameters, bit by bit; return how many there are."""
    compared = 0
    for mine, other in zip(ours.walk(), theirs.walk(), strict=True):
        for name in filter(mine.has_param, mine.param_names):
            assert numpy.array_equal(mine.get_param(name), other.get_param(name)), (mine.name, name)
            compared += 1
        for shim, other_shim in zip(mine.shims, other.shims, strict=True):
            tensors, expected = shim._model.state_dict(), other_shim._model.state_dict()
            assert tensors.keys() == expected.keys()
            assert all(torch.equal(tensors[key], expected[key]) for key in tensors), mine.name
            compared += len(tensors)
    return compared


@pytest.mark.parametrize(
    ("variant", "steps", "start"),
    [
        ("cpu", 6, {}),
        ("cpu", 6, PRETRAINED),
        pytest.param("gpu", 3, {}, marks=[pytest.mark.slow, pytest.mark.long]),
        pytest.param("gpu", 3, PRETRAINED, marks=pytest.mark.slow),
    ],
)
def test_training_gives_the_weights_of_spacy_train(tmp_path, write_jsonl, variant, steps, start):
    """Bare `spacy train` on the same config: the same scores, and the same numbers in every parameter."""
    corpus = make_corpus(tmp_path, write_jsonl)
    config = config_for(corpus, variant, max_steps=steps, **start)
    config.to_disk(tmp_path / "config.cfg")
    metrics = run(config, tmp_path / "ours", exact=True)
    code = ROOT / "scripts" / "training" / "finetune.py"
    command = [sys.executable, "-m", "spacy", "train", "config.cfg", "--output=theirs", f"--code={code}"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    ours, theirs = (spacy.load(tmp_path / name / "model-last") for name in ("ours", "theirs"))
    compared = sum(
        compare(ours.get_pipe(name).model, theirs.get_pipe(name).model)
        for name in ours.pipe_names
        if name != "doc_cleaner"
    )
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


@pytest.mark.parametrize(("exact", "what"), [(True, "the loss is"), (False, "the gradient of tok2vec")])
def test_a_number_that_is_none_stops_and_leaves_the_old_model(tmp_path, write_jsonl, exact, what):
    corpus = make_corpus(tmp_path, write_jsonl)
    output = tmp_path / "cpu"
    run(config_for(corpus), output)
    before = (output / "model-best" / "meta.json").read_bytes()
    config = config_for(corpus, max_steps=20)
    config["training"]["optimizer"]["learn_rate"] = 1e30
    config["training"]["optimizer"]["grad_clip"] = 0.0
    with (
        pytest.raises(UserError, match=rf"{what}.* lower the learning rate"),
        numpy.errstate(all="ignore"),
    ):
        run(config, output, exact=exact)
    assert (output / "model-best" / "meta.json").read_bytes() == before


def test_an_interrupt_leaves_the_old_model_and_a_checkpoint(tmp_path, write_jsonl, monkeypatch):
    corpus = make_corpus(tmp_path, write_jsonl)
    output = tmp_path / "cpu"
    run(config_for(corpus), output)
    before = (output / "model-best" / "ner" / "model").read_bytes()
    learn = TrainingStep.learn

    def interrupted(step, items, losses, signals):
        if step.batches.state_dict()["taken"] == 1:
            signal.raise_signal(signal.SIGINT)
        return learn(step, items, losses, signals)

    monkeypatch.setattr(TrainingStep, "learn", interrupted)
    with pytest.raises(Stopped, match="Run the same command to go on") as stop:
        run(config_for(corpus), output)
    assert stop.value.code == 130
    assert (output / "model-best" / "ner" / "model").read_bytes() == before
    monkeypatch.undo()
    run(config_for(corpus), output)
    assert not (output / "unfinished").exists()
