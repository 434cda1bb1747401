"""Look at shards, one after the other in any process: check every document, and see what each recipe's reader makes of it."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy

from scripts.checks.catalogue import Finding, finding
from scripts.checks.collected import token_hash
from scripts.checks.reading import Reading
from scripts.checks.registry import DOCUMENT_CHECKS
from scripts.checks.shard import Shard
from scripts.checks.training_config import ConfigFile, forget_training_configs, load_training_config
from scripts.checks.unknown import Unknown
from scripts.corpus.duplicates import shingles
from scripts.corpus.shards import ShardError
from scripts.corpus.units import hash64

Surface = tuple[int, str, str]
"""An entity as it is written: hash of its tokens, text and label."""


class Task(NamedTuple):
    """Some shards of a split, and what to look at in them.

    checks: slugs of those that are wanted. recipes: whose readers to run, by name; those that read alike have one name together.
    """

    split: str
    paths: tuple[Path, ...]
    labels: frozenset[str]
    checks: frozenset[str]
    recipes: dict[str, tuple[ConfigFile, ...]]


class Survey(NamedTuple):
    """What was seen in some shards; arrays have a value a document, in order.

    shards: how many documents each holds. with_label: documents that hold an entity of each label. texts, annotations: hashes,
    0 where there are none. shingles: see `duplicates.shingles`. surfaces: how often each occurs, and the first document and tokens that it does.
    readings: by recipe, what its reader makes of the documents. unknown: see `Reading.unknown`.
    """

    findings: list[Finding]
    shards: list[int]
    lengths: numpy.ndarray
    labels: Counter[str]
    with_label: Counter[str]
    texts: numpy.ndarray
    annotations: numpy.ndarray
    shingles: numpy.ndarray
    surfaces: dict[Surface, tuple[int, int, int, int]]
    readings: dict[str, numpy.ndarray]
    unknown: dict[tuple[str, str], Unknown]


def survey(task: Task) -> Survey:
    """Look at some shards."""
    readings = {
        name: Reading(name, [load_training_config(file) for file in files], task.split, task.checks)
        for name, files in task.recipes.items()
    }
    wanted = {
        when: [check for check in checks if check.slug in task.checks]
        for when, checks in DOCUMENT_CHECKS.items()
    }
    if any(reading.recipe.is_full for reading in readings.values()):
        forget_training_configs()  # the next task takes new ones, so that memory stays flat however many words there are
    findings: list[Finding] = []
    shards, lengths, texts, annotations, plain = [], [], [], [], []
    labels, with_label = Counter(), Counter()
    surfaces: dict[Surface, tuple[int, int, int, int]] = {}
    for path in task.paths:
        try:
            shard = Shard(path)
            pieces = shard.pieces
        except ShardError as error:
            findings.append(finding("damaged-shard", task.split, str(error), shard=path.as_posix()))
            shards.append(0)
            continue
        shards.append(len(shard))
        orths = shard.orths.tolist()
        for index in range(len(shard)):
            view = shard.view(index, task.labels)
            run = (
                wanted["text"]
                + (wanted["entities"] if view.ents else [])
                + (wanted["tags"] if not view.is_plain else [])
            )
            for check in run:
                for start, end, detail in check.function(view):
                    findings.append(
                        finding(
                            check.slug,
                            task.split,
                            detail,
                            **view.place(start, end),
                            **view.marked(start, end),
                        )
                    )
            for reading in readings.values():
                findings += reading.take(view, len(lengths))
            text = " ".join("".join(pieces[view.start : view.end]).split())
            plain.append(text)
            texts.append(_hash(text) if text else 0)
            annotations.append(_hash(repr(view.ents)) if text and view.ents else 0)
            lengths.append(len(view))
            if not view.ents:
                continue
            own = [label for _, _, label in view.ents]
            labels.update(own)
            with_label.update(set(own))
            for start, end, label in view.ents:
                key = token_hash(orths[view.start + start : view.start + end]), view.name(start, end), label
                count, *first = surfaces.get(key, (0, len(lengths) - 1, start, end))
                surfaces[key] = (count + 1, *first)
    return Survey(
        findings,
        shards,
        numpy.array(lengths, dtype=numpy.int32),
        labels,
        with_label,
        numpy.array(texts, dtype=numpy.uint64),
        numpy.array(annotations, dtype=numpy.uint64),
        shingles(plain)
        if "near-duplicate" in task.checks or "near-duplicate-across-splits" in task.checks
        else numpy.empty(0, dtype=numpy.uint32),
        surfaces,
        {name: reading.table() for name, reading in readings.items()},
        {source: counts for reading in readings.values() for source, counts in reading.unknown.items()},
    )


def _hash(text: str) -> int:
    return int.from_bytes(hash64(text), "little")
