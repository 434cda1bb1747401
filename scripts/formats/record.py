"""What every reader yields: a text, its entity spans, and the place it came from."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from scripts.cli import UserError

if TYPE_CHECKING:  # it needs numpy
    from scripts.formats.doc_annotation import DocAnnotation


class AnnotationError(UserError):
    """Raw data that cannot be read. The message names file, line, value and remedy."""


def fail(place: object, what: str, remedy: str) -> NoReturn:
    """Raise AnnotationError: where something is wrong, what, and what to do next."""
    raise AnnotationError(f"{place}: {what}; {remedy}") from None


class Source(NamedTuple):
    """A place in a raw file: its path as the user gave it, and a line (or row, or document), from 1.

    part: which of several documents that start on the line, from 0.
    """

    path: str
    line: int
    part: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" + (f"#{self.part + 1}" if self.part else "")


class Span(NamedTuple):
    """An entity: characters `start` (inclusive) to `end` (exclusive) of the record's text."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a readable record: its check's code, and an entity that was lost."""

    code: str
    source: Source
    detail: str
    span: Span | None = None


class Unread(NamedTuple):
    """What stands in the data and is not taken into the record, and why: rows, and labels of annotations."""

    reason: str
    detail: str
    tokens: int = 0
    labels: tuple[str, ...] = ()


class Record(NamedTuple):
    """One annotated document.

    id: taken from the data, or made from the file's name and the line.
    text: the whole text. For token-level data, the words with their spaces.
    spans: entities in character offsets, in the file's order, not yet checked against the text.
    source: where the record starts.
    words: the file's own tokens, or None for character-level data.
    spaces: whether a space follows each word, or None for character-level data.
    spaces_given: False where `spaces` were rebuilt by a rule, because the data did not say.
    sent_starts: one flag a word, True where a sentence starts, or None where the data does not say.
    group: documents of one group stay in one split (an author, a thread, a file), or None.
    faults: what is wrong in it.
    excluded: why the data itself asks to leave this record out, or None.
    quotes: for each span the text that the data quotes for it, or None; empty where it quotes none at all.
    lines: for each span the line of the file that it stands on; empty where that is the record's own.
    unread: what stands in the data beside that, with the reason why it is not read.
    annotation: what a DocBin says for other components than the ner; where it does, its tokens are kept.
    """

    id: str
    text: str
    spans: tuple[Span, ...]
    source: Source
    words: tuple[str, ...] | None = None
    spaces: tuple[bool, ...] | None = None
    spaces_given: bool = True
    sent_starts: tuple[bool, ...] | None = None
    group: str | None = None
    faults: tuple[Fault, ...] = ()
    excluded: str | None = None
    quotes: tuple[str | None, ...] = ()
    lines: tuple[int, ...] = ()
    unread: tuple[Unread, ...] = ()
    annotation: "DocAnnotation | None" = None

    @property
    def line_of(self) -> dict[int, int]:
        """The line of each span, by the span's `id` (two may be equal); empty where it is the record's."""
        return dict(zip(map(id, self.spans), self.lines, strict=True)) if self.lines else {}

    @property
    def key(self) -> str:
        """What decides the record's split: its group, its own id, or its text where the data gave neither."""
        if self.group is not None:
            return f"group {self.group}"
        return f"text {self.text}" if self.id == made_id(self.source) else f"id {self.id}"


def made_id(source: Source) -> str:
    """Name a record that has no id of its own: `train-17` for line 17 of train.jsonl."""
    name = source.path.rsplit("/", 1)[-1]
    return f"{name.split('.', 1)[0] or name}-{source.line}" + (f"-{source.part + 1}" if source.part else "")


def check_text(text: str, source: Source) -> None:
    """See that a text holds no half of a surrogate pair and no NUL, as JSON's escapes can."""
    if "\0" in text:
        fail(source, "the text holds a NUL character (\\u0000), which is no text", "delete it")
    if re.search("[\ud800-\udfff]", text):
        what = "the text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character"
        fail(source, what, "delete it")
