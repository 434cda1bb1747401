"""A model hub is asked once, for seconds, and what it does not give away is told in one line."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants, try_to_load_from_cache

from scripts.cli import UserError
from scripts.corpus.hub import require_model, require_models

NAME = "somebody/tiny"


@pytest.fixture
def hub(monkeypatch):
    """Makes model hubs that give one answer to all; None: they give none."""
    servers, let_go, asked = [], threading.Event(), []

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(self.path)
            status, headers = self.server.answer
            if status is None:
                let_go.wait(10)
                return
            self.send_response(status)
            for header in headers.items():
                self.send_header(*header)
            self.end_headers()

        def log_message(self, *args):
            pass

    def make(status: int | None, **headers: str) -> list[str]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        server.answer = status, {name.replace("_", "-"): value for name, value in headers.items()}
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        return asked

    yield make
    let_go.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of models of a test's own, and a process that may ask the hub."""
    from transformers.utils import hub

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_is_offline_mode", False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


def put_into(cache: Path) -> None:
    """Let the cache have a model."""
    folder = cache / "models--somebody--tiny"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc", encoding="utf-8")
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "snapshots" / "abc" / "config.json").write_text("{}", encoding="utf-8")
    assert try_to_load_from_cache(NAME, "config.json", cache_dir=str(cache))


def test_a_model_that_the_hub_has_is_asked_for_once(hub):
    asked = hub(200)
    require_model(NAME)
    assert asked == [f"/{NAME}/resolve/main/config.json"]
    assert os.environ["HF_HUB_OFFLINE"] == "0"


def test_a_folder_is_no_question_to_the_hub(hub, tmp_path):
    asked = hub(404)
    require_model(str(tmp_path))
    assert asked == []


ANSWERS = {
    "unknown": (
        (404, {"X-Error-Code": "RepoNotFound"}),
        "has no such model, or it is private; correct vars.transformer",
    ),
    "not logged in": (
        (401, {"X-Error-Code": "GatedRepo"}),
        "wants its terms accepted; do so at http://127.0.0.1:[0-9]+/somebody/tiny",
    ),
    "terms not accepted": ((403, {"X-Error-Code": "GatedRepo"}), "wants its terms accepted"),
    "out of order": (
        (503, {}),
        r"not in the local cache, and the model hub cannot be reached \(http://127.0.0.1:[0-9]+ answers 503\)",
    ),
    "silent": (
        (None, {}),
        r"cannot be reached \(no answer from http://127.0.0.1:[0-9]+ in 0.1 s\); put the model's folder into vars.transformer",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_the_hub_does_not_give_is_told_in_one_line(hub, name, monkeypatch):
    monkeypatch.setattr("scripts.corpus.hub.PATIENCE", 0.1)
    (status, headers), message = ANSWERS[name]
    asked = hub(status, **{key.replace("-", "_"): value for key, value in headers.items()})
    with pytest.raises(UserError, match=rf"\A{NAME}: .*{message}") as caught:
        require_model(NAME)
    assert "\n" not in str(caught.value)
    assert len(asked) == 1


def test_where_there_is_no_network_it_is_said(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"cannot be reached \(no connection to http://127.0.0.1:9\)"):
        require_model(NAME)


def test_a_model_in_the_cache_does_without_a_network(monkeypatch, cache):
    """And nobody asks the hub again."""
    from transformers.utils import is_offline_mode

    put_into(cache)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    require_model(NAME)
    assert (os.environ["HF_HUB_OFFLINE"], constants.HF_HUB_OFFLINE, is_offline_mode()) == ("1", True, True)


def test_who_asked_to_stay_offline_asks_nobody(hub, monkeypatch, cache):
    asked = hub(200)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"cannot be reached \(HF_HUB_OFFLINE is set\)"):
        require_model(NAME)
    put_into(cache)
    require_model(NAME)
    assert asked == []


def test_a_name_that_no_hub_can_have_is_told():
    with pytest.raises(UserError, match="neither a folder nor a model hub's id"):
        require_model("../no/folder")


def test_every_model_that_a_config_names_is_asked_for(hub):
    asked = hub(200)
    model = {"@architectures": "spacy-transformers.TransformerModel.v3", "name": NAME}
    inside = {"@architectures": "spacy-transformers.Tok2VecTransformer.v3", "name": "other"}
    other = {"@architectures": "spacy.Tagger.v2", "name": "none"}
    components = {
        "trf": {"model": model},
        "ner": {"model": {"tok2vec": inside}},
        "tagger": {"model": other},
        "old": {"source": "x"},
    }
    require_models({"components": components})
    assert asked == [f"/{NAME}/resolve/main/config.json", "/other/resolve/main/config.json"]
