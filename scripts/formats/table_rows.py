"""The rows of a table whose layout is known: where its sentences begin, and what its cells hold."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.formats.cells import Dialect, Row, read_list
from scripts.formats.record import AnnotationError
from scripts.formats.spans import short
from scripts.formats.tagged import TaggedLayout
from scripts.formats.tags import Spelling

MOST_ROWS = 10_000
"""No sentence has so many tokens."""
BLANK = " \t\r\n"


@dataclass(frozen=True, slots=True)
class TableLayout:
    """How a table is written.

    header: the number of the last line above the rows. names: its cells.
    token, tag, sentence, document, group: columns, None where absent; without `token`, a row is a document.
    every: the sentence's number stands in every row, not just the first.
    scheme, spelling, labels: of the tags. empty: O is written as an empty cell.
    lists, split, split_tags: in a table of documents, the columns that hold lists, a text whose words have a
    tag each, and these tags with blanks or commas between.
    tagged: the columns of tokens and tags among these; None where rows hold texts with spans.
    """

    dialect: Dialect
    names: tuple[str, ...]
    header: int
    token: int | None = None
    tag: int | None = None
    sentence: int | None = None
    document: int | None = None
    group: int | None = None
    every: bool = False
    scheme: str = ""
    spelling: Spelling | None = None
    labels: tuple[str, ...] = ()
    empty: bool = False
    lists: tuple[int, ...] = ()
    split: tuple[int, ...] = ()
    split_tags: tuple[int, ...] = ()
    tagged: TaggedLayout | None = None


def require_width(row: Row, width: int, path: str) -> None:
    """Raise AnnotationError where a row has more or fewer cells than the header; empty ones may follow."""
    if len(row.cells) != width and (
        len(row.cells) < width or any(cell.strip() for cell in row.cells[width:])
    ):
        raise AnnotationError(
            f"{path}:{row.line}: {len(row.cells)} cells instead of {width}, as in the header: "
            f"{short(row.text.rstrip())}; mend the row"
        )


def sentences(rows: Iterable[Row], layout: TableLayout, path: str) -> Iterator[list[Row]]:
    """Yield the rows of each sentence, and the blank ones after it.

    A sentence begins where the number of sentence or document is another than before (an empty cell is no
    number), and after a blank row. Raises AnnotationError where a number is missing though all rows of the
    sample have one.
    """
    found: list[Row] = []
    inside, sentence, document = False, "", ""
    for row in rows:
        cells = row.cells
        if is_blank(cells, layout):
            inside = False
            if found:
                found.append(row)
            continue
        number = cell_of(cells, layout.sentence)
        name = cell_of(cells, layout.document)
        if not number and layout.every:
            raise AnnotationError(
                f"{path}:{row.line}: `{layout.names[layout.sentence]}` is empty, and not in the rows before; "
                "write the sentence's number"
            )
        if not inside or (number and number != sentence) or (name and name != document):
            if found:
                yield found
            found = []
        inside, sentence, document = True, number or sentence, name or document
        found.append(row)
        if len(found) > MOST_ROWS:
            raise AnnotationError(
                f"{path}:{found[0].line}: a sentence of over {MOST_ROWS:,} tokens begins here; write a "
                "blank line after each, or name a column of numbers: --columns=sentence,token,tag"
            )
    if found:
        yield found


def cell_of(cells: list[str], column: int | None) -> str:
    """Return the content of a row's cell; empty where the row has no such column."""
    return "" if column is None or column >= len(cells) else cells[column].strip(BLANK)


def is_blank(cells: list[str], layout: TableLayout) -> bool:
    """Tell whether a row holds nothing, a running number without a name aside."""
    if layout.tag < len(cells) and cells[layout.tag].strip(BLANK):
        return False
    return not any(
        cell.strip(BLANK)
        for name, cell in zip(layout.names, cells, strict=False)
        if name and not name.startswith("Unnamed")
    )


def as_row(cells: Sequence[str], layout: TableLayout, place: str) -> dict[str, Any]:
    """Return a row of a table of documents, with the lists that its cells hold.

    place: the row's file and line. Raises AnnotationError where a list is broken.
    """
    row: dict[str, Any] = {}
    for i, (name, cell) in enumerate(zip(layout.names, cells, strict=False)):
        if i in layout.split or i in layout.split_tags:
            row[name] = split_tags(cell) if i in layout.split_tags else cell.split()
        elif i in layout.lists and cell.strip():
            try:
                row[name] = read_list(cell)
            except ValueError as error:
                raise AnnotationError(
                    f'{place}: `{name}` is no list ({error}): {short(cell)}; write it as JSON: ["Ana", "Bo"]'
                ) from None
        elif cell.strip():
            row[name] = cell
    return row


def split_tags(cell: str) -> list[str]:
    """Split `O,O,B-PER` or `O O B-PER`."""
    return re.split(r"\s*,\s*|\s+", cell.strip()) if cell.strip() else []
