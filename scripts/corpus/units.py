"""Units: runs of raw documents that are read, converted and written together, whatever process does it."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scripts.corpus.files import write_bytes, write_json
from scripts.corpus.parts import Part
from scripts.corpus.settings import OnError, Settings
from scripts.corpus.shards import ShardWriter
from scripts.formats.offsets import Offsets, settle, weigh
from scripts.formats.record import AnnotationError, Record, Source
from scripts.formats.registry import Item, Opened, formats, items, records_of

if TYPE_CHECKING:  # imported where they are used: the process that leads a build does without spaCy
    from scripts.corpus.tokenizer import Tokeniser

UNIT_DOCUMENTS = 2000
UNIT_BYTES = 4 * 2**20
"""A unit ends with the document that reaches one of these: small enough to hold in memory, large enough to be worth sending."""
WEIGHED = 200
"""So many documents of a unit tell whether offsets count from 1 or to an inclusive end; where characters, bytes and line ends may count
otherwise, every document is asked."""
NOTES = ("rejects", "mends")
"""Beside a unit's JSON file, and in the end corpus/*.jsonl: a row for each record or entity that was left out, and for each that was mended."""


class Piece(NamedTuple):
    """A unit's documents of one file, as they stand in it; `read` is how far into the file (in bytes) they reach."""

    path: str
    format: str
    layout: Any
    places: list[tuple[int, int]]  # line and part of each
    data: list[Any]
    read: int


@dataclass(frozen=True, slots=True)
class Unit:
    """Some raw documents of one split, in order."""

    index: int
    split: str
    pieces: list[Piece]

    def records(
        self, settings: Settings, evidence: dict[str, Counter[str]] | None = None
    ) -> Iterator[tuple[Item, Record | AnnotationError]]:
        """Yield each document as its format's reader wants it, with its record or the error where it cannot be read.

        evidence: takes what the spans say of the units that they are counted in, by file (`offsets.weigh`).
        """
        options = settings.read_options
        weighed = 0 if evidence is not None and settings.offsets is Offsets.auto else None
        for piece in self.pieces:
            format = formats()[piece.format]
            together = Path(piece.path).parent.as_posix() if format.beside else piece.path
            for place, data in zip(piece.places, piece.data, strict=True):
                item = Item(data, Source(piece.path, *place), piece.layout, options)
                try:
                    records = records_of(item, format)
                except AnnotationError as error:
                    yield item, error
                    continue
                for record in records:
                    if weighed is not None and record.spans and record.words is None:
                        if weighed < WEIGHED or not record.text.isascii() or "\r" in record.text:
                            weigh(record, evidence.setdefault(together, Counter()))
                        weighed += 1
                    yield item, settle(record, settings.offsets)


def cut_into_units(files: dict[str, list[Opened]], settings: Settings) -> Iterator[Unit]:
    """Cut raw files into units; where the cuts are depends on the files alone.

    Raises AnnotationError where a file cannot be read or holds no document.
    """
    index = 0
    for split, opened in files.items():
        documents, size = 0, 0
        pieces: list[Piece] = []
        for file in opened:
            path, format = file.path, file.format
            places: list[tuple[int, int]] = []
            data: list[Any] = []
            item = None
            for item, read in items(file, settings.read_options):
                places.append(item.source[1:])
                data.append(item.data)
                documents += 1
                size += sum(
                    len(part)
                    for part in (item.data if isinstance(item.data, tuple) else (item.data,))
                    if isinstance(part, bytes)
                )
                if documents == UNIT_DOCUMENTS or size >= UNIT_BYTES:
                    yield Unit(
                        index,
                        split,
                        [*pieces, Piece(path.as_posix(), format.name, item.layout, places, data, read)],
                    )
                    index, documents, size, pieces, places, data = index + 1, 0, 0, [], [], []
            if item is None:
                raise AnnotationError(f"{path}: holds no document; write one, or leave the variable empty")
            if places:
                pieces.append(
                    Piece(path.as_posix(), format.name, item.layout, places, data, path.stat().st_size)
                )
        if pieces:
            yield Unit(index, split, pieces)
            index += 1


def tracked(units: Iterable[Unit], tell: Callable[[int], None]) -> Iterator[Unit]:
    """Yield units; tell of each how many bytes of the raw files are read with it."""
    done: dict[tuple[str, str], int] = {}
    for unit in units:
        done.update({(unit.split, piece.path): piece.read for piece in unit.pieces})
        tell(sum(done.values()))
        yield unit


