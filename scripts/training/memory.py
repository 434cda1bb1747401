"""Memory: how much this process held, and whether it ran out."""

import re
import sys
from collections.abc import Callable
from typing import Protocol

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
    """Say whether an error is a GPU's or the machine's memory running out: torch's, cupy's (its type is not to be had without cupy) or Python's."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)


def as_bytes(text: str, option: str = "--gpu-memory") -> int | None:
    """Read `auto` (None) or an amount of memory such as 6GB (10^9 bytes each). Raises UserError where it is neither."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?GB", text, re.IGNORECASE)
    if match is None and text != "auto":
        raise UserError(f"{option}={text}: write auto, or gigabytes such as 6GB")
    return None if match is None else round(float(match[1]) * 1e9)


class Memory(Protocol):
    """Memory of a device."""

    limit: int
    """Bytes that may be used."""

    def peak(self, action: Callable[[], None]) -> int | None:
        """Return the most bytes that something takes; None where they do not suffice."""


class GpuMemory:
    """A GPU's memory. What CUDA itself takes of it is not torch's to give, and does not count."""

    def __init__(self, device: torch.device, limit: int | None) -> None:
        """limit: bytes of a smaller card that this one shall stand for; torch gets no more from here on.

        Raises UserError where others, CUDA among them, already hold as much.
        """
        self._device = device
        free, total = torch.cuda.mem_get_info(device)
        own = torch.cuda.memory_reserved(device)
        taken = total - free - own
        self.limit = free + own if limit is None else min(limit - taken, free + own)
        if self.limit <= 0:
            asked = "" if limit is None else f"of {limit / MB:,.0f} MB, as asked for, "
            raise UserError(
                f"no GPU memory is left: {asked}CUDA and other processes hold {taken / MB:,.0f} MB; end these"
            )
        torch.cuda.set_per_process_memory_fraction(
            1.0 if limit is None else min(1.0, self.limit / total), device
        )

    def peak(self, action: Callable[[], None]) -> int | None:
        """Return the most bytes that torch reserves meanwhile; None where they do not suffice."""
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)
        try:
            action()
            torch.cuda.synchronize(self._device)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return None
        return torch.cuda.max_memory_reserved(self._device)
