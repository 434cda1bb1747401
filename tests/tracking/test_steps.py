"""The runs of the short steps: only where somebody asks, linked to each other by what they used and made."""

import json

import pytest
import typer
from typer.testing import CliRunner

from scripts import preprocess, validate
from scripts.cli import takes_options
from scripts.tracking.options import TrackingOptions
from scripts.tracking.tracker import track_comparison
from tests.make import rows
from tests.wandb_files import files_of, read_run


def call(main, *arguments) -> None:
    app = typer.Typer()
    app.command()(takes_options(main))
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, (done.output, done.exception)


@pytest.fixture
def corpus(tmp_path, write_jsonl):
    """What preprocessing is called with, and where the corpus goes."""
    counts = {"train": rows(30), "dev": rows(10, offset=30), "test": rows(10, offset=40)}
    given = [f"--{split}={write_jsonl(f'{split}.jsonl', own)}" for split, own in counts.items()]
    return given, tmp_path / "corpus"


@pytest.mark.slow
def test_preprocessing_and_validation_are_linked_by_the_corpus(corpus):
    arguments, folder = corpus
    options = ["--wandb-mode=offline", "--wandb-group=first", "--wandb-tags=a"]
    call(preprocess.main, *arguments, f"--output={folder}", *options)
    call(validate.main, f"--corpus={folder}", *options)
    first, second = (read_run(path) for path in files_of(folder))
    for found, name in ((first, "preprocess"), (second, "validate")):
        run = found["run"]
        assert (run.job_type, run.display_name, run.run_group, [*run.tags]) == (name, name, "first", ["a"])
        assert {"corpus", "corpus_sha256"} <= found["config"].keys()
    used = [
        {name: own.use_after_commit for name, own in found["artifacts"].items()} for found in (first, second)
    ]
    assert used == [{"raw": True, "corpus": False}, {"corpus": True, "corpus-validation": False}]
    assert first["artifacts"]["corpus"].digest == second["artifacts"]["corpus"].digest
    raw = first["artifacts"]["raw"].manifest.contents
    assert sorted(entry.path.split("/")[0] for entry in raw) == ["dev", "test", "train"]
    assert all(entry.ref.startswith("sha256:") and not entry.local_path for entry in raw)


def test_short_steps_are_not_tracked_unless_somebody_asks(corpus):
    arguments, folder = corpus
    call(preprocess.main, *arguments, f"--output={folder}")
    assert not (folder / "wandb").exists()


def test_a_mode_of_the_environment_is_asked_for_too(monkeypatch):
    assert [TrackingOptions().is_asked, TrackingOptions(wandb_mode="auto").is_asked] == [False, True]
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert TrackingOptions().is_asked


@pytest.mark.slow
def test_a_comparison_sets_labels_side_by_side(tmp_path):
    folders = [tmp_path / name for name in ("cpu", "gpu")]
    variants = {"cpu": {"LOC": {"f": 0.5}}, "gpu": {"LOC": {"f": 0.75}, "ORG": {"f": 1.0}}}
    variants = {name: {"gold_tokens": {"ents_per_type": labels}} for name, labels in variants.items()}
    for folder in folders:
        folder.mkdir()
        (folder / "scores.json").write_text("{}", encoding="utf-8")
    (tmp_path / "summary.json").write_text(json.dumps({"variants": variants}), encoding="utf-8")
    track_comparison(TrackingOptions(wandb_mode="offline"), folders, tmp_path, tmp_path)
    (path,) = files_of(tmp_path)
    used = {name: own.use_after_commit for name, own in read_run(path)["artifacts"].items()}
    table = json.loads(next(path.parent.glob("files/media/table/*.json")).read_text(encoding="utf-8"))
    assert used.items() >= {"cpu-scores": True, "gpu-scores": True}.items()
    assert (table["columns"], table["data"]) == (
        ["label", "cpu", "gpu"],
        [["LOC", 0.5, 0.75], ["ORG", None, 1.0]],
    )
