"""What every reader yields: a text, its entity spans, and the place it came from."""

from dataclasses import dataclass

from scripts.command import UserError


class AnnotationError(UserError):
    """Raw data that cannot be read. The message names file, line, value and remedy."""


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a raw file: its path as the user gave it, and a line counted from 1."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Span:
    """An entity: characters `start` (inclusive) to `end` (exclusive) of the record's text."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a record that its reader mended to go on reading. `code` names the check."""

    code: str
    source: Source
    detail: str


@dataclass(frozen=True, slots=True)
class Record:
    """One annotated document.

    id: taken from the data, or made from the file's name and the line.
    text: the whole text. For token-level data, the words joined by single spaces.
    spans: entities in character offsets, in the file's order, not yet checked against the text.
    source: where the record starts.
    words: the file's own tokens, or None for character-level data.
    sent_starts: one flag a word, True where a sentence starts, or None where the data does not say.
    faults: what the reader had to mend.
    excluded: why the data itself asks to leave this record out, or None.
    """

    id: str
    text: str
    spans: tuple[Span, ...]
    source: Source
    words: tuple[str, ...] | None = None
    sent_starts: tuple[bool, ...] | None = None
    faults: tuple[Fault, ...] = ()
    excluded: str | None = None
