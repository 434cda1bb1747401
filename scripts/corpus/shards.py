"""Shards of up to 100 documents and the manifest that makes them a corpus."""

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy
import srsly
from spacy.attrs import ENT_IOB, ENT_TYPE, IDS, ORTH, SENT_START, SPACY
from spacy.strings import get_string_id
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from scripts.cli import UserError
from scripts.corpus.files import read_json, sha256, write_bytes
from scripts.corpus.ledger import Count
from scripts.formats.doc_annotation import DocAnnotation

DOCS_PER_SHARD = 100
MANIFEST = "manifest.json"
VERSION = 2
"""Of the manifest; a corpus with another was made by another version of this project."""
LABELS = "labels.json"
"""In train's folder: what its ner can predict, as `spacy init labels` writes it."""
VALIDATED = "validated.json"
"""Beside the manifest, and beside a variant's config: how many errors validation found, and the hashes of
what it saw."""
MISSING, INSIDE, OUTSIDE, BEGIN = 0, 1, 2, 3
"""spaCy's ENT_IOB codes."""
SENT_STARTS = {True: 1, False: -1, None: 0}
"""spaCy's SENT_START codes."""
COMPRESSION = 1
"""zlib's level: a third of the time of the usual 6, and a tenth more bytes."""
PLACES = "ner_template.places"
"""Where a shard keeps documents' ids, sources and groups, the spaces behind tokens of the data's own, and (of
brat) entities' lines. DocBin ignores it, and so reads 100 documents in 6 ms: with `user_data` in 105."""
REBUILD = "build the corpus again: python -m spacy project run corpus . --force"
CHANGED = f"not the file that was written (its SHA-256 differs from the manifest's); {REBUILD}"
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, IndexError, zlib.error)
"""What may be raised where a DocBin is damaged."""


class ShardError(UserError):
    """A shard or manifest that is missing, damaged or not what the manifest says."""


class Document(NamedTuple):
    """Tokens `start` to `end` (exclusive) of a converted record, as one document.

    source: its place in the raw data. keep_tokens: spaCy must not replace them by its tokeniser's.
    sent_starts: of each of the doc's tokens, None where that is not known. lines: of each of its entities,
    where that is not the document's. annotation: for other components.
    """

    doc: Doc
    start: int
    end: int
    id: str
    source: str
    keep_tokens: bool = False
    group: str | None = None
    sent_starts: Sequence[bool] | None = None
    lines: tuple[int, ...] = ()
    annotation: DocAnnotation | None = None


def write_shards(folder: Path, chunk: int, documents: list[Document]) -> tuple[list[dict], Count]:
    """Write one chunk's documents of one split; return what the manifest says of its shards, and all counts.

    Shards are called by chunk and number: their names sort in the raw data's order, however written.
    """
    shards, whole = [], Count()
    for number, start in enumerate(range(0, len(documents), DOCS_PER_SHARD)):
        data, count = encode(documents[start : start + DOCS_PER_SHARD])
        name = f"{chunk:05d}-{number:02d}.spacy"
        write_bytes(folder / name, data, durable=False)
        sizes = {"documents": count.documents, "tokens": count.tokens, "entities": count.entities}
        shards.append({"name": name} | sizes | {"sha256": hashlib.sha256(data).hexdigest()})
        whole.take(count)
    return shards, whole


