"""Measure what a pipeline costs in use: its speed from raw text, how long a short text and loading take.

Counts bound the work, never a clock: the same command measures the same.
"""

import logging
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from scripts.corpus.config_file import import_code
from scripts.corpus.pool import ordered_map
from scripts.training import device
from scripts.training.predict import BATCH, load

RUNS = 3
BATCH_SIZES = (16, 64, 256)
WORDS, WORDS_ON_GPU = 2_000, 20_000  # of a run, about
SHORT_TEXTS, SHORT_WORDS = 100, 20


def measure_cost(
    nlp: Language, model: Path, gold: list[Doc], gpu_id: int, threads: int, *, code: Sequence[Path] = ()
) -> dict:
    """Measure a pipeline's cost on documents spread over the test set; words are gold tokens.

    model: where the pipeline is saved. threads: on how many it works, afterwards too. code: what it needs.
    """
    share = (WORDS_ON_GPU if gpu_id >= 0 else WORDS) / max(1, sum(map(len, gold)))
    docs = spread(gold, int(share * len(gold)))
    texts, words = [doc.text for doc in docs], sum(map(len, docs))
    short = [doc[:SHORT_WORDS].text for doc in spread(gold, SHORT_TEXTS)]
    size = nlp.batch_size
    try:
        device.set_threads(1)
        one_thread = speeds(nlp, texts, words, [size])[size]
        predict = speeds(load(model, gpu_id, "fp32"), texts, words, [BATCH])[BATCH]
    finally:
        device.set_threads(threads)
    by_size = speeds(nlp, texts, words, sorted({size, *(each for each in BATCH_SIZES if each < len(texts))}))
    return {
        "documents": len(docs),
        "words": words,
        "threads": threads,
        "batch_size": size,
        "one_thread": one_thread,
        "predict": predict,
        "all_cores": by_size[size],
        "batch_sizes": {str(each): figures for each, figures in by_size.items()},
        "best_batch_size": max(by_size, key=lambda each: by_size[each]["words_per_second"]),
        "short_texts": latency(nlp, short),
        "fresh_process": start(model, short[0], gpu_id, threads, *code),
    }


def spread(docs: list[Doc], count: int) -> list[Doc]:
    """Return so many documents, at least one, at equal distances: each part of the test set has its share."""
    count = max(1, min(count, len(docs)))
    return [docs[place * len(docs) // count] for place in range(count)]


def speeds(nlp: Language, texts: list[str], words: int, sizes: list[int]) -> dict[int, dict]:
    """Return by batch size the words a second: the median of several runs, and the slowest and the fastest.

    A pass over all texts warms up, whatever ran before; the sizes then take turns.
    """

    def work(size: int) -> None:
        for _ in nlp.pipe(texts, batch_size=size):
            pass

    work(max(sizes))
    rounds = [[words / clock(work, size)[0] for size in sizes] for _ in range(RUNS)]
    kinds = {"words_per_second": statistics.median, "lowest": min, "highest": max}
    return {
        size: {kind: round(choose(runs), 1) for kind, choose in kinds.items()}
        for size, runs in zip(sizes, zip(*rounds, strict=True), strict=True)
    }


def latency(nlp: Language, texts: list[str]) -> dict:
    """Return how many milliseconds single short texts take, one by one; a first round warms up."""
    found = [1000 * clock(nlp, text)[0] for text in texts * 2][len(texts) :]
    median, high = numpy.quantile(found, [0.5, 0.95])
    return {"texts": len(texts), "median_ms": round(float(median), 2), "p95_ms": round(float(high), 2)}


def start(model: Path, text: str, gpu_id: int, threads: int, *code: Path) -> dict:
    """Return how long loading takes, and then a first text, in a process that has imported spaCy alone.

    Neither is there, and the log says why, where that process fails (a GPU may let in only one).
    """
    try:
        (found,) = ordered_map(measure_start, [(model, text, gpu_id, threads, *code)], workers=2)
        return found
    except Exception as error:  # whatever a pipeline or a device does
        logging.getLogger(__name__).warning("time to load not measured: %s", error)
        return {}


def measure_start(model: Path, text: str, gpu_id: int, threads: int, *code: Path) -> dict:
    """Measure in this process what `start` returns."""
    warnings.simplefilter("ignore")  # they are told where the pipeline was loaded before
    device.use_device(gpu_id)
    device.set_threads(threads)
    import_code(code)
    loading, nlp = clock(spacy.load, model)
    first, _ = clock(nlp, text)
    return {"load_seconds": round(loading, 2), "first_text_ms": round(1000 * first, 2)}


def clock(work: Callable, *arguments: object) -> tuple[float, object]:
    """Call a function; return how many seconds that took, and what it returned."""
    started = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - started, result
