"""Tables with a header (CSV, TSV): a token in each row, or a document in each row."""

import io
from collections.abc import Iterator

from scripts.formats.cells import DELIMITERS, Row, read_rows
from scripts.formats.json_spans import row_record
from scripts.formats.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import AnnotationError, Fault, Record, Source, Unread
from scripts.formats.registry import Found, Item, ReadOptions, reads
from scripts.formats.spans import count_spans, find_spans, short
from scripts.formats.table_layout import find_layout, is_table
from scripts.formats.table_rows import TableLayout, as_row, cell_of, is_blank, require_width, sentences
from scripts.formats.tagged import count_tagged, describe_tagged, read_tagged
from scripts.formats.tags import NO_ENTITY, decode, tag_parser
from scripts.formats.tokens import check_words, count_entities, describe_tags, drop_white_space
from scripts.formats.words import words_record


def split_table(file: RawFile, layout: TableLayout, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Yield the rows of each document, with its first line's number.

    Of a table of tokens each sentence is a document, or, where a column numbers documents, all sentences of
    one number. `options.sentences_per_doc` above 0 makes documents of so many sentences of one number.
    """
    path = file.path.as_posix()
    if layout.token is None:
        yield from (
            (row.line, row.text.encode("latin-1"))
            for row in _rows(file, layout)
            if any(map(str.strip, row.cells))
        )
        return
    limit = options.sentences_per_doc or (None if layout.document is not None else 1)
    rows: list[str] = []
    first, count, size, document = 0, 0, 0, ""
    for sentence in sentences(_rows(file, layout), layout, path):
        number = cell_of(sentence[0].cells, layout.document) or document
        if rows and (count == limit or number != document):
            yield first, "".join(rows).encode("latin-1")
            rows, count, size = [], 0, 0
        document = number
        first = first if rows else sentence[0].line
        count += 1
        for row in sentence:
            size += len(row.text)
            if (
                size <= 2 * MAX_DOCUMENT_BYTES or not rows
            ):  # more of a document that is too long need not be kept
                rows.append(row.text)
    if rows:
        yield first, "".join(rows).encode("latin-1")


def _rows(file: RawFile, layout: TableLayout) -> Iterator[Row]:
    """Yield the rows below the header, with each byte as a character, and count their lines."""
    lines = (
        (number, raw.decode("latin-1"))
        for number, raw in file.lines()
        if not _above(file, number, raw, layout)
    )
    for row in read_rows(lines, layout.dialect, file.path.as_posix()):
        blank = not any(map(str.strip, row.cells)) if layout.token is None else is_blank(row.cells, layout)
        file.count["separators" if blank else "rows"] += row.text.rstrip("\n").count("\n") + 1
        yield row


def _above(file: RawFile, number: int, raw: bytes, layout: TableLayout) -> bool:
    if number <= layout.header:
        file.count["header" if raw.strip() else "separators"] += 1
    return number <= layout.header


def _item_rows(item: Item) -> Iterator[Row]:
    """Yield an item's rows as text."""
    lines = enumerate(io.StringIO(item.text(), newline="\n"), start=item.source.line)
    return read_rows(lines, item.layout.dialect, item.source.path)


def count_table(item: Item) -> Found:
    """Count rows that hold something, and where entities begin in their tags; or what lists hold."""
    layout: TableLayout = item.layout
    if layout.token is None:
        row = as_row(next(_item_rows(item)).cells, layout, str(item.source))
        return (
            Found(entities=count_spans(find_spans(row)))
            if layout.tagged is None
            else count_tagged(row, layout.tagged)
        )
    outside = layout.spelling.outside
    tags: list[str] = []
    found, before = Found(0, 0), ["", ""]
    for row in [*_item_rows(item), None]:
        cells = row.cells if row is not None else []
        blank = is_blank(cells, layout)
        numbers = [cell_of(cells, layout.sentence) or before[0], cell_of(cells, layout.document) or before[1]]
        if blank or numbers != before:
            found = Found(found.tokens + len(tags), found.entities + count_entities(tags, layout.spelling))
            tags = []
        before = numbers
        if not blank:
            tags.append(cells[layout.tag].strip() or outside)
    return found


def describe_table(layout: TableLayout) -> str:
    """Say which column is what, and which are not used."""
    written = f"{DELIMITERS[layout.dialect.delimiter]} between cells" + (
        "" if layout.dialect.quoted else ", quotes are text"
    )
    if layout.token is None:
        said = (
            "a text with spans in each row"
            if layout.tagged is None
            else f"in each row {describe_tagged(layout.tagged)}"
        )
        return f"{said}; {written}"
    roles = {
        "token": layout.token,
        "tag": layout.tag,
        "sentence": layout.sentence,
        "document": layout.document,
    }
    used = {column: role for role, column in roles.items() if column is not None}
    said = {column: f"{role} = column {column + 1} `{layout.names[column]}`" for column, role in used.items()}
    empty = ", O written as an empty cell" if layout.empty else ""
    said[layout.tag] += f" ({describe_tags(layout.scheme, layout.spelling, layout.labels)}{empty})"
    unused = [
        f"column {i + 1} `{name}`" for i, name in enumerate(layout.names) if i not in {*used, layout.group}
    ]
    return f"{', '.join(said.values())}; {written}" + (f"; not used: {', '.join(unused)}" if unused else "")


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
    describe=describe_table,
    not_read="spreadsheets: save as CSV; tables without a header: `columns` names what each column is",
)
def read_table(item: Item) -> Record | list[Record]:
    """Read one document.

    Raises AnnotationError, naming the line, on a row of another width than the header, an empty token, a tag
    that no scheme knows and a list that is broken or longer than its neighbour. Forbidden tags are faults.
    """
    layout: TableLayout = item.layout
    return _read_document(item, layout) if layout.token is None else _read_tokens(item, layout)


