"""Cut JSON files into rows without reading them whole: lines, an array, or a key that holds them."""

import codecs
import json
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson

from scripts.formats.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import AnnotationError, fail
from scripts.formats.span_fields import looks_like_span
from scripts.formats.spans import SPAN_KEYS, find_spans, short

CHUNK = 2**20
LONGEST_LITERAL = 32
"""An error so near to the end of what was read may be due to what was not: `tru`, or half an escape."""
BLANK = re.compile(r"[ \t\r\n,]*")
PARSE = json.JSONDecoder().raw_decode
TEXT_KEYS = ("text", "content", "sentence", "document", "raw_text", "full_text", "raw", "body")
"""Keys that people call a document's text, `text` before all others."""
ANNOTATOR_KEYS = ("_annotator_id", "_session_id", "annotator")
LINES, ARRAY, STREAM = "lines", "array", "stream"


def load(data: bytes) -> Any:
    """Parse a row; numbers may be NaN or Infinity, as pandas writes them. Raises json.JSONDecodeError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if b"NaN" not in data and b"Infinity" not in data:
            raise
    return json.loads(data.decode("utf-8", "surrogateescape"))


def is_row(value: object) -> bool:
    """Tell whether a value looks like a document: a text and its annotation, or an object that holds them."""
    if type(value) is list:
        return len(value) == 2 and type(value[0]) is str and isinstance(value[1], dict | list)
    if type(value) is not dict or looks_like_span(value):
        return False
    lists = [key for key in (*SPAN_KEYS, "tokens") if isinstance(value.get(key), list)]
    if {"start", "end"} <= value.keys() and not lists:
        return False
    words = value.get("tokens", value.get("words"))
    return (
        any(type(value.get(key)) is str for key in (*TEXT_KEYS, "data"))
        or any(isinstance(value.get(key), dict) for key in ("data", "row"))
        or (isinstance(words, list) and bool(words))
        or isinstance(value.get("paragraphs"), list)
    )


class JsonText:
    """A file's text, of which as much is held as a value needs. at: the place in it; line: of the file."""

    def __init__(self, file: RawFile) -> None:
        file.rewind()
        self.path, self._read = file.path, file.read
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        self.text, self.at, self.line = "", 0, 1

    def _grow(self, size: int = CHUNK) -> bool:
        data = self._read(size)
        if data:
            self.text, self.at = self.text[self.at :] + self._decode(data), 0
        return bool(data)

    def move(self, to: int) -> None:
        """Go on to a place."""
        self.line += self.text.count("\n", self.at, to)
        self.at = to

    def peek(self) -> str:
        """Skip white space and commas, and return the character that follows: none at the end."""
        while True:
            self.move(BLANK.match(self.text, self.at).end())
            if self.at < len(self.text) or not self._grow():
                return self.text[self.at : self.at + 1]

    def take(self, mark: str) -> None:
        """Skip a mark."""
        if self.peek() != mark:
            raise self.error(f"{mark!r} is missing")
        self.move(self.at + 1)

    def value(self) -> tuple[Any, str]:
        """Skip a value; return it, and how it is written."""
        while True:
            self.peek()
            try:
                value, end = PARSE(self.text, self.at)
                if end < len(self.text) or not self._grow():
                    break
                continue
            except json.JSONDecodeError as error:
                why, near = error.msg, error.pos > len(self.text) - LONGEST_LITERAL
                may_go_on = near or error.msg.startswith("Unterminated")
            except (ValueError, RecursionError) as error:
                why, may_go_on = str(error), False
            size = len(self.text) - self.at
            if may_go_on and size > MAX_DOCUMENT_BYTES:
                what = f"the document is over {MAX_DOCUMENT_BYTES >> 20} MB"
                shown = short(self.text[self.at : self.at + 80])
                fail(f"{self.path}:{self.line}", f"{what}: {shown}", "split it")
            if not (may_go_on and self._grow(max(CHUNK, size))):
                raise self.error(why)
        written = self.text[self.at : end]
        self.move(end)
        return value, written

    def error(self, why: str) -> AnnotationError:
        """Return the error of a file that is broken here: what follows cannot be found."""
        shown = short(self.text[self.at : self.at + 80])
        remedy = "repair it, or write one object a line"
        return AnnotationError(f"{self.path}:{self.line}: not JSON: {why}: {shown}; {remedy}")

    def values(self, end: str) -> Iterator[tuple[int, Any, str]]:
        """Yield the line, value and writing of each value up to a mark, or up to the end of the file."""
        while (char := self.peek()) != end:
            if not char:
                raise self.error("the array is not closed")
            yield self.line, *self.value()
        self.move(self.at + len(end))

    def members(self) -> Iterator[tuple[str, Any]]:
        """Yield the keys of the object that stands here with their values, of lists as `values` does."""
        self.take("{")
        while self.peek() != "}":
            key = self.value()[0]
            if type(key) is not str:
                raise self.error("a key is no string")
            self.take(":")
            if self.peek() == "[":
                self.take("[")
                values = self.values("]")
                yield key, values
                deque(values, maxlen=0)
            else:
                yield key, self.value()[0]
        self.take("}")