def encode(documents: list[Document]) -> tuple[bytes, Count]:
    """Make the bytes of a DocBin; return them with a count of what is in them.

    What `DocBin.add` and `to_bytes` do in a fifth of their time (spacy/tokens/_serialize.py). Documents that
    keep their tokens are stored with unknown spaces, so that spaCy trains on these tokens.
    """
    strings = documents[0].doc.vocab.strings
    others = [d.annotation and d.annotation.of(d.start, d.end) for d in documents]
    whole = [ORTH, SPACY, ENT_IOB, ENT_TYPE]
    tokens = numpy.concatenate([d.doc.to_array(whole)[d.start : d.end] for d in documents])
    columns = dict(zip(whole, tokens.T, strict=True))
    spaces = columns.pop(SPACY).astype(bool)
    lengths = [d.end - d.start for d in documents]
    ends = numpy.cumsum(lengths).tolist()
    if any(d.sent_starts is not None for d in documents):
        starts = [(d.sent_starts or [None] * len(d.doc))[d.start : d.end] for d in documents]
        codes = [SENT_STARTS[start] for start in chain.from_iterable(starts)]
        columns[SENT_START] = numpy.array(codes, dtype=numpy.int64).view(numpy.uint64)
    for other, length, end in zip(others, lengths, ends, strict=True):
        if other:
            own = slice(end - length, end)
            columns[ENT_IOB][own][other.missing & (columns[ENT_IOB][own] == OUTSIDE)] = MISSING
            for name, values in other.columns.items():
                columns.setdefault(IDS[name], numpy.zeros(len(tokens), dtype=numpy.uint64))[own] = values
    attrs = [ORTH, *sorted(columns.keys() - {ORTH})]
    begun, counts = numpy.unique(columns[ENT_TYPE][columns[ENT_IOB] == BEGIN], return_counts=True)
    labels = {strings[label]: count for label, count in zip(begun.tolist(), counts.tolist(), strict=True)}
    message = {
        "version": "0.1",
        "attrs": attrs,
        "tokens": numpy.stack([columns[attr] for attr in attrs], axis=1).tobytes(),
        "spaces": spaces.tobytes(),
        "lengths": numpy.array(lengths, dtype=numpy.int32).tobytes(),
        "strings": [
            *map(strings.__getitem__, numpy.unique(columns[ORTH]).tolist()),
            *sorted({*labels}.union(*(other.strings for other in others if other))),
        ],
        "cats": [other.cats if other else {} for other in others],
        "flags": [{"has_unknown_spaces": d.keep_tokens} for d in documents],
        "span_groups": [other.span_groups if other else b"" for other in others],
        PLACES: _places(documents, spaces, ends),
    }
    if any(other and other.user_data is not None for other in others):
        message["user_data"] = [other and other.user_data for other in others]
    other_counts = sum((other.counts for other in others if other), Counter())
    count = Count(len(documents), len(tokens), Counter(labels), other_counts)
    return zlib.compress(srsly.msgpack_dumps(message), COMPRESSION), count


def _places(documents: list[Document], spaces: numpy.ndarray, ends: list[int]) -> dict[str, list]:
    """Return what stands under PLACES; groups and lines only where there are any."""
    places: dict[str, list] = {"ids": [d.id for d in documents], "sources": [d.source for d in documents]}
    places["spaces"] = [
        spaces[end - d.end + d.start : end].tobytes() if d.keep_tokens else None
        for d, end in zip(documents, ends, strict=True)
    ]
    lines = [
        [line for line, ent in zip(d.lines, d.doc.ents, strict=False) if d.start <= ent.start < d.end]
        for d in documents
    ]
    groups = [d.group for d in documents]
    places |= {"lines": lines} if any(lines) else {}
    return places | ({"groups": groups} if any(group is not None for group in groups) else {})


