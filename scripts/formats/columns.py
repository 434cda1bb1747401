"""CoNLL-style columns: one token a line, a blank line after each sentence."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from scripts.formats.column_kinds import LIKE_A_TAG, keys_of_tags, look, plain_columns, role
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError, Record
from scripts.formats.registry import HEAD_BYTES, Item, ReadOptions, reads
from scripts.formats.roles import CONLLU_WIDTH, Sample, find_roles, given_names, is_header
from scripts.formats.rows import (
    SAMPLE_LINES,
    Numbered,
    Roles,
    columns_option,
    count_rows,
    describe_roles,
    line_events,
    sentences_of,
    split_documents,
    token_record,
)
from scripts.formats.tags import BRACKET, PLAIN, parse_tag, tag_parser

DOCSTART, BEGIN, END_MARK = b"-DOCSTART-", b"#begin document", b"#end document"
MARKS = (DOCSTART, b"#DOCSTART", b"# DOCSTART", BEGIN, b"# newdoc", b"# hipe2022:document_id")
"""How a line begins that begins a document."""
GLOBAL_COLUMNS = b"# global.columns"
HEAD_LINES = 200
CONLL_2012_TOKEN, CONLL_2012_TAG = 3, 10


def is_mark(raw: bytes) -> bool:
    """Tell whether a line begins a document or ends one."""
    return raw.startswith((*MARKS, END_MARK))


def is_blank(raw: bytes) -> bool:
    """Tell whether a line holds nothing but white space, of Unicode's kinds too."""
    return raw.isspace() or (not 32 < raw[0] < 127 and raw.decode("utf-8", "replace").isspace())


def cells_of(line: str, separator: str) -> list[str]:
    """Take a line apart: at each tab, or at runs of spaces."""
    return line.split("\t") if separator == "\t" else list(filter(None, line.rstrip("\t\r ").split(" ")))


def fit(cells: list[str], width: int) -> list[str]:
    """Cut off empty cells behind the last column."""
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return cells


@dataclass(slots=True)
class Lines:
    """The first lines of a column file, taken apart.

    separator: a tab, or a space for runs of them. rows: by sentence. names: of `# global.columns`.
    marked: documents are marked. begins: as CoNLL-2012 does. separated: blank lines stand between sentences.
    """

    separator: str = ""
    rows: list[list[Numbered]] = field(default_factory=lambda: [[]])
    names: list[str] = field(default_factory=list)
    marked: bool = False
    begins: bool = False
    separated: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How a column file is written: see Lines; `header` is the line with the columns' names, or 0."""

    separator: str
    roles: Roles
    marked: bool
    separated: bool
    header: int

    def kind(self, number: int, raw: bytes, place: str, *, inside: bool) -> str:
        """Say what a line is. Raises AnnotationError where a mark may be a token."""
        if number == self.header:
            return "header"
        if 32 < raw[0] < 127 and raw[0] not in b"#-":
            return "rows"
        if is_mark(raw):
            self._require_no_token(raw, f"{place}:{number}", inside=inside)
            return "marks"
        if is_blank(raw):
            return "separators"
        return "comments" if raw[0] == 35 and self._is_comment(raw, inside=inside) else "rows"

    def _require_no_token(self, raw: bytes, place: str, *, inside: bool) -> None:
        """Raise AnnotationError where a line of -DOCSTART- is inside a sentence, or an entity."""
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        cells = cells_of(line, self.separator)
        fits = len(cells) == self.roles.width
        tag = tag_parser(self.roles.spelling)(cells[self.roles.tag]) if fits else None
        if raw.startswith(DOCSTART) and ((inside and self.separated) or (tag and tag.label)):
            raise AnnotationError(
                f"{place}: {line[:60]!r} begins a document, but stands inside a sentence or is an entity; "
                "put a blank line before it and O as its tag, or write the token in another way"
            )

    def _is_comment(self, raw: bytes, *, inside: bool) -> bool:
        """Tell whether a line that begins with # is a comment, and not the row of a hash or a hashtag.

        A row has all cells, and a tag or what looks like one (X-PER), so that it is an error and no comment.
        """
        roles = self.roles
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        cells = fit(cells_of(line, self.separator), roles.width)
        if roles.scheme == "brackets":
            return True
        if len(cells) == roles.width:
            cell = cells[roles.tag].strip()
            is_prose = self.separator == " " or line.startswith(("#\t", "# "))
            if roles.key is not None:
                return False
            if roles.spelling.style == PLAIN and is_prose:
                is_tag = cell in (*roles.labels, roles.spelling.outside) or cell.isupper()
            else:
                is_tag = tag_parser(roles.spelling)(cell) is not None
            if is_tag or (LIKE_A_TAG.fullmatch(cell) and (self.separator == "\t" or roles.width == 2)):
                return False
        return not inside or line.startswith("# ") or line.strip() == "#"


