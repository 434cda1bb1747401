"""The repository as a starter template."""

import shutil
import subprocess
import sys

import pytest

from tests.closure import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]


def git(*arguments, cwd):
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments],
        cwd=cwd,
        check=True,
        capture_output=True,
    )


def test_a_clone_made_with_weasel_is_a_project_that_works(tmp_path):
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    origin = tmp_path / "origin"
    for name in listing.stdout.splitlines():
        if (ROOT / name).exists():
            (origin / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, origin / name)
    git("init", "-q", "-b", "main", cwd=origin)
    git("add", "-A", cwd=origin)
    git("commit", "-qm", "origin", cwd=origin)
    command = [
        sys.executable,
        "-m",
        "weasel",
        "clone",
        ".",
        "my_ner",
        "--repo",
        origin.as_uri(),
        "--branch",
        "main",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    clone = tmp_path / "my_ner"
    subprocess.run(
        [sys.executable, "-m", "weasel", "run", "corpus"], cwd=clone, check=True, capture_output=True
    )
    assert (clone / "corpus" / "validation.json").exists()
