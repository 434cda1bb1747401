"""What the README says can be done."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from scripts import readme, setup
from scripts.cli import UserError
from scripts.formats import registry
from tests.closure import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
CHECKS = (ROOT / readme.CHECKS).read_text(encoding="utf-8")
COMMANDS = [
    line.strip()
    for block in re.findall(r"^ *```bash\n(.*?)^ *```", TEXT, flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if line.strip()
]
PROJECT_RUNS = [command for command in COMMANDS if " project run " in command]


def test_the_readme_has_the_two_commands():
    assert "python3 -m scripts.setup run" in COMMANDS
    assert "python3 -m scripts.setup test" in COMMANDS


def test_every_kind_of_command_is_tested():
    known = (
        "git clone ",
        "cd ",
        "python3 -m scripts.setup ",
        "python -m spacy project run ",
        "python -m weasel clone ",
        "python -m scripts.",
        "python -m spacy train ",
        "python -m torch.distributed.run ",
    )
    assert [command for command in COMMANDS if not command.startswith(known)] == []


@pytest.mark.parametrize("command", [command for command in COMMANDS if "scripts.setup" in command])
def test_set_up_commands_parse(command):
    assert setup.parse(shlex.split(command)[3:])[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("command", PROJECT_RUNS)
def test_project_commands_run_dry(command, tmp_path):
    shutil.copy(ROOT / "project.yml", tmp_path)
    parts = [sys.executable, *shlex.split(command)[1:], "--dry"]
    result = subprocess.run(
        parts,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
    )
    assert result.returncode == 0, result.stdout
    assert "Running command: " in result.stdout


def test_every_variable_in_a_command_exists():
    known = (ROOT / "project.yml").read_text(encoding="utf-8")
    for name in re.findall(r"--vars\.(\S+)", " ".join(COMMANDS)):
        assert f"\n  {name}:" in known


def test_what_is_generated_stands_between_its_marks():
    assert "| F on gold tokens |\n<!--" in readme.insert(TEXT, "comparison", "| F on gold tokens |\n")
    with pytest.raises(UserError, match="are missing"):
        readme.insert("no marks", "formats", "x")


def test_the_table_of_formats_is_the_registrys():
    assert readme.insert(TEXT, "formats", readme.formats_table()) == TEXT
    assert readme.insert(TEXT, "foreign", readme.foreign_list()) == TEXT


def test_the_pages_of_the_checks_are_the_registrys():
    assert readme.insert(CHECKS, "checks", readme.checks_pages()) == CHECKS


def test_every_fault_is_found_in_the_table_of_faults():
    rows = re.findall(r"^\| (NER\d{3}) [a-z0-9-]+ \|.*\| (yes|NO) \| (.+) \|$", CHECKS, flags=re.MULTILINE)
    assert [code for code, _, _ in rows] == [check.code for check in readme.ALL_CHECKS]
    assert {(found, place == "no") for _, found, place in rows} == {("yes", False)}


def test_the_readme_has_a_report_and_benchmarks():
    assert "| F on gold tokens |" in TEXT
    assert re.search(r"\| JSONL \| 1,000,000 \| preprocess \|", TEXT)
    assert re.search(r"times as fast as `spacy debug data`", TEXT)


def test_the_format_that_the_readme_adds_works(tmp_path, monkeypatch):
    (code,) = (
        block for block in re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL) if "@reads(" in block
    )
    monkeypatch.setattr(registry, "FORMATS", dict(registry.FORMATS))
    registry.formats.cache_clear()
    exec(compile(code, "README.md", "exec"), {})
    path = tmp_path / "a.arrows"
    path.write_text("Ana left Cork -> Ana=PERSON; Cork=LOC\n\nNobody left -> \n", encoding="utf-8")
    records = list(registry.read_records(path))
    registry.formats.cache_clear()
    assert [record.spans for record in records] == [((0, 3, "PERSON"), (9, 13, "LOC")), ()]
    monkeypatch.undo()
    assert "arrows" not in registry.formats()


def test_readme_without_a_report_says_what_to_run(tmp_path):
    app = typer.Typer()
    app.command()(readme.main)
    result = CliRunner().invoke(app, ["--root", str(tmp_path)])
    assert isinstance(result.exception, UserError)
    assert "project run all" in str(result.exception)


def test_every_file_the_readme_links_to_exists():
    for target in re.findall(r"\]\((?!http|#)([^)#]+)[^)]*\)", TEXT):
        assert (ROOT / target).exists(), target
