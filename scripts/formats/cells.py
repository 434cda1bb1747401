"""Tables written as text: how cells are separated and quoted, rows with their lines, and lists in a cell."""

import ast
import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from scripts.formats.raw_file import MAX_DOCUMENT_BYTES
from scripts.formats.record import AnnotationError
from scripts.formats.spans import short

csv.field_size_limit(MAX_DOCUMENT_BYTES)
DELIMITERS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
STRING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
ITEM = re.compile(STRING.pattern + r"""|[^\s,'"]+""", re.DOTALL)
"""A string or number in a list as Python or numpy write it."""


class Dialect(NamedTuple):
    """What separates cells, and whether quotes around a cell are no part of it."""

    delimiter: str
    quoted: bool = True


class Row(NamedTuple):
    """A row: the number of its first line, its lines as they stand in the file, and its cells."""

    line: int
    text: str
    cells: list[str]


def read_rows(lines: Iterable[tuple[int, str]], dialect: Dialect, path: str) -> Iterator[Row]:
    """Yield the rows of numbered lines; a quoted cell may go over several."""
    taken: list[tuple[int, str]] = []

    def feed() -> Iterator[str]:
        for number, line in lines:
            taken.append((number, line))
            yield line

    quoting = csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE
    try:
        for cells in csv.reader(feed(), delimiter=dialect.delimiter, quoting=quoting, strict=True):
            yield Row(taken[0][0], "".join([line for _, line in taken]), cells)
            taken.clear()
    except csv.Error as error:
        number, line = taken[0] if taken else (1, "")
        what = f"is no row of a table ({error}): {short(line.rstrip())}"
        remedy = 'a quotation mark inside a cell is written "" and the cell in quotes'
        raise AnnotationError(f"{path}:{number}: {what}; {remedy}") from None


def find_dialect(lines: list[tuple[int, str]], delimiter: str, path: str) -> Dialect:
    """Tell from the first lines whether their quotes mark cells or are parts of them."""
    quoted, plain = Dialect(delimiter), Dialect(delimiter, quoted=False)
    if not any('"' in line for _, line in lines):
        return quoted
    rows, as_text = _of_one_width(lines, quoted, path), _of_one_width(lines, plain, path)
    if not rows or not as_text:
        return plain if as_text else quoted
    return plain if any("\n" in row.text.rstrip("\r\n") for row in rows) else quoted


def _of_one_width(lines: list[tuple[int, str]], dialect: Dialect, path: str) -> list[Row]:
    """Return the rows that are not empty if all have as many cells as the first; else none."""
    try:
        rows = [row for row in read_rows(lines, dialect, path) if row.cells]
    except AnnotationError:
        return []
    return rows if len({len(row.cells) for row in rows}) == 1 else []


def is_list(cell: str) -> bool:
    """Tell whether a cell is a list or an object as JSON, Python or numpy write them."""
    cell = cell.strip()
    return len(cell) > 1 and cell[0] + cell[-1] in ("[]", "{}")


def split_cell(cell: str) -> list[str]:
    """Split `O,O,B-PER` or `O O B-PER`."""
    return re.split(r"\s*,\s*|\s+", cell.strip()) if cell.strip() else []


def read_list(cell: str) -> Any:
    """Read a list or an object as JSON, Python (`['Ana', 'Bo']`) or numpy (`['Ana' 'Bo']`) write it."""
    try:
        return json.loads(cell)
    except ValueError:
        cell = cell.strip()
    inner = cell[1:-1]
    if cell[:1] != "[" or re.search(r"[][(){}]", STRING.sub("", inner)):
        return _literal(cell)
    items = list(ITEM.finditer(inner))
    gaps = {inner[one.end() : two.start()].strip() for one, two in pairwise(items)}
    if len(gaps) > 1:
        raise ValueError("commas stand between some items alone")
    if "..." in (match.group() for match in items):
        raise ValueError("numpy has cut it (...)")
    return _literal(cell) if gaps == {","} else [_literal(match.group()) for match in items]


def _literal(text: str) -> Any:
    """Read what Python writes for lists, tuples, strings and numbers; tuples become lists."""
    try:
        value = ast.literal_eval(text)
        return json.loads(json.dumps(value)) if isinstance(value, list | tuple | dict) else value
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(str(error).partition(" at 0x")[0]) from None
