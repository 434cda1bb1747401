"""A project without scripts/training/fast does all that it did, slower."""

import json
import shutil
from pathlib import Path

import pytest
import spacy

from scripts.corpus.files import read_json
from tests.closure import ROOT
from tests.make import rows
from tests.runs import run_python

pytestmark = pytest.mark.slow
STEPS = 2
DELETED = "fast"


def run(folder: Path, *arguments: str) -> str:
    """Run a module in a folder; return what it says."""
    done = run_python(folder, "-m", *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project without the fast step, and a small corpus."""
    folder = tmp_path_factory.mktemp("plain") / "project"
    ignored = shutil.ignore_patterns("__pycache__", DELETED)
    for name in ("configs", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    assert not (folder / "scripts" / "training" / DELETED).exists()
    shutil.copy(ROOT / "project.yml", folder)
    for name, start, count in (("train", 0, 120), ("dev", 1000, 12), ("test", 2000, 12)):
        lines = [json.dumps(row) + "\n" for row in rows(count, offset=start)]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def test_a_project_without_the_fast_step_trains_and_compares_both_variants(project):
    variables = {"steps_cpu": STEPS, "steps_gpu": STEPS, "device": "cpu"}
    variables |= {name: f"{name}.jsonl" for name in ("train", "dev", "test")}
    options = [part for name, value in variables.items() for part in (f"--vars.{name}", str(value))]
    run(project, "spacy", "project", "run", "all", ".", *options)
    summary = read_json(project / "training" / "report" / "summary.json")
    assert len(summary["variants"]) == 2
    for variant in ("cpu", "gpu"):
        metrics = read_json(project / "training" / variant / "metrics.json")
        assert metrics["computation"] == {"out_of_memory": 0, "micro_batches": 1}
        assert metrics["steps"] == STEPS + 1
        assert metrics["trainer"]["documents"] == 120
        assert spacy.load(project / "training" / variant / "model-best")("Ana went to Cork.").has_annotation(
            "ENT_IOB"
        )
