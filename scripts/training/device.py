"""Choose where to train or predict, and on how many threads."""

import os
import re
import sys
from dataclasses import dataclass

import torch
from spacy import require_cpu, require_gpu
from threadpoolctl import threadpool_limits

from scripts.cli import UserError


@dataclass(frozen=True, slots=True)
class Device:
    """A device: `gpu_id` as spaCy counts (-1 is the CPU), and a line that says what and why."""

    gpu_id: int
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


def cpu(why: str, threads: int | None = None) -> Device:
    """Return the CPU, on so many threads; None: as many as torch and BLAS take by themselves."""
    return Device(-1, f"CPU, {threads} thread{'s' if threads > 1 else ''}" if threads else "CPU", why)


def choose_device(name: str, *, threads: int | None = None, needs_cupy: bool = True) -> Device:
    """Return what `auto`, `cpu`, `cuda` or `cuda:N` mean here; of a CPU so many threads.

    `auto` takes the first GPU when one works, else the CPU. `cuda` where no GPU works is an error, never a
    fallback.
    needs_cupy: whether thinc is to compute on it, too, and not torch alone.
    """
    match = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", name)
    if match is None:
        raise UserError(f"device {name!r}: write auto, cpu, cuda or cuda:N")
    if name == "cpu":
        return cpu("as asked", threads)
    gpu_id = int(match[1] or 0)
    obstacle = gpu_obstacle(gpu_id, needs_cupy=needs_cupy)
    if obstacle is None:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it, sums differ from run to run
        if sys.platform == "linux":  # micro-batches of ever other sizes else leave holes in memory
            os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
        full_name = f"GPU {gpu_id}, {torch.cuda.get_device_name(gpu_id)}"
        return Device(gpu_id, full_name, "as asked" if name != "auto" else "it works")
    if name == "auto":
        return cpu(f"no GPU: {obstacle}", threads)
    raise UserError(f"device {name!r}: {obstacle}; set vars.device to auto or cpu to do without a GPU")


def use_device(gpu_id: int) -> None:
    """Let spaCy compute on a device, before any pipeline is made."""
    if gpu_id >= 0:
        require_gpu(gpu_id)
    else:
        require_cpu()


def set_threads(threads: int) -> None:
    """Let torch and BLAS use so many threads. With another number, sums differ in their last digits.

    Two are a fifth faster on an idle machine and many times slower on a busy one.
    """
    torch.set_num_threads(threads)
    threadpool_limits(threads, user_api="blas")


def gpu_obstacle(gpu_id: int, *, needs_cupy: bool = True) -> str | None:
    """Say why a GPU cannot be used, or None: torch must see it, and cupy must add numbers on it."""
    if not torch.cuda.is_available():
        return "torch sees no CUDA device"
    if gpu_id >= torch.cuda.device_count():
        return f"torch sees {torch.cuda.device_count()} CUDA devices, and they count from 0"
    if not needs_cupy:
        return None
    try:
        import cupy
    except ImportError:
        cuda = (torch.version.cuda or "12").split(".")[0]
        return (
            f"a GPU is here, but cupy is missing; run: python -m pip install -r requirements/cuda{cuda}.txt"
        )
    try:
        with cupy.cuda.Device(gpu_id):
            if int(cupy.arange(3).sum()) != 3:
                return "cupy computes wrong sums on it"
    except Exception as error:  # cupy and CUDA raise many kinds, and each means the GPU is of no use
        return f"cupy cannot use it ({type(error).__name__}: {error})"
    return None
