"""A DocBin file as arrays, and a document of it as checks see it: in a tenth of the time that spaCy's Docs take."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from spacy.attrs import ENT_IOB, ENT_TYPE, HEAD, ORTH, SENT_START
from spacy.strings import StringStore
from spacy.tokens import Doc
from spacy.vocab import Vocab

from scripts.checks.catalogue import Finding, excerpt, finding
from scripts.corpus.shards import BEGIN, INSIDE, ShardError, read_shard
from scripts.corpus.shards import Shard as DocBinFile

FACTOR = 0x9E3779B97F4A7C15
AROUND = 20
"""Tokens on each side of an excerpt."""


class TokenFinding(NamedTuple):
    """What is wrong with some tokens of a document: first, the one after the last; none: the whole document.

    slug: of the check, where it does not go without saying.
    """

    start: int
    end: int
    detail: str
    slug: str = ""


class Shard:
    """The documents of one DocBin file, of this project or any other.

    Arrays have a value a token: orths, iob, types (spaCy's hashes and codes), spaces, texts, white, sent_starts.
    Raises ShardError where the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        packed = DocBinFile(path)
        self._attrs, self._tokens, self.spaces = packed.attrs, packed.tokens, packed.spaces
        self.unknown_spaces, self.places, self.ends = packed.unknown_spaces, packed.places, packed.ends
        self.starts = [end - length for end, length in zip(self.ends, packed.lengths, strict=True)]
        self.strings = StringStore(packed.strings)
        self.orths, self.iob, self.types = map(self._column, (ORTH, ENT_IOB, ENT_TYPE))
        self._require(self.iob <= BEGIN, lambda i: f"the tag code {self.iob[i]}, of 0 to {BEGIN} (E982)")
        self._docs: dict[Vocab, list[Doc]] = {}

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.ends)

    def _column(self, attr: int) -> numpy.ndarray:
        if attr in self._attrs:
            return self._tokens[:, self._attrs.index(attr)]
        return numpy.zeros(len(self._tokens), dtype=numpy.uint64)

    def _require(self, sound: numpy.ndarray, what: Callable[[int], str]) -> None:
        """Raise ShardError, naming document and token, unless all tokens are sound."""
        if sound.all():
            return
        token = int(numpy.argmin(sound))
        index = bisect_right(self.ends, token)
        raise ShardError(
            f"{self.path}: spaCy can read it only up to document {index}, "
            f"which has {what(token)} at token {token - self.starts[index]}"
        )

    @cached_property
    def _words(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        distinct, which = numpy.unique(self.orths, return_inverse=True)
        texts = [self._string(orth, "") for orth in distinct.tolist()]
        has_text = numpy.array([bool(text) for text in texts], dtype=bool)
        self._require(has_text[which], lambda i: "a token without text (E018, E031)")
        white = numpy.array([text.isspace() for text in texts], dtype=bool)
        return numpy.array([*texts, None], dtype=object)[:-1][which], white[which]

    def _string(self, key: int, default: str) -> str:
        return self.strings[key] if key in self.strings else default  # noqa: SIM401

    @property
    def texts(self) -> numpy.ndarray:
        """The tokens' texts. Raises ShardError where the file has no string for a token."""
        return self._words[0]

    @property
    def white(self) -> numpy.ndarray:
        """Whether each token is white space."""
        return self._words[1]

    @cached_property
    def texts_with_spaces(self) -> list[str]:
        """The tokens' texts, each with the space behind it."""
        pairs = zip(self.texts.tolist(), self.spaces.tolist(), strict=True)
        return [text + " " if space else text for text, space in pairs]

    @cached_property
    def labels(self) -> dict[int, str]:
        """The name of each type; ? and its hash where the file lacks it."""
        return {type: self._string(type, f"?{type}") for type in numpy.unique(self.types).tolist()}

    @cached_property
    def sent_starts(self) -> numpy.ndarray:
        """1 where a sentence starts, −1 where none does, 0 where that is not known."""
        if SENT_START in self._attrs or not self._column(HEAD).any():
            return self._column(SENT_START).astype(numpy.int64)
        parsed = [
            doc.to_array(SENT_START) for doc in read_shard(self.path, Vocab())
        ]  # sentences follow from it
        return numpy.concatenate(parsed).astype(numpy.int64)

    @cached_property
    def sentences(self) -> list[int]:
        """The tokens that begin a sentence."""
        return numpy.flatnonzero(self.sent_starts == 1).tolist()

    @cached_property
    def illegal(self) -> numpy.ndarray:
        """Whether a token is tagged I and no B or I of its label precedes it in its document."""
        follows = numpy.isin(numpy.roll(self.iob, 1), (INSIDE, BEGIN)) & (
            numpy.roll(self.types, 1) == self.types
        )
        follows[[start for start in self.starts if start < len(follows)]] = False
        return (self.iob == INSIDE) & ~follows

    @cached_property
    def not_plain(self) -> list[bool]:
        """Whether a document has a tag that can trouble the ner, see `DocView.is_plain`."""
        inside = (self.iob == BEGIN) | (self.iob == INSIDE)
        refused = [type for type, label in self.labels.items() if label.startswith(("?", "!"))]  # E084, E869
        untyped = inside == (self.types == 0)
        odd = (
            self.illegal | (self.iob == 0) | untyped | (inside & self.white) | numpy.isin(self.types, refused)
        )
        before = numpy.concatenate(([0], numpy.cumsum(odd)))
        return (before[self.ends] > before[self.starts]).tolist()

    @cached_property
    def entities(self) -> tuple[list[int], list[int], list[int]]:
        """First token and token after the last of all entities, and by document the number of the first."""
        firsts = numpy.flatnonzero((self.iob == BEGIN) | self.illegal)
        stop = (self.iob != INSIDE) | self.illegal
        stop[[start for start in self.starts if start < len(stop)]] = True
        stops = numpy.append(numpy.flatnonzero(stop), len(stop))
        lasts = stops[numpy.searchsorted(stops, firsts, side="right")]
        return firsts.tolist(), lasts.tolist(), numpy.searchsorted(firsts, [*self.starts, len(stop)]).tolist()

    def docs(self, vocab: Vocab) -> list[Doc]:
        """Return the documents as spaCy reads them into a pipeline's vocabulary: labels not in it make E084."""
        if vocab not in self._docs:
            self._docs[vocab] = list(read_shard(self.path, vocab))
        return self._docs[vocab]

    def run_hashes(self, length: int) -> numpy.ndarray:
        """Return the hash of every run of so many tokens, `(tokens − length + 1,)` of uint64."""
        value = numpy.zeros(max(0, len(self.orths) - length + 1), dtype=numpy.uint64)
        for i in range(length):
            value = value * numpy.uint64(FACTOR) + self.orths[i : i + len(value)]
        return value

    def view(self, index: int, allowed: frozenset[str] = frozenset()) -> "DocView":
        """Return one document."""
        return DocView(self, index, allowed)


class DocView:
    """One document of a shard, never by way of `doc.ents`, which may raise E093. Tokens count from its first.

    allowed: labels; none: any.
    """

    def __init__(self, shard: Shard, index: int, allowed: frozenset[str]) -> None:
        self.shard, self.index, self.allowed = shard, index, allowed
        self.start, self.end = shard.starts[index], shard.ends[index]

    def __len__(self) -> int:
        """Return the number of tokens."""
        return self.end - self.start

    def doc(self, vocab: Vocab) -> Doc:
        """Return the document as spaCy reads it."""
        return self.shard.docs(vocab)[self.index]

    @property
    def unknown_spaces(self) -> bool:
        """Whether spaCy trains on these very tokens, because the data does not say where spaces are."""
        return self.shard.unknown_spaces[self.index]

    @property
    def is_plain(self) -> bool:
        """Whether all tokens are annotated, by legal tags, with no white space in entities."""
        return not self.shard.not_plain[self.index]

    @cached_property
    def words(self) -> list[str]:
        """The tokens' texts."""
        return self.column("texts").tolist()

    @cached_property
    def spaces(self) -> list[bool]:
        """Whether a space follows each token."""
        return self.column("spaces").tolist()

    @cached_property
    def text(self) -> str:
        """The document's text."""
        return self.surface(0, len(self))

    @cached_property
    def ents(self) -> list[tuple[int, int, str]]:
        """The entities: an I without its B begins one."""
        firsts, lasts, number = self.shard.entities
        types, names = self.shard.types, self.shard.labels
        own = range(number[self.index], number[self.index + 1])
        return [(firsts[i] - self.start, lasts[i] - self.start, names[int(types[firsts[i]])]) for i in own]

    @property
    def sentences(self) -> list[int]:
        """The tokens but the first that begin a sentence."""
        begins = self.shard.sentences
        return [
            i - self.start for i in begins[bisect_right(begins, self.start) : bisect_left(begins, self.end)]
        ]

    @property
    def sentences_known(self) -> bool:
        """Whether the data says where sentences begin: of the first token spaCy always does."""
        return bool(self.column("sent_starts")[1:].any())

    def column(self, name: str) -> numpy.ndarray:
        """Return the document's part of one of the shard's arrays."""
        return getattr(self.shard, name)[self.start : self.end]

    def surface(self, start: int, end: int) -> str:
        """Return the text of some tokens, with the space after the last if there is one."""
        return "".join(self.shard.texts_with_spaces[self.start + start : self.start + end])

    def name(self, start: int, end: int) -> str:
        """Return the text of an entity."""
        return self.words[start] if end == start + 1 else self.surface(start, end).rstrip(" ")

    def crosses_sentence(self, start: int, end: int) -> bool:
        """Say whether a sentence begins inside some tokens."""
        begins = self.shard.sentences
        return bisect_right(begins, self.start + start) < bisect_left(begins, self.start + end)

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
        known = self.shard.places
        source, id = (str(known[key][self.index]) for key in ("sources", "ids")) if known else ("", "")
        lines = known["lines"][self.index] if known and "lines" in known else ()
        for line, (first, last, _) in zip(lines, self.ents, strict=False):
            if first < end and start < last:
                source = f"{source.rpartition(':')[0]}:{line}"
                break
        before = self.surface(max(0, start - AROUND), start)
        inside = self.surface(start, end)
        text = before + inside + self.surface(end, min(len(self), end + AROUND))
        return {
            "shard": f"{self.shard.path.as_posix()}#{self.index}",
            "source": source,
            "document": id,
            "tokens": (start, end) if start < end else None,
            "excerpt": excerpt(text, len(before), len(before) + len(inside.rstrip())),
        }

    def finding(self, slug: str, split: str, found: TokenFinding, **more: Any) -> Finding:
        """Return what a check found here, with its place."""
        return finding(slug, split, found.detail, **self.place(found.start, found.end), **more)
