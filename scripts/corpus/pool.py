"""Run one function over many arguments in several processes or threads, in order, with little waiting."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from scripts.cli import UserError

Result = TypeVar("Result")
WAITING = 2
"""Calls that each process may have waiting: enough to keep it busy, and few enough to bound the memory."""
SWITCH = 0.0005
"""Seconds that a thread waits until another hands Python over."""


def ordered_map(
    function: Callable[..., Result], calls: Iterable[tuple], *, workers: int, threads: bool = False
) -> Iterator[Result]:
    """Yield `function(*arguments)` for each call, in their order; `calls` is read little ahead of results.

    With one worker everything runs in this process. Others are spawned, leave Ctrl-C to this process, and end
    when it does, however it ends; or they are threads.
    Raises what the function raises, and UserError where a process dies.
    """
    if workers == 1:
        for arguments in calls:
            yield function(*arguments)
        return
    if threads:
        pool = ThreadPoolExecutor(workers, initializer=sys.setswitchinterval, initargs=(SWITCH,))
    else:
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start)
    waiting: deque[Future] = deque()
    try:
        for arguments in calls:
            waiting.append(pool.submit(function, *arguments))
            if len(waiting) > WAITING * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise UserError(
            "a worker process died, perhaps for want of memory; run this again, with fewer --workers"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start() -> None:
    """Set a worker up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        parent.join()
        os._exit(1)  # the process that would take the results is gone

    threading.Thread(target=watch, daemon=True).start()
