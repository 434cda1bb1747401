"""Read CoNLL-style columns: one token a line, its tag last, a blank line after each sentence."""

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.annotations.record import AnnotationError, Fault, Record, Source, Span
from scripts.annotations.tags import Scheme, Tag, decode, parse_tag
from scripts.annotations.text import read_lines

DOCUMENT_MARK = "-DOCSTART-"
SPACES = re.compile(" +")

Row = tuple[Source, str, Tag]


def read_columns(path: Path, *, sentences_per_doc: int = 0) -> Iterator[Record]:
    """Yield the documents of a column file.

    Columns stand between tabs, or between runs of spaces where the first row has no tab; the token is the first,
    the tag the last. A line of white space alone ends a sentence. Any line that starts with `-DOCSTART-` opens a
    document; in a file without such lines each sentence is one. `sentences_per_doc` above 0 makes documents of so
    many sentences instead, none of them across a `-DOCSTART-`.
    The file is read twice: once to tell the tag scheme, once to decode it.

    Raises AnnotationError, naming the line, on a row with another number of columns than the first, an empty
    token or a tag that no scheme knows. Tags that the scheme forbids come as faults of code `i-without-b`.
    """
    scheme = Scheme()
    marked = False
    for starts_document, rows in _sentences(path):
        marked = marked or starts_document
        scheme.watch(tag for _, _, tag in rows)
    size = sentences_per_doc or (None if marked else 1)
    document: list[list[Row]] = []
    for starts_document, rows in _sentences(path):
        if document and (starts_document or len(document) == size):
            yield _record(document, scheme.name)
            document = []
        if rows:
            document.append(rows)
    if document:
        yield _record(document, scheme.name)


def _sentences(path: Path) -> Iterator[tuple[bool, list[Row]]]:
    """Yield `(a document starts here, rows of the sentence)`."""
    starts_document = False
    rows: list[Row] = []
    separator, width = "", 0
    for source, line in read_lines(path):
        is_mark = line.startswith(DOCUMENT_MARK)
        if is_mark or not line.strip():
            if rows:
                yield starts_document, rows
                starts_document, rows = False, []
            starts_document = starts_document or is_mark
            continue
        if not width:
            separator = "\t" if "\t" in line else " "
        cells = line.split("\t") if separator == "\t" else SPACES.split(line.strip(" "))
        width = width or len(cells)
        rows.append(_row(source, line, cells, width))
    if rows or starts_document:
        yield starts_document, rows


def _row(source: Source, line: str, cells: list[str], width: int) -> Row:
    if len(cells) != width or width < 2:
        wanted = f"{width}, as in the first row" if width >= 2 else "at least 2 (a token and its tag)"
        raise AnnotationError(f"{source}: {len(cells)} columns instead of {wanted}: {line[:80]!r}; mend the row")
    word, tag = cells[0], parse_tag(cells[-1].strip())
    if not word:
        raise AnnotationError(f"{source}: an empty token: {line[:80]!r}; delete the row or write its token")
    if tag is None:
        raise AnnotationError(
            f"{source}: {cells[-1]!r} is no tag such as O, B-PER, I-PER, L-PER or S-PER: {line[:80]!r}; is the tag the last column?"
        )
    return source, word, tag


def _record(sentences: list[list[Row]], scheme: str) -> Record:
    words: list[str] = []
    sent_starts: list[bool] = []
    spans: list[Span] = []
    faults: list[Fault] = []
    length = 0
    for rows in sentences:
        starts: list[int] = []
        for _, word, _ in rows:
            starts.append(length)
            length += len(word) + 1
        entities, wrong = decode([tag for _, _, tag in rows], scheme)
        for start, end, label in entities:
            spans.append(Span(starts[start], starts[end - 1] + len(rows[end - 1][1]), label))
        for token, detail in wrong:
            source, word, _ = rows[token]
            faults.append(Fault("i-without-b", source, f"{word!r}: {detail} ({scheme})"))
        words += [word for _, word, _ in rows]
        sent_starts += [i == 0 for i in range(len(rows))]
    source = sentences[0][0][0]
    return Record(
        id=f"{Path(source.path).stem}-{source.line}",
        text=" ".join(words),
        spans=tuple(spans),
        source=source,
        words=tuple(words),
        sent_starts=tuple(sent_starts),
        faults=tuple(faults),
    )
