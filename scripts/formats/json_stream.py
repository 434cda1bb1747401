"""Cut JSON files into rows without reading them whole: JSONL, an array, objects one after the other, or an object that holds the rows."""

import codecs
import json
from collections.abc import Iterator
from typing import Any

import orjson

from scripts.formats.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import AnnotationError
from scripts.formats.spans import SPAN_KEYS, find_spans, looks_like_span, short

CHUNK = 2**20
LONGEST_LITERAL = 32
"""An error that near to the end of what was read may be due to what was not: `tru`, a number, half an escape."""
MAX_HOLDER_BYTES = 256 * 2**20
"""An object that holds all rows under one of its keys is read whole."""
SPACE = " \t\r\n"
TEXT_KEYS = ("text", "content", "sentence", "document", "raw_text", "full_text", "raw", "body")
"""Keys that people call a document's text, `text` before all others."""

LINES, ARRAY, STREAM = "lines", "array", "stream"


def is_row(value: object) -> bool:
    """Tell whether a value looks like a document: a text with a dict or list, or an object with a text, data, paragraphs or tokens."""
    if type(value) is list:
        return len(value) == 2 and type(value[0]) is str and isinstance(value[1], dict | list)
    if type(value) is not dict or looks_like_span(value):
        return False
    if {"start", "end"} <= value.keys() and not any(
        isinstance(value.get(key), list) for key in (*SPAN_KEYS, "tokens")
    ):
        return False
    words = value.get("tokens", value.get("words"))
    nested = any(
        isinstance(value.get(key), kind)
        for key, kind in (("data", dict), ("row", dict), ("paragraphs", list))
    )
    return (
        nested
        or (isinstance(words, list) and bool(words))
        or any(type(value.get(key)) is str for key in (*TEXT_KEYS, "data"))
    )


_last: tuple[bytes, Any] = (b"null", None)


def load(data: bytes) -> Any:
    """Parse a row. Numbers may be NaN or Infinity, as Python and pandas write them. Raises json.JSONDecodeError.

    The last row is kept, since it is read and counted one after the other; whoever asks for it may not change it.
    """
    global _last
    if data is _last[0]:
        return _last[1]
    try:
        _last = data, orjson.loads(data)
        return _last[1]
    except orjson.JSONDecodeError:
        if b"NaN" not in data and b"Infinity" not in data:
            raise
    return json.loads(data.decode("utf-8", "surrogateescape"))


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
        ends_open = last in (b"[", b",", b":") or (last == b"{" and after in (b'"', b"}"))
        return (_holder(file) or STREAM) if ends_open else LINES
    if isinstance(value, list):
        return LINES if is_row(value) else ARRAY
    if isinstance(value, dict) and not is_row(value) and not rest.strip():
        return _holder(file) or LINES
    return LINES


def _holder(file: RawFile) -> str | None:
    """Return the key of a file's one object whose list holds the rows, or None."""
    text = _whole(file)
    found = [key for key, _, first in _lists(text) if is_row(first)]
    outer = json.JSONDecoder().raw_decode(text.lstrip())[0] if found else {}
    if not found or is_row(outer):
        return None
    if len(found) > 1:
        raise AnnotationError(
            f"{file.path}: the keys {', '.join(found)} each hold documents; write one of the lists to a file of its own"
        )
    others = find_spans({key: value for key, value in outer.items() if key != found[0]})
    if others:
        path, spans = next(iter(others.items()))
        place = f"beside the documents under `{found[0]}` stand spans: `{path}`: {short(spans)}"
        raise AnnotationError(f"{file.path}: {place}; write them into the documents")
    return found[0]


def _lists(text: str) -> Iterator[tuple[str, int, object]]:
    """Yield the key, the place behind the bracket and the first element of each list that an object holds; none if it is broken."""
    parse = json.JSONDecoder().raw_decode
    at = text.index("{") + 1
    try:
        while True:
            at = _skip(text, at, ",")
            key, at = parse(text, at)
            at = _skip(text, at, ":")
            if text[at] == "[":
                first = _skip(text, at + 1, ",")
                while text.startswith("null", first):
                    first = _skip(text, first + 4, ",")
                yield key, at + 1, None if text[first] == "]" else parse(text, first)[0]
            at = parse(text, at)[1]
    except (ValueError, IndexError, RecursionError):
        return


