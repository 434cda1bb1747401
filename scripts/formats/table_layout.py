"""How a table is written: told from its header, from `options.columns`, and from the first rows."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scripts.formats.cells import (
    DELIMITERS,
    Dialect,
    Row,
    find_dialect,
    is_list,
    read_list,
    read_rows,
    split_cell,
)
from scripts.formats.column_kinds import role
from scripts.formats.json_spans import Layout, describe, layout_of
from scripts.formats.json_stream import TEXT_KEYS
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError, fail
from scripts.formats.registry import ReadOptions
from scripts.formats.roles import Sample, find_roles, given_names, is_header, require_names
from scripts.formats.rows import (
    DOCUMENT,
    SAMPLE_LINES,
    SENTENCE,
    WITHIN,
    Roles,
    columns_option,
    describe_roles,
)
from scripts.formats.spans import short
from scripts.formats.tags import OUTSIDE, find_spelling

SPANS_NAMES = ("spans", "entities", "label", "labels", "ents", "annotations")
SAMPLE_BYTES = 4 * 2**20
MAX_SENTENCE_ROWS = 10_000
BLANK = " \t\r\n"
QUOTES_OR_LISTS = re.compile(r'(?m)(?:^|\t)"?\[[^\t\[\]]{2,}\]|\t"(?:[^"\t\n]|"")*"\t')


@dataclass(frozen=True, slots=True)
class TableLayout:
    """How a table is written.

    header: the number of the last line above the rows. names: its cells.
    roles: of the columns where each row is a token; `numbered`: each has its sentence's number.
    contents: of the columns where each row is a document: text, lists, or words or tags with blanks between.
    documents: how these are understood as rows of JSON.
    """

    dialect: Dialect
    names: tuple[str, ...]
    header: int
    roles: Roles | None = None
    numbered: bool = False
    contents: tuple[str, ...] = ()
    documents: Layout | None = None

    def is_blank(self, row: Row) -> bool:
        """Tell whether a row holds nothing, a running number without a name aside."""
        cells = zip(self.names, row.cells, strict=False)
        return not any(cell.strip(BLANK) for name, cell in cells if name and not name.startswith("Unnamed"))

    def starts(self, rows: Iterable[Row], path: str) -> Iterator[tuple[Row, int]]:
        """Yield the rows, each with what it starts: a sentence at another number, and after a blank row."""
        inside, sentence, document, size = False, "", "", 0
        for row in rows:
            if self.is_blank(row) or self.roles is None:
                inside = False
                yield row, WITHIN if self.is_blank(row) else DOCUMENT
                continue
            number, name = cell_of(row, self.roles.sentence), cell_of(row, self.roles.document)
            if not number and self.numbered:
                what = f"`{self.names[self.roles.sentence]}` is empty, and not in the rows before"
                fail(f"{path}:{row.line}", what, "write the sentence's number")
            starts = WITHIN if inside and number in ("", sentence) else SENTENCE
            starts = starts if name in ("", document) else DOCUMENT
            inside, sentence, document = True, number or sentence, name or document
            size = 1 if starts else size + 1
            if size > MAX_SENTENCE_ROWS:
                remedy = "write a blank line after each, or number them: --columns=sentence,token,tag"
                fail(f"{path}:{row.line}", f"a sentence of over {MAX_SENTENCE_ROWS:,} tokens", remedy)
            yield row, starts

    def sentences(self, rows: Iterable[Row], path: str) -> list[list[Row]]:
        """Return the rows of each sentence, without blank ones."""
        found: list[list[Row]] = []
        for row, starts in self.starts(rows, path):
            if starts:
                found.append([])
            if not self.is_blank(row):
                found[-1].append(row)
        return found


def cell_of(row: Row, column: int | None) -> str:
    """Return the content of a row's cell; empty where the row has no such column."""
    return "" if column is None or column >= len(row.cells) else row.cells[column].strip(BLANK)


