import http.server
import os
import socket
import subprocess
import sys
import threading

import pytest

from scripts.cli import UserError
from scripts.training import tracking
from scripts.training.tracking import Tracker, WandbTracker, choose_mode, start_tracker

RUN = {"project": "ner", "entity": "", "group": "", "name": "cpu-seed0", "config": {"seed": 0}}


@pytest.fixture(autouse=True)
def no_wandb(monkeypatch):
    """An environment that says nothing of W&B, and is as before afterwards."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_ERROR_REPORTING"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


class FakeRun:
    id, dir = "abc", "wandb/run-abc/files"

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
    assert (run.logged, run.summary, run.finished) == (
        [(20, {"score": 0.5, "loss": 3.0})],
        {"best_score": 0.5},
        True,
    )


def test_a_failure_is_told_once_and_training_goes_on(capsys):
    tracker = WandbTracker(FakeRun(failing=True))
    for step in (0, 20):
        tracker.log(step, {})
    tracker.finish({})
    assert capsys.readouterr().err.count("no network") == 1


def test_disabled_logs_nothing(tmp_path):
    assert type(start_tracker("disabled", folder=tmp_path, **RUN)) is Tracker
    assert list(tmp_path.iterdir()) == []


def test_a_tracker_that_cannot_start_does_not_stop_training(tmp_path, monkeypatch, capsys):
    import wandb

    def fail(**_):
        raise wandb.errors.CommError("service is down")

    monkeypatch.setattr(wandb, "init", fail)
    assert type(start_tracker("offline", folder=tmp_path, **RUN)) is Tracker
    assert "service is down" in capsys.readouterr().err


@pytest.fixture
def init(monkeypatch):
    """Runs by their modes, in the order in which they were started; a test says which fail."""
    import wandb

    started, failing = [], {}

    def fake(**settings):
        started.append(settings["mode"])
        if settings["mode"] in failing:
            raise failing[settings["mode"]]
        return FakeRun()

    monkeypatch.setattr(wandb, "init", fake)
    return started, failing


def test_online_without_a_key_becomes_offline(tmp_path, monkeypatch, capsys, init):
    monkeypatch.setattr(tracking, "_has_key", lambda _: False)
    assert isinstance(start_tracker("online", folder=tmp_path, **RUN), WandbTracker)
    assert init[0] == ["offline"]
    assert "no API key" in capsys.readouterr().err


def test_online_that_does_not_start_becomes_offline_and_says_why_in_one_line(
    tmp_path, monkeypatch, capsys, init
):
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    init[1]["online"] = RuntimeError("Timed out\nConsider increasing")
    start_tracker("online", folder=tmp_path, **RUN)
    assert init[0] == ["online", "offline"]
    told = "W&B: RuntimeError: Timed out; the run is logged offline, and `wandb sync` sends it later\n"
    assert capsys.readouterr().err == told


def test_a_key_that_is_refused_without_a_word_is_explained(tmp_path, monkeypatch, capsys, init):
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    init[1]["online"] = RuntimeError("<no message>")
    start_tracker("online", folder=tmp_path, **RUN)
    assert "where the API key is not valid" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "environment", "expected"),
    [
        (None, "", "offline"),
        (None, "online", "online"),
        (None, "dryrun", "offline"),
        ("", "disabled", "disabled"),
        ("offline", "online", "offline"),
        ("run", "", "online"),
        ("disabled", "nonsense", "disabled"),
    ],
)
def test_the_environment_says_the_mode_where_nobody_else_does(monkeypatch, asked, environment, expected):
    monkeypatch.setenv("WANDB_MODE", environment)
    assert choose_mode(asked) == expected


def test_an_unknown_mode_of_the_environment_is_one_clear_error(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "quark")
    with pytest.raises(
        UserError,
        match="^WANDB_MODE=quark in the environment: write online, offline or disabled$",  # noqa: RUF043
    ):
        choose_mode()


def test_an_unknown_mode_that_was_asked_for_names_the_option():
    with pytest.raises(UserError, match="--wandb-mode=quark: write"):
        choose_mode("quark")


def test_an_end_that_takes_too_long_is_told_with_the_command_that_sends_the_rest(capsys):
    run = FakeRun()
    run.finish = lambda exit_code: (_ for _ in ()).throw(TimeoutError("Timed out finishing run."))
    WandbTracker(run).finish({})
    assert (
        "`wandb sync wandb/run-abc` sends what was not sent: TimeoutError"
        in capsys.readouterr().err.replace("\\", "/")
    )


class Refusing(http.server.BaseHTTPRequestHandler):
    """Answers as W&B does where a key is not valid."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.paths.append(self.path)
        self.send_response(401)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """A server that refuses all; `paths`: of the requests that came."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        server.paths = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


PROGRAM = """
import sys
from pathlib import Path
from scripts.training import tracking

tracking.TIMEOUTS["init_timeout"] = 2.0
names = {"project": "ner", "entity": "", "group": "", "name": "n"}
tracker = tracking.start_tracker(sys.argv[1] or None, folder=Path(sys.argv[2]), config={}, **names)
tracker.log(0, {"score": 0.5})
tracker.finish({})
"""


def log_by_itself(mode: str, folder, url: str) -> str:
    """Log a run in a process of its own, as W&B keeps what it finds there; return what it says."""
    environment = os.environ | {"WANDB_API_KEY": "a" * 40, "WANDB_BASE_URL": url}
    command = [sys.executable, "-c", PROGRAM, mode, str(folder)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, encoding="utf-8", check=True
    )
    return done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["refuses the key", "is not there", "never answers"])
def test_without_a_server_that_takes_it_a_run_is_logged_offline(tmp_path, kind, server):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = server.server_port if kind == "refuses the key" else silent.getsockname()[1]
        if kind == "is not there":
            silent.close()
        told = log_by_itself("online", tmp_path, f"http://127.0.0.1:{port}")
    assert "the run is logged offline" in told
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


@pytest.mark.slow
def test_an_offline_run_sends_nothing_to_anybody(tmp_path, server):
    assert log_by_itself("", tmp_path, f"http://127.0.0.1:{server.server_port}") == ""
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    assert server.paths == []


@pytest.mark.slow
def test_offline_run_holds_the_training_steps(tmp_path):
    """A real offline run: three evaluations at steps 0, 20 and 40 are three rows at those steps."""
    tracker = start_tracker("offline", folder=tmp_path, **RUN)
    for step in (0, 20, 40):
        tracker.log(step, {"score": step / 100, "loss": 1.0})
    assert tracker.run.step == 40
    tracker.finish({"best_score": 0.4})
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