def tell_kind(file: RawFile) -> str:
    """Return how the rows of a file stand in it: LINES, ARRAY, STREAM, or the key that holds them all."""
    head = b""
    while not head.removeprefix(b"\xef\xbb\xbf").strip() and (more := file.read(CHUNK)):
        head += more
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    line, _, rest = start.partition(b"\n")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        if start[:1] == b"[":
            return ARRAY
        last, after = line.rstrip()[-1:], rest.lstrip()[:1]
        goes_on = last in (b"[", b",", b":") or (last == b"{" and after in (b'"', b"}"))
        return (_holder(file) or STREAM) if goes_on else LINES
    if isinstance(value, list):
        return LINES if is_row(value) else ARRAY
    is_whole = isinstance(value, dict) and not is_row(value) and not rest.strip()
    return (_holder(file) if is_whole else None) or LINES


def _holder(file: RawFile) -> str | None:
    """Return the key of a file's one object whose list holds the rows; None where it is a row, or broken."""
    held, outer, text = [], {}, JsonText(file)
    with suppress(AnnotationError):
        for key, value in text.members():
            outer[key] = value
            if isinstance(value, Iterator):
                outer[key] = [next((one for _, one, _ in value if one is not None), None)]
                if is_row(outer[key][0]):
                    held.append(key)
                else:
                    outer[key] += [one for _, one, _ in value]
    if not held or is_row(outer) or text.peek() == "{":
        return None
    if len(held) > 1:
        remedy = "write one of the lists to a file of its own"
        fail(file.path, f"the keys {', '.join(held)} each hold documents", remedy)
    for path, spans in find_spans({key: value for key, value in outer.items() if key != held[0]}).items():
        place = f"beside the documents under `{held[0]}` stand spans: `{path}`: {short(spans)}"
        fail(file.path, place, "write them into the documents")
    return held[0]


def rows(file: RawFile, kind: str) -> Iterator[tuple[int, bytes]]:
    """Yield the line and the bytes of each row; a line that is blank is none."""
    if kind == LINES:
        file.rewind()
        yield from ((number, line) for number, line in file.lines() if not line.isspace())
        return
    text = JsonText(file)
    if kind in (ARRAY, STREAM):
        if kind == ARRAY:
            text.take("[")
        values = text.values("]" if kind == ARRAY else "")
    else:
        values = next(values for key, values in text.members() if key == kind)
    yield from ((line, written.encode("utf-8", "surrogateescape")) for line, _, written in values)
    if kind == ARRAY and text.peek():
        shown = short(text.text[text.at :].strip()[:80])
        remedy = "write all in one array, or one object a line"
        fail(f"{file.path}:{text.line}", f"after the array stands {shown}", remedy)