def require_width(row: Row, width: int, path: str) -> None:
    """See that a row has as many cells as the header; empty ones may follow."""
    if len(row.cells) < width or any(cell.strip() for cell in row.cells[width:]):
        what = f"{len(row.cells)} cells instead of {width}, as in the header: {short(row.text.rstrip())}"
        fail(f"{path}:{row.line}", what, "repair the row")


def is_table(head: bytes) -> bool:
    """Look for a header that names tokens or texts, and tags or spans.

    With tabs it must be more than columns have: quotes, lists, or a number of sentences without blank lines.
    """
    text = head.decode("utf-8", "replace").replace("\r\n", "\n").strip()
    first = text.partition("\n")[0]
    delimiter = _delimiter(first)
    if delimiter != "\t":
        return delimiter is not None
    numbered = "sentence" in map(role, _header(first, "\t")) and "\n\n" not in text
    return numbered or QUOTES_OR_LISTS.search(text) is not None


def _header(line: str, delimiter: str) -> list[str]:
    return [cell.strip(' \r\n"\ufeff') for cell in line.split(delimiter)]


def _is_text(name: str) -> bool:
    return name.lower() in TEXT_KEYS


def _is_tags(name: str) -> bool:
    return role(name) == "tag" or name.lower() in SPANS_NAMES


def _delimiter(line: str) -> str | None:
    """Return what separates the names of tokens or texts, and of tags or spans, in a header."""
    for delimiter in DELIMITERS:
        names = _header(line, delimiter)
        if any(role(name) == "token" or _is_text(name) for name in names) and any(map(_is_tags, names)):
            return delimiter
    return None


def find_layout(file: RawFile, options: ReadOptions) -> TableLayout:
    """Find out how a table is written."""
    path = file.path.as_posix()
    lines, size, whole = [], 0, True
    for number, raw in file.lines():
        if len(lines) >= SAMPLE_LINES or size > SAMPLE_BYTES:
            whole = False
            break
        size += len(raw)
        lines.append((number, raw.decode("utf-8", "replace")))
    first = next((line for _, line in lines if line.strip()), "")
    dialect = find_dialect(lines, _delimiter(first) or max(DELIMITERS, key=first.count), path)
    rows: list[Row] = []
    try:
        rows.extend(read_rows(lines, dialect, path))
    except AnnotationError:
        if whole:  # else the sample may end inside a row
            raise
    filled = [row for row in rows if any(map(str.strip, row.cells))]
    if not filled:
        fail(path, "holds no rows", "write one at least, or leave the variable empty")
    names, header = _names(filled, options, file)
    rows, filled = ([row for row in some if row.line > header] for some in (rows, filled))
    if filled and all(len(row.cells) == len(names) + 1 for row in filled):
        names = ["", *names]  # R writes rows' names without a name for their column
    for row in filled:
        require_width(row, len(names), path)
    contents = tuple(_content(name, [row.cells[i] for row in filled]) for i, name in enumerate(names))
    layout = TableLayout(dialect, tuple(names), header, contents=contents)
    if any(content != "text" for name, content in zip(names, contents, strict=True) if _is_tags(name)):
        return _documents(filled, layout, options, file)
    return _tokens(rows, layout, options, file)


def _names(rows: list[Row], options: ReadOptions, file: RawFile) -> tuple[list[str], int]:
    """Return the columns' names, and the last line of the header or 0."""
    first = rows[0]
    names = [cell.strip().removeprefix("\ufeff") for cell in first.cells]
    end = first.line + first.text.rstrip("\n").count("\n")
    given = given_names(options.columns)
    if not given:
        return [name.lower() if name.lower() in (*TEXT_KEYS, *SPANS_NAMES) else name for name in names], end
    require_names((first.line, names), len(names), given, "--columns", file.path)
    below = ((row.line, row.cells) for row in rows[1:])
    return given, end if is_header((first.line, first.cells), below, given, file.path) else 0


