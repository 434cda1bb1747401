"""Read raw files bit by bit as UTF-8, unpacked where they are gzip or zip, within limits."""

import gzip
import io
import lzma
import os
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from scripts.formats import encoding as encodings
from scripts.formats.encoding import Utf8Stream
from scripts.formats.record import AnnotationError, fail

MAX_DOCUMENT_BYTES = 8 * 2**20
"""A document whose raw form is larger is refused: reading it would take a hundred times as much memory."""
MAX_GZIP_RATIO, GZIP_CHECKED_FROM = 200, 64 * 2**20
"""Text shrinks to a tenth or so. A file that grows 200-fold, and to over 64 MB, is a gzip or zip bomb."""
HEAD_BYTES = 64 * 1024
"""How much of a file tells its encoding, line ends and format."""
GZIP, ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
OFFICE = {
    "xl": "a spreadsheet (Excel)",
    "word": "a Word document",
    "ppt": "a presentation",
    "": "an OpenDocument file",
}
OFFICE_REMEDY = "export it as CSV or plain text"
HIDDEN = re.compile(r"__MACOSX/|(?:.*/)?\.[^/]*$")
ENCRYPTED = 1
MEMBERS_SHOWN = 5
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)


class RawFile:
    """A raw file opened for reading as UTF-8, unpacked if it is gzip or a zip of one file. A context manager.

    encoding: of the file; a byte order mark outweighs it.
    count: how many lines of which kind there are, for whoever splits the file; `rewind` clears it.
    lines_read: how many lines `lines` has given since the last `rewind`.
    """

    def __init__(self, path: Path, *, encoding: str = "utf-8") -> None:
        self.path = path
        self.encoding = encodings.encoding_name(encoding)
        self.count: Counter[str] = Counter()
        self._unpack: Callable[[], BinaryIO] = lambda: self._file

    def __enter__(self) -> "RawFile":
        try:
            self._file: BinaryIO = self.path.open("rb")
            self._opened = self._version()
            start = self._file.read(4)
        except OSError as error:
            raise AnnotationError(f"{self.path}: cannot be read: {error.strerror}") from None
        try:
            self.size = self._opened[0]
            if start.startswith(GZIP):
                self._unpack = lambda: gzip.GzipFile(fileobj=self._file)
            elif start.startswith(ZIP):
                archive, member = self._only_member()
                self._unpack = lambda: io.BufferedReader(archive.open(member))
            self._see_encoding()
            self.rewind()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._stream.close()
        self._file.close()

    @property
    def position(self) -> int:
        """Bytes of the file on disk (packed, if it is) that have been read."""
        return self._file.tell()

    def rewind(self) -> None:
        """Go back to the beginning."""
        self._file.seek(0)
        try:
            self._stream = self._unpack()
        except DAMAGED as error:
            fail(self.path, f"cannot be unpacked: {error}", "unpack it yourself")
        self._read, self._check_at = 0, GZIP_CHECKED_FROM
        self.count.clear()
        self.lines_read = 0
        if self.encoding != "utf-8":
            self._stream.read(len(self._mark))
            self._stream = io.BufferedReader(Utf8Stream(self._stream, self.encoding, self.path))

    def read(self, size: int) -> bytes:
        """Read up to `size` unpacked bytes; none at the end."""
        return self._take(self._stream.read, size)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each line with its number, its end included; only LF ends one. A byte order mark is skipped.

        Of a line over MAX_DOCUMENT_BYTES only the beginning comes, still over that size: so it can be told.
        """
        readline = partial(self._take, self._stream.readline, MAX_DOCUMENT_BYTES + 1)
        line = readline().removeprefix(b"\xef\xbb\xbf")
        while line:
            self.lines_read += 1
            yield self.lines_read, line
            while len(line) > MAX_DOCUMENT_BYTES and not line.endswith(b"\n"):
                line = readline()
            line = readline()

    def _version(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns

    def _see_encoding(self) -> None:
        """Take the encoding from a byte order mark, or see that the named one agrees with the first bytes."""
        named, self.encoding = self.encoding, "utf-8"
        self.rewind()
        head = self.read(HEAD_BYTES)
        marked = next(((name, mark) for mark, name in encodings.MARKS if head.startswith(mark)), None)
        self.encoding, self._mark = marked or (named, b"")
        if marked is None and named == "utf-8" and (unmarked := encodings.utf16_without_mark(head)):
            what = "every other byte is NUL, as in UTF-16 without a byte order mark"
            fail(self.path, what, f"set encoding={unmarked}, or save it as UTF-8")
        if marked is None and named != "utf-8" and encodings.is_utf8(head):
            fail(self.path, f"is UTF-8 already, not {named}", "leave encoding out")
        is_text = self.encoding != "utf-8" or (b"\0" not in head and encodings.is_utf8(head, surely=False))
        text = head.decode(self.encoding, "replace") if is_text else ""
        if "\n" not in text and "\r" in text.strip():
            fail(self.path, "its lines end in CR alone, as on old Macs", "save it with LF line ends")

    def _only_member(self) -> tuple[zipfile.ZipFile, zipfile.ZipInfo]:
        """Return a zip and its one file that is not hidden."""
        try:
            archive = zipfile.ZipFile(self._file)
        except DAMAGED as error:
            raise AnnotationError(f"{self.path}: a damaged zip file ({error}); get it again") from None
        members = {member.filename: member for member in archive.infolist() if not member.is_dir()}
        folders = {name.split("/", 1)[0] for name in members}
        if "[Content_Types].xml" in members:
            what = next((what for folder, what in OFFICE.items() if folder in folders), "an office document")
            fail(self.path, f"is {what}", OFFICE_REMEDY)
        if {"mimetype", "content.xml"} <= members.keys():
            fail(self.path, f"is {OFFICE['']}", OFFICE_REMEDY)
        files = sorted(name for name in members if not HIDDEN.match(name))
        if len(files) != 1:
            more = f" and {len(files) - MEMBERS_SHOWN:,} more" if len(files) > MEMBERS_SHOWN else ""
            shown = f" ({', '.join(files[:MEMBERS_SHOWN])}{more})" if files else ""
            remedy = "unpack it and name the folder" if files else "pack one, or name another"
            fail(self.path, f"holds {len(files):,} files{shown}, but one is read", remedy)
        if members[files[0]].flag_bits & ENCRYPTED:
            fail(self.path, f"{files[0]} is encrypted", "unpack it with its password and name the file")
        return archive, members[files[0]]

    def _take(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = read(size)
        except DAMAGED as error:
            what = f"cannot be read on after {self._read:,} bytes of content: {error}"
            fail(self.path, what, "get it again")
        if not data and self._version() != self._opened:
            fail(self.path, "was changed while it was read", "run the same command again when it is complete")
        self._read += len(data)
        if self._read > self._check_at:
            self._check_at = self._read + GZIP_CHECKED_FROM
            if self._read > MAX_GZIP_RATIO * self.size:
                what = f"grows to over {MAX_GZIP_RATIO} times its {self.size:,} bytes, as no text does"
                fail(self.path, what, "unpack it yourself if you trust it")
        return data
