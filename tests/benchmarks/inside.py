"""Run a module, as `python -m` does, where its steps can be timed and its GPU memory limited.

python -m tests.benchmarks.inside 6 spacy train config.cfg    # in what a card of 6 GB has; 0: in all there is
"""

import runpy
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import srsly
import torch
from spacy.language import Language
from spacy.training import Corpus, Example
from spacy.util import registry

from scripts.training.memory import limit_gpu_memory


class Clock:
    """The seconds of a training's steps alone."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    def start(self) -> None:
        """Let it run, unless it does."""
        self._since = self._since or time.perf_counter()

    def stop(self) -> None:
        """Stop it, once a GPU has done what it was given."""
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        self.seconds += time.perf_counter() - self._since if self._since else 0.0
        self._since = 0.0


def peak_gpu_mb() -> float | None:
    """Return the most GPU memory that torch, which thinc asks for memory too, ever held."""
    return torch.cuda.max_memory_reserved() / 1e6 if torch.cuda.is_initialized() else None


def register(clock: Clock) -> None:
    """Register what times `spacy train`: the clock runs from a step's start until dev is read."""

    @registry.callbacks("benchmark.before_update.v1")
    def create_before_update() -> Callable[[Language, dict], None]:
        return lambda nlp, info: clock.start()

    @registry.readers("benchmark.dev.v1")
    def create_dev(path: Path) -> Callable[[Language], Iterator[Example]]:
        def read(nlp: Language) -> Iterator[Example]:
            clock.stop()
            return Corpus(path)(nlp)

        return read

    @registry.loggers("benchmark.logger.v1")
    def create_logger(path: Path) -> Callable:
        def log(info: dict | None) -> None:
            if info is not None:
                row = {name: info[name] for name in ("step", "words")}
                row |= {"seconds": clock.seconds, "gpu_mb": peak_gpu_mb()}
                row["ents_f"] = info["other_scores"].get("ents_f") or 0.0
                srsly.write_jsonl(path, [row], append=True, append_new_line=False)

        return lambda nlp, stdout, stderr: (log, lambda: None)


def main(gigabytes: float, module: str, arguments: list[str]) -> None:
    """Run a module as the main program."""
    register(Clock())
    if gigabytes:
        limit_gpu_memory(0, round(gigabytes * 1e9))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2], sys.argv[3:])
