"""A DocBin file as arrays, and a document of it as checks see it: in a tenth of the time that spaCy's Docs take."""

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy
import srsly
from spacy.attrs import ENT_IOB, ENT_TYPE, HEAD, ORTH, SENT_START
from spacy.strings import StringStore
from spacy.tokens import Doc
from spacy.vocab import Vocab

from scripts.checks.catalogue import excerpt
from scripts.corpus.shards import BEGIN, INSIDE, PLACES, ShardError, read_shard

FACTOR = 0x9E3779B97F4A7C15
AROUND = 20
"""Tokens on each side of an excerpt."""

Hit = tuple[int, int, str]
"""First token, token after the last, and what is wrong there."""


class Shard:
    """The documents of one DocBin file, of this project or any other.

    Arrays have a value a token: orths, iob, types (spaCy's hashes and codes), spaces, texts, white, sent_starts.
    Raises ShardError where the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # object_pairs_hook: srsly would look for plugins at each call, which takes as long as the rest
            message = srsly.msgpack.unpackb(
                zlib.decompress(path.read_bytes()), raw=False, object_pairs_hook=dict
            )
            attrs = message["attrs"]
            self._tokens = numpy.frombuffer(message["tokens"], dtype=numpy.uint64).reshape(-1, len(attrs))
            lengths = numpy.frombuffer(message["lengths"], dtype=numpy.int32)
            self.spaces = numpy.frombuffer(message["spaces"], dtype=bool)
            self.unknown_spaces = [bool(flags.get("has_unknown_spaces")) for flags in message["flags"]]
            if (
                lengths.sum() != len(self._tokens)
                or len(self.spaces) != len(self._tokens)
                or len(self.unknown_spaces) != len(lengths)
            ):
                raise ValueError("the numbers of tokens and documents do not agree")
            self.orths = self._tokens[:, attrs.index(ORTH)]
            self._strings = message["strings"]
        except (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, zlib.error) as error:
            raise ShardError(
                f"{path}: cannot be read as a DocBin ({type(error).__name__}: {error})"
            ) from None
        self._attrs = attrs
        self.ends = numpy.cumsum(lengths).tolist()
        self.starts = [end - length for end, length in zip(self.ends, lengths.tolist(), strict=True)]
        self.places = message.get(PLACES)
        self.iob, self.types = self._column(ENT_IOB), self._column(ENT_TYPE)
        self._docs: dict[Vocab, list[Doc]] = {}
        self._require(
            self.iob <= BEGIN, lambda token: f"the tag code {self.iob[token]}, of 0 to {BEGIN} (E982)"
        )

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.ends)

    def _column(self, attr: int) -> numpy.ndarray:
        return (
            self._tokens[:, self._attrs.index(attr)]
            if attr in self._attrs
            else numpy.zeros(len(self._tokens), dtype=numpy.uint64)
        )

    @cached_property
    def strings(self) -> StringStore:
        """The strings of the file."""
        return StringStore(self._strings)

    @cached_property
    def _words(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The tokens' texts, and whether each is white space. Raises ShardError where the file has no string for a token."""
        distinct, which = numpy.unique(self.orths, return_inverse=True)
        texts = [self.strings[orth] if orth in self.strings else "" for orth in distinct.tolist()]  # noqa: SIM401
        self._require(
            numpy.array([bool(text) for text in texts], dtype=bool)[which],
            lambda token: "a token without text (E018, E031)",
        )
        return numpy.array([*texts, None], dtype=object)[:-1][which], numpy.array(
            [text.isspace() for text in texts], dtype=bool
        )[which]

    def _require(self, sound: numpy.ndarray, what: Callable[[int], str]) -> None:
        """Raise ShardError, naming document and token, unless all tokens are sound."""
        if not sound.all():
            token = int(numpy.argmin(sound))
            index = int(numpy.searchsorted(self.ends, token, side="right"))
            where = f"at token {token - self.starts[index]}"
            raise ShardError(
                f"{self.path}: spaCy can read it only up to document {index}, which has {what(token)} {where}"
            )

    @cached_property
    def labels(self) -> dict[int, str]:
        """The name of each type; ? and its hash where the file lacks it."""
        return {
            type: self.strings[type] if type in self.strings else f"?{type}"  # noqa: SIM401
            for type in numpy.unique(self.types).tolist()
        }

    @property
    def texts(self) -> numpy.ndarray:
        """The tokens' texts."""
        return self._words[0]

    @cached_property
    def pieces(self) -> list[str]:
        """The tokens' texts, each with the space behind it."""
        return [
            text + " " if space else text
            for text, space in zip(self.texts.tolist(), self.spaces.tolist(), strict=True)
        ]

    @property
    def white(self) -> numpy.ndarray:
        """Whether each token is white space."""
        return self._words[1]

    @cached_property
    def sent_starts(self) -> numpy.ndarray:
        """1 where a sentence starts, −1 where none does, 0 where that is not known."""
        if SENT_START not in self._attrs and self._column(HEAD).any():  # sentences follow from the parse
            return numpy.concatenate(
                [doc.to_array(SENT_START) for doc in read_shard(self.path, Vocab())]
            ).astype(numpy.int64)
        return self._column(SENT_START).astype(numpy.int64)

    @cached_property
    def sentences(self) -> list[int]:
        """The tokens that begin a sentence."""
        return numpy.flatnonzero(self.sent_starts == 1).tolist()

    def docs(self, vocab: Vocab) -> list[Doc]:
        """Return the documents as spaCy reads them into a pipeline's vocabulary: labels have to be in it, else alignment fails with E084."""
        if vocab not in self._docs:
            self._docs[vocab] = list(read_shard(self.path, vocab))
        return self._docs[vocab]

    @cached_property
    def illegal(self) -> numpy.ndarray:
        """Whether a token is tagged I and no B or I of its label precedes it in its document."""
        before_iob, before_types = numpy.roll(self.iob, 1), numpy.roll(self.types, 1)
        follows = numpy.isin(before_iob, (INSIDE, BEGIN)) & (before_types == self.types)
        follows[[start for start in self.starts if start < len(follows)]] = False
        return (self.iob == INSIDE) & ~follows

    @cached_property
    def _odd(self) -> list[bool]:
        """Whether a document has a tag that is not plain, see `View.is_plain`."""
        inside = (self.iob == BEGIN) | (self.iob == INSIDE)
        refused = [type for type, label in self.labels.items() if label.startswith(("?", "!"))]  # E084, E869
        odd = (
            self.illegal
            | (self.iob == 0)
            | (inside == (self.types == 0))
            | (inside & self.white)
            | numpy.isin(self.types, refused)
        )
        before = numpy.concatenate(([0], numpy.cumsum(odd)))
        return (before[self.ends] > before[self.starts]).tolist()

    @cached_property
    def _entities(self) -> tuple[list[int], list[int], list[int]]:
        """First token and token after the last of all entities, and by document the number of the first."""
        firsts = numpy.flatnonzero((self.iob == BEGIN) | self.illegal)
        stop = (self.iob != INSIDE) | self.illegal
        stop[[start for start in self.starts if start < len(stop)]] = True
        stops = numpy.append(numpy.flatnonzero(stop), len(stop))
        lasts = stops[numpy.searchsorted(stops, firsts, side="right")]
        return firsts.tolist(), lasts.tolist(), numpy.searchsorted(firsts, [*self.starts, len(stop)]).tolist()

    def view(self, index: int, labels: frozenset[str] = frozenset()) -> "View":
        """Return one document."""
        return View(self, index, labels)

    def excerpt(self, index: int, tokens: tuple[int, int] | None) -> str:
        """Return the text around some tokens of a document, or its beginning."""
        view = self.view(index)
        first, last = tokens or (0, 0)
        parts = ((max(0, first - AROUND), first), (first, last), (last, min(len(view), last + AROUND)))
        before, inside, after = (view.surface(*part) for part in parts)
        return excerpt(before + inside + after, len(before), len(before) + len(inside.rstrip()))

    def runs(self, length: int) -> numpy.ndarray:
        """Return the hash of every run of so many tokens, `(tokens − length + 1,)` of uint64."""
        value = numpy.zeros(max(0, len(self.orths) - length + 1), dtype=numpy.uint64)
        for i in range(length):
            value = value * numpy.uint64(FACTOR) + self.orths[i : i + len(value)]
        return value


