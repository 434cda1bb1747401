"""What the README files say can be done."""

import importlib
import re
import shlex
import shutil

import pytest
import typer
from spacy.cli import app
from typer.testing import CliRunner

from scripts import cli, setup
from scripts.checks.catalogue import CHECKS
from scripts.cli import UserError
from scripts.formats import registry
from tests import documents
from tests.closure import ROOT

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for folder in ("", "configs", "scripts", "tests/benchmarks")
    for path in sorted((ROOT / folder).glob("**/README.md" if folder else "README.md"))
}
COMMANDS = {
    (name, line.strip())
    for name, text in PAGES.items()
    for block in re.findall(r"^ *```bash\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if line.strip()
}
LINES = sorted({line for _, line in COMMANDS})
OURS = [line for line in LINES if re.search(r" -m (scripts\.(?!setup)|tests\.benchmarks)", line)]
FAULT = r"^\| (NER\d{3}) [a-z0-9-]+ \|.*\| (yes|NO) \| (.+) \|$"
STARTS = (
    "git clone ",
    "cd ",
    "python3 -m scripts.setup ",
    "python -m spacy project run ",
    "python -m weasel clone ",
    "python -m scripts.",
    "python -m tests.",
    "python -m spacy train ",
    "python -m spacy init fill-config ",
    "python -m spacy pretrain ",
    "python -m torch.distributed.run ",
    "pip install -r requirements/",
)


def test_the_readme_is_short_and_has_the_two_commands():
    assert PAGES["README.md"].count("\n") < 220
    assert {"python3 -m scripts.setup run", "python3 -m scripts.setup test"} <= {*LINES}


def test_every_kind_of_command_is_tested():
    assert [command for command in LINES if not command.startswith(STARTS)] == []


@pytest.mark.parametrize("command", [command for command in LINES if "scripts.setup" in command])
def test_set_up_commands_parse(command):
    assert setup.parse(shlex.split(command)[3:])[1] == []


@pytest.mark.parametrize("command", OURS)
def test_commands_of_scripts_parse(command):
    """Settings of a config are no options of a script; the tests of its script try them."""
    words = shlex.split(command[re.search(r" -m (scripts|tests)", command).start() + 4 :])
    main = importlib.import_module(words[0].replace("benchmarks", "benchmarks.__main__")).main
    takes_settings = words[0] in ("scripts.train", "scripts.validate", "scripts.preprocess")
    app = typer.main.get_command(cli.command_line(main, takes_settings=takes_settings))
    app.make_context(words[0], words[1:])


@pytest.mark.parametrize("command", [command for command in LINES if " project run " in command])
def test_project_commands_run_dry(command, tmp_path, monkeypatch):
    shutil.copy(ROOT / "project.yml", tmp_path)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)
    result = CliRunner().invoke(app, [*words[words.index("spacy") + 1 :], "--dry"])
    assert result.exit_code == 0, result.output
    assert "Running command: " in result.output


def test_every_variable_that_a_page_names_exists():
    known = (ROOT / "project.yml").read_text(encoding="utf-8")
    for name, text in PAGES.items():
        for variable in re.findall(r"\bvars\.(\w+)", text):
            assert f"\n  {variable}:" in known, (name, variable)


def test_every_step_and_no_other_stands_in_the_map():
    known = re.findall(r"^  - name: ([\w-]+)$", (ROOT / "project.yml").read_text("utf-8"), flags=re.MULTILINE)
    rows = re.findall(r"^\| (`.*?) \|.*\.py` \|", PAGES["scripts/README.md"], flags=re.MULTILINE)
    named = {step for row in rows for step in re.findall(r"`([\w-]+)`", row)}
    assert named == {step for step in known if not step.startswith("benchmark")}


def test_what_is_generated_stands_between_its_marks():
    assert "| F on gold tokens |" in PAGES["README.md"]
    assert "\n| x |\n<!-- a: end" in documents.insert(
        "<!-- a: generated -->\nold\n<!-- a: end -->", "a", "| x |\n"
    )
    with pytest.raises(UserError, match="are missing"):
        documents.insert("no marks", "formats", "x")


@pytest.mark.parametrize(("name", "section"), documents.GENERATED)
def test_what_the_code_says_of_itself_is_up_to_date(name, section):
    content = documents.GENERATED[name, section]()
    assert documents.insert(PAGES[name], section, content) == PAGES[name]


def test_the_format_that_a_page_adds_works(tmp_path, monkeypatch):
    blocks = (
        block
        for text in PAGES.values()
        for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    )
    (code,) = (block for block in blocks if "@reads(" in block)
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


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_a_page_links_to_exists(name):
    for target in re.findall(r"\]\((?!http|#)([^)#]+)[^)]*\)", PAGES[name]):
        assert ((ROOT / name).parent / target).exists(), target


def test_every_fault_is_found_in_the_table_of_faults():
    (rows,) = filter(None, (re.findall(FAULT, text, flags=re.MULTILINE) for text in PAGES.values()))
    assert [code for code, _, _ in rows] == [check.code for check in CHECKS]
    assert {(found, place == "no") for _, found, place in rows} == {("yes", False)}
