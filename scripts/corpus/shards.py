"""Shards of 100 documents and the manifest that makes them a corpus."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from scripts.command import UserError
from scripts.corpus.files import read_json, sha256, write_bytes, write_json

DOCS_PER_SHARD = 100
MANIFEST = "manifest.json"
VALIDATED = "validated.json"
"""Beside the manifest: how many errors validation found in this split, and the hash of the manifest it saw."""
ATTRS = ("ENT_IOB", "ENT_TYPE", "SENT_START")


class ShardError(UserError):
    """A shard or manifest that is missing, damaged or not what the manifest says."""


def shard_name(index: int) -> str:
    """Return the file name of a shard; sorting by name is sorting by index."""
    return f"{index:05d}.spacy"


class ShardWriter:
    """Write documents of one split as shards of `DOCS_PER_SHARD`; only the last may be smaller.

    Use as a context manager and call `write_manifest` inside it when all documents are added: a folder without a
    manifest is not a corpus.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: list[dict] = []
        self.labels: Counter[str] = Counter()
        self._pending: list[Doc] = []

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None and not (self.folder / MANIFEST).exists():
            raise RuntimeError(f"{self.folder}: closed without a manifest; call write_manifest first")

    def add(self, doc: Doc) -> None:
        """Add one document; every hundredth writes a shard."""
        self._pending.append(doc)
        self.labels.update(ent.label_ for ent in doc.ents)
        if len(self._pending) == DOCS_PER_SHARD:
            self._write_shard()

    def write_manifest(self, extra: dict) -> None:
        """Write the last shard, then the manifest with the counts, the shards' hashes and `extra`."""
        if self._pending:
            self._write_shard()
        write_json(
            self.folder / MANIFEST,
            {
                "documents": sum(shard["documents"] for shard in self.shards),
                "tokens": sum(shard["tokens"] for shard in self.shards),
                "entities": dict(sorted(self.labels.items())),
                "shards": self.shards,
                **extra,
            },
        )

    def _write_shard(self) -> None:
        data = DocBin(attrs=ATTRS, docs=self._pending, store_user_data=True).to_bytes()
        name = shard_name(len(self.shards))
        write_bytes(self.folder / name, data)
        self.shards.append(
            {
                "name": name,
                "documents": len(self._pending),
                "tokens": sum(len(doc) for doc in self._pending),
                "entities": sum(len(doc.ents) for doc in self._pending),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        )
        self._pending = []


def read_manifest(folder: Path) -> dict:
    """Read a split's manifest. Raises ShardError where there is none."""
    path = folder / MANIFEST
    if not path.exists():
        raise ShardError(f"{path}: no such file, so this is not a complete corpus; run: python -m spacy project run preprocess")
    return read_json(path)


def check_shards(folder: Path, manifest: dict) -> None:
    """Raise ShardError unless the folder holds just the manifest's shards, unchanged."""
    wanted = {shard["name"]: shard["sha256"] for shard in manifest["shards"]}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.spacy")}
    for name in sorted(wanted.keys() | found):
        if name not in found:
            raise ShardError(f"{folder / name}: listed in the manifest, but missing; {REBUILD}")
        if name not in wanted:
            raise ShardError(f"{folder / name}: not listed in the manifest, yet spaCy would train on it; delete it or {REBUILD}")
        if sha256(folder / name) != wanted[name]:
            raise ShardError(f"{folder / name}: not the file that was written (its SHA-256 differs from the manifest's); {REBUILD}")


def require_validated(folder: Path) -> None:
    """Raise UserError unless this very split passed validation."""
    path = folder / VALIDATED
    if not path.exists():
        raise UserError(f"{path}: no such file; run: python -m spacy project run validate")
    report = read_json(path)
    if report["errors"]:
        raise UserError(f"{path} counts {report['errors']} errors; mend the data and run: python -m spacy project run validate")
    if sha256(folder / MANIFEST) != report["manifest_sha256"]:
        raise UserError(f"{folder} changed after it was validated; run: python -m spacy project run validate")


REBUILD = "build the corpus again: python -m spacy project run preprocess . --force"


def read_shard(path: Path, vocab: Vocab) -> Iterator[Doc]:
    """Yield a shard's documents. Raises ShardError where it cannot be read."""
    try:
        docs = DocBin().from_disk(path).get_docs(vocab)
        yield from docs
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise ShardError(f"{path}: cannot be read as a DocBin ({type(error).__name__}: {error}); {REBUILD}") from error


def place_in_shard(doc: Doc, path: Path, index: int) -> str:
    """Name a document: its raw file and line where the shard knows them, its id, and its place in the shard."""
    known = " ".join(str(doc.user_data[key]) for key in ("source", "id") if key in doc.user_data)
    return f"{path.as_posix()}#{index}" + (f" ({known})" if known else "")
