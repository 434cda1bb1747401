"""Read the demo corpus's inline markup: `[Ana Pilar|PERSON] sailed from [Cork|LOC]`."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.formats.record import AnnotationError, Record, Source, Span

ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\[\]\\r]))")
HEADER = re.compile(r"=== ([a-z0-9-]+)")
LABEL = re.compile(r"[A-Z][A-Z_]*")


def read_markup(path: Path) -> Iterator[Record]:
    """Yield the records of one markup file.

    A line `=== id` starts a document. Blank lines at its two ends do not count.
    Raises AnnotationError on text before the first header, a repeated id, an empty
    document, an unclosed bracket, an empty entity or a label that is not UPPER_CASE.
    """
    document: tuple[str, int, list[str]] | None = None
    seen: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        header = HEADER.fullmatch(line.rstrip())
        if header:
            if document:
                yield _record(path, *document)
            if header[1] in seen:
                raise AnnotationError(f"{path}:{number}: document id {header[1]!r} is used twice; rename one")
            seen.add(header[1])
            document = (header[1], number, [])
        elif document:
            document[2].append(line)
        elif line.strip():
            raise AnnotationError(f"{path}:{number}: text before the first '=== id' line: {line[:60]!r}")
    if document:
        yield _record(path, *document)


def _record(path: Path, id: str, number: int, lines: list[str]) -> Record:
    source = Source(path.as_posix(), number)
    marked = "\n".join(lines).strip("\n ")
    if not marked:
        raise AnnotationError(f"{source}: document {id!r} is empty; write a text or delete its header")
    text, spans = parse_markup(marked, f"{source} ({id})")
    return Record(id=id, text=text, spans=spans, source=source)


def parse_markup(marked: str, place: str) -> tuple[str, tuple[Span, ...]]:
    """Turn marked text into plain text and spans. `place` opens every error message."""
    text: list[str] = []
    length = 0
    spans: list[Span] = []
    start: int | None = None
    at = 0
    while at < len(marked):
        escape = ESCAPE.match(marked, at)
        if escape:
            short, long, char = escape.groups()
            piece = chr(int(short or long, 16)) if short or long else {"r": "\r"}.get(char, char)
            at = escape.end()
        elif marked[at] == "[":
            if start is not None:
                raise AnnotationError(
                    f"{place}: '[' inside an entity; close the first, or write '\\[': {_around(marked, at)}"
                )
            start = length
            at += 1
            continue
        elif marked[at] == "]":
            raise AnnotationError(
                f"{place}: ']' without '[text|LABEL'; write '\\]' for a plain bracket: {_around(marked, at)}"
            )
        elif marked[at] == "|" and start is not None:
            close = marked.find("]", at)
            label = marked[at + 1 : close] if close > 0 else ""
            surface = "".join(text)[start:]
            if not LABEL.fullmatch(label):
                raise AnnotationError(f"{place}: label {label!r} is not UPPER_CASE: {_around(marked, at)}")
            if not surface or surface != surface.strip():
                raise AnnotationError(
                    f"{place}: entity {surface!r} is empty or has spaces at its edge: {_around(marked, at)}"
                )
            spans.append(Span(start, length, label))
            start = None
            at = close + 1
            continue
        else:
            piece = marked[at]
            at += 1
        text.append(piece)
        length += len(piece)
    if start is not None:
        raise AnnotationError(f"{place}: '[' is never closed by '|LABEL]'; write '\\[' for a plain bracket")
    return "".join(text), tuple(spans)


def _around(marked: str, at: int) -> str:
    return repr(marked[max(0, at - 30) : at + 30])