def _read_document(item: Item, layout: TableLayout) -> Record | list[Record]:
    row = next(_item_rows(item))
    require_width(row, len(layout.names), item.source.path)
    values = as_row(row.cells, layout, str(item.source))
    if layout.tagged is None:
        return row_record(values, item.source, item.options)
    group = item.file_group or cell_of(row.cells, layout.group) or None
    id = values.get("id")
    return read_tagged(
        values, layout.tagged, item.source, item.options, id=id if isinstance(id, str) else None, group=group
    )


def _read_tokens(item: Item, layout: TableLayout) -> Record:
    path, parse = item.source.path, tag_parser(layout.spelling)
    faults: list[Fault] = []
    unread: list[Unread] = []
    lines: list[int] = []
    found = []
    first: list[str] = []
    for sentence in sentences(_item_rows(item), layout, path):
        rows = [row for row in sentence if not is_blank(row.cells, layout)]
        first = first or rows[0].cells
        words = [_word(row, layout, path) for row in rows]
        check_words(words, Source(path, rows[0].line))
        tags = [_tag(row, layout, path, parse) for row in rows]
        entities, wrong = decode(tags, layout.scheme)
        for token, code, detail in wrong:
            faults.append(
                Fault(code, Source(path, rows[token].line), f"{words[token]!r}: {detail} ({layout.scheme})")
            )
        lines += [
            rows[start].line
            for start, end, _ in entities
            if any(not word.isspace() for word in words[start:end])
        ]
        words, entities, dropped = drop_white_space(
            words, entities, lambda token, rows=rows: f"line {rows[token].line}"
        )
        unread += dropped
        if words:
            found.append((words, None, entities))
    number, document = cell_of(first, layout.sentence), cell_of(first, layout.document)
    whole = layout.document is not None and not item.options.sentences_per_doc
    id = document if whole else f"{document} {number}".strip() if number else ""
    group = item.file_group or cell_of(first, layout.group) or None
    record = words_record(
        item.source, found, lang=item.options.lang, id=id or None, group=group, faults=faults
    )
    return record._replace(lines=tuple(lines), unread=tuple(unread))


def _word(row: Row, layout: TableLayout, path: str) -> str:
    """Return a row's token, as it stands between blanks. Raises AnnotationError where it is empty."""
    require_width(row, len(layout.names), path)
    word = row.cells[layout.token]
    if not word:
        raise AnnotationError(
            f"{path}:{row.line}: an empty token: {short(row.text.rstrip())}; "
            "delete the row or write its token"
        )
    bare = word.strip()
    if "\n" in bare or "\r" in bare:
        raise AnnotationError(
            f"{path}:{row.line}: a token goes over several lines: {short(word)}; "
            'write a quotation mark inside a cell as ""'
        )
    return bare or word


def _tag(row: Row, layout: TableLayout, path: str, parse):
    """Return a row's tag. Raises AnnotationError where it is none."""
    cell = row.cells[layout.tag].strip()
    if layout.empty and not cell:
        return NO_ENTITY
    tag = None if layout.empty and cell == layout.spelling.outside else parse(cell)
    if tag is None:
        what = (
            f"{cell!r} is no tag such as {layout.spelling.outside}, {layout.spelling.style}"
            if cell
            else "an empty tag"
        )
        raise AnnotationError(
            f"{path}:{row.line}: {what}: {short(row.text.rstrip())}; mend it, or name the tags' "
            "column with --columns"
        )
    return tag
