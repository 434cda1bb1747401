"""Run a program and measure how long it takes and how much memory its processes hold."""

import contextlib
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass

import psutil

from scripts.cli import UserError

EVERY = 0.05
"""Seconds between looks at the memory."""
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds from start to end, and the most memory (MB of 10^6 bytes, resident, shared pages counted in each process)."""

    seconds: float
    peak_mb: float
    output: str


class OutOfTime(UserError):
    """A command took longer than it may."""


def measure(command: list[str], *, codes: tuple[int, ...] = (0,), most: float | None = None) -> Measured:
    """Run a command to its end, for `most` seconds at most.

    Raises UserError, with what it printed, where its exit code is none of `codes`, and OutOfTime where it took too long.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )
    peak = 0
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(EVERY):
            peak = max(peak, _memory(process.pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        output, _ = process.communicate(timeout=most)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise OutOfTime(f"{' '.join(command)} took more than {most:.0f} seconds") from None
    finally:
        seconds = time.perf_counter() - started
        ended.set()
        watcher.join()
    if process.returncode not in codes:
        raise UserError(f"{' '.join(command)} ended with exit code {process.returncode}: {output[-2000:]}")
    return Measured(seconds, peak / MB, output)


def seconds_until(text: str, command: list[str]) -> float:
    """Run a command to its end; return the seconds until it tells a line with that text, and nan where it does not."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        seconds = next(
            (time.perf_counter() - started for line in process.stderr if text in line), float("nan")
        )
        process.stderr.read()
    return seconds


def medians(runs: list[Measured]) -> tuple[float, float]:
    """Return the medians of seconds and of peak memory, rounded to 10 ms and to 0.1 MB."""
    return round(statistics.median(run.seconds for run in runs), 2), round(
        statistics.median(run.peak_mb for run in runs), 1
    )


def _kill(process: subprocess.Popen) -> None:
    """End a process and all that it started."""
    started = []
    with contextlib.suppress(psutil.NoSuchProcess):
        started = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for own in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            own.kill()
    process.communicate()


def _memory(pid: int) -> int:
    """Return the resident bytes of a process and all that it started."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # ended between two looks
    return total
