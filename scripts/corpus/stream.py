"""Training data with flat memory: an order of documents without their content, and examples made when they are asked for."""

import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import Any

import numpy
from spacy.language import Language
from spacy.strings import get_string_id
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.vocab import Vocab

from scripts.corpus.lengths import Lengths, read_lengths, unpack
from scripts.corpus.shards import REBUILD, ShardError

WINDOW = 64
"""Shards whose documents are mixed: 6,400 documents, so that a batch meets what is far apart in the files; some 20 MB unpacked."""
TOKENS = 1_000_000
"""A window has fewer shards where documents are long: so many tokens take 33 MB unpacked."""
HELD = 2
"""Windows in memory, and one is read ahead: a batcher that sorts what it gets may still want documents of the window before."""

WindowKey = tuple[int, int]
"""Epoch, and number of a window in it."""


class Ref:
    """A document's place in an epoch: it has an example's length, which is all that batchers ask for.

    Anything else that one asks for is the loaded example's, if the order was made with a pipeline.
    """

    __slots__ = ("example", "index", "length", "make", "shard", "window")

    def __init__(
        self,
        shard: int,
        index: int,
        length: int,
        window: WindowKey,
        make: "Callable[[Ref], Example] | None" = None,
    ) -> None:
        self.shard, self.index, self.length, self.window, self.make = shard, index, length, window, make
        self.example: Example | None = None

    def __len__(self) -> int:
        return self.length

    def __getattr__(self, name: str) -> Any:
        if self.make is None or name.startswith("__"):
            raise AttributeError(f"{name}: a document that is not loaded has a length alone")
        if self.example is None:
            self.example = self.make(self)
        return getattr(self.example, name)


class ShardStream(Corpus):
    """Read examples as spaCy's Corpus does, but in an order of its own and with no more than some windows of shards in memory.

    The order is drawn anew for each epoch, from `seed` and the epoch's number alone: shards are shuffled, cut into windows, and the
    documents of a window are shuffled. Without `shuffle` it is that of the files. `calls` counts the epochs that were begun.
    Memory grows by 4 bytes a document, and by spaCy's vocabulary, which keeps each distinct word for ever: 550 bytes each, as measured with
    250,000. Who loads each batch inside `nlp.memory_zone()`, and keeps nothing of it, is rid of that.
    """

    def __init__(self, path: Path, *, seed: int = 0, shuffle: bool = True) -> None:
        super().__init__(path, shuffle=shuffle)
        self.seed = seed
        self.calls = 0
        self._held: dict[WindowKey, dict[int, Packed]] = {}
        self._ahead: tuple[WindowKey, Future] | None = None
        self._plan: tuple[int, list[list[int]]] = (-1, [])

    @cached_property
    def lengths(self) -> Lengths:
        """The tokens of all documents. Raises UserError where there is no shard, ShardError where one cannot be read."""
        return read_lengths(self.path)

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Return the next epoch's examples."""
        self.calls += 1
        return self.load(self.order(self.calls - 1), nlp)

    def order(self, epoch: int, nlp: Language | None = None) -> Iterator[Ref]:
        """Yield an epoch's documents in order: 1 µs each, and no shard is read. Empty ones are left out, as Corpus does.

        Their lengths are the data's. Where the tokeniser makes other tokens of a text, `len` of the example is another, but that is
        an error of the corpus (NER404, retokenised). With `nlp`, a document gives the attributes of its example, too.
        """
        make = None if nlp is None else lambda ref: next(self.load([ref], nlp))
        for number, window in enumerate(self._windows(epoch)):
            lengths = ((shard, self.lengths.of(shard).tolist()) for shard in window)
            refs = [
                Ref(shard, i, length, (epoch, number), make)
                for shard, tokens in lengths
                for i, length in enumerate(tokens)
                if length
            ]
            if self.shuffle:
                random.Random(f"{self.seed}-{epoch}-{number}").shuffle(refs)
            yield from refs

    def numbers(self, epoch: int) -> list[int]:
        """Return an epoch's order as numbers of the documents that are not empty, counted in the order of the files."""
        number = numpy.cumsum(self.lengths.tokens > 0) - 1
        starts = [0, *self.lengths.ends.tolist()]
        return [int(number[starts[ref.shard] + ref.index]) for ref in self.order(epoch)]

    def load(self, refs: Iterable[Ref], nlp: Language) -> Iterator[Example]:
        """Yield the example of each document, in the time that Corpus takes: 270 µs where the text is tokenised, 160 where the data's
        tokens are kept (57 tokens a document).

        No Doc is made of others. Raises ShardError where a shard is missing, damaged or not the one whose lengths are known.
        """
        for ref in refs:
            if ref.example is None:
                yield from self.make_examples(nlp, [self._doc(ref, nlp.vocab)])
            else:
                yield ref.example

    def _doc(self, ref: Ref, vocab: Vocab) -> Doc:
        shards = self._shards(ref.window)
        if ref.shard not in shards:  # all of its documents were handed out, and one is wanted again
            shards[ref.shard] = self._read(ref.shard)
        shard = shards[ref.shard]
        shard.left -= 1
        if not shard.left:
            del shards[ref.shard]
            if not shards:
                del self._held[ref.window]
        return shard.doc(ref.index, vocab)

    def _windows(self, epoch: int) -> list[list[int]]:
        """Return the shards of each window of an epoch."""
        planned, windows = self._plan
        if planned != epoch:
            shards = list(range(len(self.lengths.paths)))
            if self.shuffle:
                random.Random(f"{self.seed}-{epoch}").shuffle(shards)
            windows, tokens = [], TOKENS
            for shard in shards:
                size = int(self.lengths.of(shard).sum())
                if tokens + size > TOKENS or len(windows[-1]) == WINDOW:
                    windows.append([])
                    tokens = 0
                windows[-1].append(shard)
                tokens += size
            self._plan = (epoch, windows)
        return windows

    def _shards(self, key: WindowKey) -> "dict[int, Packed]":
        """Return the shards of a window that are in memory; at a new one, let go of the oldest and begin to read the next."""
        if key not in self._held:
            known, ahead = self._ahead or (None, None)
            self._held[key] = (
                ahead.result() if known == key else self._read_all(self._windows(key[0])[key[1]])
            )
            for old in list(self._held)[:-HELD]:
                del self._held[old]
            epoch, number = key
            following = (epoch, number + 1) if number + 1 < len(self._windows(epoch)) else (epoch + 1, 0)
            self._ahead = (following, self._begin(following))
        return self._held[key]

    def _begin(self, key: WindowKey) -> Future:
        """Read a window in a thread, which ends with it and holds no interpreter back. What goes wrong is raised where the result is asked for."""
        future: Future = Future()
        shards = self._windows(key[0])[key[1]]

        def read() -> None:
            try:
                future.set_result(self._read_all(shards))
            except BaseException as error:  # whatever it is, the one who waits has to know
                future.set_exception(error)

        Thread(target=read, name="shards", daemon=True).start()
        return future

    def _read_all(self, shards: list[int]) -> "dict[int, Packed]":
        return {shard: self._read(shard) for shard in shards}

    def _read(self, shard: int) -> "Packed":
        path = self.lengths.paths[shard]
        packed = Packed(path, unpack(path, self.lengths.hashes[shard]))
        if packed.lengths != self.lengths.of(shard).tolist():
            raise ShardError(
                f"{path}: changed since its documents' lengths were read; start again, or {REBUILD}"
            )
        return packed


