"""CoNLL-style columns: one token a line, a blank line after each sentence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.annotations.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.annotations.record import AnnotationError, Fault, Record, Source
from scripts.annotations.registry import Item, ReadOptions, reads
from scripts.annotations.tags import Scheme, Tag, decode, from_brackets, parse_tag
from scripts.annotations.words import words_record

MARKS = (b"-DOCSTART-", b"#begin document", b"# newdoc")
END_MARK = b"#end document"
GLOBAL_COLUMNS = "# global.columns"
SPACES = re.compile("[ \t]+")
TOKEN_NAMES = frozenset({"token", "tokens", "word", "words", "form", "text"})
TAG_NAMES = frozenset({"tag", "tags", "ner", "ner_tag", "ner_tags", "ne", "label", "labels", "entity", "bio", "iob", "parseme:mwe"})
SPACE_NAMES = frozenset({"misc", "space", "spaces", "space_after", "spaceafter"})
SAMPLE_LINES = 50_000
"""The tag scheme and the columns are told from so many lines."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a column file is written.

    separator: a tab, or a space for runs of blanks. width: cells in each row, or None where it varies (CoNLL-2012).
    token, tag, space, id: columns, counted from 0 or from the end (−1); None where absent. space may hold `SpaceAfter=No`;
    id, where no header names it, numbers the words, and `2-3` there stands for a surface form whose words follow (CoNLL-U).
    scheme: of the tags, or "brackets". marked: documents are marked. header: the line with the columns' names, or 0.
    """

    separator: str
    width: int | None
    token: int
    tag: int
    space: int | None
    id: int | None
    scheme: str
    marked: bool
    header: int


def looks_like_columns(head: bytes) -> bool:
    """Look for a document mark, a header, or a row of two cells or more of which one is a tag."""
    lines = [line for line in head.decode("utf-8", "replace").split("\n") if line.strip()]
    for line in lines[:50]:
        cells = _cells(line.rstrip("\r\n"), "\t" if "\t" in line else " ")
        names = {cell.lower() for cell in cells}
        if line.startswith((*(mark.decode() for mark in MARKS), GLOBAL_COLUMNS)) or (names & TOKEN_NAMES and names & TAG_NAMES):
            return True
        if len(cells) > 1 and not line.startswith("# "):
            return any(parse_tag(cell.strip()) for cell in cells[1:])
    return False


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Tell separator, columns and tag scheme from the file's first lines, a header or `options.columns`."""
    names = [name.strip().lower() for name in options.columns.split(",")] if options.columns.strip() else []
    header, marked, brackets = 0, False, False
    separator, width = "", 0
    rows: list[list[list[str]]] = [[]]
    for number, raw in file.lines():
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if raw.startswith(MARKS) or not line.strip():
            marked = marked or raw.startswith(MARKS)
            brackets = brackets or raw.startswith(MARKS[1])
            rows.append([])
            continue
        if line.startswith(GLOBAL_COLUMNS):
            names = names or line.partition("=")[2].lower().split()
            continue
        if _is_comment(raw):
            continue
        separator = separator or ("\t" if "\t" in line else " ")
        cells = _cells(line, separator)
        if not width and not names and not header and {cell.strip().lower() for cell in cells} & TOKEN_NAMES and not _is_row(cells):
            names, header = [cell.strip().lower() for cell in cells], number
            continue
        width = width or len(cells)
        rows[-1].append(cells)
        if number > SAMPLE_LINES:
            break
    token, tag = _column(names, TOKEN_NAMES, 3 if brackets and width > 10 else 0), _column(names, TAG_NAMES, 10 if brackets and width > 10 else -1)
    space, id = _column(names, SPACE_NAMES, None), None if header else _column(names, frozenset({"id"}), None)
    if names and not names_fit(names):
        raise AnnotationError(
            f"{file.path}: the columns are called {', '.join(names)}; one must be 'token' and one 'tag' (a header, or vars.columns, names them)"
        )
    scheme = Scheme()
    for sentence in rows:
        scheme.watch(filter(None, (parse_tag(cells[tag].strip()) for cells in sentence if -len(cells) <= tag < len(cells))))
    brackets = brackets and any(
        cells[tag] in ("*", "*)") or cells[tag].startswith("(") for sentence in rows for cells in sentence if tag < len(cells)
    )
    name = "brackets" if brackets else scheme.name
    return Layout(separator or "\t", None if brackets else width, token, tag, space, id, name, marked, header)


def names_fit(names: list[str]) -> bool:
    """Say whether columns' names tell which is the token and which the tag."""
    return bool(TOKEN_NAMES & set(names)) and bool(TAG_NAMES & set(names))


def _column(names: list[str], known: frozenset[str], default):
    return next((i for i, name in enumerate(names) if name in known), default)


def _cells(line: str, separator: str) -> list[str]:
    return line.split("\t") if separator == "\t" else SPACES.split(line.strip(" "))


def _is_row(cells: list[str]) -> bool:
    return len(cells) > 1 and parse_tag(cells[-1].strip()) is not None


def _is_comment(raw: bytes) -> bool:
    """Tell whether a line is a comment: it begins with `# `, and its last cell is no tag."""
    return raw.startswith(b"# ") and not _is_row(_cells(raw.decode("utf-8", "replace").rstrip("\r\n"), "\t" if b"\t" in raw else " "))


