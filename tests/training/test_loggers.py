"""The tracker is a logger of spaCy's, too."""

import os
import subprocess
import sys

import pytest

from scripts.training.loggers import NO_LOGGER, TRACKER, start_logger
from tests.closure import ROOT
from tests.make import make_corpus
from tests.runs import config_for, small_pipeline
from tests.wandb_files import files_of, read_run


def test_our_own_training_tracks_by_itself():
    nlp = small_pipeline()
    nlp.config["training"]["logger"] = {"@loggers": TRACKER}
    assert start_logger(nlp, {"logger": None, "frozen_components": []}) == NO_LOGGER


@pytest.mark.slow
def test_bare_spacy_train_is_tracked_and_shows_its_rows(tmp_path, write_jsonl):
    config = config_for(make_corpus(tmp_path, write_jsonl))
    config["training"]["logger"] = {"@loggers": TRACKER, "project": "mine", "tags": "a"}
    config["training"]["eval_frequency"] = 2
    config.to_disk(tmp_path / "config.cfg")
    code = ROOT / "scripts" / "training" / "loggers.py"
    command = [sys.executable, "-m", "spacy", "train", "config.cfg", "--output=out", f"--code={code}"]
    names = {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "WANDB_MODE": "offline"}
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | names, capture_output=True, encoding="utf-8", check=True
    )
    (path,) = files_of(tmp_path)
    found = read_run(path)
    assert [row["_step"] for row in found["rows"]] == [0, 2, 4]
    assert {"dev/ents_f", "ents_per_type/LOC/f", "words"} <= found["rows"][-1].keys()
    assert (found["run"].project, [*found["run"].tags]) == ("mine", ["a"])
    assert "LOSS NER" in done.stdout
    assert "wandb sync" in done.stderr
