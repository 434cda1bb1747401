"""Whole trainings on each device: what works on a CPU has to work on a GPU."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import spacy

from scripts.corpus.files import read_json
from tests.closure import ROOT
from tests.make import make_corpus
from tests.test_training import config_for

ON_A_GPU = pytest.mark.gpu
DEVICES = ["cpu", pytest.param("cuda", marks=ON_A_GPU)]
pytestmark = pytest.mark.slow


@pytest.fixture
def train(tmp_path, write_jsonl):
    """Train a recipe for some steps, in a process of its own; return its folder and metrics."""
    corpus = make_corpus(tmp_path, write_jsonl)

    def run(variant: str, device: str, *options: str) -> tuple[Path, dict]:
        folder = tmp_path / variant
        config_for(corpus, variant).to_disk(tmp_path / "config.cfg")
        command = [sys.executable, "-m", "scripts.train", str(tmp_path / "config.cfg"), f"--output={folder}"]
        command += [f"--device={device}", "--wandb-mode=disabled", "--unvalidated", *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return folder, read_json(folder / "metrics.json")

    return run


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("variant", ["cpu", "gpu"])
@pytest.mark.parametrize("exact", [False, True])
def test_either_recipe_trains_on_either_device_and_loads_without_a_gpu(train, variant, device, exact):
    folder, metrics = train(variant, device, *(["--exact"] if exact else []))
    assert all(math.isfinite(row["loss"]) for row in metrics["history"])
    assert metrics["device"].startswith("GPU" if device == "cuda" else "CPU")
    doc = spacy.load(folder / "model-last")("Ana Lima lives in Cork.")
    assert doc.has_annotation("ENT_IOB")


@ON_A_GPU
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_transformer_learns_in_each_precision(train, precision):
    _, metrics = train("gpu", "cuda", f"--precision={precision}", "--training.max_steps=12")
    assert metrics["word_pieces"]["precision"] == precision
    assert metrics["history"][-1]["loss"] < metrics["history"][0]["loss"]


@ON_A_GPU
def test_a_training_keeps_to_the_memory_that_it_was_given(train):
    folder, metrics = train("gpu", "cuda", "--gpu-memory=3GB")
    assert metrics["peak_gpu_memory_mb"] <= 3000
    assert read_json(folder / "fit.json")["limit_mb"] <= 3000
