"""Training data with flat memory: an order of documents without their content, and examples made when they
are asked for."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy
from spacy.language import Language
from spacy.training import Corpus, Example
from spacy.training.corpus import FILE_TYPE, walk_corpus

from scripts.cli import UserError
from scripts.corpus.files import read_json
from scripts.corpus.shards import MANIFEST, REBUILD, Shard, ShardError

WINDOW = 64
"""Shards whose documents are mixed: 6,400 documents, so that a batch meets what is far apart in the files;
some 20 MB unpacked."""
TOKENS = 1_000_000
"""A window has fewer shards where documents are long: so many tokens take 33 MB unpacked."""
HELD = 2
"""Windows in memory: a batcher that sorts what it gets may still want documents of the window before."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of the documents of some shards, in spaCy's order of files: 4 bytes a document.

    hashes: SHA-256 of each shard, by the manifest; empty where there is none. ends: documents up to the end
    of each shard, `(shards,)`.
    tokens: `(documents,)`.
    """

    paths: list[Path]
    hashes: list[str]
    ends: numpy.ndarray
    tokens: numpy.ndarray

    def of(self, shard: int) -> numpy.ndarray:
        """Return the tokens of each document of a shard."""
        return self.tokens[self.ends[shard - 1] if shard else 0 : self.ends[shard]]


def read_lengths(path: Path) -> Lengths:
    """Return the documents' lengths of a `.spacy` file or a folder of them: 0.6 ms a shard of 5,300 tokens.

    Raises UserError where there is no shard, ShardError where one cannot be read.
    """
    if (path / MANIFEST).exists():
        hashes = {path / shard["name"]: shard["sha256"] for shard in read_json(path / MANIFEST)["shards"]}
    else:
        found = walk_corpus(path, FILE_TYPE) if path.is_file() or any(path.rglob(f"*{FILE_TYPE}")) else []
        hashes = dict.fromkeys(found, "")
    if not hashes:
        raise UserError(
            f"{path}: holds no {FILE_TYPE} file; set [paths] train to a corpus, or make one: python -m spacy project run corpus"
        )
    paths = sorted(hashes)
    lengths = [numpy.array(Shard(each, hashes[each]).lengths, dtype=numpy.uint32) for each in paths]
    ends = numpy.cumsum([len(part) for part in lengths])
    return Lengths(paths, [hashes[each] for each in paths], ends, numpy.concatenate(lengths))


@dataclass(frozen=True, slots=True)
class Ref:
    """A document's place; like its example it has a length, which is all that batchers ask for."""

    shard: int
    index: int
    length: int

    def __len__(self) -> int:
        return self.length


class ShardStream(Corpus):
    """Read examples as spaCy's Corpus does, but in an order of its own and with no more than some windows of
    shards in memory.

    The order is drawn anew for each epoch, from `seed` and the epoch's number alone: shards are shuffled, cut
    into windows, and the documents of a window are shuffled. Without `shuffle` it is that of the files.
    `calls` counts the epochs that were begun. Memory grows by 4 bytes a document, and by spaCy's vocabulary,
    which keeps each distinct word for ever: 550 bytes each, as measured with 250,000. Who loads each batch
    inside `nlp.memory_zone()`, and keeps nothing of it, is rid of that.
    """

    def __init__(self, path: Path, *, seed: int = 0, shuffle: bool = True) -> None:
        super().__init__(path, shuffle=shuffle)
        self.seed = seed
        self.calls = 0
        self._held: dict[int, Shard] = {}

    @cached_property
    def lengths(self) -> Lengths:
        """The tokens of all documents. Raises UserError where there is no shard, ShardError where one cannot
        be read."""
        return read_lengths(self.path)

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Return the next epoch's examples."""
        self.calls += 1
        return self.load(self.order(self.calls - 1), nlp)

    def order(self, epoch: int) -> Iterator[Ref]:
        """Yield an epoch's documents in order: 1 µs each, and no shard is read. Empty ones are left out, as
        Corpus does.

        Their lengths are the data's. Where the tokeniser makes other tokens of a text, `len` of the example
        is another, but that is an error of the corpus (NER404, retokenised).
        """
        for number, window in enumerate(self._windows(epoch)):
            lengths = ((shard, self.lengths.of(shard).tolist()) for shard in window)
            refs = [Ref(shard, i, n) for shard, tokens in lengths for i, n in enumerate(tokens) if n]
            if self.shuffle:
                random.Random(f"{self.seed}-{epoch}-{number}").shuffle(refs)
            yield from refs

    def numbers(self, epoch: int) -> list[int]:
        """Return an epoch's order as numbers of the documents that are not empty, counted in the order of the
        files."""
        number = numpy.cumsum(self.lengths.tokens > 0) - 1
        starts = [0, *self.lengths.ends.tolist()]
        return [int(number[starts[ref.shard] + ref.index]) for ref in self.order(epoch)]

    def load(self, refs: Iterable[Ref], nlp: Language) -> Iterator[Example]:
        """Yield the example of each document, in the time that Corpus takes: 270 µs where the text is
        tokenised, 160 where the data's tokens are kept (57 tokens a document).

        Raises ShardError where a shard is missing, damaged or not the one whose lengths are known.
        """
        for ref in refs:
            doc = self._shard(ref.shard).doc(ref.index, nlp.vocab)
            yield from self.make_examples(nlp, [doc])

    def _windows(self, epoch: int) -> list[list[int]]:
        """Return the shards of each window of an epoch."""
        shards = list(range(len(self.lengths.paths)))
        if self.shuffle:
            random.Random(f"{self.seed}-{epoch}").shuffle(shards)
        windows: list[list[int]] = []
        tokens = TOKENS
        for shard in shards:
            size = int(self.lengths.of(shard).sum())
            if tokens + size > TOKENS or len(windows[-1]) == WINDOW:
                windows.append([])
                tokens = 0
            windows[-1].append(shard)
            tokens += size
        return windows

    def _shard(self, number: int) -> Shard:
        """Return a shard; the oldest of those in memory go where they would be more than some windows."""
        if number not in self._held:
            path = self.lengths.paths[number]
            shard = Shard(path, self.lengths.hashes[number])
            if shard.lengths != self.lengths.of(number).tolist():
                raise ShardError(
                    f"{path}: changed since its documents' lengths were read; start again, or {REBUILD}"
                )
            self._held[number] = shard
            while len(self._held) > 1 and (
                len(self._held) > HELD * WINDOW
                or sum(len(held.tokens) for held in self._held.values()) > HELD * TOKENS
            ):
                del self._held[next(iter(self._held))]
        return self._held[number]