def first_lines(lines: Iterable[tuple[int, bytes]]) -> Lines:
    """Take a file's first lines apart; one that begins with # is a row if it has all cells and a tag at its end."""
    found = Lines()
    hashes: list[tuple[list[Numbered], int, int, str]] = []
    blank = False
    for number, raw in lines:
        before, blank = blank, is_blank(raw)
        found.separated |= before and not blank
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if blank or is_mark(raw):
            found.marked |= raw.startswith(MARKS)
            found.begins |= raw.startswith(BEGIN)
            found.rows.append([])
        elif raw.startswith(GLOBAL_COLUMNS):
            found.names = found.names or line.partition("=")[2].split()
        elif raw[0] == 35:
            hashes.append((found.rows[-1], len(found.rows[-1]), number, line))
        else:
            found.separator = found.separator or ("\t" if "\t" in line.rstrip("\t ") else " ")
            found.rows[-1].append((number, cells_of(line, found.separator)))
        if number > SAMPLE_LINES:
            break
    found.separator = found.separator or ("\t" if any("\t" in line for *_, line in hashes) else " ")
    width = len(next((cells for rows in found.rows for _, cells in rows), ()))
    for sentence, at, number, line in reversed(hashes):
        cells = fit(cells_of(line, found.separator), width or len(line))
        last = cells[-1].strip()
        if len(cells) == (width or max(2, len(cells))) > 1 and (
            parse_tag(last) or LIKE_A_TAG.fullmatch(last) or (width and last.isupper() and last.isalpha())
        ):
            sentence.insert(at, (number, cells))
    return found


def take_sample(lines: Lines, file: RawFile, options: ReadOptions) -> tuple[Sample, int]:
    """Return the rows that have as many cells as the first, and the line of a header or 0.

    Raises AnnotationError where the columns' names are not as many as the columns.
    """
    names = given_names(options.columns)
    given, header = bool(names), 0
    rows = [row for sentence in lines.rows for row in sentence]
    if rows and len(rows[0][1]) > 1 and is_header(rows[0], rows[1:], names, file.path):
        header, cells = rows.pop(0)
        names = names or fit([cell.strip() for cell in cells], 1)
    names = names or lines.names
    width = max((len(cells) for _, cells in rows[:1]), default=0)
    while width > max(1, len(names)) and not any(
        row[width - 1].strip() for _, row in rows if len(row) >= width
    ):
        width -= 1
    if rows and names and len(names) != width:
        source = (
            "--columns" if given else f"the header in line {header}" if header else GLOBAL_COLUMNS.decode()
        )
        option = columns_option(width, {0: "token", width - 1: "tag"})
        raise AnnotationError(
            f"{file.path}:{rows[0][0]}: {width} columns, but {source} names {len(names)} ({', '.join(names)}): "
            f"{' | '.join(rows[0][1])[:80]}; name each column, with _ for those that are not used, as in {option}"
        )
    fitted = [[(n, fit(row, width)) for n, row in sentence if n != header] for sentence in lines.rows]
    kept = [[row for row in sentence if len(row[1]) == width] for sentence in fitted]
    return Sample(file.path, list(filter(None, kept)), names, header=header > 0, given=given), header


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Tell separator, columns and tag scheme from the file's first lines, a header or `options.columns`."""
    lines = first_lines(file.lines())
    sample, header = take_sample(lines, file, options)
    if not sample.sentences:
        return Layout(lines.separator, Roles(), lines.marked, lines.separated, header)
    if sample.width < 2:
        number, row = sample.rows[0]
        what = f"1 columns instead of at least 2 (a token and its tag): {row[0][:80]!r}"
        raise AnnotationError(f"{file.path}:{number}: {what}; repair the row")
    roles = _bracket_roles(lines, sample)
    if roles is None:
        if len(sample.sentences) == 1:
            _require_blank_lines(sample)
        roles = find_roles(sample)
    return Layout(lines.separator, roles, lines.marked, lines.separated, header)


def _bracket_roles(lines: Lines, sample: Sample) -> Roles | None:
    """Return CoNLL-2012's columns where its brackets stand; without `#begin document` all must be brackets."""
    known = list(map(role, sample.names))
    token = known.index("token") if "token" in known else CONLL_2012_TOKEN
    tag = known.index("tag") if "tag" in known else CONLL_2012_TAG
    cells = [row[tag].strip() for sentence in lines.rows for _, row in sentence if tag < len(row)]
    some = any(cell in ("*", "*)") or cell.startswith("(") for cell in cells)
    if sample.width <= max(CONLL_2012_TAG, tag, token) or not some:
        return None
    matches = list(map(BRACKET.fullmatch, cells))
    if not (lines.begins or all(matches)):
        return None
    labels = {match[1] for match in matches if match and match[1]}
    return Roles(sample.width, token, tag, scheme="brackets", labels=tuple(sorted(labels)))


def _require_blank_lines(sample: Sample) -> None:
    """Raise AnnotationError where a column, and no blank line, tells the sentences apart."""
    for i, name in enumerate(sample.names):
        if role(name) == "sentence" and len({row[i].strip() for _, row in sample.rows} - {""}) > 1:
            raise AnnotationError(
                f"{sample.path}: no blank line ends a sentence, but column {i + 1} ({name}) says where each "
                f"begins:{sample.shown()}\nread it as a table: --format=table"
            )


