"""Run a module in a part of the GPU's memory: `python -m scripts.benchmarks.limited GB MODULE ARGUMENTS`."""

import runpy
import sys

import torch

from scripts.training.memory import GpuMemory

GB = 1_000_000_000


def main(gigabytes: float, module: str, arguments: list[str]) -> None:
    """Let torch, which thinc asks for memory too, have of the first GPU what a card of so many GB (10^9 bytes) has left; then run the module."""
    GpuMemory(torch.device("cuda", 0), round(gigabytes * GB))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], sys.argv[3:])
