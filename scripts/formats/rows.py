"""Rows of tokens, however their cells are separated: what cells are, where documents end, their records."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from scripts.formats.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import Record, Unread, fail
from scripts.formats.registry import Found, Item, ReadOptions
from scripts.formats.tags import DEFAULT, OUTSIDE, PREFIXES, Spelling, Tag, describe_tags, tag_parser
from scripts.formats.words import tagged_record

SAMPLE_LINES = 50_000
"""What the columns are is told from so many lines."""
WITHIN, SENTENCE, DOCUMENT = 0, 1, 2
"""What a line starts."""
COMMENT = b"#\n"
"""What stands for a comment inside a sentence, so that lines keep their numbers."""
Numbered = tuple[int, list[str]]
"""A row: the number of its line, and its cells."""
Rows = tuple[Sequence[int], list[list[str]]]
"""A sentence: the numbers of its lines, and their cells."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a file of `width` columns are, counted from 0; None where there is no such column.

    names: of the columns, where something names them.
    key: of the tags where they stand in a column of keys and values (`NER=B-PER`); "" for values without one.
    space: may hold `SpaceAfter=No`. id: numbers the words, and `2-3` there stands for a surface form whose
    words follow (CoNLL-U). sentence, document: say which each row belongs to.
    scheme: of the tags, or `brackets`.
    affix: a pattern of tokens that begin or end with what is no part of them, whose group is the token.
    unused: each other column with what it is.
    """

    width: int = 2
    token: int = 0
    tag: int = 1
    names: tuple[str, ...] = ()
    key: str | None = None
    space: int | None = None
    id: int | None = None
    sentence: int | None = None
    document: int | None = None
    spelling: Spelling = DEFAULT
    scheme: str = "IOB1"
    labels: tuple[str, ...] = ()
    affix: str = ""
    unused: tuple[tuple[int, str], ...] = ()


def columns_option(width: int, roles: dict[int, str] | None = None) -> str:
    """Write the option that says what each column is."""
    roles = roles or {0: "token", width - 1: "tag"}
    return "--columns=" + ",".join(roles.get(i, "_") for i in range(width))


def describe_roles(roles: Roles) -> str:
    """Say which column is what, and which are not used."""

    def column(i: int) -> str:
        return f"column {i + 1}" + (f" `{roles.names[i]}`" if i < len(roles.names) else "")

    tags = describe_tags(roles.scheme, roles.spelling, roles.labels)
    if roles.key is not None:
        tags = f"{roles.key or 'the value without a key'}=…; {tags}"
    said = [f"token = {column(roles.token)} of {roles.width}", f"tag = {column(roles.tag)} ({tags})"]
    more = {"sentence": roles.sentence, "document": roles.document, "spaces": roles.space}
    said += [f"{name} = {column(i)}" for name, i in more.items() if i is not None]
    unused = ", ".join(column(i) + (f" ({kind})" if kind else "") for i, kind in roles.unused)
    affix = f"; of each token what is in the brackets: {roles.affix}" if roles.affix else ""
    return ", ".join(said) + affix + (f"; not used: {unused}" if unused else "")


def line_events(
    file: RawFile, kind_of: Callable[[int, bytes, bool], str], *, each_line: bool = False
) -> Iterator[tuple[int, bytes, int]]:
    """Yield each line's number, itself or what stands for it, and what it starts; count it by its kind.

    each_line: whether each row is a sentence.
    """
    inside, starts = False, DOCUMENT
    for number, raw in file.lines():
        kind = kind_of(number, raw, inside)
        file.count[kind] += 1
        if kind == "rows":
            yield number, raw, WITHIN if inside else starts
            inside, starts = not each_line, SENTENCE
        elif kind == "comments" and inside:
            yield number, COMMENT, WITHIN
        else:
            inside = False
            starts = DOCUMENT if kind == "marks" else starts
            yield number, b"\n", WITHIN


def split_documents(
    events: Iterable[tuple[int, bytes, int]], options: ReadOptions, *, marked: bool = False
) -> Iterator[tuple[int, bytes]]:
    """Yield each document's lines with the first one's number.

    A document is a sentence, or all up to the next mark if `marked`, or `options.sentences_per_doc` at most.
    """
    limit = options.sentences_per_doc or (None if marked else 1)
    first, size, sentences = 0, 0, 0
    lines: list[bytes] = []
    for number, line, starts in events:
        if lines and starts and (starts == DOCUMENT or sentences == limit):
            yield first, b"".join(lines)
            lines, size, sentences = [], 0, 0
        if not lines and not starts:
            continue
        first = first if lines else number
        sentences += starts > 0
        size += len(line)
        if size <= 2 * MAX_DOCUMENT_BYTES or not lines:  # more of what is too long need not be kept
            lines.append(line)
    if lines:
        yield first, b"".join(lines)


def count_rows(item: Item) -> Found:
    """Count the lines that are neither white space nor stand for a comment."""
    lines = item.checked_data().decode("utf-8", "replace").split("\n")
    return Found(tokens=len(lines) - lines.count("") - sum(map(str.isspace, lines)) - lines.count("#"))


def sentences_of(item: Item) -> Iterator[tuple[Sequence[int], list[str]]]:
    """Yield the numbers of each sentence's lines, and the lines."""
    lines = item.text().split("\n")
    blanks = [i for i, line in enumerate(lines) if not line or line.isspace()]
    commented = b"\n" + COMMENT in item.data
    start = 0
    for end in [*blanks, len(lines)]:
        if start < end:
            kept = [i for i in range(start, end) if lines[i] != "#"] if commented else range(start, end)
            yield [item.source.line + i for i in kept], [lines[i] for i in kept]
        start = end + 1


