"""project.yml, the scripts and the README agree with each other."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
import srsly
import typer
from typer.testing import CliRunner

from scripts.fingerprint import PACKAGES
from tests.closure import ROOT, import_closure

PROJECT = srsly.read_yaml(ROOT / "project.yml")
COMMANDS = {command["name"]: command for command in PROJECT["commands"]}
MODULES = sorted({shlex.split(line)[2] for command in COMMANDS.values() for line in command["script"]})


def script_parts():
    """Yield each command's name and its script in parts, with the variables' values in it."""
    for name, command in COMMANDS.items():
        for line in command["script"]:
            filled = re.sub(r"\$\{vars\.(\w+)\}", lambda match: str(PROJECT["vars"][match[1]]), line)
            yield name, shlex.split(filled)


def test_every_command_is_a_python_module_that_exists():
    for _, parts in script_parts():
        assert parts[:2] == ["python", "-m"]
        importlib.import_module(parts[2])


def test_every_variable_is_defined_and_used():
    text = (ROOT / "project.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{vars\.(\w+)\}", text)) == set(PROJECT["vars"])


def test_workflows_name_commands_and_no_command():
    assert not PROJECT["workflows"].keys() & COMMANDS.keys()
    assert {step for steps in PROJECT["workflows"].values() for step in steps} <= COMMANDS.keys()


def test_every_dependency_is_in_the_repository_or_made_by_a_step():
    made = {output for command in COMMANDS.values() for output in command.get("outputs", [])} | {
        f"corpus/{name}.json"
        for name in ("sources", "shards", "versions", *(f"code/{package}" for package in PACKAGES))
    }
    for command in COMMANDS.values():
        for dependency in command.get("deps", []):
            assert dependency in made or (ROOT / dependency).exists(), dependency


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if "deps" in command])
def test_a_step_depends_on_all_code_it_imports(name):
    module = shlex.split(COMMANDS[name]["script"][0])[2]
    imported = {Path(path) for path in import_closure(module)}
    needed = {
        path.as_posix() if len(path.parts) == 2 else f"corpus/code/{path.parts[1]}.json" for path in imported
    }
    assert {
        name for name in COMMANDS[name]["deps"] if name.endswith(".py") or name.startswith("corpus/code/")
    } == needed


@pytest.mark.parametrize("module", MODULES)
def test_every_command_has_help_for_every_option(module):
    app = typer.Typer()
    app.command()(importlib.import_module(module).main)
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    parameters = typer.main.get_command(app).params
    assert all(getattr(parameter, "help", None) for parameter in parameters)


def test_every_option_used_in_the_project_exists():
    for name, parts in script_parts():
        app = typer.Typer()
        app.command()(importlib.import_module(parts[2]).main)
        known = {
            option
            for parameter in typer.main.get_command(app).params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        used = {part.split("=")[0] for part in parts[3:] if part.startswith("--")}
        assert used <= known, name


def test_modules_are_short_and_import_from_the_left_only():
    order = ["formats", "corpus", "checks", "training", "report", "benchmarks"]
    for path in (ROOT / "scripts").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 300, path
        if path.parent.name in order:
            allowed = order[: order.index(path.parent.name) + 1]
            packages = re.findall(r"^\s*from scripts\.(\w+)\.", text, flags=re.MULTILINE)
            assert set(packages) <= set(allowed), path
