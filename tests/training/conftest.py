"""Corpora and configs that several tests of training begin with."""

from collections.abc import Callable
from pathlib import Path

import pytest
from confection import Config

from tests.make import make_corpus, rows
from tests.runs import check, config_for, run

NEW = ("DRINK", "GAME")
"""Labels that a sourced ner does not know."""


@pytest.fixture
def corpus(tmp_path, write_jsonl):
    return make_corpus(tmp_path, write_jsonl)


@pytest.fixture
def growing(tmp_path, write_jsonl) -> Config:
    """A config whose ner is sourced, and knows none of the corpus's labels but one."""
    old = make_corpus(tmp_path, write_jsonl)
    run(config_for(old), tmp_path / "old")
    planted = []
    for i, row in enumerate(rows(40, offset=5000)):
        row["spans"][0]["label"] = NEW[i % 7 == 0]
        planted.append(row)
    (tmp_path / "new").mkdir()
    new = make_corpus(tmp_path / "new", write_jsonl, planted=planted)
    config = config_for(new, max_steps=8)
    config["components"] = {
        name: {"source": (tmp_path / "old" / "model-last").as_posix()} for name in ("tok2vec", "ner")
    }
    config["initialize"]["components"] = {}
    config["training"]["eval_frequency"] = 3
    return config


@pytest.fixture
def passed(tmp_path, write_jsonl) -> tuple[Path, Path]:
    """A corpus and a variant's folder that passed validation."""
    corpus = make_corpus(tmp_path, write_jsonl)
    folder = tmp_path / "training" / "cpu"
    folder.mkdir(parents=True)
    config_for(corpus, max_steps=40).to_disk(folder / "config.cfg")
    assert check(corpus, folder) == 0
    return corpus, folder


@pytest.fixture
def ready(tmp_path, write_jsonl) -> tuple[Path, Callable[..., Path]]:
    """A corpus and a config that passed validation, for folders of any name below tmp_path."""
    corpus = make_corpus(tmp_path, write_jsonl, train=300)

    def make(name: str, steps: int = 60) -> Path:
        folder = tmp_path / name / "cpu"
        folder.mkdir(parents=True)
        config = config_for(corpus, max_steps=steps)
        config["training"]["eval_frequency"] = 10
        config.to_disk(folder / "config.cfg")
        assert check(corpus, folder) == 0
        return folder

    return corpus, make