def looks_like_columns(head: bytes) -> bool:
    """Look for a document mark, a header, a row with a tag behind another cell, or a column of tags."""
    raw = head.split(b"\n")[: -1 if len(head) >= HEAD_BYTES else None]
    raw = [line + b"\n" for line in raw if line.strip()][:HEAD_LINES]
    if head.startswith(b"#FORMAT=WebAnno"):
        return False
    if any(line.startswith((*MARKS, GLOBAL_COLUMNS)) for line in raw):
        return True
    rows = [row for sentence in first_lines(enumerate(raw, 1)).rows for row in sentence]
    if rows and {"token", "tag"} <= set(map(role, rows[0][1])):
        return True
    last = [fit(cells, 1)[-1].strip() for _, cells in rows if len(cells) > 1]
    if rows and 2 * sum(parse_tag(cell) is not None for cell in last) >= len(rows):
        return True
    return _has_tags(rows) or _has_tags(rows[1:])


def _has_tags(rows: Sequence[Numbered]) -> bool:
    """Tell whether rows have a column of tags or keys of tags."""
    width = len(rows[-1][1]) if rows else 0
    fitting = [row for row in rows if len(row[1]) == width]
    if width < 2 or len(fitting) < 0.9 * len(rows):
        return False
    columns = [look(i, [fitting]) for i in range(width)]
    if any(column.kind in ("tags", "doubtful", "chunks", "all O") for column in columns):
        return True
    keys = width >= CONLLU_WIDTH and any(map(keys_of_tags, columns))
    return keys or bool(plain_columns(columns, ("O", "o", "0", "_", "-")))


def split_columns(file: RawFile, layout: Layout, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of each document, with its first line's number.

    Any mark opens a document; in a file without marks each sentence is one. `options.sentences_per_doc`
    above 0 makes documents of so many sentences instead, none of them across a mark.
    """
    place = file.path.as_posix()
    events = line_events(file, lambda number, raw, inside: layout.kind(number, raw, place, inside=inside))
    return split_documents(events, options.sentences_per_doc or (None if layout.marked else 1))


def describe_layout(layout: Layout) -> str:
    """Say what the columns are, and what makes a document."""
    header = f"; header in line {layout.header}" if layout.header else ""
    marks = "documents are marked" if layout.marked else "no document marks"
    return f"{describe_roles(layout.roles)}{header}; {marks}"


@reads(
    "columns",
    title="columns (CoNLL-2002, -2003, -2012, -U, WNUT, OntoNotes, HIPE): a token a line; which column is "
    "its tag is told by looking, by a header or by `--columns`; IOB1, IOB2, BILUO, IOBES, BMES, brackets "
    "and tags without prefixes are told apart",
    example="Ana⇥B-PERSON⏎left⇥O⏎Cork⇥B-LOC⏎⏎",
    endings=(
        ".conll",
        ".conllu",
        ".conllup",
        "_conll",
        ".iob",
        ".iob2",
        ".bio",
        ".bmes",
        ".tsv",
        ".txt",
        ".ner",
    ),
    recognise=looks_like_columns,
    guesses=True,
    prepare=find_layout,
    split=split_columns,
    found=count_rows,
    describe=describe_layout,
    not_read="a second column of tags, such as nested entities: name one with `--columns=_,token,_,tag`; "
    "lemmas, parts of speech, relations; surface forms and empty nodes of CoNLL-U",
)
def read_columns(item: Item) -> Record:
    """Read one document. Raises AnnotationError, naming the line, where a row has not the file's columns."""
    path, layout = item.source.path, item.layout
    sentences = ((numbers, _rows(path, numbers, lines, layout)) for numbers, lines in sentences_of(item))
    return token_record(item, layout.roles, sentences)


def _rows(path: str, numbers: Sequence[int], lines: list[str], layout: Layout) -> list[list[str]]:
    """Take lines apart; those of CoNLL-2012 may have more cells than the first."""
    roles, separator = layout.roles, layout.separator
    rows = [cells_of(line, separator) for line in lines]
    if set(map(len, rows)) == {roles.width}:
        return rows
    brackets = roles.scheme == "brackets"
    least = max(roles.token, roles.tag) + 1
    for i, line in enumerate(lines):
        rows[i] = fit(rows[i], roles.width)
        if len(rows[i]) < least if brackets else len(rows[i]) != roles.width:
            wanted = f"at least {least}" if brackets else f"{roles.width}, as in the first row"
            between = "tabs" if separator == "\t" else "spaces"
            wanted += f" (cells stand between {between})" if "\t" in line or separator == "\t" else ""
            what = f"{len(rows[i])} columns instead of {wanted}: {line[:80]!r}"
            raise AnnotationError(f"{path}:{numbers[i]}: {what}; repair the row")
    return rows
