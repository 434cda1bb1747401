"""Run a program and measure how long it takes and how much memory its processes hold."""

import contextlib
import os
import subprocess
import sys
import threading
import time

import psutil

from scripts.cli import UserError

EVERY = 0.05
"""Seconds between two looks at the memory."""


class OutOfTime(UserError):
    """A command took longer than it may."""


def run_python(
    *arguments: str,
    codes: tuple[int, ...] = (0,),
    deadline: float | None = None,
    until: str = "",
    env: dict[str, str] | None = None,
) -> dict[str, float | str | None]:
    """Run Python to its end; return seconds, peak_mb, last_line, and first: the seconds until `until` is printed.

    Memory is that of all its processes together (resident; shared pages count in each), in 10^6 bytes.
    Raises UserError, with what was printed, where the exit code is none of `codes`, and OutOfTime where
    the deadline (of `time.monotonic()`) has passed.
    """
    started = time.perf_counter()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8", "errors": "replace"}
    process = subprocess.Popen([sys.executable, *arguments], env=os.environ | (env or {}), **pipes)
    lines, first, peak, is_late = [], None, 0, False
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak, is_late
        while not ended.wait(EVERY):
            with contextlib.suppress(psutil.Error):  # one has ended between two looks
                peak = max(peak, sum(one.memory_info().rss for one in family(process)))
            if deadline is not None and time.monotonic() > deadline:
                is_late = True
                return end(process)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        for line in process.stdout:
            lines.append(line)
            if until and first is None and until in line:
                first = round(time.perf_counter() - started, 2)
        process.wait()
    finally:
        ended.set()
        watcher.join()
        end(process)
    if is_late:
        raise OutOfTime(f"python {' '.join(arguments)} was stopped: no time was left")
    if process.returncode not in codes:
        command = f"python {' '.join(arguments)} ended with exit code {process.returncode}"
        raise UserError(f"{command}: {''.join(lines)[-2000:]}")
    seconds = round(time.perf_counter() - started, 2)
    return {
        "seconds": seconds,
        "peak_mb": round(peak / 1e6, 1),
        "first": first,
        "last_line": "".join(lines[-1:]),
    }


def family(process: subprocess.Popen) -> list[psutil.Process]:
    """Return a process that still runs and all that it started."""
    if process.poll() is not None:
        return []
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def end(process: subprocess.Popen) -> None:
    """End a process and all that it started, where it still runs."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in reversed(family(process)):
            one.kill()
    process.wait()
