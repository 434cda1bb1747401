"""What `spacy train --code scripts/benchmarks/stamps.py` writes down: when its first step began, and each evaluation's end and score."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from spacy.language import Language
from spacy.util import registry

NAMES = {"logger": "@loggers", "before_update": "@callbacks", "before_to_disk": "@callbacks"}
"""What [training] has to name, each as benchmark.NAME.v1."""
_times: dict[str, float] = {}


@registry.callbacks("benchmark.before_update.v1")
def create_before_update() -> Callable:
    """Note when the first step begins: the corpus is read by then."""
    return lambda nlp, info: _times.setdefault("begun", time.perf_counter())


@registry.callbacks("benchmark.before_to_disk.v1")
def create_before_to_disk() -> Callable[[Language], Language]:
    """Note when an evaluation is over: spaCy saves the pipeline after each."""

    def note(nlp: Language) -> Language:
        _times["evaluated"] = time.perf_counter()
        return nlp

    return note


@registry.loggers("benchmark.logger.v1")
def create_logger(path: Path) -> Callable:
    """Write a line of JSON for each evaluation."""

    def setup(nlp: Language, stdout: object = None, stderr: object = None) -> tuple[Callable, Callable]:
        def log(info: dict | None) -> None:
            if info is not None:
                row = {"step": info["step"], "words": info["words"], "seconds": _times["evaluated"] - _times["begun"]}
                with Path(path).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row | {"ents_f": float(info["other_scores"].get("ents_f") or 0.0)}) + "\n")

        return log, lambda: None

    return setup
