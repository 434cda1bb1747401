"""What is in shards, splits and a whole corpus: one pass over each shard, in any process, and sums of it."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy

from scripts.checks.catalogue import Finding, finding
from scripts.checks.doc_view import DocView, First, add_first, load_shard, run_hash
from scripts.checks.document_checks import check_document
from scripts.checks.reading import Reading
from scripts.checks.training_config import load_training_config
from scripts.corpus.duplicates import first_of_group, near, shingles
from scripts.corpus.files import hash64
from scripts.corpus.shards import ShardError

SHARDS = 10
"""Shards that a process looks at in one go."""


@dataclass(slots=True)
class Stats:
    """What is in some shards; arrays have a value a document.

    starts: documents before each shard, and in all. with_label: documents that hold a label. names: entities,
    by hash of their tokens, text and label. texts, annotations: hashes, 0 where there are none. inputs: by
    configs, the examples. words, unknown: as of `Reading`. types, entity_types: how often each token occurs,
    and how often in entities, if a config has vectors.
    """

    paths: list[Path] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    labels: Counter[str] = field(default_factory=Counter)
    with_label: Counter[str] = field(default_factory=Counter)
    names: dict[tuple[int, str, str], First] = field(default_factory=dict)
    lengths: array = field(default_factory=partial(array, "i"))
    texts: array = field(default_factory=partial(array, "Q"))
    annotations: array = field(default_factory=partial(array, "Q"))
    inputs: dict[str, array] = field(default_factory=dict)
    words: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, First] = field(default_factory=dict)
    types: Counter[str] = field(default_factory=Counter)
    entity_types: Counter[str] = field(default_factory=Counter)

    @property
    def documents(self) -> int:
        """How many there are."""
        return len(self.lengths)

    def count(self, view: DocView) -> str:
        """Count a document; return its text, white space aside."""
        text = " ".join(view.text.split())
        self.texts.append(hash64(text) if text else 0)
        self.annotations.append(hash64(repr(view.ents)) if text and view.ents else 0)
        self.labels.update(label for _, _, label in view.ents)
        self.with_label.update({label for _, _, label in view.ents})
        for start, end, label in view.ents:
            name = run_hash(view.column("orths")[start:end].tolist()), view.name(start, end), label
            add_first(self.names, name, (1, self.documents, start, end))
        self.lengths.append(len(view))
        return text

    def add(self, other: "Stats") -> None:
        """Add the statistics of the shards that come next."""
        before = self.documents
        for found, more in ((self.names, other.names), (self.unknown, other.unknown)):
            for key, (count, document, *tokens) in more.items():
                add_first(found, key, (count, before + document, *tokens))
        for configs, examples in other.inputs.items():
            table = numpy.array(examples, dtype=numpy.int32).reshape(-1, 4) + numpy.int32((before, 0, 0, 0))
            self.inputs.setdefault(configs, array("i")).frombytes(table.tobytes())
        for name in ("labels", "with_label", "words", "types", "entity_types"):
            getattr(self, name).update(getattr(other, name))
        self.starts += [before + start for start in other.starts[1:]]
        for name in ("paths", "lengths", "texts", "annotations"):
            getattr(self, name).extend(getattr(other, name))

    def as_json(self) -> dict:
        """Return the counts as plain data."""
        counts = {"documents": self.documents, "tokens": sum(self.lengths), "entities": self.labels.total()}
        return counts | {"labels": dict(sorted(self.labels.items()))}


def cut(paths: list[Path]) -> Iterator[tuple[int, int]]:
    """Yield from where to where a split's shards are one task; the first is small, to be seen soon."""
    return pairwise([0, *range(1, len(paths), SHARDS), len(paths)])


