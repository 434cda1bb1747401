"""Shards of up to 100 documents and the manifest that makes them a corpus."""

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scripts.cli import UserError
from scripts.corpus.files import read_json, sha256, write_bytes
from scripts.corpus.ledger import Count

if TYPE_CHECKING:  # imported where they are used: the process that leads a build does without spaCy
    import numpy
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

    from scripts.corpus.convert import Tokens

DOCS_PER_SHARD = 100
MANIFEST = "manifest.json"
LABELS = "labels.json"
"""In train's folder: what its ner can predict, as `spacy init labels` writes it."""
VALIDATED = "validated.json"
"""Beside the manifest, and beside a variant's config: how many errors validation found, and the hashes of what it saw."""
MISSING, INSIDE, OUTSIDE, BEGIN = 0, 1, 2, 3
"""spaCy's ENT_IOB codes."""
COMPRESSION = 1
"""zlib's level: a third of the time of the usual 6, and a tenth more bytes."""


PLACES = "ner_template.places"
"""Where a shard keeps where its documents come from, and (of brat) the line of each entity. DocBin ignores it, and so reads 100 documents
in 6 ms: with its own `user_data` it takes 105, because it asks spaCy's registry for unpackers anew for each document."""


class ShardError(UserError):
    """A shard or manifest that is missing, damaged or not what the manifest says."""


class Document(NamedTuple):
    """Tokens `start` to `end` (exclusive) of a converted record, as one document.

    source: its place in the raw data. keep_tokens: the data's own tokens, which spaCy must not replace by its tokeniser's.
    """

    tokens: "Tokens"
    start: int
    end: int
    id: str
    source: str
    keep_tokens: bool


class ShardWriter:
    """Write one unit's documents of one split as shards; only the unit's last may have fewer than DOCS_PER_SHARD.

    Shards are called by unit and number, so that their names sort in the order of the raw data whichever is
    written first. Call `close` when all documents are added; `shards` then lists what was written, and `count` what is in it.
    """

    def __init__(self, folder: Path, unit: int) -> None:
        self.folder = folder
        self.unit = unit
        self.shards: list[dict] = []
        self.count = Count()
        self._pending: list[Document] = []

    def add(self, document: Document) -> None:
        """Add one document; every hundredth writes a shard."""
        self._pending.append(document)
        if len(self._pending) == DOCS_PER_SHARD:
            self._write()

    def close(self) -> None:
        """Write the last shard."""
        if self._pending:
            self._write()

    def _write(self) -> None:
        data, count = encode(self._pending)
        name = f"{self.unit:05d}-{len(self.shards):02d}.spacy"
        write_bytes(self.folder / name, data, durable=False)  # a build that goes on checks the SHA-256
        sizes = {"documents": count.documents, "tokens": count.tokens, "entities": count.entities}
        self.shards.append({"name": name} | sizes | {"sha256": hashlib.sha256(data).hexdigest()})
        self.count = self.count.plus(count)
        self._pending.clear()


def encode(documents: list[Document]) -> tuple[bytes, Count]:
    """Make the bytes of a DocBin; return them with a count of what is in them.

    What `DocBin.add` and `to_bytes` do, without a Doc: 35 µs a document of 57 tokens where these take 215
    (spacy/tokens/_serialize.py). Documents that keep their tokens are stored with unknown spaces, so that spaCy trains
    on these tokens; their spaces stay beside id and line. What else a DocBin said of a document is copied.
    """
    import numpy
    import srsly
    from spacy.attrs import ENT_IOB, ENT_TYPE, IDS, ORTH, SENT_START

    annotated = [d.tokens.annotation and d.tokens.annotation.of(d.start, d.end) for d in documents]
    others = [other for other in annotated if other]
    sentences_known = any(document.tokens.sent_starts is not None for document in documents)
    further = {IDS[name] for other in others for name in other.columns} | (
        {SENT_START} if sentences_known else set()
    )
    attrs = [ORTH, *sorted({ENT_IOB, ENT_TYPE} | further)]
    lengths = [document.end - document.start for document in documents]
    table = numpy.zeros((sum(lengths), len(attrs)), dtype=numpy.uint64)
    table[:, 0] = numpy.concatenate([d.tokens.orths[d.start : d.end] for d in documents])
    spaces = numpy.concatenate([d.tokens.spaces[d.start : d.end] for d in documents]).astype(bool)
    iob, types = table[:, attrs.index(ENT_IOB)], table[:, attrs.index(ENT_TYPE)]
    iob[:] = OUTSIDE
    strings = documents[0].tokens.strings
    base = 0
    for (tokens, start, end, *_), length, other in zip(documents, lengths, annotated, strict=True):
        if tokens.sent_starts is not None:
            begins = numpy.where(tokens.sent_starts[start:end], 1, -1).astype(numpy.int64)
            table[base : base + length, attrs.index(SENT_START)] = begins.view(numpy.uint64)
        if other:
            iob[base : base + length][other.missing] = MISSING
            for name, values in other.columns.items():
                table[base : base + length, attrs.index(IDS[name])] = values
        base += length
    labels = _write_entities(documents, lengths, iob, types)
    lines = [
        [
            line
            for line, (i, j, _) in zip(d.tokens.lines or (), d.tokens.ents, strict=False)
            if d.start <= i and j <= d.end
        ]
        for d in documents
    ]
    kept = [
        d.tokens.spaces[d.start : d.end].astype(bool).tobytes() if d.keep_tokens else None for d in documents
    ]
    message = {
        "version": "0.1",
        "attrs": attrs,
        "tokens": table.tobytes(),
        "spaces": spaces.tobytes(),
        "lengths": numpy.array(lengths, dtype=numpy.int32).tobytes(),
        "strings": [
            *map(strings.__getitem__, numpy.unique(table[:, 0]).tolist()),
            *sorted(labels.union(*(other.strings for other in others))),
        ],
        "cats": [other.cats if other else {} for other in annotated],
        "flags": [{"has_unknown_spaces": document.keep_tokens} for document in documents],
        "span_groups": [other.span_groups if other else b"" for other in annotated],
        PLACES: {"ids": [d.id for d in documents], "sources": [d.source for d in documents], "spaces": kept}
        | ({"lines": lines} if any(lines) else {}),
    }
    if any(other.user_data is not None for other in others):
        message["user_data"] = [other and other.user_data for other in annotated]
    begun, counts = numpy.unique(types[iob == BEGIN], return_counts=True)
    counted = Counter(
        {strings[label]: count for label, count in zip(begun.tolist(), counts.tolist(), strict=True)}
    )
    count = Count(len(documents), len(table), counted, sum((other.counts for other in others), Counter()))
    return zlib.compress(srsly.msgpack_dumps(message), COMPRESSION), count


