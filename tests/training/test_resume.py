"""A run that was stopped, or killed, and goes on ends as if nothing had been."""

import json
import random
import signal
import subprocess

import pytest

from scripts.cli import Stopped
from scripts.training import loop
from scripts.training.fast.kernels import FastOps
from scripts.training.fast.step import FastStep
from scripts.training.step import TrainingStep
from tests.make import make_corpus
from tests.runs import (
    ENV,
    PATIENCE,
    PRETRAINED,
    ROOT,
    alive,
    await_checkpoint,
    checkpoint_time,
    command,
    config_for,
    family,
    finish,
    models,
    run,
    untimed,
)

STEPS = 7
CHANGES = {
    "default": {},
    "exact": {},
    "pretrained": {"start": PRETRAINED},
    "averages": {"optimizer": {"use_averages": True}},
    "accumulated": {"accumulate_gradient": 2},
    "schedules": {
        "optimizer": {
            "learn_rate": {
                "@schedules": "warmup_linear.v1",
                "warmup_steps": 2,
                "total_steps": STEPS,
                "initial_rate": 0.01,
            }
        },
    },
    "epochs": {"max_epochs": 2, "max_steps": 0, "eval_frequency": 3},
    "radam": {"optimizer": {"@optimizers": "RAdam.v1", "learn_rate": 0.003, "use_averages": True}},
}


def changed(corpus, name: str, *, variant: str = "cpu", steps: int = STEPS):
    changes = dict(CHANGES[name])
    config = config_for(corpus, variant, max_steps=steps, **changes.pop("start", {}))
    optimizer = changes.pop("optimizer", {})
    if "@optimizers" in optimizer:
        config["training"]["optimizer"] = optimizer
    else:
        config["training"]["optimizer"] |= optimizer
    config["training"] |= {"eval_frequency": 2} | changes
    return config


class Interrupter:
    """Sends this process a signal in some steps, counted over all runs."""

    def __init__(self, monkeypatch, moments: dict[int, signal.Signals]) -> None:
        self.moments, self.taken = dict(moments), 0
        learn = TrainingStep.learn

        def interrupted(step, items, losses, signals):
            sent = self.moments.pop(self.taken, None)
            if sent is not None:
                signal.raise_signal(sent)
            self.taken += 1
            return learn(step, items, losses, signals)

        monkeypatch.setattr(TrainingStep, "learn", interrupted)


def interrupted(config, output, monkeypatch, moments: dict[int, signal.Signals], **options) -> dict:
    """Run until the end, through all interruptions."""
    with monkeypatch.context() as patch:
        interrupter = Interrupter(patch, moments)
        for _, sent in sorted(moments.items()):
            with pytest.raises(Stopped) as stop:
                run(config, output, **options)
            assert stop.value.code == 128 + sent
            random.seed(99)  # nothing may depend on what the former process left
        metrics = run(config, output, **options)
        assert not interrupter.moments
    return metrics


MOMENTS = {0: signal.SIGINT, 3: signal.SIGTERM, 4: signal.SIGINT}


FAST = ("default", "exact")


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in CHANGES]
)
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(tmp_path, write_jsonl, monkeypatch, name):
    corpus = make_corpus(tmp_path, write_jsonl, train=60)
    config = changed(corpus, name)
    exact = name == "exact"
    expected = run(config, tmp_path / "whole", exact=exact)
    assert expected["steps"] > max(MOMENTS) + 1
    found = interrupted(config, tmp_path / "stopped", monkeypatch, MOMENTS, exact=exact)
    assert untimed(found) == untimed(expected)
    assert models(tmp_path / "stopped") == models(tmp_path / "whole")
    assert sorted(path.name for path in (tmp_path / "stopped").iterdir()) == ["model-best", "model-last"]


@pytest.mark.slow
def test_a_run_stopped_in_its_last_step_has_only_to_be_finished(tmp_path, write_jsonl, monkeypatch):
    corpus = make_corpus(tmp_path, write_jsonl, train=60)
    config = changed(corpus, "default")
    expected = run(config, tmp_path / "whole")
    found = interrupted(config, tmp_path / "stopped", monkeypatch, {STEPS: signal.SIGTERM})
    assert untimed(found) == untimed(expected)
    assert models(tmp_path / "stopped") == models(tmp_path / "whole")


@pytest.mark.slow
def test_another_dropout_makes_other_weights(tmp_path, write_jsonl):
    """What the tests above compare is not the same anyway."""
    corpus = make_corpus(tmp_path, write_jsonl, train=60)
    config = changed(corpus, "default")
    run(config, tmp_path / "one")
    config["training"]["dropout"] = 0.11
    run(config, tmp_path / "other")
    assert (
        models(tmp_path / "one")["model-last/ner/model"] != models(tmp_path / "other")["model-last/ner/model"]
    )


