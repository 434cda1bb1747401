"""Choose where to train or predict, and bound the threads."""

import os
import re
import sys
from dataclasses import dataclass

import torch
from spacy import require_gpu
from threadpoolctl import threadpool_limits

from scripts.cli import UserError, physical_cores


@dataclass(frozen=True, slots=True)
class Device:
    """A device in use: `gpu_id` as spaCy counts (-1 is the CPU), and a line that says what and why."""

    gpu_id: int
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"


def activate(device: str, *, threads: int | None = 0) -> Device:
    """Switch spaCy to `auto`, `cpu`, `cuda` or `cuda:N`, before any pipeline is made.

    threads: on a CPU; 0: one a physical core; None: as many as torch and BLAS take by themselves.
    `auto` takes the first GPU when one works, else the CPU. `cuda` where no GPU works is an error, never a fallback.
    """
    match = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", device)
    if match is None:
        raise UserError(f"device {device!r}: write auto, cpu, cuda or cuda:N")
    if device == "cpu":
        return _cpu("as asked", threads)
    if sys.platform == "linux":  # passes of ever other sizes else leave holes, and memory runs out early
        os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    gpu_id = int(match[1] or 0)
    obstacle = gpu_obstacle(gpu_id)
    if obstacle is None:
        require_gpu(gpu_id)
        return Device(
            gpu_id,
            f"GPU {gpu_id}, {torch.cuda.get_device_name(gpu_id)}",
            "as asked" if device != "auto" else "it works",
        )
    if device == "auto":
        return _cpu(f"no GPU: {obstacle}", threads)
    raise UserError(f"device {device!r}: {obstacle}; set vars.device to auto or cpu to train without a GPU")


def gpu_obstacle(gpu_id: int) -> str | None:
    """Say why a GPU cannot be used, or None when it can: torch must see it and cupy must add two numbers on it."""
    if not torch.cuda.is_available():
        return "torch sees no CUDA device"
    if gpu_id >= torch.cuda.device_count():
        return f"torch sees {torch.cuda.device_count()} CUDA devices, and they count from 0"
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


def _cpu(why: str, threads: int | None) -> Device:
    if threads is None:
        return Device(-1, "CPU", why)
    threads = threads or physical_cores()
    torch.set_num_threads(threads)
    threadpool_limits(threads)
    return Device(-1, f"CPU, {threads} thread{'s' if threads > 1 else ''}", why)
