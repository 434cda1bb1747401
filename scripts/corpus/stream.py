"""Training data with flat memory: an order of documents without content, and examples made when asked for."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import numpy
from spacy.language import Language
from spacy.training import Corpus, Example
from spacy.training.corpus import FILE_TYPE, walk_corpus

from scripts.cli import UserError
from scripts.corpus.files import read_json
from scripts.corpus.shards import MANIFEST, REBUILD, Shard, ShardError

WINDOW = 64
"""Shards whose documents are mixed: 6,400 documents, some 20 MB, so that a batch meets what is far apart."""
TOKENS = 1_000_000
"""A window has fewer shards where documents are long: so many tokens take 33 MB."""
HELD = 2
"""Windows in memory: a batcher that sorts what it gets may still want documents of the window before."""


def docbin_files(path: Path) -> list[Path]:
    """Return the `.spacy` files of a folder, or the one that a path is, in spaCy's order."""
    has_any = path.suffix == FILE_TYPE or any(path.rglob(f"*{FILE_TYPE}"))  # else spaCy warns
    return walk_corpus(path, FILE_TYPE) if has_any else []


def find_shards(path: Path) -> dict[Path, str]:
    """Return the shards of a folder, or a `.spacy` file, in order; of each the manifest's SHA-256 or "".

    Raises UserError where there is none.
    """
    if (path / MANIFEST).exists():
        shards = {path / shard["name"]: shard["sha256"] for shard in read_json(path / MANIFEST)["shards"]}
    else:
        shards = dict.fromkeys(docbin_files(path), "")
    if not shards:
        remedy = "set [paths] train to a corpus, or make one: python -m spacy project run corpus"
        raise UserError(f"{path}: holds no {FILE_TYPE} file; {remedy}")
    return dict(sorted(shards.items()))


@dataclass(frozen=True, slots=True)
class Ref:
    """A document's place; like its example it has a length, which is all that batchers ask for."""

    shard: int
    index: int
    length: int

    def __len__(self) -> int:
        return self.length


class ShardStream(Corpus):
    """Read examples as spaCy's Corpus does, in an order of its own, few windows of shards in memory.

    Each epoch's order is drawn anew from `seed` and its number: shards are shuffled and cut into windows,
    and a window's documents are shuffled. Without `shuffle` it is that of the files.
    spaCy's vocabulary keeps each distinct word, 550 bytes: load each batch inside `nlp.memory_zone()`.
    """

    def __init__(self, path: Path, *, seed: int = 0, shuffle: bool = True) -> None:
        super().__init__(path, shuffle=shuffle)
        self.seed, self.calls = seed, 0
        self._held: dict[int, Shard] = {}

    @cached_property
    def shards(self) -> list[tuple[Path, str]]:
        """The files with their hashes. Raises UserError where there is none."""
        return [*find_shards(self.path).items()]

    @cached_property
    def lengths(self) -> list[numpy.ndarray]:
        """The tokens of each shard's documents, read at 0.6 ms a shard. Raises ShardError."""
        return [numpy.array(Shard(*shard).lengths, dtype=numpy.uint32) for shard in self.shards]

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Return the next epoch's examples."""
        self.calls += 1
        return self.load(self.order(self.calls - 1), nlp)

    def order(self, epoch: int) -> Iterator[Ref]:
        """Yield an epoch's documents in order: 1 µs each, and no shard is read. Empty ones are left out.

        Lengths are the data's: where the tokeniser makes other tokens, that is an error (NER404).
        """
        for number, window in enumerate(self._windows(epoch)):
            lengths = ((shard, self.lengths[shard].tolist()) for shard in window)
            refs = [Ref(shard, i, n) for shard, tokens in lengths for i, n in enumerate(tokens) if n]
            if self.shuffle:
                random.Random(f"{self.seed}-{epoch}-{number}").shuffle(refs)
            yield from refs

    def numbers(self, epoch: int) -> list[int]:
        """Return an epoch's order as numbers of documents that are not empty, in the order of the files."""
        numbers = (numpy.cumsum(numpy.concatenate(self.lengths) > 0) - 1).tolist()
        starts = [0, *accumulate(map(len, self.lengths))]
        return [numbers[starts[ref.shard] + ref.index] for ref in self.order(epoch)]

    def load(self, refs: Iterable[Ref], nlp: Language) -> Iterator[Example]:
        """Yield the example of each document, in the time that Corpus takes.

        Raises ShardError where a shard is missing, damaged or not the one whose lengths are known.
        """
        for ref in refs:
            doc = self._shard(ref.shard).doc(ref.index, nlp.vocab)
            yield from self.make_examples(nlp, [doc])

    def _windows(self, epoch: int) -> list[list[int]]:
        """Return the shards of each window of an epoch."""
        shards = list(range(len(self.shards)))
        if self.shuffle:
            random.Random(f"{self.seed}-{epoch}").shuffle(shards)
        windows: list[list[int]] = []
        tokens = TOKENS
        for shard in shards:
            tokens += int(self.lengths[shard].sum())
            if tokens > TOKENS or len(windows[-1]) == WINDOW:
                windows.append([])
                tokens = int(self.lengths[shard].sum())
            windows[-1].append(shard)
        return windows

    def _shard(self, number: int) -> Shard:
        """Return a shard; the oldest of those in memory go where they would be more than some windows."""
        held = self._held
        if number not in held:
            path, sha256 = self.shards[number]
            held[number] = Shard(path, sha256)
            if held[number].lengths != self.lengths[number].tolist():
                raise ShardError(f"{path}: changed since its lengths were read; start again, or {REBUILD}")
            tokens = sum(len(shard.tokens) for shard in held.values())
            while len(held) > 1 and (len(held) > HELD * WINDOW or tokens > HELD * TOKENS):
                tokens -= len(held.pop(next(iter(held))).tokens)
        return held[number]
