"""The real project.yml, on a small corpus with two steps a variant."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.closure import ROOT
from tests.make import rows
from tests.runs import run_python
from tests.verbs.test_readme import LINES

pytestmark = pytest.mark.slow


def weasel(project: Path, *arguments: str, check: bool = True) -> str:
    """Run `spacy project run` and return all it printed."""
    result = run_python(project, "-m", "spacy", "project", "run", *arguments)
    assert not check or result.returncode == 0, result.stdout
    return result.stdout


def skipped(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if "Skipping '" in line]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, list[str]]:
    """A copy of the project after `run all`, and the arguments of that run."""
    folder = tmp_path_factory.mktemp("all") / "project"
    folder.mkdir()
    for name in ("configs", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "project.yml", folder)
    for name, start, count in (("train", 0, 120), ("dev", 1000, 12), ("test", 2000, 12)):
        lines = [json.dumps(row) + "\n" for row in rows(count, offset=start)]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    arguments = ["all", ".", "--vars.steps_cpu", "2", "--vars.steps_gpu", "2", "--vars.device", "cpu"]
    for name in ("train", "dev", "test"):
        arguments += [f"--vars.{name}", f"{name}.jsonl"]
    weasel(folder, *arguments)
    return folder, arguments


def test_run_all_leaves_two_pipelines_and_a_report(trained):
    folder, _ = trained
    summary = json.loads((folder / "training" / "report" / "summary.json").read_text(encoding="utf-8"))
    assert [report["pipeline"] for report in summary["variants"].values()] == [
        ["tok2vec", "ner"],
        ["tok2vec", "transformer", "ner", "doc_cleaner"],
    ]
    for report in summary["variants"].values():
        assert (
            report["training"]["trainer"].items()
            >= {"documents": 120, "tokens": 1320, "entities": 240}.items()
        )
        assert report["test"] == {
            "documents": 12,
            "tokens": 132,
            "entities": 24,
            "labels": {"LOC": 12, "PERSON": 12},
        }
        assert report["training"]["steps"] == 3
        assert list((folder / "training" / report["variant"] / "wandb").glob("offline-run-*"))
    text = (folder / "training" / "report" / "summary.md").read_text(encoding="utf-8")
    assert "| F on gold tokens |" in text
    assert f"\n- {summary['differences'][0]['sentence']}\n" in text
    assert "| train: trainer of gpu | 120 | 1,320 | 240 |" in text


def test_a_second_run_skips_everything(trained):
    folder, arguments = trained
    output = weasel(folder, *arguments)
    assert output.count("Running command") == 1  # the fingerprint, which decides whether to skip the rest
    assert len(skipped(output)) == 8


def test_touching_one_config_retrains_that_variant_alone(trained):
    folder, arguments = trained
    overlay = folder / "configs" / "cpu.cfg"
    overlay.write_text(
        overlay.read_text(encoding="utf-8").replace("dropout = 0.2", "dropout = 0.3"), encoding="utf-8"
    )
    output = weasel(folder, *arguments)
    assert skipped(output) == ["preprocess", "train-gpu", "evaluate-gpu"]


def test_trained_pipelines_load_without_this_projects_code(trained, tmp_path):
    folder, _ = trained
    for variant in ("cpu", "gpu"):
        code = f"import spacy; nlp = spacy.load({str(folder / 'training' / variant / 'model-best')!r}); print(nlp('Ana went to Cork.').ents)"
        subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=True)


def test_both_configs_train_with_bare_spacy_train(trained, tmp_path):
    folder, _ = trained
    for variant in ("cpu", "gpu"):
        config = f"training/{variant}/config.cfg"
        command = [
            sys.executable,
            "-I",
            "-m",
            "spacy",
            "train",
            config,
            "--output",
            str(tmp_path / variant),
            "--training.max_steps",
            "1",
        ]
        command += ["--code", "scripts/training/stream.py"] if variant == "gpu" else []
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        assert (tmp_path / variant / "model-last").is_dir()


CHECKING = [
    command
    for command in LINES
    if command.startswith("python -m scripts.validate ")
    and "my.cfg" not in command  # tests/test_own_config.py
]


@pytest.mark.parametrize("command", CHECKING)
def test_the_readmes_commands_on_checks_work(trained, command):
    folder, _ = trained
    result = run_python(folder, *shlex.split(command)[1:])
    assert result.returncode == 0, result.stdout


def test_bad_annotations_stop_the_run_before_training(trained):
    folder, arguments = trained
    bad = folder / "bad.jsonl"
    text = (folder / "dev.jsonl").read_text(encoding="utf-8")
    bad.write_text(text + '{"text": "Ana went together", "spans": [[9, 11, "LOC"]]}\n', encoding="utf-8")
    output = weasel(folder, *[*arguments, "--vars.dev", "bad.jsonl"], check=False)
    assert "NER102" in output
    assert "bad.jsonl:13" in output
    assert "train-cpu" not in output


def test_clean_leaves_what_was_not_generated(trained):
    folder, _ = trained
    weasel(folder, "clean")
    assert list((folder / "corpus").iterdir()) == list((folder / "training").iterdir()) == []
    assert (folder / "train.jsonl").exists()