def split_columns(file: RawFile, layout: Layout, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of each document, with its first line's number.

    Any mark opens a document; in a file without marks each sentence is one. `options.sentences_per_doc` above 0 makes
    documents of so many sentences instead, none of them across a mark. White space alone ends a sentence.
    """
    limit = options.sentences_per_doc or (None if layout.marked else 1)
    first, size, sentences, inside = 0, 0, 0, False
    lines: list[bytes] = []

    for number, raw in file.lines():
        is_mark = raw.startswith(MARKS) or raw.startswith(END_MARK)
        blank = raw.isspace()
        if is_mark or blank:
            sentences += inside
            inside = False
            if lines and (is_mark or sentences == limit):
                yield first, b"".join(lines)
                lines, sentences, size = [], 0, 0
            elif lines:
                lines.append(b"\n")
        elif number != layout.header and (inside or not _is_comment(raw)):
            first = first if lines else number
            inside = True
            size += len(raw)
            if size <= 2 * MAX_DOCUMENT_BYTES:  # more of a document that is too long need not be kept
                lines.append(raw)
        elif lines:
            lines.append(b"\n")
    if lines:
        yield first, b"".join(lines)


@reads(
    "columns",
    title="columns (CoNLL-2002, -2003, -2012, -U, WNUT, OntoNotes): a token a line, its tag last, or as a header or `vars.columns` says; "
    "IOB1, IOB2, BILUO, IOBES and brackets are told apart",
    example="Ana⇥B-PERSON⏎left⇥O⏎Cork⇥B-LOC⏎⏎",
    endings=(".conll", ".conllu", ".conllup", ".iob", ".iob2", ".bio", ".tsv", ".txt", ".ner", "_conll"),
    recognise=looks_like_columns,
    guesses=True,
    prepare=find_layout,
    split=split_columns,
)
def read_columns(item: Item) -> Record:
    """Read one document.

    Raises AnnotationError, naming the line, on a row with another number of columns than the file's first, an empty
    token or a tag that no scheme knows. Tags that the scheme forbids come as faults.
    """
    layout: Layout = item.layout
    faults: list[Fault] = []
    sentences = []
    for first, lines in _sentences(item):
        rows = [_row(item.source.path, first + i, line, layout) for i, line in enumerate(lines)]
        numbers = list(range(first, first + len(rows)))
        ranges = _take_ranges(rows, numbers, layout.id) if layout.id is not None else {}
        if not rows:
            continue
        words = [row[layout.token] for row in rows]
        tags = [_tag(item.source.path, number, row, layout) for number, row in zip(numbers, rows, strict=True)]
        if layout.scheme == "brackets":
            entities, wrong = from_brackets([row[layout.tag] for row in rows])
        else:
            entities, wrong = decode(tags, layout.scheme)
        for token, code, detail in wrong:
            faults.append(Fault(code, Source(item.source.path, numbers[token]), f"{words[token]!r}: {detail} ({layout.scheme})"))
        spaces = None if layout.space is None else ["SpaceAfter=No" not in ranges.get(i, row)[layout.space] for i, row in enumerate(rows)]
        sentences.append((words, spaces, entities))
    return words_record(item.source, sentences, lang=item.options.lang, group=item.file_group, faults=faults)


def _take_ranges(rows: list[list[str]], numbers: list[int], id: int) -> dict[int, list[str]]:
    """Take CoNLL-U's surface forms (`2-3`) and empty nodes (`2.1`) out of a sentence's rows, and their lines' numbers.

    Returns the row that says whether a space follows, for each word that a surface form stands for: inside it none does.
    """
    after: dict[int, list[str]] = {}
    words: list[list[str]] = []
    lines: list[int] = []
    until, surface = 0, []
    for line, row in zip(numbers, rows, strict=True):
        number, dash, last = row[id].partition("-")
        if dash and last.isdecimal():
            until, surface = int(last), row
        elif "." not in number:
            if number.isdecimal() and int(number) <= until:
                after[len(words)] = surface if int(number) == until else ["SpaceAfter=No"] * len(row)
            words.append(row)
            lines.append(line)
    rows[:], numbers[:] = words, lines
    return after


def _sentences(item: Item) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each sentence's first line, and its lines."""
    lines: list[str] = []
    for number, line in enumerate(item.text().split("\n"), start=item.source.line):
        if line and not line.isspace():
            lines.append(line.removesuffix("\r"))
        elif lines:
            yield number - len(lines), lines
            lines = []


def _row(path: str, number: int, line: str, layout: Layout) -> list[str]:
    cells = _cells(line, layout.separator)
    if (len(cells) != layout.width and layout.width is not None) or len(cells) < 2:
        wanted = f"{layout.width}, as in the first row" if layout.width and layout.width >= 2 else "at least 2 (a token and its tag)"
        raise AnnotationError(f"{path}:{number}: {len(cells)} columns instead of {wanted}: {line[:80]!r}; mend the row")
    if not -len(cells) <= max(layout.token, layout.tag, layout.space or 0) < len(cells):
        raise AnnotationError(f"{path}:{number}: {len(cells)} columns are too few for those that are named: {line[:80]!r}; see vars.columns")
    if not cells[layout.token].strip():
        raise AnnotationError(f"{path}:{number}: an empty token: {line[:80]!r}; delete the row or write its token")
    return cells


def _tag(path: str, number: int, cells: list[str], layout: Layout) -> Tag | None:
    if layout.scheme == "brackets":
        return None
    tag = parse_tag(cells[layout.tag].strip())
    if tag is None:
        raise AnnotationError(
            f"{path}:{number}: {cells[layout.tag]!r} is no tag such as O, B-PER, I-PER, L-PER or S-PER: {' '.join(cells)[:80]!r}; "
            "is the tag the last column? (vars.columns names them)"
        )
    return tag
