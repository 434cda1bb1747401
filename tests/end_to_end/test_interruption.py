"""Whatever stops a build, and however often: the old corpus stays, and the same command makes the same new
one.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.closure import ROOT
from tests.make import NAMES, contents, invented

pytestmark = pytest.mark.slow
UTF8 = os.environ | {"PYTHONUTF8": "1"}
PATIENCE = 120
"""Seconds that a process may take to do what it must before the test fails."""


def write(path: Path, count: int, start: int) -> Path:
    """Write short documents with an entity each; some of the spans and a few rows are bad."""
    lines = []
    for i in range(start, start + count):
        name = NAMES[i % len(NAMES)]
        row = {
            "id": f"d{i}",
            "text": f"{name} saw {invented(i, 12)}.",
            "spans": [{"start": 0, "end": len(name) - (i % 97 == 0), "label": "PERSON"}],
        }
        lines.append(json.dumps(row) if i % 1009 else "{")
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("raw")
    sizes = {"train": 8000, "dev": 1000, "test": 1000}
    return {
        split: write(folder / f"{split}.jsonl", count, 10**6 * i)
        for i, (split, count) in enumerate(sizes.items())
    }


def command(raw: dict[str, Path], output: Path, *, drawn: bool = False, workers: int = 2) -> list[str]:
    held_out = [f"--{split}={'' if drawn else raw[split]}" for split in ("dev", "test")]
    options = [
        f"--train={raw['train']}",
        *held_out,
        f"--output={output}",
        f"--workers={workers}",
        "--on-error=reject",
    ]
    return [sys.executable, "-m", "scripts.preprocess", *options]


def start(*arguments, **options) -> subprocess.Popen:
    return subprocess.Popen(
        command(*arguments, **options),
        cwd=ROOT,
        env=UTF8,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def finish(*arguments, **options) -> str:
    process = start(*arguments, **options)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    return output


def await_shards(process: subprocess.Popen, output: Path, count: int) -> None:
    """Wait until a build has written so many shards, or fail."""
    for _ in range(PATIENCE * 20):
        if len(list((output / ".new").rglob("*.spacy"))) >= count:
            return
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        break
    process.kill()
    pytest.fail(f"the build ended, or did not come so far: {process.communicate()[0]}")


def children(process: subprocess.Popen) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def is_over(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def left_over(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run when patience ends."""
    for _ in range(PATIENCE * 10):
        processes = [process for process in processes if not is_over(process)]
        if not processes:
            break
        psutil.wait_procs(processes, timeout=0.1)
    return processes


@pytest.mark.parametrize("drawn", [False, True])
def test_a_build_that_is_killed_again_and_again_ends_as_if_it_had_not_been(request, tmp_path, raw, drawn):
    finish(raw, tmp_path / "whole", drawn=drawn, workers=1)
    whole = contents(tmp_path / "whole")
    output = tmp_path / "killed"
    began = time.monotonic()
    finish(raw, output, drawn=drawn)
    usual = time.monotonic() - began
    assert contents(output) == whole
    moments = random.Random(7)
    for _ in range(request.config.getoption("--kills") // 3):
        process = start(raw, output, drawn=drawn)
        try:
            process.communicate(timeout=moments.uniform(0, usual))
        except subprocess.TimeoutExpired:
            workers = children(process)
            process.kill()
            process.communicate(timeout=PATIENCE)
            assert left_over(workers) == []
    finish(raw, output, drawn=drawn)
    assert contents(output) == whole


@pytest.fixture
def old(tmp_path, raw) -> Path:
    """A corpus of other data."""
    output = tmp_path / "corpus"
    finish(
        {
            split: write(tmp_path / f"old {split}.jsonl", 50, 10**7 * i)
            for i, split in enumerate(raw, start=1)
        },
        output,
    )
    return output


def visible(output: Path) -> dict[str, bytes]:
    return {path: content for path, content in contents(output).items() if not path.startswith(".new/")}


@pytest.mark.parametrize("shards", [1, 70])
def test_a_killed_build_leaves_the_old_corpus_and_no_process(raw, old, shards):
    before = visible(old)
    process = start(raw, old)
    await_shards(process, old, shards)
    workers = children(process)
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert len(workers) >= 2
    assert left_over(workers) == []
    assert visible(old) == before
    finish(raw, old)
    assert visible(old) != before
    assert not (old / ".new").exists()


def test_a_worker_that_is_killed_is_an_error_and_the_next_build_is_whole(tmp_path, raw, old):
    before = visible(old)
    process = start(raw, old)
    await_shards(process, old, 30)
    next(child for child in children(process) if "spawn_main" in " ".join(child.cmdline())).kill()
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "Error: a worker process died" in output
    assert "Traceback" not in output
    assert visible(old) == before
    finish(raw, old)
    finish(raw, tmp_path / "whole", workers=1)
    assert contents(old) == contents(tmp_path / "whole")


@pytest.fixture
def hears_ctrl_c():
    """What a shell runs in the background ignores Ctrl-C, and so do the processes it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(
    os.name != "posix", reason="Ctrl-C is no signal that can be sent to one process elsewhere"
)
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c_ends_with_130_leaves_the_old_corpus(tmp_path, raw, old, workers):
    before = visible(old)
    arguments = command(raw, old, workers=workers)
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=UTF8,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )
    await_shards(process, old, 30)
    others = children(process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Interrupted" in output
    assert "Traceback" not in output
    assert left_over(others) == []
    assert visible(old) == before
    finish(raw, old)
    finish(raw, tmp_path / "whole", workers=1)
    assert contents(old) == contents(tmp_path / "whole")