def _skip(text: str, at: int, mark: str) -> int:
    while text[at] in SPACE or text[at] == mark:
        at += 1
    return at


def _whole(file: RawFile) -> str:
    file.rewind()
    parts, size = [], 0
    while part := file.read(CHUNK):
        size += len(part)
        if size > MAX_HOLDER_BYTES:
            raise AnnotationError(
                f"{file.path}: is one JSON object of over {MAX_HOLDER_BYTES >> 20} MB; write one object a line (JSONL)"
            )
        parts.append(part)
    return b"".join(parts).decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def rows(file: RawFile, kind: str) -> Iterator[tuple[int, bytes]]:
    """Yield the line and the bytes of each row; a line that is blank is none."""
    file.rewind()
    if kind == LINES:
        yield from ((number, line) for number, line in file.lines() if not line.isspace())
    elif kind in (ARRAY, STREAM):
        yield from elements(file, closed=kind == ARRAY)
    else:
        text = _whole(file)
        at = next(at for key, at, _ in _lists(text) if key == kind)
        yield from elements(file, text, at)


def elements(
    file: RawFile, buffer: str = "", at: int = 0, *, closed: bool = True
) -> Iterator[tuple[int, bytes]]:
    """Yield each element of a JSON array (or, if not `closed`, of a run of JSON values) with the line that it starts on.

    buffer, at: text that is read already, and the place behind the array's bracket.
    Raises AnnotationError, naming the line, where an element is broken: what follows cannot be found then.
    """
    parse = json.JSONDecoder().raw_decode
    decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
    inside = bool(buffer)
    while not buffer.strip() and (more := file.read(CHUNK)):
        buffer += decode(more)
    if closed and not inside:
        at = buffer.index("[") + 1
    line = 1 + buffer.count("\n", 0, at)
    while True:
        start = at
        while start < len(buffer) and buffer[start] in SPACE + ",":
            start += 1
        line += buffer.count("\n", at, start)
        at = start
        if closed and buffer[at : at + 1] == "]":
            rest = "" if inside else buffer[at + 1 :] + decode(file.read(CHUNK))
            if rest.strip():
                place = line + rest[: len(rest) - len(rest.lstrip())].count("\n")
                remedy = "write all in one array, or one object a line"
                raise AnnotationError(
                    f"{file.path}:{place}: after the array stands {short(rest.strip()[:80])}; {remedy}"
                )
            return
        try:
            _, end = parse(buffer, at)
        except json.JSONDecodeError as error:
            why, cut_off = (
                error.msg,
                error.msg.startswith("Unterminated") or error.pos > len(buffer) - LONGEST_LITERAL,
            )
        except (ValueError, RecursionError) as error:
            why, cut_off = str(error), False
        else:
            yield line, buffer[at:end].encode("utf-8", "surrogateescape")
            line += buffer.count("\n", at, end)
            at = end
            continue
        if cut_off and len(buffer) - at > MAX_DOCUMENT_BYTES:
            limit = MAX_DOCUMENT_BYTES >> 20
            raise AnnotationError(
                f"{file.path}:{line}: the document is over {limit} MB: {short(buffer[at : at + 80])}; split it"
            )
        more = cut_off and file.read(max(CHUNK, len(buffer) - at))
        if not more:
            if not closed and not buffer[at:].strip():
                return
            why = why if buffer[at:] else "the array is not closed"
            remedy = "mend the array, or write one object a line"
            raise AnnotationError(
                f"{file.path}:{line}: not JSON: {why}: {short(buffer[at : at + 80])}; {remedy}"
            )
        buffer, at = buffer[at:] + decode(more), 0
