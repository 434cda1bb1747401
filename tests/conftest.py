import json
import shutil
from pathlib import Path

import pytest

from tests.closure import ROOT

TOP_LEVEL = ("project.yml", "configs", "scripts")


@pytest.fixture
def write_jsonl(tmp_path):
    """Write rows, or strings as they are, to a JSONL file in tmp_path."""

    def write(name: str, rows: list) -> Path:
        path = tmp_path / name
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="")
        return path

    return write


@pytest.fixture
def write_text(tmp_path):
    """Write a text file to tmp_path byte for byte."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8"))
        return path

    return write


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the project in an empty folder, without anything generated."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in TOP_LEVEL:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder
