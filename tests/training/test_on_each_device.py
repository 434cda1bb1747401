"""Whole trainings on a GPU: what other tests have seen to work on a CPU has to work there."""

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import spacy

from scripts.corpus.files import read_json
from tests.closure import ROOT
from tests.make import make_corpus
from tests.runs import config_for, models, untimed

ON_A_GPU = pytest.mark.gpu
WITH_CUPY = pytest.mark.gpu(cupy=True)
CASES = [
    pytest.param("gpu", False, marks=ON_A_GPU),
    *(pytest.param(*case, marks=WITH_CUPY) for case in (("gpu", True), ("cpu", False), ("cpu", True))),
]
"""The variant, and whether spaCy's own step computes: thinc's layers on a GPU need cupy."""
pytestmark = pytest.mark.slow
STEPS = 12
STOPPED = """
import os, runpy, signal, sys
from scripts.training.step import TrainingStep

learn, taken, at = TrainingStep.learn, [], int(sys.argv.pop(1))

def stopping(step, *arguments):
    taken.append(step)
    if len(taken) == at:
        os.kill(os.getpid(), signal.SIGTERM)
    return learn(step, *arguments)

TrainingStep.learn = stopping
runpy.run_module("scripts.train", run_name="__main__")
"""
"""Trains, and is asked to stop in a step."""


@pytest.fixture
def train(tmp_path, write_jsonl):
    """Train a recipe for some steps, in a process of its own; return its folder and metrics."""
    corpus = make_corpus(tmp_path, write_jsonl)

    def run(variant: str, device: str, *options: str, name: str = "", stop_at: int = 0) -> tuple[Path, dict]:
        folder, config = tmp_path / (name or variant), tmp_path / f"{variant}.cfg"
        config_for(corpus, variant).to_disk(config)
        command = ["-c", STOPPED, str(stop_at)] if stop_at else ["-m", "scripts.train"]
        command += [str(config), f"--output={folder}", f"--device={device}"]
        command += ["--wandb-mode=disabled", "--unvalidated", *options]
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
        )
        assert done.returncode == (128 + signal.SIGTERM if stop_at else 0), done.stderr
        return folder, {} if stop_at else read_json(folder / "metrics.json")

    return run


@pytest.mark.parametrize(("variant", "exact"), CASES)
def test_either_recipe_trains_on_a_gpu_and_loads_without(train, variant, exact):
    folder, metrics = train(variant, "cuda", *(["--exact"] if exact else []))
    assert all(math.isfinite(row["loss"]) for row in metrics["history"])
    assert metrics["device"].startswith("GPU")
    doc = spacy.load(folder / "model-last")("Ana Lima lives in Cork.")
    assert doc.has_annotation("ENT_IOB")


@ON_A_GPU
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_transformer_learns_in_each_precision(train, precision):
    _, metrics = train("gpu", "cuda", f"--precision={precision}", f"--training.max_steps={STEPS}")
    assert metrics["computation"]["precision"] == precision
    assert metrics["history"][-1]["loss"] < metrics["history"][0]["loss"]


@ON_A_GPU
def test_a_training_keeps_to_the_memory_that_it_was_given(train):
    _, metrics = train("gpu", "cuda", "--gpu-memory=3GB")
    assert metrics["peak_gpu_memory_mb"] <= 3000


@ON_A_GPU
def test_the_same_training_on_a_gpu_gives_the_same_files(train):
    (one, expected), (other, found) = (
        train("gpu", "cuda", f"--training.max_steps={STEPS}", name=name) for name in ("one", "other")
    )
    assert untimed(found) == untimed(expected)
    assert models(other) == models(one)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("device", "stop"), [("cpu", 2), pytest.param("cuda", 6, marks=ON_A_GPU)])
def test_a_transformers_training_that_is_stopped_and_goes_on_gives_the_same_files(train, device, stop):
    steps = f"--training.max_steps={2 * stop}"
    whole, expected = train("gpu", device, steps, name="whole")
    train("gpu", device, steps, name="stopped", stop_at=stop)
    folder, found = train("gpu", device, steps, name="stopped")
    assert untimed(found) == untimed(expected)
    assert models(folder) == models(whole)