class View:
    """One document of a shard, never by way of `doc.ents`, which may raise E093. Tokens are counted from the document's first.

    labels: the labels that are allowed; none: any.
    """

    __slots__ = ("__dict__", "end", "index", "labels", "shard", "start")

    def __init__(self, shard: Shard, index: int, labels: frozenset[str]) -> None:
        self.shard, self.index, self.labels = shard, index, labels
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
        """Whether all tokens are annotated, by legal tags, with no white space in entities: nothing that can trouble the ner."""
        return not self.shard._odd[self.index]

    @cached_property
    def words(self) -> list[str]:
        """The tokens' texts."""
        return self.shard.texts[self.start : self.end].tolist()

    @cached_property
    def spaces(self) -> list[bool]:
        """Whether a space follows each token."""
        return self.shard.spaces[self.start : self.end].tolist()

    @cached_property
    def text(self) -> str:
        """The document's text."""
        return "".join(self.shard.pieces[self.start : self.end])

    @cached_property
    def ents(self) -> list[tuple[int, int, str]]:
        """The entities: an I without its B begins one."""
        firsts, lasts, of = self.shard._entities
        types, names = self.shard.types, self.shard.labels
        own = range(of[self.index], of[self.index + 1])
        return [(firsts[i] - self.start, lasts[i] - self.start, names[int(types[firsts[i]])]) for i in own]

    @property
    def sentences(self) -> list[int]:
        """The tokens but the first that begin a sentence."""
        begins = self.shard.sentences
        own = begins[bisect_right(begins, self.start) : bisect_left(begins, self.end)]
        return [i - self.start for i in own]

    @property
    def sentences_known(self) -> bool:
        """Whether the data says where sentences begin: of the first token spaCy always does."""
        return bool(self.shard.sent_starts[self.start + 1 : self.end].any())

    def column(self, name: str) -> numpy.ndarray:
        """Return the document's part of one of the shard's arrays."""
        return getattr(self.shard, name)[self.start : self.end]

    def surface(self, start: int, end: int) -> str:
        """Return the text of some tokens, with the space after the last if there is one."""
        return "".join(self.shard.pieces[self.start + start : self.start + end])

    def name(self, start: int, end: int) -> str:
        """Return the text of an entity."""
        return self.words[start] if end == start + 1 else self.surface(start, end).rstrip(" ")

    def crossed(self, start: int, end: int) -> bool:
        """Say whether a sentence begins inside some tokens."""
        begins = self.shard.sentences
        return bisect_right(begins, self.start + start) < bisect_left(begins, self.start + end)

    def tag(self, i: int) -> str:
        """Spell a token's tag."""
        if i < 0:
            return "the document's start"
        type = self.shard.labels[int(self.column("types")[i])]
        return f"{'-IOB'[int(self.column('iob')[i])]}{'-' + type if type else ''}"

    def marked(self, start: int, end: int) -> dict:
        """Return tokens and excerpt of a finding: the document's beginning where no token is meant."""
        tokens = (start, end) if start < end else None
        return {"tokens": tokens, "excerpt": self.shard.excerpt(self.index, tokens)}

    def place(self, start: int = 0, end: int = 0) -> dict[str, str]:
        """Return where the document is: shard, source and id. The source is the line of the entity at some tokens, where that is known."""
        known = self.shard.places
        source, id = (str(known["sources"][self.index]), str(known["ids"][self.index])) if known else ("", "")
        lines = known["lines"][self.index] if known and "lines" in known else ()
        line = next(
            (
                line
                for line, (first, last, _) in zip(lines, self.ents, strict=False)
                if first < end and start < last
            ),
            None,
        )
        source = source if line is None else f"{source.rpartition(':')[0]}:{line}"
        return {"shard": f"{self.shard.path.as_posix()}#{self.index}", "source": source, "document": id}
