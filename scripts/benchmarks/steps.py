"""Where preprocessing's time goes: `python -m scripts.benchmarks.steps FILE` prints microseconds a document for each step, as JSON."""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from scripts.corpus.look import open_all
from scripts.corpus.pool import without_torch
from scripts.corpus.settings import Settings
from scripts.corpus.shards import Document, encode
from scripts.corpus.units import convert_unit, cut_into_units

UNITS = 4
ROUNDS = 5


def main(path: Path) -> dict[str, float]:
    """Take the steps of some units in turn, several times; return the medians. `spacy` is the tokeniser as spaCy sets it up."""
    from scripts.corpus.convert import align, tokenise
    from scripts.corpus.tokenizer import Tokeniser, load_tokenizer

    settings = Settings()
    tokenizer, plain = Tokeniser("en"), load_tokenizer("en")
    rounds: dict[str, list[float]] = {}
    units = list(islice(cut_into_units(open_all({"train": [path]}, settings), settings), UNITS))

    def timed(step: str, count: int, call: Callable):
        started = time.perf_counter()
        result = call()
        rounds.setdefault(step, []).append((time.perf_counter() - started) / count * 1e6)
        return result

    with tempfile.TemporaryDirectory() as folder:
        for unit in units * ROUNDS:
            count = sum(len(piece.data) for piece in unit.pieces)
            records = timed("read", count, lambda unit=unit: [record for _, record in unit.records(settings)])
            timed("spacy", count, lambda records=records: [plain(record.text) for record in records])
            made = timed(
                "tokenise", count, lambda records=records: [tokenise(record, tokenizer) for record in records]
            )
            timed(
                "align",
                count,
                lambda pairs=(records, made): [
                    align(record, own, settings) for record, own in zip(*pairs, strict=True)
                ],
            )
            documents = [
                Document(own, 0, len(own), record.id, str(record.source), False)
                for record, own in zip(records, made, strict=True)
            ]
            timed(
                "encode",
                count,
                lambda all=documents: [encode(all[i : i + 100]) for i in range(0, len(all), 100)],
            )
            timed(
                "in all",
                count,
                lambda unit=unit: convert_unit(unit, None, ("train",), Path(folder), settings),
            )
    return {step: round(statistics.median(times[UNITS:]), 1) for step, times in rounds.items()}


if __name__ == "__main__":
    without_torch()
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))) + "\n")
