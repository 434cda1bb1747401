"""A document of a DocBin file as checks see it: by columns of its shard, in a tenth of a Doc's time."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from spacy.attrs import ENT_IOB, ENT_TYPE, HEAD, SENT_START
from spacy.vocab import Vocab

from scripts.checks.catalogue import Finding, excerpt, finding
from scripts.corpus.shards import BEGIN, INSIDE, Shard, ShardError, read_shard

FACTOR = 0x9E3779B97F4A7C15
AROUND = 20
"""Tokens on each side of an excerpt."""


class TokenFinding(NamedTuple):
    """What is wrong with some tokens of a document: first, the one after the last; none: the whole document.

    slug: of the check.
    """

    start: int
    end: int
    detail: str
    slug: str = ""


First = tuple[int, Any, int, int]
"""How often something occurs; and of its first occurrence document, token and token after the last."""


def add_first(found: dict[Any, First], key: Any, more: First) -> None:
    """Add later occurrences of something."""
    known, *first = found.get(key, (0, *more[1:]))
    found[key] = (known + more[0], *first)


class TaggedShard(Shard):
    """A DocBin file, of this project or any other, with more columns: each has a value a token.

    iob, types: spaCy's codes and hashes. texts, white: the tokens' texts, and whether each is white space.
    Raises ShardError where spaCy could not read the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.iob, self.types = self._column(ENT_IOB), self._column(ENT_TYPE)
        self._require(self.iob <= BEGIN, lambda i: f"the tag code {self.iob[i]}, of 0 to {BEGIN} (E982)")
        distinct, self._which = numpy.unique(self.orths, return_inverse=True)
        self._distinct = [self._string_of.get(orth, "") for orth in distinct.tolist()]
        self.texts = numpy.array([*self._distinct, None], dtype=object)[self._which]
        self.white = numpy.array([text.isspace() for text in self._distinct], dtype=bool)[self._which]
        self._require(self.texts != "", lambda i: "a token without text (E018, E031)")

    def _column(self, attr: int) -> numpy.ndarray:
        if attr in self.attrs:
            return self.tokens[:, self.attrs.index(attr)]
        return numpy.zeros(len(self.tokens), dtype=numpy.uint64)

    def _require(self, sound: numpy.ndarray, what: Callable[[int], str]) -> None:
        """Raise ShardError, naming document and token, unless all tokens are sound."""
        if not sound.all():
            token = int(numpy.argmin(sound))
            index = bisect_right(self.starts, token) - 1
            place = f"{what(token)} at token {token - self.starts[index]}"
            raise ShardError(f"{self.path}: spaCy can read it only up to document {index}, which has {place}")

    @cached_property
    def labels(self) -> dict[int, str]:
        """The name of each type; ? and its hash where the file lacks it."""
        types = numpy.unique(self.types).tolist()
        return {type: self._string_of.get(type, f"?{type}") if type else "" for type in types}

    @cached_property
    def sent_starts(self) -> numpy.ndarray:
        """1 where a sentence starts, −1 where none does, 0 where that is not known."""
        if SENT_START in self.attrs or not self._column(HEAD).any():
            return self._column(SENT_START).astype(numpy.int64)
        parsed = [doc.to_array(SENT_START) for doc in read_shard(self.path, Vocab())]  # by the heads
        return numpy.concatenate(parsed).astype(numpy.int64)

    @cached_property
    def sentences(self) -> list[int]:
        """The tokens that begin a sentence."""
        return numpy.flatnonzero(self.sent_starts == 1).tolist()

    @cached_property
    def illegal(self) -> numpy.ndarray:
        """Whether a token is tagged I and no B or I of its label precedes it in its document."""
        before = numpy.isin(numpy.roll(self.iob, 1), (INSIDE, BEGIN))
        follows = before & (numpy.roll(self.types, 1) == self.types)
        follows[[start for start in self.starts if start < len(follows)]] = False
        return (self.iob == INSIDE) & ~follows

    @cached_property
    def plain(self) -> list[bool]:
        """Whether a document has no missing, illegal, untyped or refused tag, and none on white space."""
        inside = (self.iob == BEGIN) | (self.iob == INSIDE)
        refused = [type for type, label in self.labels.items() if label.startswith(("?", "!"))]  # E084, E869
        odd = self.illegal | (self.iob == 0) | (inside == (self.types == 0)) | (inside & self.white)
        count = numpy.concatenate(([0], numpy.cumsum(odd | numpy.isin(self.types, refused))))
        return (numpy.diff(count[self.starts]) == 0).tolist()

    @cached_property
    def entities(self) -> tuple[list[int], list[int], list[int]]:
        """First token and token after the last of all entities, and by document the number of the first."""
        firsts = numpy.flatnonzero((self.iob == BEGIN) | self.illegal)
        stops = numpy.flatnonzero((self.iob != INSIDE) | self.illegal)
        stops = numpy.union1d(stops, self.starts)
        lasts = stops[numpy.searchsorted(stops, firsts, side="right")]
        return firsts.tolist(), lasts.tolist(), numpy.searchsorted(firsts, self.starts).tolist()

    def count_words(self, words: Counter[str], in_entities: Counter[str]) -> None:
        """Count how often each token occurs, white space aside, and how often in entities."""
        inside = ~self.white & ((self.iob == BEGIN) | (self.iob == INSIDE))
        for counter, mask in ((words, ~self.white), (in_entities, inside)):
            counts = numpy.bincount(self._which[mask], minlength=len(self._distinct)).tolist()
            counter.update({word: n for word, n in zip(self._distinct, counts, strict=True) if n})

    def run_hashes(self, length: int) -> numpy.ndarray:
        """Return the hash of every run of so many tokens, `(tokens − length + 1,)` of uint64."""
        value = numpy.zeros(max(0, len(self.orths) - length + 1), dtype=numpy.uint64)
        for i in range(length):
            value = value * numpy.uint64(FACTOR) + self.orths[i : i + len(value)]
        return value


