"""What is tracked, and that nothing that goes wrong with it costs a run."""

import inspect

import pytest
import wandb
from wandb.sdk.interface.interface import InterfaceBase

from scripts.cli import UserError
from scripts.tracking import weights_and_biases
from scripts.tracking.artifacts import Artifact
from scripts.tracking.options import TrackingOptions
from scripts.tracking.tracker import Tracker, start_tracker
from scripts.tracking.weights_and_biases import WandbTracker

CONFIG = {"variant": "cpu", "seed": 0, "corpus_sha256": {"train": "68476da307b2", "dev": "44a0"}}
KEY = "a" * 40


class FakeRun:
    id, offline = "abc", False

    def __init__(self, folder, failing=False):
        self.dir = str(folder / "wandb" / "run-1-abc" / "files")
        self.failing, self.logged, self.summary, self.ended = failing, [], {}, None
        (folder / "wandb" / "run-1-abc").mkdir(parents=True, exist_ok=True)

    def define_metric(self, *_, **__): ...

    def log(self, row, *, step, commit):
        if self.failing:
            raise ConnectionError("no network")
        self.logged.append((step, row))

    def finish(self, *, exit_code):
        self.ended = exit_code


def start(folder, mode="offline", **options) -> Tracker:
    return start_tracker(TrackingOptions(wandb_mode=mode, **options), "train", folder, CONFIG)


@pytest.fixture
def init(monkeypatch, tmp_path):
    """The arguments of runs that are started; a test says which modes fail."""
    started, failing = [], {}

    def fake(**settings):
        started.append(settings)
        if settings["mode"] in failing:
            raise failing[settings["mode"]]
        return FakeRun(tmp_path)

    monkeypatch.setattr(wandb, "init", fake)
    return started, failing


def test_a_row_is_one_call_with_the_training_step(tmp_path):
    run = FakeRun(tmp_path)
    tracker = WandbTracker(run, TrackingOptions())
    tracker.log(20, {"dev/score": 0.5})
    tracker.finish({"best_score": 0.5})
    assert run.logged == [(20, {"dev/score": 0.5, "train/step": 20})]
    assert (run.summary, run.ended) == ({"best_score": 0.5}, 0)


