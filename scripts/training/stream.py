"""Train on shards without holding them in memory.

Bare spaCy finds all that our configs name by `--code scripts/training/stream.py`.
"""

import sys
from pathlib import Path

from spacy import registry

# `spacy train`, unlike `python -m spacy train`, does not look where it runs
sys.path.append(str(Path(__file__).resolve().parent.parent.parent))

from scripts.corpus.stream import ShardStream
from scripts.training import finetune  # noqa: F401  (registers what a config names)


@registry.readers("ner_template.shards.v1")
def stream_shards(path: Path, seed: int = 0, shuffle: bool = True) -> ShardStream:
    """Make a reader of a corpus for `max_epochs = -1`: each epoch in an order of its own, memory flat."""
    return ShardStream(path, seed=seed, shuffle=shuffle)