def cannot_be_read(message: str, more: int) -> AnnotationError:
    """Return the error for records that cannot be read: the first one's, and how many more there are."""
    also = f" (and {more} more near it)" if more else ""
    return AnnotationError(f"{message}{also}. To go on without such records set --on-error=reject")


@dataclass(frozen=True, slots=True)
class UnitError:
    """The first record of a unit that could not be read, and how many more there are."""

    message: str
    more: int


def unit_file(folder: Path, index: int) -> Path:
    """Return the file whose existence says that a unit is complete."""
    return folder / "units" / f"{index:05d}.json"


def convert_unit(
    unit: Unit, plan: bytes | None, splits: tuple[str, ...], folder: Path, settings: Settings
) -> UnitError | None:
    """Convert a unit's documents; write their shards, rejects and, last, the JSON file that says so.

    plan: for each document the index in `splits` of where it goes; None: all go to the unit's split.
    Returns an error, and writes nothing more, where a record cannot be read and `settings.on_error` is `stop`.
    Raises AnnotationError on an id that is used twice.
    """
    from scripts.corpus.convert import tokenise

    tokenizer = _tokeniser(settings.lang)
    parts = {
        split: Part(split, ShardWriter(folder / split, unit.index), tokenizer, settings) for split in splits
    }
    evidence: dict[str, Counter[str]] = {}
    records = list(unit.records(settings, evidence))
    errors = [str(record) for _, record in records if isinstance(record, AnnotationError)]
    if errors and settings.on_error is OnError.stop:
        return UnitError(errors[0], len(errors) - 1)
    ids = _hash_ids(unit, records)
    # step by step for all records: half as slow again where each takes all steps at once, for the sake of the CPU's caches
    tokens = [
        tokenise(record, tokenizer) if isinstance(record, Record) and not record.excluded else None
        for _, record in records
    ]
    for i, ((item, record), own) in enumerate(zip(records, tokens, strict=True)):
        part = parts[splits[plan[i]] if plan is not None else unit.split]
        if isinstance(record, AnnotationError):
            part.reject_unreadable(item, str(record))
        else:
            part.add(record, own)
    for part in parts.values():
        part.close()
    path = unit_file(folder, unit.index)
    for name in NOTES:
        rows = [
            json.dumps(row, ensure_ascii=False) + "\n"
            for part in parts.values()
            for row in getattr(part, name)
        ]
        write_bytes(path.with_suffix(f".{name}"), "".join(rows).encode("utf-8", "replace"))
    write_json(
        path,
        {
            "split": unit.split,
            "shards": {split: part.writer.shards for split, part in parts.items()},
            "ledgers": {split: part.ledger.as_json() for split, part in parts.items()},
            "spaces": {split: part.spaces for split, part in parts.items()},
            "offsets": evidence,
            "ids": base64.b64encode(ids).decode("ascii"),
        },
    )
    return None


def _hash_ids(unit: Unit, records: list[tuple[Item, Record | AnnotationError]]) -> bytes:
    """Return for each document a hash of its split, file and id, or 0 where it cannot be read: 8 bytes each.

    Raises AnnotationError where two documents of a file have one id.
    """
    known: dict[tuple[str, str], Source] = {}
    hashes = []
    for item, record in records:
        if isinstance(record, AnnotationError):
            hashes.append(bytes(8))
            continue
        path = item.source.path
        if (path, record.id) in known:
            raise same_id(known[path, record.id], item.source, record.id)
        known[path, record.id] = item.source
        hashes.append(hash64(f"{unit.split}\n{path}\n{record.id}"))
    return b"".join(hashes)


def hash64(text: str) -> bytes:
    """Return 8 bytes that are the same for the same text, on every machine."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()


def same_id(first: Source, second: Source, id: str) -> AnnotationError:
    """Return the error for an id that two documents have."""
    return AnnotationError(f"{second} ({id}): the id is used at {first} too; give each document its own")


_tokenisers: "dict[str, Tokeniser]" = {}


def _tokeniser(lang: str) -> "Tokeniser":
    """Return this process's tokeniser of a language, a new one where it is full."""
    from scripts.corpus.tokenizer import Tokeniser

    if lang not in _tokenisers or _tokenisers[lang].is_full:
        _tokenisers[lang] = Tokeniser(lang)
    return _tokenisers[lang]
