"""Read raw files piece by piece, gzip included, within limits."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from scripts.annotations.record import AnnotationError

MAX_DOCUMENT_BYTES = 8 * 2**20
"""A document whose raw form is larger is refused: reading it would take a hundred times as much memory."""
MAX_GZIP_RATIO, GZIP_CHECKED_FROM = 200, 64 * 2**20
"""Text shrinks to a tenth or so. A file that grows 200-fold, and to over 64 MB, is a gzip bomb."""
GZIP = b"\x1f\x8b"


class RawFile:
    """A raw file opened for reading bytes, unpacked where it is gzip. Use as a context manager.

    Raises AnnotationError where the file cannot be read, its gzip data is damaged or grows beyond all measure.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._read = 0
        self._check_at = GZIP_CHECKED_FROM

    def __enter__(self) -> "RawFile":
        try:
            self.size = self.path.stat().st_size
            self._file: BinaryIO = self.path.open("rb")
            packed = self._file.read(2) == GZIP
            self._file.seek(0)
            self._stream = gzip.GzipFile(fileobj=self._file) if packed else self._file
        except OSError as error:
            raise AnnotationError(f"{self.path}: cannot be read: {error.strerror}") from None
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
        self._stream.seek(0)
        self._read = 0
        self._check_at = GZIP_CHECKED_FROM

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
            yield number, line
            while len(line) > MAX_DOCUMENT_BYTES and not line.endswith(b"\n"):
                line = self._take(self._stream.readline, MAX_DOCUMENT_BYTES + 1)
            number += 1
            line = self._take(self._stream.readline, MAX_DOCUMENT_BYTES + 1)

    def _take(self, read, size: int) -> bytes:
        try:
            data = read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise AnnotationError(f"{self.path}: cannot be read on after {self._read:,} bytes of content: {error}") from None
        self._read += len(data)
        if self._read > self._check_at:
            self._check_at = self._read + GZIP_CHECKED_FROM
            if self._read > MAX_GZIP_RATIO * self.size:
                raise AnnotationError(
                    f"{self.path}: grows to over {MAX_GZIP_RATIO} times its {self.size:,} bytes, as no text does; unpack it yourself if you trust it"
                )
        return data