class Shard:
    """A DocBin file as arrays, of which any document can be made.

    attrs: spaCy's attributes. tokens: their values, `(tokens, attrs)`. spaces: `(tokens,)`.

    Raises ShardError where the file cannot be read, or is not what has the hash, if one is given.
    """

    def __init__(self, path: Path, sha256: str = "") -> None:
        self.path = path
        try:
            data = path.read_bytes()
            if sha256 and hashlib.sha256(data).hexdigest() != sha256:
                raise ShardError(f"{path}: {CHANGED}")
            # object_pairs_hook: srsly would look for plugins at each call, which takes as long as the rest
            message = srsly.msgpack.unpackb(zlib.decompress(data), raw=False, object_pairs_hook=dict)
            self.attrs: list[int] = message["attrs"]
            self.tokens = numpy.frombuffer(message["tokens"], dtype=numpy.uint64).reshape(-1, len(self.attrs))
            self.spaces = numpy.frombuffer(message["spaces"], dtype=bool)
            self.lengths: list[int] = numpy.frombuffer(message["lengths"], dtype=numpy.int32).tolist()
            self.starts: list[int] = [0, *numpy.cumsum(self.lengths, dtype=numpy.int64).tolist()]
            self.strings: list[str] = message["strings"]
            self.places: dict[str, list] = message.get(PLACES, {})
            absent = {"cats": {}, "user_data": None, "flags": {}, "span_groups": b""}
            count = len(self.lengths)
            self._further = {key: message.get(key) or [value] * count for key, value in absent.items()}
            self.unknown_spaces = [bool(flags.get("has_unknown_spaces")) for flags in self._further["flags"]]
            documents = {len(self.lengths), *map(len, self._further.values())}
            if {len(self.tokens), len(self.spaces)} != {sum(self.lengths)} or len(documents) > 1:
                raise ValueError("the numbers of tokens and documents do not agree")
            self.orths = self.tokens[:, self.attrs.index(ORTH)]
        except UNREADABLE as error:
            why = f"{type(error).__name__}: {error}"
            raise ShardError(f"{path}: cannot be read as a DocBin ({why}); {REBUILD}") from error

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def _string_of(self) -> dict[int, str]:
        return {get_string_id(string): string for string in self.strings}

    def doc(self, index: int, vocab: Vocab) -> Doc:
        """Return a document as DocBin makes it: 60 µs. Raises ShardError where spaCy cannot make one.

        Only its own strings go to the vocabulary, each time anew: a memory zone takes them away.
        """
        own, one = slice(self.starts[index], self.starts[index + 1]), DocBin(attrs=())
        one.attrs, one.tokens, one.spaces = self.attrs, [self.tokens[own]], [self.spaces[own].reshape(-1, 1)]
        for name, values in self._further.items():
            setattr(one, name, [values[index]])
        has_spans = len(one.span_groups[0]) > 1  # else b"" or an empty list; their labels are in no column
        hashes = self._string_of if has_spans else set(one.tokens[0].ravel().tolist())
        try:
            for string in [self._string_of.get(value) for value in hashes if value not in vocab.strings]:
                if string:
                    vocab.strings.add(string)
            return next(one.get_docs(vocab))
        except UNREADABLE as error:
            why = f"{type(error).__name__}: {error}"
            raise ShardError(f"{self.path}#{index}: cannot be made a Doc ({why}); {REBUILD}") from error


def read_shard(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Yield a shard's documents. Raises ShardError where it cannot be read.

    `doc.user_data` has id, source and group; where tokens are the data's own, `spaces`, a byte a token.
    """
    shard = Shard(path)
    names = {"id": "ids", "source": "sources", "spaces": "spaces", "group": "groups"}
    known = {key: shard.places[name] for key, name in names.items() if name in shard.places}
    for index in range(len(shard)):
        doc = shard.doc(index, vocab)
        if known:
            doc.user_data.pop("spaces", None)  # the data's own
            places = {key: values[index] for key, values in known.items()}
            doc.user_data |= {key: place for key, place in places.items() if place is not None}
        yield doc


def label_data(entities: dict[str, int]) -> dict[str, dict[str, int]]:
    """Return the ner's labels as a pass over the data would find them (spacy's ner.pyx).

    entities: how often each label occurs. By number of the move (missing, B, I, L, U, O) the labels it takes.
    """
    return {"0": {}, **{move: entities for move in "123"}, "4": entities | {"": 1}, "5": {"": 1}}


def read_manifest(folder: Path) -> dict:
    """Read a split's manifest. Raises ShardError where there is none, or one of another version."""
    path = folder / MANIFEST
    if not path.exists():
        what = f"no such file, so {folder} is not a complete corpus"
        raise ShardError(f"{path}: {what}; run: python -m spacy project run corpus")
    manifest = read_json(path)
    if manifest.get("version") != VERSION:
        raise ShardError(f"{path}: made by another version of this project; {REBUILD}")
    return manifest


def check_shards(folder: Path, manifest: dict) -> None:
    """Raise ShardError unless the folder holds just the manifest's shards, unchanged."""
    wanted = {shard["name"]: shard["sha256"] for shard in manifest["shards"]}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.spacy")}
    for name in sorted(wanted.keys() | found):
        path = folder / name
        if name not in found:
            raise ShardError(f"{path}: listed in the manifest, but missing; {REBUILD}")
        if name not in wanted:
            why = "not listed in the manifest, yet spaCy would train on it"
            raise ShardError(f"{path}: {why}; delete it or {REBUILD}")
        if sha256(path) != wanted[name]:
            raise ShardError(f"{path}: {CHANGED}")


def documents_sha256(docs: Iterable[Doc]) -> str:
    """Return a hash of documents' tokens and entities, whatever their order, ids and places."""
    contents = (
        ([token.text for token in doc], [(ent.start, ent.end, ent.label_) for ent in doc.ents])
        for doc in docs
    )
    each = sorted(hashlib.sha256(repr(content).encode()).digest() for content in contents)
    return hashlib.sha256(b"".join(each)).hexdigest()