def token_record(
    item: Item, roles: Roles, sentences: Iterable[Rows], *, id: str | None = None, group: str | None = None
) -> Record:
    """Make a record of sentences, without surface forms and empty nodes."""
    path, unread, found = item.source.path, [], []
    for numbers, rows in sentences:
        if roles.id is not None:
            numbers, rows = _without_ranges(numbers, rows, roles, unread)
        words = _words(path, numbers, rows, roles)
        tags = _tags(path, numbers, rows, roles)
        spaces = None if roles.space is None else [_space_after(row[roles.space]) for row in rows]
        found.append((words, spaces, tags, numbers))
    details = {"lang": item.options.lang, "id": id, "group": group}
    return tagged_record(item.source, found, roles.scheme, unread=unread, **details)


def _without_ranges(
    numbers: Sequence[int], rows: list[list[str]], roles: Roles, unread: list[Unread]
) -> Rows:
    """Take CoNLL-U's surface forms (`2-3`), inside which are no spaces, and empty nodes (`2.1`) out."""
    kept, until, space = [], 0, True
    for line, row in zip(numbers, rows, strict=True):
        number = row[roles.id].strip()
        if is_surface_form(number):
            dash = "-" in number
            if dash:
                until = int(number.rpartition("-")[2])
                space = roles.space is None or _space_after(row[roles.space])
            reason = "surface-form" if dash else "empty-node"
            unread.append(Unread(reason, f"line {line}: {number} {row[roles.token]!r}", tokens=1))
            continue
        kept.append((line, row))
        if number.isdecimal() and int(number) <= until and roles.space is not None:
            bare = row[roles.space].strip().replace("SpaceAfter=No", "")
            row[roles.space] = bare if int(number) == until and space else f"{bare}|SpaceAfter=No"
    return [line for line, _ in kept], [row for _, row in kept]


def is_surface_form(number: str) -> bool:
    """Tell whether a word's number stands for several words (`2-3`) or none of the text's (`2.1`)."""
    _, dash, last = number.partition("-")
    return bool(dash and last.isdecimal()) or "." in number


def _space_after(cell: str) -> bool:
    return "SpaceAfter=No" not in cell and "NoSpaceAfter" not in cell


def _words(path: str, numbers: Sequence[int], rows: list[list[str]], roles: Roles) -> list[str]:
    """Return the token of each row; white space becomes nothing."""
    cells = [row[roles.token] for row in rows]
    if "" in cells:
        at = cells.index("")
        what = f"an empty token: {' '.join(rows[at])[:80]!r}"
        fail(f"{path}:{numbers[at]}", what, "delete the row or write its token")
    words = list(map(str.strip, cells))
    if not roles.affix:
        return words
    matches = [re.fullmatch(roles.affix, word) for word in words]
    if None in matches:
        at = matches.index(None)
        what = f"the token {words[at]!r} is not like the others, {roles.affix}"
        fail(f"{path}:{numbers[at]}", what, "repair it")
    return [match[1] for match in matches]


def value_of(cell: str, key: str | None, outside: str = "O") -> str:
    """Return the tag in a cell: all of it, or what stands under a key, `outside` where it has none."""
    if key is None:
        return cell.strip()
    return next((value for found, value in misc_items(cell) if found == key), outside)


def misc_items(cell: str) -> list[tuple[str, str]]:
    """Take `NER=B-PER|SpaceAfter=No` apart; a value without a key has the key ""."""
    parts = [part.partition("=") for part in cell.strip().split("|") if part not in ("", "_")]
    return [(key, value) if equals else ("", key) for key, equals, value in parts]


def _tags(path: str, numbers: Sequence[int], rows: list[list[str]], roles: Roles) -> list[Tag] | list[str]:
    """Return the tag of each row, or its bracket."""
    cells = [row[roles.tag].strip() for row in rows]
    if roles.scheme == "brackets":
        return cells
    if roles.key is not None:
        cells = [value_of(cell, roles.key, roles.spelling.outside) for cell in cells]
    tags = list(map(tag_parser(roles.spelling), cells))
    if None in tags:
        at = tags.index(None)
        what = f"{cells[at]!r} is no tag such as O, B-PER, I-PER, L-PER or S-PER (column {roles.tag + 1}): "
        remedy = f"repair it, or name the tags' column, as in {columns_option(roles.width)}"
        if cells[at] in [*PREFIXES]:
            remedy = f"write a label behind each, as in {cells[at]}-PER"
        fail(f"{path}:{numbers[at]}", what + repr(" ".join(rows[at])[:80]), remedy)
    for column in [i for i, kind in roles.unused if kind == "all O" and not roles.names]:
        for number, row in zip(numbers, rows, strict=True):
            if row[column].strip() not in OUTSIDE:
                what = f"column {column + 1} holds {row[column]!r}, but before only O"
                fail(f"{path}:{number}", what, "say which column is the tag, as in --columns=token,tag,_")
    return tags
