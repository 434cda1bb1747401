"""Tables with a header (CSV, TSV): a token in each row, or a document in each row."""

import io
from collections.abc import Iterator

from scripts.formats.cells import Row, read_rows
from scripts.formats.json_spans import count_row, row_record
from scripts.formats.raw_file import RawFile
from scripts.formats.record import Record, fail
from scripts.formats.registry import Found, Item, ReadOptions, reads
from scripts.formats.rows import Rows, split_documents, token_record
from scripts.formats.spans import short
from scripts.formats.table_layout import (
    TableLayout,
    as_row,
    cell_of,
    describe_layout,
    find_layout,
    is_table,
    require_width,
)


def split_table(file: RawFile, layout: TableLayout, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Yield the rows of each document: of one number, a sentence, or `options.sentences_per_doc` of them."""
    rows = layout.starts(_rows(file, layout), file.path.as_posix())
    events = ((row.line, row.text.encode("latin-1"), starts) for row, starts in rows)
    numbered = layout.roles is not None and layout.roles.document is not None
    return split_documents(events, options, marked=numbered)


def _rows(file: RawFile, layout: TableLayout) -> Iterator[Row]:
    """Yield the rows below the header, with each byte as a character, and count their lines."""

    def below() -> Iterator[tuple[int, str]]:
        for number, raw in file.lines():
            if number > layout.header:
                yield number, raw.decode("latin-1")
            else:
                file.count["header" if raw.strip() else "separators"] += 1

    for row in read_rows(below(), layout.dialect, file.path.as_posix()):
        kind = "separators" if layout.is_blank(row) else "rows"
        file.count[kind] += row.text.rstrip("\n").count("\n") + 1
        yield row


def _item_rows(item: Item) -> list[Row]:
    """Return an item's rows as text; the first is never blank."""
    lines = enumerate(io.StringIO(item.text(), newline="\n"), start=item.source.line)
    return list(read_rows(lines, item.layout.dialect, item.source.path))


def count_table(item: Item) -> Found:
    """Count rows that hold something, or what a row's lists hold."""
    layout, rows = item.layout, _item_rows(item)
    if layout.roles is not None:
        return Found(tokens=sum(not layout.is_blank(row) for row in rows))
    return count_row(as_row(rows[0], layout, item.source.path), layout.documents)


@reads(
    "table",
    title="tables with a header (CSV, TSV): a token a row with its tag and its sentence's number (Kaggle, "
    "pandas), or a document a row, with lists of tokens and tags, or a text and its spans as JSON",
    example="Sentence #,Word,Tag⏎Sentence: 1,Ana,B-PER⏎,left,O⏎",
    endings=(".csv", ".tsv"),
    recognise=is_table,
    prepare=find_layout,
    split=split_table,
    found=count_table,
    describe=describe_layout,
    not_read="spreadsheets: save as CSV; tables without a header: `columns` names what each column is",
)
def read_table(item: Item) -> Record | list[Record]:
    """Read one document."""
    layout, path = item.layout, item.source.path
    rows = _item_rows(item)
    if layout.roles is not None:
        sentence, document = layout.roles.sentence, layout.roles.document
        groups = [i for i, name in enumerate(layout.names) if name == item.options.group_by] or [document]
        group = cell_of(rows[0], groups[0]) or None
        number, id = cell_of(rows[0], sentence), cell_of(rows[0], document)
        if document is None or item.options.sentences_per_doc:
            id = f"{id} {number}".strip() if number else ""
        return token_record(item, layout.roles, _sentences(rows, layout, path), id=id or None, group=group)
    require_width(rows[0], len(layout.names), path)
    return row_record(as_row(rows[0], layout, path), item.source, item.options, layout.documents)


def _sentences(rows: list[Row], layout: TableLayout, path: str) -> Iterator[Rows]:
    for sentence in layout.sentences(rows, path):
        for row in sentence:
            require_width(row, len(layout.names), path)
            token = row.cells[layout.roles.token]
            if "\n" in token.strip() or "\r" in token.strip():
                what = f"a token goes over several lines: {short(token)}"
                fail(f"{path}:{row.line}", what, 'write a quotation mark inside a cell as ""')
        yield [row.line for row in sentence], [row.cells for row in sentence]
