"""The formats that raw annotations may have: what each is called, how it is told apart and how it is read."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from scripts.formats.encoding import suggest_encoding
from scripts.formats.find import FoundFiles, find_files, stems
from scripts.formats.foreign import recognise_foreign
from scripts.formats.offsets import settle
from scripts.formats.raw_file import HEAD_BYTES, MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import AnnotationError, Record, Source, fail

ACCEPTABLE = {
    "binary": "Prodigy's binary answers are taken for complete annotation: what was not asked is no entity",
    "other-spans": "spans that stand beside those that are read are left out (and counted)",
}
"""What `accept` may name: a doubt that is an error otherwise, and what becomes of the data then."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user may say about raw files. See the variables of the same names in project.yml."""

    lang: str = "en"
    encoding: str = "utf-8"
    columns: str = ""
    sentences_per_doc: int = 0
    text_field: str = ""
    spans_field: str = ""
    label_names: tuple[str, ...] = ()
    annotator: str = ""
    accept: tuple[str, ...] = ()
    group_by: str = "group"


class Found(NamedTuple):
    """What stands in a document's raw form, counted without its reader; None where that is not known."""

    tokens: int | None = None
    entities: int | None = None


class Item(NamedTuple):
    """One document as it stands in its file: what its format's `split` yielded, and what `prepare` found."""

    data: Any
    source: Source
    layout: Any
    options: ReadOptions

    def checked_data(self) -> bytes:
        """Return the data, unless it is too long."""
        if len(self.data) > MAX_DOCUMENT_BYTES:
            what = f"the document is over {MAX_DOCUMENT_BYTES >> 20} MB: {self.data[:60]!r}"
            fail(self.source, f"{what}…", "split it")
        return self.data

    def text(self) -> str:
        """Return the data as text, which must be UTF-8 without NUL."""
        data = self.checked_data()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = self.source.line + data.count(b"\n", 0, error.start)
            column = error.start - data.rfind(b"\n", 0, error.start)
            likely = suggest_encoding(data)
            remedy = f"it looks like {likely}: set --encoding={likely}, or " if likely else ""
            what = f"byte {column} of the line is not UTF-8 ({error.reason}); {remedy}save the file as UTF-8"
            raise AnnotationError(f"{self.source.path}:{line}: {what}") from None
        if "\0" in text:
            line = self.source.line + text.count("\n", 0, text.index("\0"))
            fail(f"{self.source.path}:{line}", "holds a NUL character, which is no text", "delete it")
        return text


