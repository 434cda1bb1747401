"""The formats that raw annotations may have: what each is called, how it is told apart and how it is read."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from scripts.formats.encoding import suggest_encoding
from scripts.formats.find import FoundFiles, find_files, stems
from scripts.formats.foreign import recognise_foreign
from scripts.formats.offsets import Offsets, settle
from scripts.formats.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import AnnotationError, Record, Source

HEAD_BYTES = 64 * 1024
"""How much of a file a format may look at to recognise it."""


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
    """What stands in a document's raw form, counted without its reader; None where that is not known.

    tokens: rows of a column file, or items of a list of tokens. entities: annotations that look like entities, wherever they stand.
    """

    tokens: int | None = None
    entities: int | None = None


class Item(NamedTuple):
    """One document as it stands in its file.

    data: what the format's `split` yielded, bytes of text as a rule.
    layout: what the format's `prepare` found out about the whole file, or None.
    """

    data: Any
    source: Source
    layout: Any
    options: ReadOptions

    @property
    def file_group(self) -> str | None:
        """The file as the document's group, where the options say so."""
        return self.source.path if self.options.group_by == "file" else None

    def checked_data(self) -> bytes:
        """Return the data. Raises AnnotationError where it is too long."""
        if len(self.data) > MAX_DOCUMENT_BYTES:
            raise AnnotationError(
                f"{self.source}: the document is over {MAX_DOCUMENT_BYTES >> 20} MB: {self.data[:60]!r}…; split it"
            )
        return self.data

    def text(self) -> str:
        """Return the data as text. Raises AnnotationError where it is too long, not UTF-8 or holds a NUL."""
        data = self.checked_data()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = self.source.line + data.count(b"\n", 0, error.start)
            column = error.start - data.rfind(b"\n", 0, error.start)
            likely = suggest_encoding(data)
            remedy = (
                f"it looks like {likely}: set --encoding={likely}, or save the file as UTF-8"
                if likely
                else "save the file as UTF-8"
            )
            place = f"{self.source.path}:{line}: byte {column} of the line"
            raise AnnotationError(f"{place} is not UTF-8 ({error.reason}); {remedy}") from None
        if "\0" in text:
            line = self.source.line + text.count("\n", 0, text.index("\0"))
            raise AnnotationError(
                f"{self.source.path}:{line}: holds a NUL character, which is no text; delete it"
            )
        return text


