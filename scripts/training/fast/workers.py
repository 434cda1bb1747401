"""Several processes that train one pipeline, each on its share of every batch; gradients are added up.

Every process is the same command with torch's variables (RANK, WORLD_SIZE), as torchrun sets them, too.
"""

import contextlib
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sized
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy
import torch
import torch.distributed as dist

from scripts.cli import UserError
from scripts.training.world import STORE, World, leave, rank

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others: an evaluation that one of them does alone may take a while."""
POLL = 0.02
"""Seconds between two looks at who is ready."""


class Workers(World):
    """Processes that talk through torch.distributed; those of one machine share memory."""

    def __init__(self, rank: int, size: int, folder: Path | None) -> None:
        """Meet the others. folder: where the processes of one machine share files; None under torchrun."""
        self.rank, self.size, self.folder = rank, size, folder
        method = "env://"
        if folder:
            method = f"file://{(folder / 'store').as_posix()}"
            (folder / f"ready-{rank}").touch()
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, init_method=method, rank=rank, world_size=size, timeout=PATIENCE)
        World.have_met = True

    def shared(self, shapes: dict[str, tuple[int, ...]]) -> dict[str, numpy.ndarray] | None:
        """Return arrays of zeros that all processes map; None under torchrun, and where there is no room."""
        if self.folder is None:
            return None
        paths = {name: self.folder / name for name in shapes}
        fits = self.rank > 0 or all(_reserve(paths[name], 4 * math.prod(shapes[name])) for name in shapes)
        if not self.gather(fits)[0]:
            return None
        arrays = {
            name: numpy.asarray(numpy.memmap(paths[name], dtype="float32", mode="r+", shape=shape))
            for name, shape in shapes.items()
        }
        self.wait()
        for path in paths.values() if self.rank == 0 else ():
            with contextlib.suppress(OSError):  # Windows keeps what is open
                path.unlink()
        return arrays

    def wait(self) -> None:
        """Wait until all processes are here."""
        dist.barrier()

    def sum(self, tensors: list[torch.Tensor]) -> None:
        """Add the tensors of one device up over all processes, in one call."""
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        for tensor, own in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(own.view_as(tensor))

    def gather(self, thing: Any) -> list[Any]:
        """Return what each process gave, by rank. Nothing but this run's own processes is listened to."""
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, thing)
        return found

    def shard_batch(self, batch: list) -> list:
        """Return this process's share of a batch, which has about as many words as any other's."""
        return split_evenly(batch, self.size)[self.rank]

    def close(self) -> None:
        """Wait for the others and leave."""
        with contextlib.suppress(RuntimeError):  # the others may be gone
            dist.barrier()
            dist.destroy_process_group()


def _reserve(path: Path, size: int) -> bool:
    """Make a file of zeros; say whether there is room, as in a container /dev/shm often has 64 MB."""
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
    except OSError:
        path.unlink(missing_ok=True)
        return False
    return True


def assign(loads: list[int], parts: int) -> list[int]:
    """Return each thing's part: the heaviest first, each goes to the part that has the least so far."""
    sums, owners = [0] * parts, [0] * len(loads)
    for i in sorted(range(len(loads)), key=lambda i: -loads[i]):
        owners[i] = sums.index(min(sums))
        sums[owners[i]] += loads[i]
    return owners


def split_evenly(batch: list[Sized], parts: int) -> list[list]:
    """Split examples into parts of about as many words each, in the batch's order."""
    shares: list[list] = [[] for _ in range(parts)]
    for example, owner in zip(batch, assign([*map(len, batch)], parts), strict=True):
        shares[owner].append(example)
    return shares


@contextlib.contextmanager
def init_distributed(workers: int) -> Iterator[World]:
    """Meet the run's other processes: those that started this one, or `workers - 1` that it starts itself.

    Raises UserError where one of those started here dies.
    """
    own = rank()
    size, folder = 1 if own is None else int(os.environ["WORLD_SIZE"]), os.environ.get(STORE)
    if own is None and workers > 1:
        yield from _started_here(workers)
    elif size == 1:
        yield World()
    else:
        member = Workers(own, size, Path(folder) if folder else None)
        try:
            yield member
        except RuntimeError:
            if folder:  # the first process, which started this one, is gone, or tells what happened
                leave(1)
            raise
        member.close()


def _started_here(workers: int) -> Iterator[World]:
    """Start the others: this very command, once for each."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="ner-template-", dir=memory if memory.is_dir() else None))
    variables = os.environ | {"WORLD_SIZE": str(workers), STORE: str(folder)}
    command = [sys.executable, *sys.orig_argv[1:]]
    group: dict[str, Any] = {"process_group": 0}  # of their own, as Ctrl-C is the first's
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    others = [
        subprocess.Popen(command, env=variables | {"RANK": str(number)}, **group)
        for number in range(1, workers)
    ]
    try:
        _wait_for(others, folder)
        member = Workers(0, workers, folder)
        yield member
        member.close()
        for process in others:
            process.wait(timeout=PATIENCE.total_seconds())
    except RuntimeError as error:  # of torch.distributed: the connection to another process is gone
        raise _told(others, error) from error
    finally:
        for process in others:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(others: list[subprocess.Popen], folder: Path) -> None:
    """Wait until all are ready to meet. Raises UserError where one is gone before."""
    while not all((folder / f"ready-{number}").exists() for number in range(1, len(others) + 1)):
        for number, process in enumerate(others, 1):
            if process.poll() is not None:
                what = f"worker {number} ended before it began (exit code {process.returncode})"
                raise UserError(f"{what}; train with --workers 1")
        time.sleep(POLL)


def _told(others: list[subprocess.Popen], error: RuntimeError) -> Exception:
    """Say which worker died; a RuntimeError of another kind stays as it is."""
    for number, process in enumerate(others, 1):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        if process.returncode:
            why = f"exit code {process.returncode}"
            if process.returncode < 0:
                why = f"killed by signal {-process.returncode}, often for want of memory"
            hint = "the last checkpoint is whole: run the same command to go on, or with --workers 1"
            return UserError(f"worker {number} died ({why}); {hint}")
    return error
