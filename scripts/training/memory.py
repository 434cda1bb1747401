"""Memory: how much this process held, and whether it ran out."""

import re
import sys

import psutil
import torch

from scripts.cli import UserError

MB = 1_000_000
OUT_OF_MEMORY = (
    "DefaultCPUAllocator",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
)
"""What torch says where it has no error of a kind of its own for it."""


def peak_memory_mb() -> float:
    """Return the most main memory this process ever held, in megabytes (10^6 bytes)."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset / MB
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MB if sys.platform == "darwin" else peak * 1024 / MB


def peak_gpu_memory_mb(gpu_id: int) -> float | None:
    """Return the most GPU memory that torch reserved, in megabytes; None on the CPU."""
    return torch.cuda.max_memory_reserved(gpu_id) / MB if gpu_id >= 0 else None


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error is memory running out: torch's, Python's or cupy's."""
    kinds = torch.OutOfMemoryError, MemoryError
    if isinstance(error, kinds) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)


def parse_gpu_memory(text: str) -> int | None:
    """Return the bytes of an amount of memory such as 6GB (10^9 bytes each); None for `auto`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?GB", text, re.IGNORECASE)
    if match is None and text != "auto":
        raise UserError(f"--gpu-memory={text}: write auto, or gigabytes such as 6GB")
    return None if match is None else round(float(match[1]) * 1e9)


def limit_gpu_memory(gpu_id: int, limit: int) -> None:
    """Let this process have at most so many bytes of a GPU, by torch, which thinc asks for memory, too.

    What CUDA itself takes (some 0.5 GB) comes on top.
    """
    total = torch.cuda.get_device_properties(gpu_id).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total), gpu_id)
