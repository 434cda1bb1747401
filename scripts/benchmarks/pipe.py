"""How fast a pipeline predicts: `python -m scripts.benchmarks.pipe MODEL CORPUS stock` (or openblas) prints words a second over dev and test."""

import sys
import time
from pathlib import Path

WARM = 200
"""Texts that are predicted before the clock starts."""


def main(model: Path, corpus: Path, gemm: str) -> None:
    """Load a pipeline as it comes, or with thinc's matrix products by OpenBLAS, which takes all cores; then time `nlp.pipe`."""
    import spacy
    from spacy.tokens import DocBin
    from thinc.api import NumpyOps, set_current_ops

    if gemm == "openblas":
        set_current_ops(NumpyOps(use_blis=False))
    nlp = spacy.load(model)
    vocab = spacy.blank("en").vocab
    shards = [path for split in ("dev", "test") for path in sorted((corpus / split).glob("*.spacy"))]
    texts = [doc.text for path in shards for doc in DocBin().from_disk(path).get_docs(vocab)]
    list(nlp.pipe(texts[:WARM]))
    started = time.perf_counter()
    words = sum(len(doc) for doc in nlp.pipe(texts))
    sys.stdout.write(f"{words / (time.perf_counter() - started):.0f}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
