"""A sentence a line, each token with its tag behind a pipe or a slash: `Ana|B-PER left|O`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.formats.column_lines import END_MARK, MARKS, SAMPLE_LINES, is_blank, is_mark
from scripts.formats.column_rows import parsed_tags, words_of
from scripts.formats.layout import find_roles
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError, Fault, Record, Source
from scripts.formats.registry import HEAD_BYTES, Found, Item, ReadOptions, reads
from scripts.formats.roles import Roles, Sample, describe_roles
from scripts.formats.tags import decode, parse_tag
from scripts.formats.words import words_record

SEPARATORS = ("|", "/")
HEAD_LINES = 50
WORD = re.compile(r"[^ \t\n\r\v\f]+")


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands between a token and its tag, what the parts are, and whether documents are marked."""

    separator: str
    roles: Roles
    marked: bool


def looks_like_pipes(head: bytes) -> bool:
    """Look for lines each of whose words ends in a pipe or slash and a tag, with an entity among them."""
    lines = head.decode("utf-8", "replace").split("\n")[: -1 if len(head) >= HEAD_BYTES else None]
    words = [WORD.findall(line) for line in lines if line.strip() and not line.startswith("-DOCSTART-")][
        :HEAD_LINES
    ]
    return _separator([word for line in words for word in line]) is not None


def _separator(words: list[str]) -> str | None:
    for separator in SEPARATORS:
        tags = {parse_tag(word.rpartition(separator)[2]) for word in words if word.rpartition(separator)[0]}
        whole = all(word.rpartition(separator)[0] for word in words)
        if whole and words and None not in tags and any(tag.label for tag in tags):
            return separator
    return None


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Tell the separator and a token's parts from the first lines. Raises AnnotationError where it cannot."""
    marked, sentences, numbers = False, [], []
    for number, raw in file.lines():
        if is_mark(raw) or is_blank(raw):
            marked |= is_mark(raw)
        else:
            sentences.append(WORD.findall(raw.decode("utf-8", "replace")))
            numbers.append(number)
        if number > SAMPLE_LINES:
            break
    words = [word for sentence in sentences for word in sentence]
    separator = _separator(words) or next(
        (mark for mark in SEPARATORS if all(mark in word for word in words)), "|"
    )
    width = min((word.count(separator) + 1 for word in words), default=2)
    if width < 2:
        number, word = next(
            (n, word)
            for n, sentence in zip(numbers, sentences, strict=True)
            for word in sentence
            if separator not in word
        )
        raise AnnotationError(
            f"{file.path}:{number}: {word!r} has no tag behind {separator!r}; write {word}{separator}O"
        )
    if len(sentences) > 1 and set(map(len, sentences)) == {1}:
        raise AnnotationError(
            f"{file.path}:{numbers[0]}: each line holds one token, but a sentence a line is read so: "
            f"{words[0]!r}, {words[1]!r}; write a tab in the place of {separator!r}, a blank line after each "
            "sentence"
        )
    rows = [[word.rsplit(separator, width - 1) for word in sentence] for sentence in sentences]
    names = [name.strip() for name in options.columns.split(",")] if options.columns.strip() else []
    if words and names and len(names) != width:
        raise AnnotationError(
            f"{file.path}: --columns names {len(names)} parts, but a token has {width}: {words[0]}; name "
            "each, or _"
        )
    lines = [[number] * len(row) for number, row in zip(numbers, rows, strict=True)]
    roles = find_roles(Sample(file.path, rows, lines, names, given=bool(names))) if rows else Roles()
    return Layout(separator, roles, marked)


def split_lines(file: RawFile, layout: Layout, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Yield each document's lines: one, all between two marks, or `options.sentences_per_doc`."""
    limit = options.sentences_per_doc or (None if layout.marked else 1)
    first, rows = 0, 0
    lines: list[bytes] = []
    for number, raw in file.lines():
        mark = raw.startswith((*MARKS, END_MARK))
        blank = not mark and is_blank(raw)
        file.count.update(marks=mark, separators=blank, rows=not (mark or blank))
        if lines and (mark or rows == limit):
            yield first, b"".join(lines)
            lines, rows = [], 0
        if not mark and (lines or not blank):
            first = first if lines else number
            rows += not blank
            lines.append(b"\n" if blank else raw)
    if lines:
        yield first, b"".join(lines)


def count_words(item: Item) -> Found:
    """Count what stands between white space."""
    return Found(tokens=len(item.checked_data().split()))


def describe_layout(layout: Layout) -> str:
    """Say which part of a token is what."""
    return f"parts between {layout.separator!r}: {describe_roles(layout.roles).replace('column', 'part')}"


@reads(
    "pipes",
    title="a sentence a line, each token with its tag behind a pipe (or a slash): IOB1, IOB2, BILUO, IOBES",
    example="Ana|B-PERSON left|O Cork|B-LOC⏎",
    endings=(".iob", ".txt"),
    recognise=looks_like_pipes,
    prepare=find_layout,
    split=split_lines,
    found=count_words,
    describe=describe_layout,
    not_read="parts of speech between token and tag",
)
def read_pipes(item: Item) -> Record:
    """Read one document. Raises AnnotationError on a word without a tag; forbidden tags come as faults."""
    layout, path = item.layout, item.source.path
    roles: Roles = layout.roles
    faults: list[Fault] = []
    sentences, places = [], []
    for number, line in enumerate(item.text().split("\n"), start=item.source.line):
        rows = [word.rsplit(layout.separator, roles.width - 1) for word in WORD.findall(line)]
        for row in rows:
            if len(row) != roles.width or not row[roles.token]:
                raise AnnotationError(
                    f"{path}:{number}: {layout.separator.join(row)!r} has not the {roles.width} parts of "
                    "the others (a token and its tag, "
                    f"with {layout.separator!r} between); mend it"
                )
        if not rows:
            continue
        words = words_of(path, [number] * len(rows), rows, roles)
        entities, wrong = decode(parsed_tags(path, [number] * len(rows), rows, roles), roles.scheme)
        faults += [
            Fault(code, Source(path, number), f"{words[token]!r}: {detail} ({roles.scheme})")
            for token, code, detail in wrong
        ]
        sentences.append((words, None, entities))
        places += [number] * len(entities)
    record = words_record(
        item.source, sentences, lang=item.options.lang, group=item.file_group, faults=faults
    )
    return record._replace(lines=tuple(places))
