"""What runs the tests and measurements for GPUs: all of it but the GPU is tried here."""

import sys
import time

import pytest
import typer

from scripts.benchmarks import transformer as tuning
from scripts.benchmarks.measure import OutOfTime, measure
from scripts.benchmarks.transformer import OURS, SPACY, Plan, Trained
from scripts.cli import UserError
from scripts.corpus.files import read_json
from tests import gpu
from tests.closure import ROOT

TRAINED = Trained(seconds=10.0, peak_mb=1500.0, steps=7, words_per_second=1000.0, best_f=0.5, gpu_mb=5000.0)


@pytest.fixture
def report(tmp_path, monkeypatch):
    """An empty report; corpora and models are not made."""
    monkeypatch.setattr(gpu, "build_corpus", lambda folder, files: folder)
    monkeypatch.setattr(gpu.Models, "locate", lambda self, name: name)
    monkeypatch.setattr(gpu, "run_fit", lambda *_: None)
    monkeypatch.setattr(gpu, "obstacles", lambda *_: "")
    return gpu.Report(tmp_path, gpu.describe(), "a GPU")


def train_with(report, tmp_path, seconds: float = 1000.0) -> None:
    plan = Plan(1, 1, 1, "cuda", deadline=time.monotonic() + seconds)
    gpu.run_trainings(report, [("model", 6, (OURS, SPACY))], tmp_path / "work", {"train": tmp_path}, plan)


def raising(error: Exception):
    def train():
        raise error

    return train


def test_each_row_is_on_the_disk_as_soon_as_it_is_there(tmp_path, monkeypatch, report):
    trains = {OURS: lambda: TRAINED, SPACY: raising(KeyboardInterrupt())}
    monkeypatch.setattr(tuning, "contestants", lambda *_, **__: trains)
    with pytest.raises(KeyboardInterrupt):
        train_with(report, tmp_path)
    (row,) = read_json(tmp_path / "results.json")["trainings"]
    assert (row["who"], row["outcome"], row["gpu_mb"]) == (OURS, "trained", 5000.0)
    row = "| model | 6 GB | ours, all layers | trained | 7 | 1,000 | 10.0 | 1,500 MB | 5,000 MB |"
    assert row in (tmp_path / "results.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "outcome", "failures"),
    [
        (UserError("x\nOutOfMemoryError: CUDA out of memory. Tried to allocate"), "out of memory", 0),
        (UserError("one window of 512 word pieces does not fit into 1,000 MB"), "out of memory", 0),
        (OutOfTime("took more than 5 seconds"), "out of time", 0),
        (UserError("ended with exit code 1:\n│ ValueError: no │\n"), "failed: ValueError: no", 1),
    ],
)
def test_a_training_that_came_to_nothing_says_why(tmp_path, monkeypatch, report, error, outcome, failures):
    monkeypatch.setattr(
        tuning, "contestants", lambda *_, **__: {OURS: raising(error), SPACY: lambda: TRAINED}
    )
    train_with(report, tmp_path)
    assert [row["outcome"] for row in report.trainings] == [outcome, "trained"]
    assert report.failures == failures


def test_what_has_no_time_left_is_named(tmp_path, report):
    train_with(report, tmp_path, seconds=1.0)
    assert report.trainings == []
    assert report.missing == [f"{who}, model, 6 GB: no time was left" for who in (OURS, SPACY)]


def test_without_a_gpu_it_says_so_and_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "gpu_obstacle", lambda _: "torch sees no CUDA device")
    with pytest.raises(typer.Exit) as end:
        gpu.main(minutes=1.0, device="cuda", small=True, output=tmp_path)
    assert end.value.exit_code == 1
    assert "Not run: anything: torch sees no CUDA device" in (tmp_path / "results.md").read_text(
        encoding="utf-8"
    )


def test_a_command_that_takes_too_long_is_ended():
    with pytest.raises(OutOfTime):
        measure([sys.executable, "-c", "import threading; threading.Event().wait()"], most=0.1)


@pytest.mark.slow
def test_all_but_the_gpu_runs_on_a_cpu(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    gpu.main(minutes=15.0, device="cpu", small=True, output=tmp_path)
    results = read_json(tmp_path / "results.json")
    assert [row["outcome"] for row in results["trainings"] if row["who"] in (OURS, SPACY)] == [
        "trained",
        "trained",
    ]
    assert "24GB" in results["fit"]
    assert any(
        "test_a_gpu_computes_what_a_cpu_does" in row
        for row in [*results["missing"], *map(str, results["tests"])]
    )


@pytest.mark.slow
def test_a_large_model_is_made_of_nothing_but_a_corpus(tmp_path):
    transformers = pytest.importorskip("transformers")
    tuning.write_large_model(tmp_path / "large", ROOT / "assets" / "demo" / "train.jsonl")
    model = transformers.AutoModel.from_pretrained(tmp_path / "large")
    assert model.num_parameters() == pytest.approx(124.6e6, rel=0.01)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "large")
    assert tokenizer.is_fast
    assert (
        tokenizer.decode(tokenizer("a harbour in Cork")["input_ids"], skip_special_tokens=True)
        == "a harbour in Cork"
    )
