"""What `spacy train --code scripts/benchmarks/stamps.py` writes down: when its first step began, and each evaluation's end and score."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.training import Corpus, Example
from spacy.util import registry
from thinc.api import CupyOps, get_current_ops

NAMES = {"logger": "@loggers", "before_update": "@callbacks", "before_to_disk": "@callbacks"}
"""What [training] has to name, each as benchmark.NAME.v1."""
_times: dict[str, float] = {}


@registry.callbacks("benchmark.before_update.v1")
def create_before_update() -> Callable:
    """Note when the first step begins: the corpus is read by then. And for how long no step was taken because of an evaluation."""

    def note(nlp: Language, info: dict) -> None:
        now = time.perf_counter()
        _times.setdefault("begun", now)
        _times["aside"] = _times.get("aside", 0.0) + now - _times.pop("evaluating", now)

    return note


@registry.readers("benchmark.dev.v1")
def create_dev(path: Path) -> Callable[[Language], Iterator[Example]]:
    """Read dev as spaCy does, and note when: an evaluation begins with it."""
    corpus = Corpus(path)

    def read(nlp: Language) -> Iterator[Example]:
        _times["evaluating"] = time.perf_counter()
        yield from corpus(nlp)

    return read


@registry.callbacks("benchmark.before_to_disk.v1")
def create_before_to_disk() -> Callable[[Language], Language]:
    """Note when an evaluation is over: spaCy saves the pipeline after each."""

    def note(nlp: Language) -> Language:
        _times["evaluated"] = time.perf_counter()
        return nlp

    return note


@registry.loggers("benchmark.logger.v1")
def create_logger(path: Path) -> Callable:
    """Write a line of JSON for each evaluation; with the seconds of the steps alone where dev is read by benchmark.dev.v1."""

    def setup(nlp: Language, stdout: object = None, stderr: object = None) -> tuple[Callable, Callable]:
        def log(info: dict | None) -> None:
            if info is not None:
                row = {
                    "step": info["step"],
                    "words": info["words"],
                    "seconds": _times["evaluated"] - _times["begun"],
                }
                if "evaluating" in _times:
                    row["seconds_steps"] = _times["evaluating"] - _times["begun"] - _times["aside"]
                    row["gpu_mb"] = _peak_gpu_mb()
                with Path(path).open("a", encoding="utf-8") as file:
                    file.write(
                        json.dumps(row | {"ents_f": float(info["other_scores"].get("ents_f") or 0.0)}) + "\n"
                    )

        return log, lambda: None

    return setup


def _peak_gpu_mb() -> float | None:
    from scripts.training.memory import peak_gpu_memory_mb

    ops = get_current_ops()
    return peak_gpu_memory_mb(ops.device_id if isinstance(ops, CupyOps) else -1)
