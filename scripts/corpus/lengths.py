"""How long every document of a corpus is, without its content: what an order of documents and their batches need."""

import contextlib
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy
import srsly
from spacy.training.corpus import FILE_TYPE, walk_corpus

from scripts.cli import UserError, progress_bar
from scripts.corpus.files import read_json, write_bytes
from scripts.corpus.shards import MANIFEST, REBUILD, ShardError

CACHE = ".lengths.npz"
"""In the corpus's folder. Anything that is wrong with it, its age among that, has it made anew."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of the documents of some shards, in spaCy's order of files: 4 bytes a document.

    hashes: SHA-256 of each shard, by the manifest; empty where there is none. ends: documents up to the end of each shard, `(shards,)`.
    tokens: `(documents,)`.
    """

    paths: list[Path]
    hashes: list[str]
    ends: numpy.ndarray
    tokens: numpy.ndarray

    def of(self, shard: int) -> numpy.ndarray:
        """Return the tokens of each document of a shard."""
        return self.tokens[self.ends[shard - 1] if shard else 0 : self.ends[shard]]


def unpack(path: Path, sha256: str = "") -> dict:
    """Return the content of a DocBin file as spaCy packs it, with `tokens`, `spaces` and `lengths` as arrays: 0.6 ms a shard of 5,300 tokens.

    Raises ShardError where it cannot be read, or is not what has a hash, if one is given.
    """
    try:
        data = path.read_bytes()
        if sha256 and hashlib.sha256(data).hexdigest() != sha256:
            raise ShardError(
                f"{path}: not the file that was written (its SHA-256 differs from the manifest's); {REBUILD}"
            )
        # object_pairs_hook: srsly would look for plugins at each call, which takes as long as the rest
        message = srsly.msgpack.unpackb(zlib.decompress(data), raw=False, object_pairs_hook=dict)
        message["tokens"] = numpy.frombuffer(message["tokens"], dtype=numpy.uint64).reshape(
            -1, len(message["attrs"])
        )
        message["spaces"] = numpy.frombuffer(message["spaces"], dtype=bool).reshape(-1, 1)
        message["lengths"] = numpy.frombuffer(message["lengths"], dtype=numpy.int32)
        if not len(message["tokens"]) == len(message["spaces"]) == message["lengths"].sum():
            raise ValueError("the numbers of tokens do not agree")
    except (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error) as error:
        raise ShardError(
            f"{path}: cannot be read as a DocBin ({type(error).__name__}: {error}); {REBUILD}"
        ) from error
    return message


def read_lengths(path: Path) -> Lengths:
    """Return the documents' lengths of a `.spacy` file or a folder of them: read from all shards once, and from a file beside them after that.

    That file is good as long as the manifest is the same or, where there is none, names, sizes and times of the shards.
    Raises UserError where there is no shard, ShardError where one cannot be read.
    """
    paths, hashes = _shards(path)
    manifest = path / MANIFEST
    known = (
        manifest.read_bytes()
        if manifest.exists()
        else json.dumps([(name.as_posix(), *_state(name)) for name in paths]).encode()
    )
    key = hashlib.sha256(known).hexdigest()
    cache = path / CACHE if path.is_dir() else path.with_name(f".{path.name}{CACHE}")
    try:
        with numpy.load(cache, allow_pickle=False) as kept:
            found = Lengths(paths, hashes, kept["ends"], kept["tokens"])
            if (
                str(kept["key"]) == key
                and len(found.ends) == len(paths)
                and found.ends[-1] == len(found.tokens)
            ):
                return found
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        pass  # none, or damaged
    parts = list(_read_all(paths, hashes))
    lengths = Lengths(
        paths,
        hashes,
        numpy.cumsum([len(part) for part in parts]),
        numpy.concatenate(parts).astype(numpy.uint32),
    )
    file = io.BytesIO()
    numpy.savez(file, key=numpy.array(key), ends=lengths.ends, tokens=lengths.tokens)
    with contextlib.suppress(OSError):  # a folder that cannot be written to: read anew next time
        write_bytes(cache, file.getvalue())
    return lengths


def _shards(path: Path) -> tuple[list[Path], list[str]]:
    """Return the shards in spaCy's order, and their hashes where a manifest has them."""
    if (path / MANIFEST).exists():
        hashes = {path / shard["name"]: shard["sha256"] for shard in read_json(path / MANIFEST)["shards"]}
        paths = sorted(hashes)
        return paths, [hashes[name] for name in paths]
    paths = walk_corpus(path, FILE_TYPE) if path.is_file() or any(path.rglob(f"*{FILE_TYPE}")) else []
    if not paths:
        raise UserError(
            f"{path}: holds no {FILE_TYPE} file; set [paths] train to a corpus, or make one: python -m spacy project run corpus"
        )
    return paths, [""] * len(paths)


def _state(path: Path) -> tuple[int, int]:
    try:
        return path.stat().st_size, path.stat().st_mtime_ns
    except OSError as error:
        raise ShardError(f"{path}: cannot be read ({error.strerror})") from None


def _read_all(paths: list[Path], hashes: list[str]) -> Iterator[numpy.ndarray]:
    with progress_bar(unit="shards") as bar:
        task = bar.add_task("lengths of documents", total=len(paths))
        for path, sha256 in zip(paths, hashes, strict=True):
            yield unpack(path, sha256)["lengths"]
            bar.advance(task)
