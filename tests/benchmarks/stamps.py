"""What `spacy train --code tests/benchmarks/stamps.py` notes of itself, as metrics.json has it of ours.

GPU_GB in the environment: torch gets what a card of so many GB has.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from spacy.language import Language
from spacy.util import registry

from scripts.training.memory import limit_gpu_memory, peak_gpu_memory_mb

begun: list[float] = []
"""When the first step began: the corpus is read by then."""


def peak_gpu_mb() -> float | None:
    """Return the most GPU memory that torch ever held."""
    return peak_gpu_memory_mb(0 if torch.cuda.is_initialized() else -1)


@registry.callbacks("benchmark.before_update.v1")
def create_before_update() -> Callable[[Language, dict], None]:
    """Note when the first step begins."""
    return lambda nlp, info: None if begun else begun.append(time.perf_counter())


@registry.loggers("benchmark.logger.v1")
def create_logger(path: Path) -> Callable:
    """Write a line of JSON at the end of each evaluation."""

    def log(info: dict | None) -> None:
        if info is not None:
            row = {"steps": info["step"] + 1, "words": info["words"], "peak_gpu_memory_mb": peak_gpu_mb()}
            row["seconds"] = time.perf_counter() - begun[0]
            row["ents_f"] = info["other_scores"].get("ents_f") or 0.0
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    return lambda nlp, stdout, stderr: (log, lambda: None)


if os.environ.get("GPU_GB", "0") != "0":
    limit_gpu_memory(0, round(float(os.environ["GPU_GB"]) * 1e9))