def _write_entities(
    documents: list[Document], lengths: list[int], iob: "numpy.ndarray", types: "numpy.ndarray"
) -> set[str]:
    """Write the documents' entities into the columns of their tokens; return the labels."""
    import numpy

    strings = documents[0].tokens.strings
    labels: dict[str, int] = {}
    first, size, label = [], [], []  # of each entity: its first token in the table, its tokens, its label
    base = 0
    for (tokens, start, end, *_), length in zip(documents, lengths, strict=True):
        for i, j, name in tokens.ents:
            if start <= i and j <= end:
                first.append(base + i - start)
                size.append(j - i)
                label.append(labels[name] if name in labels else labels.setdefault(name, strings.add(name)))
        base += length
    if first:
        sizes = numpy.array(size)
        inside = numpy.repeat(numpy.array(first) - numpy.cumsum(sizes) + sizes, sizes) + numpy.arange(
            sizes.sum()
        )
        iob[inside], types[inside] = INSIDE, numpy.repeat(numpy.array(label, dtype=numpy.uint64), sizes)
        iob[first] = BEGIN
    return set(labels)


def label_data(entities: dict[str, int]) -> dict[str, dict[str, int]]:
    """Return the ner's labels as a pass over the data would find them (spacy/pipeline/_parser_internals/ner.pyx, get_actions).

    entities: how often each label occurs. By number of the move (missing, B, I, L, U, O) the labels it is made with; counts give their order.
    """
    return {"0": {}, **{move: entities for move in "123"}, "4": entities | {"": 1}, "5": {"": 1}}


def read_manifest(folder: Path) -> dict:
    """Read a split's manifest. Raises ShardError where there is none."""
    path = folder / MANIFEST
    if not path.exists():
        raise ShardError(
            f"{path}: no such file, so {folder} is not a complete corpus; run: python -m spacy project run corpus"
        )
    return read_json(path)


def check_shards(folder: Path, manifest: dict) -> None:
    """Raise ShardError unless the folder holds just the manifest's shards, unchanged."""
    wanted = {shard["name"]: shard["sha256"] for shard in manifest["shards"]}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.spacy")}
    for name in sorted(wanted.keys() | found):
        if name not in found:
            raise ShardError(f"{folder / name}: listed in the manifest, but missing; {REBUILD}")
        if name not in wanted:
            raise ShardError(
                f"{folder / name}: not listed in the manifest, yet spaCy would train on it; delete it or {REBUILD}"
            )
        if sha256(folder / name) != wanted[name]:
            raise ShardError(
                f"{folder / name}: not the file that was written (its SHA-256 differs from the manifest's); {REBUILD}"
            )


REBUILD = "build the corpus again: python -m spacy project run corpus . --force"


def read_shard(path: Path, vocab: "Vocab") -> "Iterator[Doc]":
    """Yield a shard's documents. `doc.user_data` has their id and source and, where they keep their own tokens, `spaces`:
    a byte a token, 1 where a space follows. Raises ShardError where it cannot be read.
    """
    import srsly
    from spacy.tokens import DocBin

    try:
        data = path.read_bytes()
        places = srsly.msgpack_loads(zlib.decompress(data)).get(PLACES)
        for index, doc in enumerate(DocBin().from_bytes(data).get_docs(vocab)):
            if places is not None:
                doc.user_data |= {"id": places["ids"][index], "source": places["sources"][index]}
                doc.user_data.pop("spaces", None)  # the data's own
                if places["spaces"][index] is not None:
                    doc.user_data["spaces"] = places["spaces"][index]
            yield doc
    except (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, zlib.error) as error:
        raise ShardError(
            f"{path}: cannot be read as a DocBin ({type(error).__name__}: {error}); {REBUILD}"
        ) from error


def documents_sha256(docs: "Iterable[Doc]") -> str:
    """Return a hash of documents' tokens and entities, whatever their order, ids and places."""
    contents = (
        ([token.text for token in doc], [(ent.start, ent.end, ent.label_) for ent in doc.ents])
        for doc in docs
    )
    each = sorted(hashlib.sha256(repr(content).encode()).digest() for content in contents)
    return hashlib.sha256(b"".join(each)).hexdigest()


def place_in_shard(doc: "Doc", path: Path, index: int) -> str:
    """Name a document: its raw file and line where the shard knows them, its id, and its place in the shard."""
    known = " ".join(str(doc.user_data[key]) for key in ("source", "id") if key in doc.user_data)
    return f"{path.as_posix()}#{index}" + (f" ({known})" if known else "")