def _content(name: str, cells: Sequence[str]) -> str:
    """Say what a column's cells are: lists, tags with blanks or commas between, or text."""
    cells = [cell for cell in cells if cell.strip()]
    if cells and all(map(is_list, cells)):
        return "lists"
    split = list(map(split_cell, cells)) if _is_tags(name) else []
    values = {one for parts in split for one in parts}
    several = values & {*OUTSIDE} and any(len(parts) > 1 for parts in split) and find_spelling(values)
    return "tags" if several else "text"


def as_row(row: Row, layout: TableLayout, path: str) -> dict[str, Any]:
    """Return a row of a table of documents, with the lists that its cells hold."""
    values: dict[str, Any] = {}
    for name, content, cell in zip(layout.names, layout.contents, row.cells, strict=False):
        if content in ("words", "tags"):
            values[name] = split_cell(cell) if content == "tags" else cell.split()
        elif content == "lists" and cell.strip():
            try:
                values[name] = read_list(cell)
            except ValueError as error:
                what = f"`{name}` is no list ({error}): {short(cell)}"
                fail(f"{path}:{row.line}", what, 'write it as JSON: ["Ana", "Bo"]')
        elif cell.strip():
            values[name] = cell
    return values


def _documents(rows: list[Row], layout: TableLayout, options: ReadOptions, file: RawFile) -> TableLayout:
    """Find tokens and tags, or texts and spans, in a table that has a document in each row."""

    def as_json(layout: TableLayout) -> TableLayout:
        values = [as_row(row, layout, file.path.as_posix()) for row in rows]
        return replace(layout, documents=layout_of(values, file.path, options))

    found = as_json(layout)
    if found.documents.spans or found.documents.tagged:
        return found
    tokens = [i for i, name in enumerate(layout.names) if role(name) == "token" and not _is_text(name)]
    tokens += [i for i, name in enumerate(layout.names) if _is_text(name)]
    contents = list(layout.contents)
    if tokens and contents[tokens[0]] == "text":
        contents[tokens[0]] = "words"
    with_words = as_json(replace(layout, contents=tuple(contents)))
    return with_words if with_words.documents.tagged else found


def _tokens(rows: list[Row], layout: TableLayout, options: ReadOptions, file: RawFile) -> TableLayout:
    """Find the columns of a table that has a token in each row."""
    known = list(map(role, layout.names))
    token, tag, sentence, document = (
        known.index(one) if one in known else None for one in ("token", "tag", "sentence", "document")
    )
    texts = [cell_of(row, token) for row in rows if token is not None and _is_text(layout.names[token])]
    if token is None or tag is None or any(" " in text for text in texts):
        what = f"the columns are called {', '.join(layout.names)}; one must be the token and one its tag"
        remedy = f"name them with {columns_option(len(known))}"
        if {"start", "end"} <= {name.lower() for name in layout.names}:
            remedy = 'write a row a text, and its spans as JSON: [{"start": 0, "end": 3, "label": "PER"}]'
        fail(file.path, what, remedy)
    layout = replace(layout, roles=Roles(len(known), token, tag, sentence=sentence, document=document))
    found = layout.sentences(rows, file.path.as_posix())
    sentences = [[(row.line, row.cells[: len(known)]) for row in sentence] for sentence in found]
    if not sentences:
        return layout
    sample = Sample(file.path, sentences, layout.names, header=True, given=bool(given_names(options.columns)))
    numbered = sentence is not None and all(row[sentence].strip(BLANK) for _, row in sample.rows)
    return replace(layout, roles=find_roles(sample), numbered=numbered)


def describe_layout(layout: TableLayout) -> str:
    """Say which column is what, and how cells are separated."""
    said = describe_roles(layout.roles) if layout.roles else f"in each row {describe(layout.documents)}"
    quotes = "" if layout.dialect.quoted else ", quotes are text"
    return f"{said}; {DELIMITERS[layout.dialect.delimiter]} between cells{quotes}"
