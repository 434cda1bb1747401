"""Read the demo corpus's inline markup: `[Ana Pilar|PERSON] sailed from [Cork|LOC]`."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.formats.record import AnnotationError, Record, Source, Span

MARK = re.compile(r"\\(?:u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<char>[\[\]\\r]))|[\[\]|]")
"""An escape, or a character of the markup."""
HEADER = re.compile(r"=== ([a-z0-9-]+)")
LABEL = re.compile(r"([A-Z][A-Z_]*)\]")


def read_markup(path: Path) -> Iterator[Record]:
    """Yield the records of one markup file: a line `=== id` starts a document. Raises AnnotationError."""
    source, lines, documents = None, [], {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        header = HEADER.fullmatch(line.rstrip())
        if header and header[1] in documents:
            raise AnnotationError(f"{path}:{number}: document id {header[1]!r} is used twice; rename one")
        if header:
            source, lines = Source(path.as_posix(), number), []
            documents[header[1]] = source, lines
        elif source is not None:
            lines.append(line)
        elif line.strip():
            raise AnnotationError(f"{path}:{number}: text before the first '=== id' line: {line[:60]!r}")
    for id, (source, lines) in documents.items():
        marked = "\n".join(lines).strip("\n ")
        if not marked:
            raise AnnotationError(f"{source}: document {id!r} is empty; write a text or delete its header")
        text, spans = parse_markup(marked, f"{source} ({id})")
        yield Record(id=id, text=text, spans=spans, source=source)


def parse_markup(marked: str, place: str) -> tuple[str, tuple[Span, ...]]:
    """Turn marked text into plain text and spans. `place` opens every error message."""
    text, at, start = "", 0, None
    spans: list[Span] = []

    def fail(problem: str) -> None:
        raise AnnotationError(f"{place}: {problem}: {marked[max(0, at - 30) : at + 30]!r}")

    while mark := MARK.search(marked, at):
        text, at = text + marked[at : mark.start()], mark.end()
        if mark[0] == "[":
            if start is not None:
                fail("'[' inside an entity; close the first, or write '\\['")
            start = len(text)
        elif mark[0] == "|" and start is not None:
            label = LABEL.match(marked, at)
            if not label:
                fail("the label of an entity is not UPPER_CASE, with ']' behind it")
            if text[start:] != text[start:].strip() or start == len(text):
                fail(f"entity {text[start:]!r} is empty or has spaces at its edge")
            spans.append(Span(start, len(text), label[1]))
            start, at = None, label.end()
        elif mark[0] == "]":
            fail("']' without '[text|LABEL'; write '\\]' for a plain bracket")
        else:
            code, char = mark["u"] or mark["U"], mark["char"] or mark[0]
            text += chr(int(code, 16)) if code else "\r" if char == "r" else char
    if start is not None:
        fail("'[' is never closed by '|LABEL]'; write '\\[' for a plain bracket")
    return text + marked[at:], tuple(spans)