def each_line(file: RawFile, layout: Any, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Split a file into lines that are not blank, each one document."""
    return ((number, line) for number, line in file.lines() if not line.isspace())


def no_layout(file: RawFile, options: ReadOptions) -> None:
    """Find out nothing beforehand."""


def not_counted(item: Item) -> Found:
    """Count nothing."""
    return Found()


def no_description(layout: Any) -> str:
    """Say nothing of a file beyond its format."""
    return ""


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write annotations.

    name: as vars.format has it.
    title, example: the row of the README's table.
    endings: of the files that are taken from a folder.
    beside: endings of files that belong to one of these and are not read by themselves.
    recognise: tells from the first bytes (unpacked) whether a file is of this format.
    guesses: whether `recognise` guesses from words, and so is asked after all others.
    may_be_empty: whether a file that holds nothing, and has one of the endings, is a document without entities.
    prepare: looks through the opened file before it is split; what it returns travels with each item.
    split: yields `(line, data)` for each document, cheaply: it runs in one process, and `data` must pickle.
    read: makes a Record of an Item (or a list of them), or raises AnnotationError; it runs in several processes.
    found: counts what stands in an Item, independently of `read`, by whose records and their `unread` it must all be accounted for.
    describe: says in a few words how a file of this layout is understood: which column, key or layer is what, and what is not used.
    not_read: what such files may hold that is not read, and the way out, for the README's table.
    """

    name: str
    title: str
    example: str
    endings: tuple[str, ...]
    recognise: Callable[[bytes], bool]
    read: Callable[[Item], Record | list[Record]]
    beside: tuple[str, ...] = ()
    may_be_empty: bool = False
    guesses: bool = False
    prepare: Callable[[RawFile, ReadOptions], Any] = no_layout
    split: Callable[[RawFile, Any, ReadOptions], Iterator[tuple[int, Any]]] = each_line
    found: Callable[[Item], Found] = not_counted
    describe: Callable[[Any], str] = no_description
    not_read: str = ""


FORMATS: dict[str, Format] = {}


def reads(name: str, **details) -> Callable[[Callable[[Item], Record]], Callable[[Item], Record]]:
    """Register the decorated function as the reader of a format; `details` are the other fields of Format."""

    def register(read: Callable[[Item], Record]) -> Callable[[Item], Record]:
        if name in FORMATS:
            raise ValueError(
                f"two formats are called {name!r}: {FORMATS[name].read.__module__} and {read.__module__}"
            )
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


def raw_files(names: str) -> list[Path]:
    """Return the files that a path, several with commas between, or a folder stand for."""
    return find_raw_files(names).files


def find_raw_files(names: str) -> FoundFiles:
    """Return the files that names stand for, and what of folders is passed over; what belongs beside a file is neither."""
    known = formats().values()
    found = find_files(names, {ending for format in known for ending in format.endings})
    owned = {
        other for format in known if format.beside for path in found.files for other in _beside(path, format)
    }
    others = {ending for format in known for ending in format.beside}
    files, passed_over = (
        [
            path
            for path in paths
            if not any((path.parent, stem, end) in owned for stem, end in stems(path, others))
        ]
        for paths in (found.files, found.passed_over)
    )
    return FoundFiles(files, passed_over)


def _beside(path: Path, format: Format) -> Iterator[tuple[Path, str, str]]:
    """Yield folder, stem and ending of what files may belong to one of a format."""
    for stem, _ in stems(path, format.endings):
        yield from ((path.parent, stem, other) for other in format.beside)


def _owner(path: Path) -> Format | None:
    """Return the format to which a file belongs by its ending and by a file beside it, whatever it begins with."""
    for format in formats().values():
        if any((folder / f"{stem}{ending}").is_file() for folder, stem, ending in _beside(path, format)):
            return format
    return None


def choose_format(path: Path, name: str = "auto", options: ReadOptions | None = None) -> Format:
    """Return the named format, or for `auto` the one that recognises the file's first bytes.

    What only guesses could recognise is columns where `options.columns` names some, or a table if it ends in `.csv`.
    Raises AnnotationError where no format has the name or recognises the file, and where the file is empty.
    """
    known = formats()
    options = options or ReadOptions()
    if name != "auto":
        if name not in known:
            raise AnnotationError(
                f"no format is called {name!r}; choose auto or one of {', '.join(known)} (--format)"
            )
        return known[name]
    with RawFile(path, encoding=options.encoding) as file:
        head = file.read(HEAD_BYTES).removeprefix(b"\xef\xbb\xbf")
    if not head.strip():
        for format in known.values():
            if format.may_be_empty and any(stems(path, format.endings)):
                return format
        raise AnnotationError(f"{path}: is empty; write one document at least, or leave the variable empty")
    for format in sorted(known.values(), key=lambda format: format.guesses):
        if format.guesses and options.columns:
            return known["table" if any(stems(path, (".csv",))) else "columns"]
        if format.guesses and (owner := _owner(path)):
            return owner
        if format.guesses and (foreign := recognise_foreign(head, path)):
            raise AnnotationError(f"{path}: {foreign}")
        if format.recognise(head):
            return format
    known_names = ", ".join(known)
    raise AnnotationError(
        f"{path}: begins with {head[:60]!r}, which is none of the formats {known_names}; see the README, or set --format"
    )


class Opened(NamedTuple):
    """A file that was looked at: its format, and its layout."""

    path: Path
    format: Format
    layout: Any


def open_file(path: Path, name: str, options: ReadOptions) -> Opened:
    """Find out a file's format and layout. Raises AnnotationError where it cannot be read, or understood in one way alone."""
    format = choose_format(path, name, options)
    with RawFile(path, encoding=options.encoding) as file:
        return Opened(path, format, format.prepare(file, options))


def items(opened: Opened, options: ReadOptions) -> Iterator[tuple[Item, int]]:
    """Yield a file's documents as they stand in it, each with the bytes of the file read so far.

    Raises AnnotationError at the end where a format that counts the kinds of lines has not accounted for each.
    """
    path, format, layout = opened
    with RawFile(path, encoding=options.encoding) as file:
        source = Source(path.as_posix(), 0)
        for line, data in format.split(file, layout, options):
            source = Source(source.path, line, source.part + 1 if line == source.line else 0)
            yield Item(data, source, layout, options), file.position
        if file.count and file.count.total() != file.lines_read:
            counted = ", ".join(f"{count:,} {kind}" for kind, count in sorted(file.count.items()))
            raise AnnotationError(
                f"{path}: {file.lines_read:,} lines were read, but they are {counted}: a fault of this reader; please report it"
            )


def records_of(item: Item, format: Format) -> list[Record]:
    """Read an item, and see that all that stands in it is in its records or has a reason not to be.

    Raises AnnotationError where it cannot be read, or where the numbers do not balance.
    """
    read = format.read(item)
    records = read if isinstance(read, list) else [read]
    found = format.found(item)
    tokens = entities = 0
    for record in records:
        tokens += len(record.words or ())
        entities += len(record.spans)
        for unread in record.unread:
            tokens += unread.tokens
            entities += len(unread.labels)
        for fault in record.faults:
            entities += fault.span is not None
    for what, number, taken in (("tokens", found.tokens, tokens), ("entities", found.entities, entities)):
        if number is not None and taken != number:
            raise AnnotationError(
                f"{item.source}: {number} {what} stand in the document, but {taken} were read as {format.name}: "
                "a fault of this reader; please report it with the document, and set --format if the file is something else"
            )
    return records


def read_records(path: Path, name: str = "auto", options: ReadOptions | None = None) -> Iterator[Record]:
    """Yield the records of one file. Raises AnnotationError at the first that cannot be read."""
    options = options or ReadOptions()
    opened = open_file(path, name, options)
    for item, _ in items(opened, options):
        yield from (settle(record, Offsets.auto) for record in records_of(item, opened.format))