_load = lru_cache(maxsize=64)(lambda path, modified: TaggedShard(path))


def load_shard(path: Path) -> TaggedShard:
    """Read a shard, unless it was read lately and is the same: a small corpus is read once for all checks."""
    return _load(path, path.stat().st_mtime_ns if path.exists() else 0)


def run_hash(orths: Iterable[int]) -> int:
    """Return a hash of a run of tokens; `TaggedShard.run_hashes` computes the same."""
    value = 0
    for orth in orths:
        value = (value * FACTOR + orth) & (2**64 - 1)
    return value


class DocView:
    """One document of a shard, never by way of `doc.ents`, which may raise E093. Tokens count from its first.

    allowed: labels; none: any.
    """

    def __init__(self, shard: TaggedShard, index: int, allowed: frozenset[str] = frozenset()) -> None:
        self.shard, self.index, self.allowed = shard, index, allowed
        self.start, self.end = shard.starts[index : index + 2]
        self.unknown_spaces, self.is_plain = shard.unknown_spaces[index], shard.plain[index]
        self.words: list[str] = self.column("texts").tolist()
        self.spaces: list[bool] = self.column("spaces").tolist()
        self.text = self.surface(0, len(self))

    def __len__(self) -> int:
        return self.end - self.start

    def column(self, name: str) -> numpy.ndarray:
        """Return the document's part of one of the shard's columns."""
        return getattr(self.shard, name)[self.start : self.end]

    @cached_property
    def ents(self) -> list[tuple[int, int, str]]:
        """The entities: an I without its B begins one."""
        firsts, lasts, number = self.shard.entities
        types, names = self.shard.types, self.shard.labels
        own = range(number[self.index], number[self.index + 1])
        return [(firsts[i] - self.start, lasts[i] - self.start, names[int(types[firsts[i]])]) for i in own]

    def sentences(self, start: int = 0, end: int | None = None) -> list[int]:
        """Return which of some tokens, but for the first, begin a sentence."""
        begins, stop = self.shard.sentences, self.end if end is None else self.start + end
        inside = slice(bisect_right(begins, self.start + start), bisect_left(begins, stop))
        return [i - self.start for i in begins[inside]]

    def surface(self, start: int, end: int) -> str:
        """Return the text of some tokens, with the space after the last if there is one."""
        pairs = zip(self.words[start:end], self.spaces[start:end], strict=True)
        return "".join([text + " " if space else text for text, space in pairs])

    def name(self, start: int, end: int) -> str:
        """Return the text of an entity."""
        return self.words[start] if end == start + 1 else self.surface(start, end).rstrip(" ")

    def tag(self, i: int) -> str:
        """Spell a token's tag."""
        if i < 0:
            return "the document's start"
        type = self.shard.labels[int(self.column("types")[i])]
        return f"{'-IOB'[int(self.column('iob')[i])]}{'-' + type if type else ''}"

    def place(self, start: int = 0, end: int = 0) -> dict[str, Any]:
        """Return where some tokens are: shard, source, id and excerpt; without tokens, where the document is.

        The source is the line of an entity there, where the corpus knows it.
        """
        known = {name: values[self.index] for name, values in self.shard.places.items()}
        source = known.get("sources", "")
        for line, (first, last, _) in zip(known.get("lines", ()), self.ents, strict=False):
            if first < end and start < last:
                source = f"{source.rpartition(':')[0]}:{line}"
                break
        before, inside = self.surface(max(0, start - AROUND), start), self.surface(start, end)
        text = before + inside + self.surface(end, min(len(self), end + AROUND))
        return {
            "shard": f"{self.shard.path.as_posix()}#{self.index}",
            "source": source,
            "document": known.get("ids", ""),
            "tokens": (start, end) if start < end else None,
            "excerpt": excerpt(text, len(before), len(before) + len(inside.rstrip())),
        }

    def finding(self, split: str, found: TokenFinding, **more: Any) -> Finding:
        """Return what a check found here, with its place."""
        return finding(found.slug, split, found.detail, **self.place(found.start, found.end), **more)
