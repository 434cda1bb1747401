"""Read raw files piece by piece as UTF-8, unpacked where they are gzip or zip, within limits."""

import gzip
import io
import lzma
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from scripts.annotations.encoding import Utf8Stream, byte_order_mark, encoding_name, is_utf8, utf16_without_mark
from scripts.annotations.record import AnnotationError

MAX_DOCUMENT_BYTES = 8 * 2**20
"""A document whose raw form is larger is refused: reading it would take a hundred times as much memory."""
MAX_GZIP_RATIO, GZIP_CHECKED_FROM = 200, 64 * 2**20
"""Text shrinks to a tenth or so. A file that grows 200-fold, and to over 64 MB, is a gzip or zip bomb."""
HEAD_BYTES = 64 * 1024
"""How much of a file tells its encoding and line ends."""
GZIP, ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
OFFICE = {"xl": "a spreadsheet", "word": "a Word document", "ppt": "a presentation"}
ENCRYPTED = 1
MEMBERS_SHOWN = 5
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
"""What reading a packed file may raise."""


class RawFile:
    """A raw file opened for reading bytes of UTF-8, unpacked where it is gzip or the only file of a zip. Use as a context manager.

    encoding: of the file; a byte order mark outweighs it.
    count: for whoever splits the file: how many lines of which kind there are. Starts anew with each `rewind`.
    lines_read: how many lines `lines` has given since the last `rewind`.

    Raises AnnotationError where the file cannot be read, is damaged, grows beyond all measure, changes while it is read,
    has another encoding than `encoding` or no line ends but CR.
    """

    def __init__(self, path: Path, *, encoding: str = "utf-8") -> None:
        self.path = path
        self.encoding = encoding_name(encoding)
        self.size = 0
        self.count: Counter[str] = Counter()
        self.lines_read = 0
        self._mark = b""
        self._zip: zipfile.ZipFile | None = None
        self._packed_with_gzip = False
        self._read = 0
        self._check_at = GZIP_CHECKED_FROM

    def __enter__(self) -> "RawFile":
        try:
            self._file: BinaryIO = self.path.open("rb")
            self._opened = self._version()
            start = self._file.read(4)
        except OSError as error:
            raise AnnotationError(f"{self.path}: cannot be read: {error.strerror}") from None
        try:
            self.size = self._opened[0]
            self._packed_with_gzip = start.startswith(GZIP)
            if start.startswith(ZIP):
                self._member = self._only_member()
            self._find_encoding()
            self.rewind()
            head = self._take(self._stream.read, HEAD_BYTES)
            if b"\n" not in head and b"\r" in head.strip() and b"\0" not in head and is_utf8(head, surely=False):
                raise AnnotationError(f"{self.path}: its lines end in CR alone, as on old Macs; save it with LF line ends")
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
        content = self._content()
        if self.encoding != "utf-8":
            content.read(len(self._mark))
            content = io.BufferedReader(Utf8Stream(content, self.encoding, self.path))
        self._stream = content
        self._read = 0
        self._check_at = GZIP_CHECKED_FROM
        self.count.clear()
        self.lines_read = 0

    def read(self, size: int) -> bytes:
        """Read up to `size` unpacked bytes; none at the end."""
        return self._take(self._stream.read, size)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each line with its number, its end included; only LF ends a line, and a byte order mark is skipped.

        Of a line over MAX_DOCUMENT_BYTES only the beginning comes, still over that size, so that it can be told.
        """
        number = 1
        line = self._take(self._stream.readline, MAX_DOCUMENT_BYTES + 1).removeprefix(b"\xef\xbb\xbf")
        while line:
            self.lines_read = number
            yield number, line
            while len(line) > MAX_DOCUMENT_BYTES and not line.endswith(b"\n"):
                line = self._take(self._stream.readline, MAX_DOCUMENT_BYTES + 1)
            number += 1
            line = self._take(self._stream.readline, MAX_DOCUMENT_BYTES + 1)

    def _version(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns

    def _content(self) -> BinaryIO:
        """Return a stream of the unpacked bytes, from the first."""
        self._file.seek(0)
        if self._zip is not None:
            try:
                return io.BufferedReader(self._zip.open(self._member))
            except DAMAGED as error:
                raise AnnotationError(f"{self.path}: cannot be unpacked: {error}; unpack it yourself") from None
        return gzip.GzipFile(fileobj=self._file) if self._packed_with_gzip else self._file

    def _find_encoding(self) -> None:
        """See whether the first bytes agree with the encoding that was named; a byte order mark outweighs it."""
        head = self._take(self._content().read, HEAD_BYTES)
        marked = byte_order_mark(head)
        if marked is not None:
            self.encoding, self._mark = marked
        elif self.encoding == "utf-8":
            unmarked = utf16_without_mark(head)
            if unmarked is not None:
                what = f"every other byte is NUL, as in UTF-16 without a byte order mark; set encoding={unmarked}"
                raise AnnotationError(f"{self.path}: {what}, or save it as UTF-8")
        elif is_utf8(head):
            raise AnnotationError(f"{self.path}: is UTF-8 already, not {self.encoding}; leave encoding out")

    def _only_member(self) -> zipfile.ZipInfo:
        """Return the one file in a zip file, apart from what is hidden. Raises AnnotationError where there is not one."""
        try:
            self._zip = zipfile.ZipFile(self._file)
        except DAMAGED as error:
            raise AnnotationError(f"{self.path}: a damaged zip file ({error}); get it again") from None
        members = {member.filename: member for member in self._zip.infolist() if not member.is_dir()}
        if what := _office(set(members)):
            raise AnnotationError(f"{self.path}: is {what}; export it as CSV or plain text")
        paths = [PurePosixPath(name) for name in members]
        files = [str(path) for path in paths if path.parts[0] != "__MACOSX" and not path.name.startswith(".")]
        if len(files) != 1:
            more = f" and {len(files) - MEMBERS_SHOWN:,} more" if len(files) > MEMBERS_SHOWN else ""
            shown = f" ({', '.join(sorted(files)[:MEMBERS_SHOWN])}{more})" if files else ""
            remedy = "unpack it and name the folder" if files else "pack one, or name another"
            raise AnnotationError(f"{self.path}: holds {len(files):,} files{shown}, but one is read; {remedy}")
        member = next(member for name, member in members.items() if str(PurePosixPath(name)) == files[0])
        if member.flag_bits & ENCRYPTED:
            raise AnnotationError(f"{self.path}: {member.filename} is encrypted; unpack it with its password and name the file")
        return member

    def _take(self, read, size: int) -> bytes:
        try:
            data = read(size)
        except DAMAGED as error:
            raise AnnotationError(f"{self.path}: cannot be read on after {self._read:,} bytes of content: {error}") from None
        if not data and self._version() != self._opened:
            raise AnnotationError(f"{self.path}: was changed while it was read; run the same command again when it is complete")
        self._read += len(data)
        if self._read > self._check_at:
            self._check_at = self._read + GZIP_CHECKED_FROM
            if self._read > MAX_GZIP_RATIO * self.size:
                raise AnnotationError(
                    f"{self.path}: grows to over {MAX_GZIP_RATIO} times its {self.size:,} bytes, as no text does; unpack it yourself if you trust it"
                )
        return data


def _office(names: set[str]) -> str | None:
    """Say what the document of an office program is whose zip file holds such names."""
    if "[Content_Types].xml" in names:
        return next((what for folder, what in OFFICE.items() if any(name.startswith(f"{folder}/") for name in names)), "an office document")
    return "an OpenDocument file" if {"mimetype", "content.xml"} <= names else None
