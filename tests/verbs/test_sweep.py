"""A sweep tries settings one after another, and goes on where it was."""

import importlib.util
import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

import pytest
import srsly
import typer.testing

from scripts import sweep
from scripts.cli import command_line
from scripts.tracking import weights_and_biases
from scripts.training import sweep as training_sweep
from tests.closure import ROOT

needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None, reason="optuna is not installed: requirements/sweep.txt"
)
TRAIN = """
import json, pathlib, sys
given = dict(part.removeprefix("--").split("=", 1) for part in sys.argv[1:] if "=" in part)
if float(given["training.dropout"]) < 0:
    sys.exit(3)
folder = pathlib.Path(given["output"])
folder.mkdir(parents=True)
(folder / "metrics.json").write_text(json.dumps({"best": {"score": 1 - float(given["training.dropout"])}}))
"""
SPACE = {"training.dropout": {"distribution": "uniform", "min": 0.1, "max": 0.5}}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Sweep with a training that takes no time; return how that went, and each trial's score."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    command = ["python", "train.py", "--output=out/${envvar:WANDB_RUN_ID}", "${args}"]

    def run_it(*options, parameters=SPACE, command=command):
        srsly.write_yaml("sweep.yaml", {"command": command, "parameters": parameters})
        arguments = ["sweep.yaml", "--journal=sweep.log", *options]
        done = typer.testing.CliRunner().invoke(command_line(sweep.main), arguments)
        scores = {
            path.parent.name: json.loads(path.read_text(encoding="utf-8"))["best"]["score"]
            for path in sorted(tmp_path.glob("out/*/metrics.json"))
        }
        return done, scores

    return run_it


@needs_optuna
def test_each_trial_has_a_folder_and_the_best_is_said(run):
    done, trials = run("--trials=3")
    assert done.exit_code == 0, done.stderr
    assert [*trials] == ["000", "001", "002"]
    best = max(trials, key=trials.get)
    assert f"Best of 3: out/{best}, {trials[best]}" in done.stderr


@needs_optuna
def test_a_second_call_goes_on_and_proposes_something_else(run):
    _, first = run("--trials=1")
    done, both = run("--trials=2")
    assert done.exit_code == 0, done.stderr
    assert both["000"] == first["000"]
    assert len({*both.values()}) == 2
    assert len(run("--trials=2")[1]) == 2


@needs_optuna
def test_a_seed_proposes_the_same(run, tmp_path):
    _, first = run("--trials=2", "--seed=1")
    shutil.rmtree(tmp_path / "out")
    _, second = run("--trials=2", "--seed=1", "--journal=another.log")
    assert first == second


@needs_optuna
def test_time_that_is_up_stops_a_trial(run):
    done, trials = run("--minutes=0")
    assert done.exit_code == 0
    assert trials == {}
    assert "Time is up" in done.stderr
    assert "Best of 0: none" in done.stderr


@needs_optuna
@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"training.dropout": {"distribution": "q_beta", "min": 0, "max": 1}}, "q_beta"),
        ({"training.dropout": {"min": 2, "max": 1.0}}, "from 2 to 1.0"),
        ({"training.dropout": {"minimum": 2}}, "KeyError"),
        ({"training.dropout": {"values": []}}, "ValueError"),
        ({"training.dropout": {}}, "KeyError"),
        ("many", "AttributeError"),
    ],
)
def test_a_space_that_is_none_is_one_line(run, parameters, said):
    done, _ = run(parameters=parameters)
    assert done.exit_code == 1
    assert "sweep.yaml: no sweep like that of configs/sweep.yaml" in done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@needs_optuna
def test_a_training_that_fails_ends_the_sweep(run):
    done, trials = run(parameters={"training.dropout": {"values": [-1]}})
    assert (done.exit_code, trials) == (1, {})
    assert "out/000: training failed" in done.stderr


@needs_optuna
def test_parameters_are_proposed_as_they_are_asked_for(run):
    space = {
        "training.dropout": {"distribution": "log_uniform_values", "min": 0.01, "max": 0.1},
        "training.patience": {"min": 1, "max": 3},
        "training.optimizer.L2": {"values": [0.5]},
    }
    done, trials = run("--trials=2", parameters=space)
    assert re.findall(r"patience=[123] --training.optimizer.L2=0.5$", done.stderr, flags=re.MULTILINE)
    assert all(0.9 <= score <= 0.99 for score in trials.values())


def test_without_optuna_the_way_to_it_is_said(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    done, _ = run()
    assert "pip install -r requirements/sweep.txt" in done.stderr


def test_the_sweep_that_comes_along_names_settings_of_the_cpu_variant():
    wanted = srsly.read_yaml(ROOT / "configs" / "sweep.yaml")
    assert {"${args}", "--output=training/sweep/${envvar:WANDB_RUN_ID}"} <= {*wanted["command"]}
    assert wanted["metric"] == {"name": "best_score", "goal": "maximize"}
    assert all("." in name for name in wanted["parameters"])


class FakeWandb:
    """W&B with an account: what is asked of it is kept."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, []

    def sweep(self, wanted: dict, project: str) -> str:
        self.asked.append((wanted, project))
        if self.error:
            raise self.error
        return "abc"


@pytest.fixture
def online(monkeypatch):
    """Let W&B answer; return a function that sets what it says, and the commands that are run."""
    commands = []
    monkeypatch.setattr(weights_and_biases, "can_be_online", lambda mode: mode in ("online", "auto"))
    monkeypatch.setattr(training_sweep, "run_until", lambda end, command: commands.append(command) or 0)
    monkeypatch.setenv("PATH", "")

    def answer(error: Exception | None = None) -> FakeWandb:
        fake = FakeWandb(error)
        monkeypatch.setitem(sys.modules, "wandb", fake)
        return fake

    return answer, commands


@pytest.mark.parametrize("mode", ["online", "auto"])
def test_online_wandb_proposes_and_its_agent_trains(run, online, mode):
    answer, commands = online
    fake = answer()
    done, _ = run(f"--wandb-mode={mode}", "--trials=3")
    assert done.exit_code == 0, done.stderr
    ((wanted, project),) = fake.asked
    assert wanted["parameters"] == SPACE
    assert wanted["command"][-1] == f"--wandb-mode={mode}"
    assert (project, commands) == ("ner", [[sys.executable, "-m", "wandb", "agent", "--count=3", "abc"]])
    assert os.environ["PATH"].startswith(str(Path(sys.executable).parent))


@needs_optuna
def test_without_an_answer_optuna_proposes(run, online):
    online[0](ConnectionError("no network"))
    done, _ = run("--wandb-mode=online", "--trials=1")
    assert "W&B: Optuna searches instead: no network" in done.stderr
    assert [command[1] for command in online[1]] == ["train.py"]


@needs_optuna
@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_offline_nobody_is_asked(run, online, mode):
    assert online[0]().asked == []
    assert run(f"--wandb-mode={mode}", "--trials=1")[0].exit_code == 1  # a training that wrote nothing
    assert online[1][0][-2].startswith("--restart")


def test_what_is_stopped_is_stopped_with_all_that_it_started(tmp_path):
    """The agent of W&B starts trainings; none may go on when its time is up."""
    inner = f"import pathlib, time; time.sleep(3); pathlib.Path({str(tmp_path / 'late')!r}).touch()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    assert training_sweep.run_until(time.monotonic() + 1.0, [sys.executable, "-c", outer]) is None
    time.sleep(3)
    assert not (tmp_path / "late").exists()
