"""The rows of a sentence in a column file: words, spaces and entities."""

import re
from collections.abc import Sequence

from scripts.formats.column_lines import SAMPLE_LINES, Layout, cells_of, fit
from scripts.formats.evidence import is_surface_form, value_of
from scripts.formats.record import AnnotationError, Fault, Source, Unread
from scripts.formats.roles import Roles, columns_option
from scripts.formats.tags import OUTSIDE, PLAIN, Tag, decode, from_brackets, tag_parser
from scripts.formats.tokens import drop_white_space


def read_sentence(
    path: str,
    layout: Layout,
    numbers: Sequence[int],
    lines: list[str],
    faults: list[Fault],
    unread: list[Unread],
):
    """Return a sentence's words, a flag a word for the space after it (or None), its entities and the words'
    lines.

    Adds what the scheme forbids to `faults`, and what is left out to `unread`.
    """
    roles = layout.roles
    rows = _rows(path, numbers, lines, layout)
    after: dict[int, bool] = {}
    if roles.id is not None:
        numbers, rows, after = _take_ranges(numbers, rows, roles, unread)
    words = words_of(path, numbers, rows, roles)
    if layout.brackets:
        entities, wrong = from_brackets([row[roles.tag] for row in rows])
    else:
        entities, wrong = decode(parsed_tags(path, numbers, rows, roles), roles.scheme)
        for column in roles.outside:
            _see_outside(path, numbers, rows, column)
    spaces = None
    if roles.space is not None:
        spaces = [after[i] if i in after else _space_after(row[roles.space]) for i, row in enumerate(rows)]
    for token, code, detail in wrong:
        faults.append(
            Fault(code, Source(path, numbers[token]), f"{words[token]!r}: {detail} ({roles.scheme})")
        )
    if not all(words):
        kept = [i for i, word in enumerate(words) if word]
        _see_empty(path, numbers, rows, roles.token)
        words, entities, dropped = drop_white_space(words, entities, lambda i, at=numbers: f"line {at[i]}")
        unread += dropped
        spaces, numbers = spaces and [spaces[i] for i in kept], [numbers[i] for i in kept]
    return words, spaces, entities, numbers


def _rows(path: str, numbers: Sequence[int], lines: list[str], layout: Layout) -> list[list[str]]:
    width, separator = layout.roles.width, layout.separator
    if lines[0].endswith("\r"):
        lines = [line.removesuffix("\r") for line in lines]
    rows = (
        [line.split("\t") for line in lines]
        if separator == "\t"
        else [cells_of(line, separator) for line in lines]
    )
    if set(map(len, rows)) == {width}:
        return rows
    least = max(layout.roles.token, layout.roles.tag) + 1
    for i, line in enumerate(lines):
        rows[i] = (
            fit(cells_of(line.rstrip("\t\r "), separator), width) if separator == " " else fit(rows[i], width)
        )
        if len(rows[i]) != width if not layout.brackets else len(rows[i]) < least:
            wanted = f"at least {least}" if layout.brackets else f"{width}, as in the first row"
            tabs = (
                " (cells stand between tabs)"
                if separator == "\t"
                else " (cells stand between spaces)"
                if "\t" in line
                else ""
            )
            raise AnnotationError(
                f"{path}:{numbers[i]}: {len(rows[i])} columns instead of {wanted}{tabs}: {line[:80]!r}; "
                "mend the row"
            )
    return rows


def words_of(path: str, numbers: Sequence[int], rows: list[list[str]], roles: Roles) -> list[str]:
    """Return the token of each row. Raises AnnotationError where one lacks what the others have around it."""
    words = [row[roles.token].strip() for row in rows]
    if not roles.affix:
        return words
    matches = [re.fullmatch(roles.affix, word) for word in words]
    if None in matches:
        at = matches.index(None)
        raise AnnotationError(
            f"{path}:{numbers[at]}: the token {words[at]!r} is not like the others, {roles.affix}; mend it"
        )
    return [match[1] for match in matches]


def _take_ranges(numbers: Sequence[int], rows: list[list[str]], roles: Roles, unread: list[Unread]):
    """Take CoNLL-U's surface forms (`2-3`) and empty nodes (`2.1`) out of a sentence's rows, and their
    lines' numbers.

    Returns the numbers and rows that are left, and whether a space follows each word that a surface form
    stands for: inside it none does.
    """
    after: dict[int, bool] = {}
    words: list[list[str]] = []
    lines: list[int] = []
    until, space = 0, True
    for line, row in zip(numbers, rows, strict=True):
        number = row[roles.id].strip()
        if is_surface_form(number):
            dash = "-" in number
            if dash:
                until, space = (
                    int(number.rpartition("-")[2]),
                    roles.space is None or _space_after(row[roles.space]),
                )
            reason = "surface-form" if dash else "empty-node"
            unread.append(Unread(reason, f"line {line}: {number} {row[roles.token]!r}", tokens=1))
            continue
        if number.isdecimal() and int(number) <= until:
            after[len(words)] = int(number) == until and space
        words.append(row)
        lines.append(line)
    return lines, words, after


def _space_after(cell: str) -> bool:
    return "SpaceAfter=No" not in cell and "NoSpaceAfter" not in cell


def parsed_tags(path: str, numbers: Sequence[int], rows: list[list[str]], roles: Roles) -> list[Tag]:
    """Return the tag of each row. Raises AnnotationError, naming the line, where one is none."""
    parse = tag_parser(roles.spelling)
    cells = [row[roles.tag].strip() for row in rows]
    if roles.key is not None:
        cells = [value_of(cell, roles.key, roles.spelling.outside) for cell in cells]
    tags = list(map(parse, cells))
    if not all(tags):
        at = tags.index(None)
        examples = "O or PER" if roles.spelling.style == PLAIN else "O, B-PER, I-PER, L-PER or S-PER"
        raise AnnotationError(
            f"{path}:{numbers[at]}: {cells[at]!r} is no tag such as {examples} (column {roles.tag + 1}): "
            f"{' '.join(rows[at])[:80]!r}; "
            f"mend it, or name the tags' column, as in --columns={columns_option(roles.width, 0, -1)}"
        )
    return tags


def _see_outside(path: str, numbers: Sequence[int], rows: list[list[str]], column: int) -> None:
    """Raise AnnotationError where a column that is not read, as it held nothing but O, holds a tag."""
    for number, row in zip(numbers, rows, strict=True):
        if row[column].strip() not in OUTSIDE:
            raise AnnotationError(
                f"{path}:{number}: column {column + 1} holds {row[column]!r}, but nothing except O in the "
                f"first {SAMPLE_LINES:,} lines, "
                "so that another column was taken for the tag; say which is right: --columns=token,tag,_"
            )


def _see_empty(path: str, numbers: Sequence[int], rows: list[list[str]], token: int) -> None:
    """Raise AnnotationError where a token is nothing, not even white space."""
    for number, row in zip(numbers, rows, strict=True):
        if not row[token]:
            line = "\t".join(row)
            raise AnnotationError(
                f"{path}:{number}: an empty token: {line[:80]!r}; delete the row or write its token"
            )
