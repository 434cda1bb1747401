"""One pass over some shards, in any process: check every document, count, and see what each config's reader makes of it."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy

from scripts.checks.catalogue import Finding, finding
from scripts.checks.doc_view import FACTOR, DocView, Shard
from scripts.checks.document_checks import check_document
from scripts.checks.reading import Reading
from scripts.checks.training_config import ConfigFile, forget_training_configs, load_training_config
from scripts.checks.wordpieces import Unknown
from scripts.corpus.duplicates import shingles
from scripts.corpus.shards import ShardError

MASK = 2**64 - 1

Name = tuple[int, str, str]
"""An entity as it is written: hash of its tokens, text and label."""
First = tuple[int, int, int, int]
"""How often something occurs; and of its first occurrence document, token and token after the last."""


class Task(NamedTuple):
    """Some shards of a split, and what to look at in them.

    checks: slugs. configs: whose readers to run, by name; those that read alike have one name together.
    """

    split: str
    paths: tuple[Path, ...]
    checks: frozenset[str]
    labels: frozenset[str]
    configs: dict[str, tuple[ConfigFile, ...]]


class ShardStats:
    """What is in some shards; lists have a value a document, in order.

    sizes: documents of each shard. with_label: documents that hold a label. texts, annotations: hashes, 0 where there
    are none. inputs: by config, what its reader makes of the documents (`reading.COLUMNS`). unknown: see `Reading`.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.sizes: list[int] = []
        self.lengths: list[int] = []
        self.labels: Counter[str] = Counter()
        self.with_label: Counter[str] = Counter()
        self.texts: list[int] = []
        self.annotations: list[int] = []
        self.names: dict[Name, First] = {}
        self.shingles = numpy.empty(0, dtype=numpy.uint32)
        self.inputs: dict[str, numpy.ndarray] = {}
        self.unknown: dict[tuple[str, str], Unknown] = {}

    def count(self, view: DocView, orths: list[int]) -> str:
        """Count a document; return its text, white space aside. orths: of the shard."""
        text = " ".join(view.text.split())
        self.texts.append(_hash(text) if text else 0)
        self.annotations.append(_hash(repr(view.ents)) if text and view.ents else 0)
        self.lengths.append(len(view))
        labels = [label for _, _, label in view.ents]
        self.labels.update(labels)
        self.with_label.update(set(labels))
        for start, end, label in view.ents:
            key = run_hash(orths[view.start + start : view.start + end]), view.name(start, end), label
            count, *first = self.names.get(key, (0, len(self.lengths) - 1, start, end))
            self.names[key] = (count + 1, *first)
        return text


def shard_stats(task: Task) -> ShardStats:
    """Look at some shards."""
    stats = ShardStats()
    readings = [
        Reading(name, [load_training_config(file) for file in files], task.split, task.checks)
        for name, files in task.configs.items()
    ]
    if any(reading.config.is_full for reading in readings):
        forget_training_configs()  # the next task makes new ones, so that memory stays flat however many words there are
    texts = []
    for path in task.paths:
        try:
            shard = Shard(path)
            orths, _ = shard.orths.tolist(), shard.texts
        except ShardError as error:
            stats.findings.append(finding("damaged-shard", task.split, str(error), shard=path.as_posix()))
            stats.sizes.append(0)
            continue
        stats.sizes.append(len(shard))
        for index in range(len(shard)):
            view = shard.view(index, task.labels)
            for found in check_document(view, task.checks):
                stats.findings.append(view.finding(found.slug, task.split, found))
            for reading in readings:
                stats.findings += reading.read(view, len(stats.lengths))
            texts.append(stats.count(view, orths))
    if not task.checks.isdisjoint(("near-duplicate", "near-duplicate-across-splits")):
        stats.shingles = shingles(texts)
    for reading in readings:
        stats.inputs[reading.name] = reading.table()
        stats.unknown |= reading.unknown
    return stats


def run_hash(orths: list[int]) -> int:
    """Return a hash of a run of tokens; `Shard.run_hashes` computes the same."""
    value = 0
    for orth in orths:
        value = (value * FACTOR + orth) & MASK
    return value


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little")
