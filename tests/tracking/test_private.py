"""Nothing that only this machine knows is in what is sent."""

import json
import sys
from pathlib import Path

import pytest

from scripts.tracking import private
from scripts.tracking.artifacts import artifact_of
from scripts.tracking.options import TrackingOptions
from scripts.tracking.private import code_version, scrub

HOME = Path.home()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"{HOME}/data/train.jsonl", "data/train.jsonl"),
        (str(Path.cwd() / "corpus" / "train"), str(Path("corpus", "train"))),
        ("/srv/secret project/ann's/model", "model"),
        ("C:\\Users\\ann\\model.bin", "model.bin"),
        (Path(sys.prefix) / "lib" / "x.py", str(Path("lib", "x.py"))),
        (f"read from {HOME}/a.txt: 3 rows", "read from a.txt: 3 rows"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("corpus/train", "corpus/train"),
        (
            {"api_key": "x", "keys": 3, "token": "", "max_tokens": 5},
            {"api_key": "***", "keys": 3, "token": "", "max_tokens": 5},
        ),
        ([1, None, True, 0.5], [1, None, True, 0.5]),
    ],
)
def test_paths_and_secrets_do_not_stay(value, expected):
    assert scrub(value) == expected


def test_a_key_of_the_environment_is_found_in_any_text(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefgh")
    assert scrub({"url": "https://u:hf_abcdefgh@host"}) == {"url": "https://u:***@host"}


def test_the_code_has_a_commit_where_git_knows_one(monkeypatch, tmp_path):
    assert len(code_version().removesuffix("-dirty")) in (0, 40)
    monkeypatch.setattr(private, "ROOT", tmp_path)
    assert code_version() == ""


def test_a_report_keeps_its_texts_unless_they_are_asked_for(tmp_path):
    path = tmp_path / "validation.json"
    path.write_text(json.dumps({"errors": 1, "findings": [{"excerpt": "Ana"}]}), encoding="utf-8")
    sent = {
        asked: json.loads(artifact_of(path, TrackingOptions(log_text=asked)).files[path.name])
        for asked in (False, True)
    }
    assert sent == {False: {"errors": 1}, True: {"errors": 1, "findings": [{"excerpt": "Ana"}]}}


@pytest.mark.parametrize(
    ("asked", "name", "is_sent"),
    [
        ("false", "model-best", False),
        ("best", "model-best", True),
        ("best", "model-last", False),
        ("all", "model-last", True),
    ],
)
def test_a_pipeline_stays_unless_it_is_asked_for(tmp_path, asked, name, is_sent):
    folder = tmp_path / "cpu" / name
    (folder / "ner").mkdir(parents=True)
    (folder / "ner" / "model").write_bytes(b"weights")
    (folder / "meta.json").write_text("{}", encoding="utf-8")
    artifact = artifact_of(folder, TrackingOptions(log_model=asked))
    assert artifact.name == f"cpu-{name}"
    assert (artifact.folder, list(artifact.references)) == (
        (folder, []) if is_sent else (None, ["meta.json", "ner/model"])
    )


@pytest.mark.parametrize("name", ["corpus", "validation.json", "model-best"])
def test_of_what_is_not_there_nothing_is_noted(tmp_path, name):
    assert artifact_of(tmp_path / name, TrackingOptions()) is None
