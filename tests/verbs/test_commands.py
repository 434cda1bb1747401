"""What the commands say when something is missing or wrong."""

import json
import shutil

import pytest
import typer
from typer.testing import CliRunner

from scripts import clean, cli, compare, configure, evaluate, fingerprint, preprocess, train, validate
from scripts.cli import UserError
from tests.closure import ROOT
from tests.make import make_corpus, rows


def call(main, *arguments):
    app = typer.Typer()
    app.command(
        context_settings={
            "ignore_unknown_options": main in (preprocess.main, validate.main, train.main, compare.main)
        }
    )(cli.takes_options(main))
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def failure(main, *arguments) -> str:
    result = call(main, *arguments)
    assert isinstance(result.exception, UserError), result
    return str(result.exception)


@pytest.fixture
def corpus(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    assert call(validate.main, f"--corpus={corpus}").exit_code == 0
    return corpus


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "cpu"
    folder.mkdir()
    (folder / "config.cfg").write_text("", encoding="utf-8")
    return folder


def test_a_user_error_is_one_line_and_exit_code_1(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["command"])

    def main():
        raise UserError("data.jsonl:3: [broken]")

    with pytest.raises(SystemExit) as exit:
        cli.run(main)
    assert exit.value.code == 1
    assert capsys.readouterr().err == "Error: data.jsonl:3: [broken]\n"


def test_an_interrupt_is_exit_code_130(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["command"])

    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as exit:
        cli.run(main)
    assert exit.value.code == 130
    assert "Interrupted" in capsys.readouterr().err


def test_training_wants_a_config(tmp_path):
    assert "scripts.configure cpu" in failure(train.main, tmp_path / "cpu")


def test_a_config_with_a_misspelled_setting_is_an_error_that_names_the_files(tmp_path):
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    overlay = tmp_path / "configs" / "base.cfg"
    overlay.write_text(
        overlay.read_text(encoding="utf-8").replace("window_size", "windowsize"), encoding="utf-8"
    )
    message = failure(
        configure.main,
        "cpu",
        f"--configs={tmp_path / 'configs'}",
        f"--output={tmp_path / 'c.cfg'}",
        f"--pretrained={tmp_path}",
    )
    assert "cpu.cfg" in message
    assert "windowsize" in message
    assert not (tmp_path / "c.cfg").exists()


def test_evaluating_wants_a_pipeline(tmp_path):
    assert "project run cpu" in failure(evaluate.main, tmp_path / "cpu")


def test_comparing_wants_scores_of_this_test_set(corpus, folder):
    assert "project run cpu" in failure(compare.main, folder, f"--corpus={corpus}")
    (folder / "scores.json").write_text(
        json.dumps({"variant": "cpu", "corpus_sha256": {"test": "0"}}), encoding="utf-8"
    )
    assert "made with another test split" in failure(compare.main, folder, f"--corpus={corpus}")


def test_a_missing_raw_file_is_named(tmp_path):
    assert "none.jsonl: no such file; correct the path; the main job takes it from vars.train" in failure(
        fingerprint.main, "--train=none.jsonl", f"--corpus={tmp_path}"
    )


def test_the_fingerprint_changes_with_the_data_alone(tmp_path, write_jsonl):
    path = write_jsonl("t.jsonl", rows(2))
    record = tmp_path / "sources.json"
    contents = []
    for count in (2, 2, 3):
        write_jsonl("t.jsonl", rows(count))
        call(fingerprint.main, f"--train={path}", f"--corpus={tmp_path}")
        contents.append(record.read_bytes())
    assert contents[0] == contents[1] != contents[2]
    assert json.loads(contents[0])["dev"] == []


def test_the_fingerprint_of_a_verb_has_the_code_that_it_imports(tmp_path, write_jsonl):
    path = write_jsonl("t.jsonl", rows(2))
    call(fingerprint.main, f"--train={path}", f"--corpus={tmp_path}")
    files = json.loads((tmp_path / "code" / "preprocess.json").read_bytes())["files"]
    assert {"cli.py", "preprocess.py", "report/tables.py", "formats/foreign.toml"} <= files.keys()
    assert not {name for name in files if name.startswith(("training/", "checks/")) or name == "train.py"}


def test_a_shard_that_was_changed_is_noticed(corpus, tmp_path):
    options = [f"--train={tmp_path / 'train.jsonl'}", f"--corpus={corpus}"]
    call(fingerprint.main, *options)
    before = (corpus / "shards.json").read_bytes()
    (corpus / "train" / "00000-00.spacy").write_bytes(b"x")
    call(fingerprint.main, *options)
    assert (corpus / "shards.json").read_bytes() != before


def test_an_unknown_language_is_an_error(tmp_path, write_jsonl):
    path = write_jsonl("t.jsonl", rows(9))
    assert "language 'qq'" in failure(
        preprocess.main, f"--train={path}", "--lang=qq", f"--output={tmp_path / 'c'}"
    )


def test_clean_deletes_what_was_generated_alone(tmp_path):
    for name in (
        "corpus/train/a.spacy",
        "training/cpu/x",
        "corpus/.gitignore",
        "assets/mine.jsonl",
        "project.lock",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert call(clean.main, f"--root={tmp_path}").exit_code == 0
    assert sorted(
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    ) == [
        "assets/mine.jsonl",
        "corpus/.gitignore",
    ]
