"""A sweep tries settings one after another, and goes on where it was."""

import importlib.util
import json
import sys

import pytest
import srsly
import typer.testing

from scripts import sweep
from scripts.cli import command_line
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
    """Sweep with a training that takes no time; return exit code, output, and what was found."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    command = ["python", "train.py", "--output=out/${envvar:WANDB_RUN_ID}", "${args}"]

    def run_it(*options, parameters=SPACE, command=command):
        srsly.write_yaml("sweep.yaml", {"command": command, "parameters": parameters})
        arguments = ["sweep.yaml", "--results=sweep.json", *options]
        done = typer.testing.CliRunner().invoke(command_line(sweep.main), arguments)
        path = tmp_path / "sweep.json"
        return done, json.loads(path.read_text(encoding="utf-8"))["trials"] if path.exists() else []

    return run_it


@needs_optuna
def test_each_trial_has_a_folder_and_the_best_is_said(run, tmp_path):
    done, trials = run("--trials=3")
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["000", "001", "002"]
    assert all(trial["value"] == 1 - trial["params"]["training.dropout"] for trial in trials)
    assert f"{max(trial['value'] for trial in trials)}" in done.stderr


@needs_optuna
def test_a_second_call_goes_on_and_a_seed_proposes_the_same(run, tmp_path):
    _, first = run("--trials=1", "--seed=1")
    _, both = run("--trials=2", "--seed=1")
    assert both[0] == first[0]
    assert len(both) == 2


@needs_optuna
def test_time_that_is_up_stops_a_trial(run):
    done, trials = run("--minutes=0")
    assert done.exit_code == 0
    assert trials == []
    assert "Time is up" in done.stderr


@needs_optuna
@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"training.dropout": {"distribution": "q_beta", "min": 0, "max": 1}}, "q_beta"),
        ({"training.dropout": {"min": 2, "max": 1.0}}, "from 2 to 1.0"),
        ({"training.dropout": {"minimum": 2}}, "minimum"),
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
def test_another_space_than_before_is_refused(run):
    run("--trials=1")
    done, _ = run("--trials=2", parameters={"training.dropout": {"values": [0.1]}})
    assert "sweep.json: of another sweep.yaml than this" in done.stderr


@needs_optuna
def test_a_training_that_fails_ends_the_sweep(run):
    done, trials = run(parameters={"training.dropout": {"values": [-1]}})
    assert (done.exit_code, trials) == (1, [])
    assert "out/000: training failed" in done.stderr


@needs_optuna
def test_the_distributions_are_those_that_are_asked_for():
    found = [sweep.distribution(values=[1, 2]), sweep.distribution(min=1, max=3)]
    found.append(sweep.distribution(distribution="log_uniform_values", min=0.1, max=1.0))
    assert [type(own).__name__[:3] for own in found] == ["Cat", "Int", "Flo"]
    assert found[-1].log


def test_without_optuna_the_way_to_it_is_said(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    done, _ = run()
    assert "pip install -r requirements/sweep.txt" in done.stderr


def test_the_sweep_that_comes_along_names_settings_of_the_cpu_variant():
    wanted = srsly.read_yaml(ROOT / "configs" / "sweep.yaml")
    assert {"${args}", "--output=training/sweep/${envvar:WANDB_RUN_ID}"} <= {*wanted["command"]}
    assert wanted["metric"] == {"name": "best_score", "goal": "maximize"}
    assert all("." in name for name in wanted["parameters"])