class Packed:
    """A shard's arrays, of which any document can be made. left: its documents that were not handed out yet."""

    def __init__(self, path: Path, message: dict) -> None:
        self.path = path
        self.lengths: list[int] = message["lengths"].tolist()
        self.left = sum(length > 0 for length in self.lengths)
        self._message = message
        self._ends = message["lengths"].cumsum().tolist()

    @cached_property
    def _strings(self) -> dict[int, str]:
        return {get_string_id(string): string for string in self._message["strings"]}

    def doc(self, index: int, vocab: Vocab) -> Doc:
        """Return a document as DocBin makes it (spacy/tokens/_serialize.py): 60 µs. Raises ShardError where spaCy cannot make one.

        Only its own strings go to the vocabulary, and each time anew: in a memory zone they are gone after it.
        """
        message, end = self._message, self._ends[index]
        one, own = DocBin(attrs=()), slice(end - self.lengths[index], end)
        try:
            one.attrs, one.tokens, one.spaces = (
                message["attrs"],
                [message["tokens"][own]],
                [message["spaces"][own]],
            )
            one.cats, one.user_data = (
                [message["cats"][index]],
                [message["user_data"][index] if "user_data" in message else None],
            )
            one.flags = [message["flags"][index] if "flags" in message else {}]
            one.span_groups = [message["span_groups"][index] if "span_groups" in message else b""]
            has_spans = (
                len(one.span_groups[0]) > 1
            )  # none are b"" or an empty list, a byte; their labels are in no column
            hashes = self._strings if has_spans else set(one.tokens[0].ravel().tolist())
            for string in [self._strings.get(value) for value in hashes if value not in vocab.strings]:
                if string:
                    vocab.strings.add(string)
            return next(one.get_docs(vocab))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ShardError(
                f"{self.path}#{index}: cannot be made a Doc ({type(error).__name__}: {error}); {REBUILD}"
            ) from error
