"""Text encodings other than UTF-8: told apart by marks, suggested from statistics, and turned into UTF-8."""

import codecs
import io
from typing import BinaryIO

from scripts.formats.record import AnnotationError, fail

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks, the longer before those that they begin with."""
COMMON = (
    *("cp1252", "cp1251", "cp1250", "shift_jis", "gb18030", "big5", "euc_jp", "euc_kr"),
    *("koi8_r", "cp1253", "cp1254", "cp1255", "cp1256"),
)
"""Encodings that texts have, the most frequent first: of those that fit equally well it is the one."""
EVIDENCE = 32 * 1024
"""Bytes on either side of the first that is not UTF-8, from which an encoding is guessed."""
ASCII_SHARE, OTHER_SHARE = 0.7, 0.2
"""At least so many characters of UTF-16 are ASCII: if the bytes could be UTF-8 with NULs, and else."""
FEW = 16
"""So many bytes beyond ASCII may be UTF-8 by chance in a text of another encoding; more are not."""
CHUNK = 64 * 1024


def encoding_name(name: str) -> str:
    """Return Python's name of a text encoding. Raises AnnotationError where it knows none so called."""
    try:
        "a".encode(name)
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        remedy = "set encoding to a name such as utf-8, utf-16, cp1252, latin-1, shift_jis or gb18030"
        raise AnnotationError(f"no text encoding is called {name!r}; {remedy}") from None


def utf16_without_mark(head: bytes) -> str | None:
    """Return utf-16-le or utf-16-be where a file's first bytes look like it: every other is NUL."""
    odd, even = head[1::2].count(0), head[::2].count(0)
    share = ASCII_SHARE if is_utf8(head, surely=False) else OTHER_SHARE
    if max(odd, even) < max(2, share * len(head) / 2) or min(odd, even) > len(head) / 200:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def is_utf8(head: bytes, *, surely: bool = True) -> bool:
    """Tell whether a file's first bytes are UTF-8, and (if `surely`) can hardly be anything else."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not surely or len(head) - len(text) > FEW


def suggest_encoding(data: bytes) -> str | None:
    """Return Python's name of the encoding that a text seems to have; None if it is UTF-8 or nothing fits."""
    if encoding := utf16_without_mark(data[:CHUNK]):
        return encoding
    try:
        data.decode("utf-8")
        return None
    except UnicodeDecodeError as error:
        first = error.start
    from charset_normalizer import from_bytes

    start = data.rfind(b"\n", 0, max(0, first - EVIDENCE)) + 1
    end = data.find(b"\n", first + EVIDENCE) + 1 or None
    matches = list(from_bytes(data[start:end], cp_isolation=list(COMMON)))
    best = [one for one in matches if (one.chaos, one.coherence) == (matches[0].chaos, matches[0].coherence)]
    fitting = {encoding for match in best for encoding in match.could_be_from_charset}
    return next((encoding for encoding in COMMON if encoding in fitting), None)


class Utf8Stream(io.RawIOBase):
    """A stream of another encoding, read as UTF-8. Raises AnnotationError, with the line, on other bytes."""

    def __init__(self, stream: BinaryIO, encoding: str, path: object) -> None:
        self._stream, self._encoding, self._path = stream, encoding, path
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready: memoryview | bytes = b""
        self._lines = 1

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def readinto(self, buffer) -> int:
        """Fill a buffer; return how many bytes it got, 0 at the end."""
        data = b"more"
        while data and not self._ready:
            data = self._stream.read(CHUNK)
            self._ready = memoryview(self._as_utf8(data))
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def _as_utf8(self, data: bytes) -> bytes:
        try:
            text = self._decoder.decode(data, final=not data)
            self._lines += text.count("\n")
            return text.encode("utf-8")
        except UnicodeDecodeError as error:
            line = self._lines + error.object[: error.start].decode(self._encoding, "replace").count("\n")
            what = f"byte 0x{error.object[error.start]:02x} is not {self._encoding} ({error.reason})"
            remedy = "set encoding to what the file has, or save it as UTF-8"
            raise AnnotationError(f"{self._path}:{line}: {what}; {remedy}") from None
        except UnicodeEncodeError:
            what = "holds half of a surrogate pair, which is no character"
            fail(f"{self._path}:{self._lines}", what, "delete it")
