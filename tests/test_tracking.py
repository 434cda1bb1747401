import pytest

from scripts.training.tracking import NullTracker, WandbTracker, start_tracker

RUN = {"project": "ner", "entity": "", "group": "", "name": "cpu-seed0", "config": {"seed": 0}}


class FakeRun:
    def __init__(self, failing=False):
        self.failing = failing
        self.logged = []
        self.summary = {}
        self.finished = False

    def log(self, metrics, *, step):
        if self.failing:
            raise ConnectionError("no network")
        self.logged.append((step, metrics))

    def finish(self, *, exit_code):
        self.finished = exit_code == 0


def test_an_evaluation_is_one_call_with_the_training_step():
    run = FakeRun()
    tracker = WandbTracker(run)
    tracker.log(20, {"score": 0.5, "loss": 3.0})
    tracker.finish({"best_score": 0.5})
    assert (run.logged, run.summary, run.finished) == ([(20, {"score": 0.5, "loss": 3.0})], {"best_score": 0.5}, True)


def test_a_failure_is_told_once_and_training_goes_on(capsys):
    tracker = WandbTracker(FakeRun(failing=True))
    for step in (0, 20):
        tracker.log(step, {})
    tracker.finish({})
    assert capsys.readouterr().err.count("no network") == 1


def test_disabled_logs_nothing(tmp_path):
    assert isinstance(start_tracker("disabled", folder=tmp_path, **RUN), NullTracker)
    assert list(tmp_path.iterdir()) == []


def test_a_tracker_that_cannot_start_does_not_stop_training(tmp_path, monkeypatch, capsys):
    import wandb

    def fail(**_):
        raise wandb.errors.CommError("service is down")

    monkeypatch.setattr(wandb, "init", fail)
    assert isinstance(start_tracker("offline", folder=tmp_path, **RUN), NullTracker)
    assert "service is down" in capsys.readouterr().err


def test_online_without_a_key_becomes_offline(tmp_path, monkeypatch, capsys):
    import wandb

    seen = {}
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setattr("scripts.training.tracking._has_key", lambda _: False)
    monkeypatch.setattr(wandb, "init", lambda **settings: seen.update(settings) or FakeRun())
    start_tracker("online", folder=tmp_path, **RUN)
    assert seen["mode"] == "offline"
    assert "no API key" in capsys.readouterr().err


@pytest.mark.slow
def test_offline_run_holds_the_training_steps(tmp_path, monkeypatch):
    """A real offline run: three evaluations at steps 0, 20 and 40 are three rows at those steps."""
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    tracker = start_tracker("offline", folder=tmp_path, **RUN)
    for step in (0, 20, 40):
        tracker.log(step, {"score": step / 100, "loss": 1.0})
    assert tracker.run.step == 40
    tracker.finish({"best_score": 0.4})
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
