"""project.yml and the code keep the rules of the house."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest
import srsly
import typer
from typer.testing import CliRunner

from scripts import cli
from scripts.fingerprint import CODE, FILES
from tests.closure import ROOT, import_closure

TEXT = (ROOT / "project.yml").read_text(encoding="utf-8")
PROJECT = srsly.read_yaml(ROOT / "project.yml")
COMMANDS = {command["name"]: command for command in PROJECT["commands"]}
SCRIPTS = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "scripts").rglob("*.py"))}


def script_parts():
    """Yield each command's name and its scripts in parts, with the variables' values in them."""
    for name, command in COMMANDS.items():
        for line in command["script"]:
            filled = re.sub(r"\$\{vars\.(\w+)\}", lambda match: str(PROJECT["vars"][match[1]]), line)
            yield name, shlex.split(filled)


VERBS = sorted({parts[2] for _, parts in script_parts() if parts[2].startswith("scripts.")})


def test_the_project_is_short():
    assert TEXT.count("\n") <= 200
    assert [line for line in TEXT.splitlines() if len(line) > 120] == []


def test_every_command_is_a_python_module_that_exists():
    for _, parts in script_parts():
        assert parts[:2] == ["python", "-m"]
        importlib.import_module(parts[2])


def test_a_step_has_the_name_of_the_script_it_runs():
    for name, parts in script_parts():
        if parts[2].startswith("scripts."):
            assert name.split("-")[0] == parts[2].removeprefix("scripts."), name


def test_every_variable_is_defined_and_used():
    assert set(re.findall(r"\$\{vars\.(\w+)\}", TEXT)) == set(PROJECT["vars"])


def test_workflows_name_commands_and_no_command():
    assert not PROJECT["workflows"].keys() & COMMANDS.keys()
    assert {step for steps in PROJECT["workflows"].values() for step in steps} <= COMMANDS.keys()


def test_every_dependency_is_in_the_repository_or_made_by_a_step():
    made = {output for command in COMMANDS.values() for output in command.get("outputs", [])}
    made |= {f"corpus/{name}.json" for name in ("sources", "shards", *(f"code/{verb}" for verb in CODE))}
    for command in COMMANDS.values():
        for dependency in command.get("deps", []):
            assert dependency in made or (ROOT / dependency).exists(), dependency


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if "deps" in command])
def test_a_step_depends_on_all_code_it_imports(name):
    verb = shlex.split(COMMANDS[name]["script"][0])[2].removeprefix("scripts.")
    assert f"corpus/code/{verb}.json" in COMMANDS[name]["deps"]
    paths = [Path(path) for path in import_closure(f"scripts.{verb}")]
    assert {path.parts[1] for path in paths if len(path.parts) > 2} == set(CODE[verb])
    assert {path.name for path in paths if len(path.parts) == 2} == {f"{verb}.py", "cli.py"}


def test_every_kind_of_file_of_the_code_is_hashed():
    paths = [path for path in (ROOT / "scripts").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {path.suffix.removeprefix(".") for path in paths} == {*FILES, "md"}


@pytest.mark.parametrize("module", VERBS)
def test_every_command_has_help_for_every_option(module):
    app = cli.command_line(importlib.import_module(module).main)
    assert CliRunner().invoke(app, ["--help"]).exit_code == 0
    assert all(getattr(parameter, "help", None) for parameter in typer.main.get_command(app).params)


def test_every_option_used_in_the_project_exists():
    for name, parts in script_parts():
        if parts[2] not in VERBS:
            continue
        app = cli.command_line(importlib.import_module(parts[2]).main)
        known = {
            option
            for parameter in typer.main.get_command(app).params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        used = {part.split("=")[0] for part in parts[3:] if part.startswith("--")}
        assert used <= known, name


@pytest.mark.parametrize("module", VERBS)
def test_a_script_is_short(module):
    name = module.removeprefix("scripts.") + ".py"
    assert (ROOT / "scripts" / name).read_text(encoding="utf-8").count("\n") <= 80


ORDER = ["formats", "corpus", "tracking", "checks", "training", "report"]
FOREIGN = ("spacy", "thinc", "spacy_transformers", "transformers", "torch")


def test_modules_import_from_the_left_only():
    for path, text in SCRIPTS.items():
        package = path.relative_to(ROOT / "scripts").parts[0]
        if package in ORDER:
            imported = set(re.findall(r"^\s*from scripts\.(\w+)", text, flags=re.MULTILINE)) - {"cli"}
            assert imported <= set(ORDER[: ORDER.index(package) + 1]), path


def test_only_the_fast_step_imports_private_names_of_other_packages():
    found = []
    for path, text in SCRIPTS.items():
        if "fast" in path.parts:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                package, *inside = name.split(".")
                if package in FOREIGN and any(part.startswith("_") for part in inside):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {name}")
    assert found == []


def function_lengths(text: str):
    """Yield the name and the number of lines of each function."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield node.name, node.end_lineno - first + 1


@pytest.mark.parametrize("part", sorted({path.relative_to(ROOT / "scripts").parts[0] for path in SCRIPTS}))
def test_code_is_short(part):
    found = []
    for path, text in SCRIPTS.items():
        name = path.relative_to(ROOT / "scripts")
        if name.parts[0] != part:
            continue
        lines = text.splitlines()
        found += [str(name)] if len(lines) > 300 else []
        found += [f"{name}:{number}" for number, line in enumerate(lines, 1) if len(line) > 110]
        found += [f"{name}: {function}" for function, length in function_lengths(text) if length > 60]
    assert found == []


def test_messages_name_variables_that_exist():
    for path in [*SCRIPTS, *(ROOT / "configs").glob("*.cfg")]:
        named = set(re.findall(r"\bvars\.(\w+)", path.read_text(encoding="utf-8")))
        assert named <= set(PROJECT["vars"]), path
