"""A server that stands in for W&B's, and does what servers do: training goes on, to the same weights."""

import http.server
import json
import socket
import threading
import time

import psutil
import pytest

from scripts.tracking import weights_and_biases
from scripts.tracking.artifacts import Artifact
from scripts.tracking.options import TrackingOptions
from scripts.tracking.tracker import Tracker, start_tracker
from tests.make import make_corpus
from tests.runs import config_for, models, run
from tests.wandb_files import files_of, read_run

pytestmark = pytest.mark.slow
FACTS = {"variant": "cpu", "seed": 0}
VIEWER = {"viewer": {"id": "v", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}}
PROJECT = {"id": "p", "name": "ner", "entity": {"id": "e", "name": "me"}}
BUCKET = {"id": "b", "displayName": "r", "description": "", "config": "{}", "sweepName": None}
BUCKET |= {"project": PROJECT, "historyLineCount": 0}
SEQUENCE = {"id": "s", "latestArtifact": {"id": "a", "versionIndex": 0}}
ARTIFACT = {"id": "a", "state": "COMMITTED", "artifactSequence": SEQUENCE}
ANSWERS = {
    "CreateArtifact": {"createArtifact": {"artifact": ARTIFACT}},
    "UseArtifact": {"useArtifact": {"artifact": {"id": "a"}}},
    "CreateRunFiles": {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": []}},
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Refuses the key, answers 500, cuts or hangs: at once, or (`later`) where rows arrive."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        is_row = "file_stream" in self.path
        fault, _, later = self.server.kind.partition(" ")
        if later and not is_row:
            fault = ""
        if fault == "hangs":
            self.server.over.wait()
        elif fault == "cuts":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault:
            self.answer({"refuses": 401, "fails": 500}[fault], {})
        elif is_row:
            self.answer(200, {})
        else:
            asked = json.loads(body)
            name = asked.get("operationName")
            self.server.asked.append(name)
            bucket = {
                "upsertBucket": {
                    "bucket": BUCKET | {"name": asked.get("variables", {}).get("name")},
                    "inserted": True,
                }
            }
            self.answer(200, {"data": bucket if name == "UpsertBucket" else ANSWERS.get(name, VIEWER)})

    def answer(self, code, data):
        content = json.dumps(data).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_): ...


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False

    def handle_error(self, *_):
        """Say nothing of connections that are cut."""


@pytest.fixture
def serve(monkeypatch):
    """Start a server of a kind, which W&B's settings then name; there is a key."""
    running = []

    def start(kind: str) -> Server:
        server = Server(("127.0.0.1", 0), Handler)
        server.kind, server.asked, server.over = kind, [], threading.Event()
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        running.append(server)
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
        return server

    yield start
    for server in running:
        server.over.set()
        server.shutdown()
        server.server_close()


def start(folder, mode="online") -> Tracker:
    return start_tracker(TrackingOptions(wandb_mode=mode), "train", folder, FACTS)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A config of 50 steps, and the pipelines that it gives without W&B."""
    from tests.make import jsonl_writer

    base = tmp_path_factory.mktemp("plain")
    config = config_for(make_corpus(base, jsonl_writer(base)), max_steps=49)
    config["training"]["eval_frequency"] = 25
    run(config, base / "cpu")
    return config, models(base / "cpu")


@pytest.mark.parametrize("kind", ["refuses", "fails", "cuts", "hangs", "is not there"])
def test_without_a_server_that_takes_it_training_is_the_same_and_kept_here(
    tmp_path, serve, capsys, plain, kind
):
    server = serve(kind)
    if kind == "is not there":
        server.shutdown()
        server.server_close()
    started = time.perf_counter()
    tracker = start(tmp_path / "cpu")
    print(f"{kind}: started in {time.perf_counter() - started:.2f} s")
    run(plain[0], tmp_path / "cpu", tracker=tracker)
    tracker.finish({})
    assert models(tmp_path / "cpu") == plain[1]
    told = capsys.readouterr().err
    assert told.count("W&B: the run is kept here: ") == 1
    (path,) = (path for path in files_of(tmp_path / "cpu") if path.parent.name.startswith("offline"))
    assert f"wandb sync {path.parent}" in told
    assert [row["_step"] for row in read_run(path)["rows"] if "dev/score" in row] == [0, 25]


@pytest.mark.parametrize("kind", ["hangs later", "cuts later", "fails later"])
def test_a_server_that_goes_away_in_the_middle_is_not_waited_for(
    tmp_path, serve, capsys, monkeypatch, plain, kind
):
    monkeypatch.setitem(weights_and_biases.SETTINGS, "finish_timeout", 1.0)
    serve(kind)
    tracker = start(tmp_path / "cpu")
    run(plain[0], tmp_path / "cpu", tracker=tracker)
    tracker.finish({})
    assert models(tmp_path / "cpu") == plain[1]
    told = capsys.readouterr().err
    assert "W&B: not all could be sent: TimeoutError" in told
    (path,) = files_of(tmp_path / "cpu")
    assert f"wandb sync {path.parent}" in told


def test_the_wait_at_the_end_is_under_10_seconds():
    settings = weights_and_biases.SETTINGS
    assert settings["finish_timeout"] < 10
    assert settings["finish_timeout_raises"]


def test_a_server_that_answers_gets_the_run_and_links_its_inputs(tmp_path, serve, capsys):
    server = serve("")
    tracker = start(tmp_path, "auto")
    tracker.add(Artifact("corpus", "corpus", {}, {"a": "0" * 64}), is_input=True)
    tracker.log(0, {"dev/score": 0.5})
    tracker.finish({})
    assert capsys.readouterr().err == ""
    assert {"UpsertBucket", "CreateArtifact", "UseArtifact"} <= {*server.asked}


def test_a_service_that_is_killed_costs_one_warning(tmp_path, capsys):
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    tracker = start(tmp_path, "offline")
    tracker.log(0, {"dev/score": 0.5})
    services = [own for own in psutil.Process().children(recursive=True) if own.pid not in before]
    assert services
    for service in services:
        service.kill()
    psutil.wait_procs(services, timeout=10)
    for step in range(1, 4):
        tracker.log(step, {"dev/score": 0.5})
    tracker.finish({})
    told = capsys.readouterr().err
    assert told.count("W&B") == 2
    assert "Traceback" not in told
    assert "wandb sync" in told


def test_an_offline_run_asks_nothing_of_anybody(tmp_path, serve):
    server = serve("")
    tracker = start(tmp_path, "offline")
    tracker.log(0, {"dev/score": 0.5})
    tracker.finish({})
    assert server.asked == []
