import subprocess
import sys

import pytest

from scripts import setup
from tests.closure import ROOT


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Record the commands that would run, in an empty environment folder."""
    recorded = []
    monkeypatch.setattr(setup, "VENV", tmp_path)
    monkeypatch.setattr(
        subprocess, "call", lambda command, **_: recorded.append([str(part) for part in command]) or 0
    )
    return recorded


def test_packages_are_installed_at_locked_versions_once(calls):
    files = [setup.Path("requirements.txt")]
    setup.install("python", files)
    setup.install("python", files)
    (command,) = calls
    assert command[-4:] == ["-c", str(setup.LOCK), "-r", "requirements.txt"]


def test_the_tests_packages_are_added_to_an_installed_environment(calls):
    setup.install("python", [setup.Path("requirements.txt")])
    setup.install("python", [setup.Path("requirements/test.txt")])
    setup.install("python", [setup.Path("requirements.txt")])
    assert [command[-1].replace("\\", "/") for command in calls] == [
        "requirements.txt",
        "requirements/test.txt",
    ]


def test_a_failed_installation_is_tried_again(monkeypatch, calls):
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: 1)
    with pytest.raises(SystemExit, match="could not be installed"):
        setup.install("python", [setup.Path("requirements.txt")])
    assert not (setup.VENV / "installed.txt").exists()


def test_further_arguments_go_to_the_job():
    arguments, further = setup.parse(["run", "--cuda", "13", "--vars.seed", "1"])
    assert (arguments.job, arguments.cuda, further) == ("run", "13", ["--vars.seed", "1"])


def test_another_python_is_refused_with_a_reason(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["setup", "run"])
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    assert setup.main() == 2
    assert "Python 3.10" in capsys.readouterr().err


def test_setting_up_needs_the_standard_library_alone():
    command = [sys.executable, "-I", "-S", "-c", "import sys; sys.path.insert(0, '.'); import scripts.setup"]
    subprocess.run(command, cwd=ROOT, check=True)


def test_every_direct_dependency_is_locked_at_the_same_version():
    lock = {
        line.split(";")[0].strip().lower()
        for line in (ROOT / setup.LOCK).read_text(encoding="utf-8").splitlines()
    }
    for path in [ROOT / "requirements.txt", *(ROOT / "requirements").glob("*.txt")]:
        for line in path.read_text(encoding="utf-8").splitlines():
            requirement = line.split("#")[0].strip()
            if "==" in requirement and path.name != "lock.txt":
                assert requirement.lower() in lock, (path, requirement)
