"""Corpora and configs that several tests of training begin with."""

import pytest
from confection import Config

from tests.make import make_corpus, rows
from tests.runs import config_for, run

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