def shard_stats(
    split: str, paths: list[Path], checks: frozenset[str], labels: frozenset[str], configs: dict, types: bool
) -> tuple[Stats, list[Finding], bytes]:
    """Look at some shards; return what is in them, what was found, and `shingles` if a check needs them.

    checks: slugs. labels: those allowed. configs: the ConfigFiles whose readers to run, by the name of those
    that read alike. types: whether some config's vectors are to be looked up.
    """
    stats, findings, texts = Stats(), [], []
    loaded = {name: [load_training_config(file) for file in files] for name, files in configs.items()}
    readings = [Reading(name, alike, split, checks) for name, alike in loaded.items()]
    for path in paths:
        stats.paths.append(path)
        try:
            shard = load_shard(path)
        except ShardError as error:
            findings.append(finding("damaged-shard", split, str(error), shard=path.as_posix()))
            stats.starts.append(stats.documents)
            continue
        for index in range(len(shard)):
            view = DocView(shard, index, labels)
            findings += [view.finding(split, found) for found in check_document(view, checks)]
            for reading in readings:
                findings += reading.read(view, stats.documents)
            texts.append(stats.count(view))
        stats.starts.append(stats.documents)
        if types:
            shard.count_words(stats.types, stats.entity_types)
    for reading in readings:
        stats.inputs[reading.name] = reading.rows
        stats.words |= reading.words
        stats.unknown |= reading.unknown
    needs_shingles = checks & {"near-duplicate", "near-duplicate-across-splits"}
    return stats, findings, shingles(texts).tobytes() if needs_shingles else b""


class CorpusFinding(NamedTuple):
    """What a check of a corpus finds, and where: a document by its number in the split, and tokens of it.

    other: split and number of another document, whose place belongs behind the detail. slug: of the check.
    """

    split: str
    detail: str
    document: int | None = None
    tokens: tuple[int, int] = (0, 0)
    other: tuple[str, int] | None = None
    slug: str = ""


class CorpusStats:
    """What is in all splits.

    allowed: labels; none: any. shingles: a file with those of all documents, if a check needs them.
    """

    def __init__(self, splits: Iterable[str], allowed: frozenset[str], shingles: Path) -> None:
        self.allowed, self.shingles = allowed, shingles
        self.splits = {split: Stats() for split in splits}

    @cached_property
    def labels(self) -> Counter[str]:
        """How many entities each label has in all splits."""
        return sum((split.labels for split in self.splits.values()), Counter())

    @cached_property
    def labels_of_names(self) -> dict[tuple[int, str], dict[str, First]]:
        """By name, how often it has which label, and where first: in which split and document."""
        found: dict[tuple[int, str], dict[str, First]] = {}
        for split, stats in self.splits.items():
            for (key, text, label), (count, document, *tokens) in stats.names.items():
                labels = found.setdefault((key, text), {})
                add_first(labels, label, (count, (split, document), *tokens))
        return found

    def same_texts(self) -> Iterator[Iterator[tuple[tuple[str, int], tuple[str, int], bool]]]:
        """Yield the documents whose text occurred before, then those that are nearly the same as another.

        Each is split and number, with the first of its kind, and whether that has the same entities.
        """
        splits, names = self.splits.values(), list(self.splits)
        texts = numpy.concatenate([numpy.array(split.texts) for split in splits])
        annotations = numpy.concatenate([numpy.array(split.annotations) for split in splits])
        starts = [0, *accumulate(split.documents for split in splits)]

        def place(i: int) -> tuple[str, int]:
            split = bisect_right(starts, i) - 1
            return names[split], i - starts[split]

        _, first, which = numpy.unique(texts, return_index=True, return_inverse=True)
        joined = [near(self.shingles, numpy.sort(first))] if self.shingles.stat().st_size else []
        for firsts in (first[which], first_of_group(len(texts), *joined)):
            again = numpy.flatnonzero((firsts != numpy.arange(len(firsts))) & (texts != 0))
            same = annotations[again] == annotations[firsts[again]]
            pairs = zip(again.tolist(), firsts[again].tolist(), same.tolist(), strict=True)
            yield ((place(i), place(first), is_same) for i, first, is_same in pairs)

    def first_of(self, split: str, label: str) -> tuple[int, tuple[int, int]]:
        """Return document and tokens of the first entity of a label in a split."""
        names = self.splits[split].names.items()
        document, *tokens = min(first[1:] for (_, _, other), first in names if other == label)
        return document, tuple(tokens)

    def view(self, split: str, document: int) -> DocView:
        """Return a document of a split by its number."""
        stats = self.splits[split]
        shard = bisect_right(stats.starts, document) - 1
        return DocView(load_shard(stats.paths[shard]), document - stats.starts[shard])

    def finding(self, found: CorpusFinding, **more: str) -> Finding:
        """Return what a check found, with its place."""
        place, detail = {}, found.detail
        if found.document is not None:
            place = self.view(found.split, found.document).place(*found.tokens)
        if found.other is not None:
            other = self.view(*found.other).place()
            detail += f" {other['source'] or other['shard']}"
        return finding(found.slug, found.split, detail, **more | place)