class Killed(BaseException):
    """What stands for the end of the process: nothing catches it."""


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True], ids=["first run", "over older models"])
@pytest.mark.parametrize("place", ["before save", "best moved", "both moved", "cleared"])
def test_a_run_killed_while_it_puts_its_models_in_place_finishes_the_next_time(
    tmp_path, write_jsonl, monkeypatch, place, again
):
    corpus = make_corpus(tmp_path, write_jsonl)
    config = config_for(corpus)
    expected = run(config, tmp_path / "whole")
    output = tmp_path / "killed"
    if again:
        run(config_for(corpus, max_steps=2), output)
    replace, rmtree, save = loop.replace_folder, loop.shutil.rmtree, loop._Run._save
    state = {"moved": 0}

    def replacing(new, target):
        replace(new, target)
        if target.parent == output:
            state["moved"] += 1
            if place == ("best moved", "both moved")[state["moved"] - 1]:
                raise Killed

    def clearing(path, **options):
        rmtree(path, **options)
        if place == "cleared" and state["moved"] == 2:
            raise Killed

    def saving(self, name):
        if place == "before save" and name == loop.LAST:
            raise Killed
        save(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "replace_folder", replacing)
        patch.setattr(loop.shutil, "rmtree", clearing)
        patch.setattr(loop._Run, "_save", saving)
        with pytest.raises(Killed):
            run(config, output, checkpoint_minutes=0.0)
    assert untimed(run(config, output)) == untimed(expected)
    assert models(output) == models(tmp_path / "whole")
    assert sorted(path.name for path in output.iterdir()) == ["model-best", "model-last"]


@pytest.mark.slow
@pytest.mark.long
def test_the_transformer_goes_on_as_if_nothing_had_been(tmp_path, write_jsonl, monkeypatch):
    corpus = make_corpus(tmp_path, write_jsonl, train=20, dev=4, test=4)
    config = changed(corpus, "default", variant="gpu", steps=3)
    config["training"]["patience"] = 0
    expected = run(config, tmp_path / "whole")
    found = interrupted(config, tmp_path / "stopped", monkeypatch, {1: signal.SIGTERM})
    assert untimed(found) == untimed(expected)
    assert models(tmp_path / "stopped") == models(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(("workers", "seed"), [(1, 71), (2, 72)])
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_weights(ready, request, workers, seed):
    corpus, make = ready
    kills = (request.config.getoption("--kills") + 2 - workers) // 2
    print(f"seed {seed}")
    moments = random.Random(seed)
    options = (f"--workers={workers}", "--checkpoint-minutes=0")
    whole = make("whole")
    finish(whole, corpus, *options)
    killed, runs = 0, 0
    while killed < kills:
        runs += 1
        folder = make(f"killed {runs}")
        while True:
            before = checkpoint_time(folder)
            with (folder / "log").open("ab") as log:
                process = subprocess.Popen(
                    command(folder, corpus, *options), cwd=ROOT, env=ENV, stdout=log, stderr=log
                )
                going = killed < kills and await_checkpoint(process, folder, before)
                try:
                    process.wait(moments.uniform(0, 1.5) if going else PATIENCE)
                except subprocess.TimeoutExpired:
                    members = family(process.pid)
                    if process.poll() is None:  # else it has just ended
                        assert len(members) == workers
                        for member in members:
                            member.kill()
                        process.wait(PATIENCE)
                        assert alive(members) == []
                        killed += 1
                        continue
            assert process.returncode == 0, (folder / "log").read_text(encoding="utf-8")
            break
        assert models(folder) == models(whole)
        ours, theirs = (
            json.loads((path / "metrics.json").read_text(encoding="utf-8")) for path in (folder, whole)
        )
        assert untimed(ours) == untimed(theirs)
        assert not list(folder.glob("*checkpoint*"))
    print(f"{killed} kills in {runs} runs")


def test_the_fast_step_is_what_the_tests_above_ran_with(tmp_path, write_jsonl, monkeypatch):
    seen = []
    learn = TrainingStep.learn
    monkeypatch.setattr(TrainingStep, "learn", lambda step, *rest: seen.append(step) or learn(step, *rest))
    run(config_for(make_corpus(tmp_path, write_jsonl), max_steps=1), tmp_path / "cpu")
    assert seen
    assert all(isinstance(step, FastStep) and isinstance(step.ops, FastOps) for step in seen)
