"""How fast spaCy's tokeniser is by itself, in one process: `python -m scripts.benchmarks.floor FILE.jsonl` prints tokens a second."""

import json
import sys
import time
from pathlib import Path

MOST = 100_000
"""Texts that are tokenised."""


def main(path: Path) -> None:
    """Read texts, then time `spacy.blank("en").tokenizer` over them, as it comes."""
    import spacy

    with path.open(encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line, _ in zip(file, range(MOST), strict=False)]
    tokenizer = spacy.blank("en").tokenizer
    started = time.perf_counter()
    tokens = sum(len(doc) for doc in tokenizer.pipe(texts))
    sys.stdout.write(f"{tokens / (time.perf_counter() - started):.0f}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
