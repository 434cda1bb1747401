"""How every command shows its options, and what it says of mistakes and of files that cannot be written."""

import enum
import errno
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scripts import cli
from tests.closure import ROOT

FILES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "scripts").glob("*.py")}
OPTIONS = ROOT / "scripts" / "training" / "options.py"
VERBS = sorted(verb for verb, code in FILES.items() if re.search(r"^ +run\(main", code, re.MULTILINE))


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a function as `python -m scripts.verb` with arguments; return exit code and standard error."""

    def run_it(main, *arguments: str, failure: int = 1) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", [str(Path("scripts") / "verb.py"), *arguments])
        with pytest.raises(SystemExit) as exit:
            cli.run(main, failure=failure)
        return exit.value.code, capsys.readouterr().err

    return run_it


def typed(count: int, kind: str = "") -> None:
    """Do nothing with two options."""


def test_the_commands_are_found():
    assert {"preprocess", "validate", "train", "evaluate"} <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_each_option_whole_at_80_columns(verb):
    main = importlib.import_module(f"scripts.{verb}").main
    app = cli.command_line(main)
    shown = CliRunner().invoke(app, ["--help"], terminal_width=80, env={"COLUMNS": "80"}).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in re.sub(r'"text": "…"', "", shown)
    declared = FILES[verb] if verb != "train" else OPTIONS.read_text(encoding="utf-8")
    named = re.findall(r"^    (\w+): Annotated\[[^=]*?Option\(", declared, re.MULTILINE)
    assert named or verb != "train"
    missing = [name for name in named if not re.search(rf"(^|\s|/)--{name.replace('_', '-')}\b", shown)]
    assert missing == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["3", "--knid=x"], "No such option: --knid"),
        ([], "Missing"),
        (["many"], "Invalid value for 'count'"),
        (["3", "--kind"], "'--kind' requires an argument"),
        (["3", "more"], "Got unexpected extra argument"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_that_names_the_help(run, arguments, said):
    code, error = run(typed, *arguments)
    assert code == 2
    assert error.count("\n") == 1
    assert said in error
    assert error.endswith("python -m scripts.verb --help\n")


class Part(enum.Enum):
    """What a command may be asked for."""

    first = "first"
    second = "second"


def test_a_missing_choice_is_one_line_that_lists_all(run):
    def main(part: Part): ...

    code, error = run(main)
    assert (code, error.count("\n")) == (2, 1)
    assert "Choose from: first, second. What there is" in error


def test_a_command_that_ends_well_exits_with_0(run):
    assert run(typed, "3") == (0, "")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EIO])
def test_a_file_that_cannot_be_written_is_one_line_with_path_and_reason(run, number):
    def main():
        raise OSError(number, os.strerror(number), "out/table.json")

    code, error = run(main, failure=2)
    assert code == 2
    assert error.count("\n") == 1
    assert error.startswith(f"Error: out/table.json: {os.strerror(number)}; ")


def test_a_full_disk_asks_for_room_even_where_no_path_is_known(run):
    def main():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert "make room, and run the same command again" in run(main)[1]


def test_a_failure_of_the_system_without_a_number_is_one_line(run):
    def main():
        raise ConnectionError("no route\nto host")

    assert run(main) == (1, "Error: no route to host; see to that, and run the same command again\n")


def test_output_that_nobody_reads_ends_without_a_word(run):
    def main():
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    out, err = sys.stdout, sys.stderr
    try:
        assert run(main) == (1, "")
    finally:
        sys.stdout, sys.stderr = out, err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_that_is_closed_early_is_no_error():
    program = "from scripts.cli import run\nrun(lambda: print('line\\n' * 100_000))"
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert ended.stderr == b""


FILE_AS_FOLDER = {
    "fingerprint": ["--train=assets/demo/test.jsonl", "--corpus={}"],
    "preprocess": ["--train=assets/demo/test.jsonl", "--output={}"],
    "configure": ["cpu", "--output={}/config.cfg"],
}


def test_a_failure_of_making_vectors_is_not_put_down_to_the_configs(run, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    taken = tmp_path / "taken"
    taken.write_text("mine", encoding="utf-8")
    main = importlib.import_module("scripts.configure").main
    code, error = run(main, "cpu", f"--pretrained={taken}", f"--output={tmp_path / 'config.cfg'}")
    assert code == 1
    assert f"{taken}: " in error
    assert "no config" not in error


@pytest.mark.parametrize("verb", FILE_AS_FOLDER)
def test_a_file_in_the_place_of_the_output_folder_is_named(run, verb, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    taken = tmp_path / "taken"
    taken.write_text("mine", encoding="utf-8")
    main = importlib.import_module(f"scripts.{verb}").main
    code, error = run(main, *(argument.format(taken) for argument in FILE_AS_FOLDER[verb]))
    assert code == 1
    assert error.count("\n") == 1
    assert str(taken) in error
    assert taken.read_text(encoding="utf-8") == "mine"