def test_steps_are_due_once_a_second(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(weights_and_biases.time, "perf_counter", lambda: now[0])
    tracker = WandbTracker(FakeRun(tmp_path), TrackingOptions())
    due = []
    for now[0] in (100.5, 101.0, 101.5, 102.5):
        due.append(tracker.is_due())
        if due[-1]:
            tracker.log(int(now[0]), {})
    assert due == [False, True, False, True]


def test_a_run_that_goes_on_logs_no_step_twice(tmp_path):
    first, second = FakeRun(tmp_path), FakeRun(tmp_path)
    for run, steps in ((first, (0, 10, 20)), (second, (10, 20, 30))):
        tracker = WandbTracker(run, TrackingOptions())
        for step in steps:
            tracker.log(step, {})
    assert [step for step, _ in first.logged + second.logged] == [0, 10, 20, 30]


def test_a_failure_is_told_once_and_training_goes_on(tmp_path, capsys):
    tracker = WandbTracker(FakeRun(tmp_path, failing=True), TrackingOptions())
    for step in (0, 20):
        tracker.log(step, {})
    tracker.add(Artifact("a", "b"))
    tracker.finish({})
    told = capsys.readouterr().err
    assert told.count("no network") == 1
    assert f"wandb sync {tmp_path / 'wandb' / 'run-1-abc'}" in told


def test_an_artifact_that_cannot_be_made_costs_nothing_but_tracking(tmp_path, capsys):
    run = FakeRun(tmp_path)
    (tmp_path / "scores.json").write_text("{", encoding="utf-8")
    WandbTracker(run, TrackingOptions()).add(tmp_path / "scores.json")
    assert "W&B is off from here on: JSONDecodeError" in capsys.readouterr().err


def test_disabled_logs_nothing_and_makes_nothing(tmp_path):
    tracker = start(tmp_path, "disabled")
    tracker.add(tmp_path)
    assert type(tracker) is Tracker
    assert list(tmp_path.iterdir()) == []


def test_a_tracker_that_cannot_start_does_not_stop_training(tmp_path, init, capsys):
    init[1]["offline"] = wandb.errors.CommError("service is down")
    assert type(start(tmp_path)) is Tracker
    assert "service is down" in capsys.readouterr().err


def test_a_run_has_the_names_that_options_give(tmp_path, init):
    start(tmp_path, wandb_project="p", wandb_entity="e", wandb_group="g", wandb_tags="a, b")
    (run,) = init[0]
    expected = {"project": "p", "entity": "e", "group": "g", "tags": ["a", "b"]}
    assert run.items() >= (expected | {"job_type": "train", "name": "cpu-seed0", "id": None}).items()


def test_runs_on_the_same_data_are_a_group_and_the_environment_may_say_more(tmp_path, init, monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    monkeypatch.setenv("WANDB_NAME", "n")
    start(tmp_path)
    (run,) = init[0]
    assert (run["project"], run["group"], run["name"]) == ("mine", "corpus-68476da3", "n")


@pytest.mark.parametrize(("mode", "told"), [("online", True), ("auto", False)])
def test_without_a_key_a_run_is_kept_here(tmp_path, init, capsys, mode, told):
    start(tmp_path, mode)
    assert [run["mode"] for run in init[0]] == ["offline"]
    assert ("no API key" in capsys.readouterr().err) == told


def test_online_that_does_not_start_is_kept_here_and_said_in_one_line(tmp_path, init, monkeypatch, capsys):
    monkeypatch.setattr(weights_and_biases, "can_be_online", lambda _: True)
    init[1]["online"] = RuntimeError("Timed out\nConsider increasing")
    start(tmp_path, "online")
    assert [run["mode"] for run in init[0]] == ["online", "offline"]
    assert capsys.readouterr().err == "W&B: the run is kept here: RuntimeError: Timed out\n"


@pytest.mark.parametrize(
    ("asked", "environment", "expected"),
    [
        ("", "", "offline"),
        ("", "online", "online"),
        ("", "dryrun", "offline"),
        ("", "disabled", "disabled"),
        ("offline", "online", "offline"),
        ("run", "", "online"),
        ("auto", "offline", "auto"),
        ("disabled", "nonsense", "disabled"),
    ],
)
def test_the_environment_says_the_mode_where_nobody_else_does(monkeypatch, asked, environment, expected):
    monkeypatch.setenv("WANDB_MODE", environment)
    assert TrackingOptions(wandb_mode=asked).mode == expected


@pytest.mark.parametrize(
    ("asked", "what"), [("", "WANDB_MODE=quark in the environment"), ("quark", "--wandb-mode=quark")]
)
def test_an_unknown_mode_is_one_clear_error(monkeypatch, asked, what):
    monkeypatch.setenv("WANDB_MODE", "quark")
    with pytest.raises(UserError, match=f"^{what}: write auto, online, offline or disabled$"):
        _ = TrackingOptions(wandb_mode=asked).mode


def test_wandb_still_has_the_call_that_neither_waits_nor_refuses_offline():
    known = inspect.signature(InterfaceBase.publish_artifact).parameters.keys()
    assert {"run", "artifact", "aliases", "use_after_commit"} <= known, "see WandbTracker.add"


def test_a_folder_that_cannot_be_written_is_told_before_wandb_takes_another(tmp_path, init, capsys):
    (tmp_path / "wandb").touch()
    assert type(start(tmp_path)) is Tracker
    assert init[0] == []
    told = capsys.readouterr().err
    assert told.startswith("W&B did not start, so nothing is logged there: FileExistsError")
    assert told.count("\n") == 1