def each_line(file: RawFile, layout: Any, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Split a file into lines that are not blank, each one document."""
    return ((number, line) for number, line in file.lines() if not line.isspace())


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write annotations.

    name: as the option `format` has it. title, example, not_read: the row of the table in README.md.
    endings: of the files that are taken from a folder. beside: endings of files that belong to one of these,
    which may then be empty: a document without entities.
    recognise: tells from the first bytes (unpacked) whether a file is of this format.
    guesses: whether `recognise` guesses from words, and so is asked after all others.
    prepare: looks through the opened file before it is split; what it returns travels with each item.
    split: yields `(line, data)` for each document, cheaply: it runs in one process, and `data` must pickle.
    read: makes a Record of an Item (or a list of them), or raises AnnotationError; runs in several processes.
    found: counts what stands in an Item, independently of `read`, whose records and their `unread` must
    account for it.
    describe: says in a few words how a file of this layout is understood, and what of it is not used.
    """

    name: str
    title: str
    example: str
    endings: tuple[str, ...]
    recognise: Callable[[bytes], bool]
    read: Callable[[Item], Record | list[Record]]
    beside: tuple[str, ...] = ()
    guesses: bool = False
    prepare: Callable[[RawFile, ReadOptions], Any] = lambda file, options: None
    split: Callable[[RawFile, Any, ReadOptions], Iterator[tuple[int, Any]]] = each_line
    found: Callable[[Item], Found] = lambda item: Found()
    describe: Callable[[Any], str] = lambda layout: ""
    not_read: str = ""


FORMATS: dict[str, Format] = {}


def reads(name: str, **details) -> Callable[[Callable[[Item], Record]], Callable[[Item], Record]]:
    """Register the decorated function as the reader of a format; `details` are the other fields of Format."""

    def register(read: Callable[[Item], Record]) -> Callable[[Item], Record]:
        if name in FORMATS:
            modules = f"{FORMATS[name].read.__module__} and {read.__module__}"
            raise ValueError(f"two formats are called {name!r}: {modules}")
        FORMATS[name] = Format(name=name, read=read, **details)
        return read

    return register


@cache
def formats() -> dict[str, Format]:
    """Return all formats by name, sorted: every module in scripts/formats may register some."""
    package = importlib.import_module("scripts.formats")
    for module in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
    return dict(sorted(FORMATS.items()))


def find_raw_files(names: str) -> FoundFiles:
    """Return the files that names stand for and what is passed over; what belongs beside one is neither."""
    known = formats().values()
    found = find_files(names, {ending for format in known for ending in format.endings})
    beside: set[Path] = set()
    for format in known:
        owners = {(path.parent, stem) for path in found.files for stem, _ in stems(path, format.endings)}
        for path in found.files + found.passed_over:
            beside |= {path for stem, _ in stems(path, format.beside) if (path.parent, stem) in owners}
    return FoundFiles(*([path for path in paths if path not in beside] for paths in found))


def choose_format(path: Path, name: str = "auto", options: ReadOptions | None = None) -> Format:
    """Return the named format, or for `auto` the one that recognises the file's first bytes.

    What only guesses could recognise is columns where `options.columns` names some, or a table if it is .csv.
    """
    known = formats()
    options = options or ReadOptions()
    if name in known:
        return known[name]
    if name != "auto":
        names = f"choose auto or one of {', '.join(known)} (--format)"
        raise AnnotationError(f"no format is called {name!r}; {names}")
    with RawFile(path, encoding=options.encoding) as file:
        head = file.read(HEAD_BYTES).removeprefix(b"\xef\xbb\xbf")
    sure = [format for format in known.values() if not format.guesses]
    found = [format for format in sure if format.recognise(head)]
    if not head.strip():
        found = [format for format in known.values() if format.beside and any(stems(path, format.endings))]
        if not found:
            fail(path, "is empty", "write one document at least, or leave the option empty")
    if not found and options.columns:
        return known["table" if any(stems(path, (".csv",))) else "columns"]
    for format in known.values() if not found else ():
        pairs = product(stems(path, format.endings), format.beside)
        if any(path.with_name(stem + other).is_file() for (stem, _), other in pairs):
            found.append(format)
    if not found and (foreign := recognise_foreign(head, path)):
        raise AnnotationError(f"{path}: {foreign}")
    found = found or [format for format in known.values() if format.recognise(head)]
    if not found:
        what = f"begins with {head[:60]!r}, which is none of the formats {', '.join(known)}"
        fail(path, what, "see scripts/formats/README.md, or set --format")
    return found[0]


class Opened(NamedTuple):
    """A file that was looked at: its format, and its layout."""

    path: Path
    format: Format
    layout: Any


def open_file(path: Path, name: str, options: ReadOptions) -> Opened:
    """Find out a file's format and layout."""
    format = choose_format(path, name, options)
    with RawFile(path, encoding=options.encoding) as file:
        return Opened(path, format, format.prepare(file, options))


def items(opened: Opened, options: ReadOptions) -> Iterator[tuple[Item, int]]:
    """Yield a file's documents as they stand in it, each with the bytes of the file read so far."""
    path, format, layout = opened
    with RawFile(path, encoding=options.encoding) as file:
        source = Source(path.as_posix(), 0)
        for line, data in format.split(file, layout, options):
            source = Source(source.path, line, source.part + 1 if line == source.line else 0)
            yield Item(data, source, layout, options), file.position
        if file.count and file.count.total() != file.lines_read:
            counted = ", ".join(f"{count:,} {kind}" for kind, count in sorted(file.count.items()))
            what = f"{file.lines_read:,} lines were read, but they are {counted}"
            fail(path, f"{what}: a fault of this reader", "please report it")


def records_of(item: Item, format: Format) -> list[Record]:
    """Read an item, and see that all that stands in it is in its records or has a reason not to be."""
    read = format.read(item)
    records = read if isinstance(read, list) else [read]
    if item.options.group_by == "file":
        records = [record._replace(group=item.source.path) for record in records]
    found = format.found(item)
    unread = [one for record in records for one in record.unread]
    lost = sum(fault.span is not None for record in records for fault in record.faults)
    tokens = sum(len(record.words or ()) for record in records) + sum(one.tokens for one in unread)
    entities = sum(len(record.spans) for record in records) + sum(len(one.labels) for one in unread) + lost
    for what, number, taken in (("tokens", found.tokens, tokens), ("entities", found.entities, entities)):
        if number is not None and taken != number:
            raise AnnotationError(
                f"{item.source}: {number} {what} stand in the document, but {taken} were read as "
                f"{format.name}: a fault of this reader; please report it with the document, and set "
                "--format if it is another"
            )
    return records


def read_records(path: Path, name: str = "auto", options: ReadOptions | None = None) -> Iterator[Record]:
    """Yield the records of one file."""
    options = options or ReadOptions()
    opened = open_file(path, name, options)
    for item, _ in items(opened, options):
        yield from (settle(record, "auto") for record in records_of(item, opened.format))
