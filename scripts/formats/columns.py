"""CoNLL-style columns: one token a line, a blank line after each sentence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice

from scripts.formats.column_kinds import LIKE_A_TAG, keys_of_tags, look, plain_columns, role
from scripts.formats.raw_file import RawFile
from scripts.formats.record import Record, fail
from scripts.formats.registry import HEAD_BYTES, Item, ReadOptions, reads
from scripts.formats.roles import CONLLU_WIDTH, Sample, find_roles, given_names, is_header, require_names
from scripts.formats.rows import (
    SAMPLE_LINES,
    Numbered,
    Roles,
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
GLOBAL_COLUMNS = "# global.columns"
HEAD_LINES = 200
CONLL_2012_TOKEN, CONLL_2012_TAG = 3, 10


def kind_of(number: int, raw: bytes, inside: bool) -> str:
    """Say whether a line is a mark, of a document's beginning or end, white space of any kind, or a row."""
    if 32 < raw[0] < 127 and raw[0] not in b"#-":
        return "rows"
    if raw.startswith((*MARKS, END_MARK)):
        return "marks"
    blank = raw.isspace() or (not 32 < raw[0] < 127 and raw.decode("utf-8", "replace").isspace())
    return "separators" if blank else "rows"


def cells_of(line: str, separator: str) -> list[str]:
    """Take a line apart: at each tab, or at runs of spaces."""
    return line.split("\t") if separator == "\t" else list(filter(None, line.rstrip("\t\r\n ").split(" ")))


def fit(cells: list[str], width: int) -> list[str]:
    """Cut off empty cells behind the last column."""
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return cells


@dataclass(frozen=True, slots=True)
class Layout:
    """How a column file is written.

    separator: a tab, or a space for runs of them. marked: documents are. separated: sentences are, by blank
    lines. header: the line with the columns' names, or 0.
    """

    separator: str
    roles: Roles
    marked: bool = False
    separated: bool = False
    header: int = 0

    def kind(self, path: str, number: int, raw: bytes, inside: bool) -> str:
        """Say what a line is. Raises AnnotationError where -DOCSTART- is inside a sentence, or an entity."""
        if 35 < raw[0] < 127 and raw[0] != 45 and number != self.header:
            return "rows"
        kind = kind_of(number, raw, inside)
        if raw.startswith(DOCSTART):
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            cells = cells_of(line, self.separator)
            tag = len(cells) == self.roles.width and tag_parser(self.roles.spelling)(cells[self.roles.tag])
            if (inside and self.separated) or (tag and tag.label):
                what = f"{line[:60]!r} begins a document, but stands inside a sentence or is an entity"
                remedy = "put a blank line before it and O as its tag, or write the token otherwise"
                fail(f"{path}:{number}", what, remedy)
        if number == self.header:
            return "header"
        return "comments" if kind == "rows" and raw[0] == 35 and self.is_comment(raw, inside=inside) else kind

    def is_comment(self, raw: bytes, *, inside: bool) -> bool:
        """Tell whether a line that begins with # is a comment: a hashtag's row has all cells, and a tag."""
        roles, tabs = self.roles, self.separator == "\t"
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        cells = fit(cells_of(line, self.separator), roles.width)
        if roles.scheme == "brackets":
            return True
        if len(cells) == roles.width > 1:
            cell = cells[roles.tag].strip()
            is_prose = not tabs or line.startswith(("#\t", "# "))
            is_tag = roles.key is not None or tag_parser(roles.spelling)(cell)
            if roles.spelling.style == PLAIN and is_prose:
                is_tag = cell in (*roles.labels, roles.spelling.outside) or cell.isupper()
            like_a_tag = LIKE_A_TAG.fullmatch(cell) and (tabs or roles.width == 2)
            if is_tag or like_a_tag or (cell.isupper() and not is_prose):
                return False
        return not inside or line.startswith("# ") or line.strip() == "#"


def first_lines(lines: Iterable[tuple[int, bytes]]) -> tuple[Layout, list[list[Numbered]], list[str], bool]:
    """Take a file's first lines apart: rows, `# global.columns`, and whether it begins as CoNLL-2012 does."""
    names: list[str] = []
    sentences: list[list[tuple[int, str]]] = [[]]
    separated, marked, begins, kind = False, False, False, ""
    for number, raw in islice(lines, SAMPLE_LINES):
        before, kind = kind, kind_of(number, raw, False)
        separated |= before == "separators" != kind
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if kind != "rows":
            begins, marked = begins or raw.startswith(BEGIN), marked or raw.startswith(MARKS)
            sentences += [[]]
        elif line.startswith(GLOBAL_COLUMNS):
            names = names or line.partition("=")[2].split()
        else:
            sentences[-1].append((number, line))
    every = [line for sentence in sentences for _, line in sentence]
    plain = [line for line in every if line[0] != "#"]
    plain = plain or [line for line in every if parse_tag(line.split()[-1])]
    separator = "\t" if plain and "\t" in plain[0].rstrip("\t ") else " "
    width = len(cells_of(plain[0], separator)) if plain else 0
    draft = Layout(separator, Roles(width, 0, width - 1))

    def is_row(line: str) -> bool:
        return line[0] != "#" or not draft.is_comment(line.encode(), inside=False)

    rows = [
        [(n, cells_of(line, separator)) for n, line in sentence if is_row(line)] for sentence in sentences
    ]
    return Layout(separator, Roles(), marked, separated), list(filter(None, rows)), names, begins


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Tell separator, columns and tag scheme from the file's first lines, a header or `options.columns`."""
    layout, sentences, names, begins = first_lines(file.lines())
    rows, header, source = list(chain.from_iterable(sentences)), 0, GLOBAL_COLUMNS
    if given := given_names(options.columns):
        names, source = given, "--columns"
    if rows and len(rows[0][1]) > 1 and is_header(rows[0], rows[1:], given, file.path):
        header, cells = rows.pop(0)
        if not given:
            names, source = fit([cell.strip() for cell in cells], 1), "the header"
    if not rows:
        return replace(layout, header=header)
    least, most = max(1, len(names)), len(rows[0][1])
    width = max(len(fit(cells, least)) for _, cells in rows if len(cells) <= most)
    require_names(rows[0], width, names, source, file.path)
    if width < 2:
        what = f"1 columns instead of at least 2 (a token and its tag): {rows[0][1][0][:80]!r}"
        fail(f"{file.path}:{rows[0][0]}", what, "repair the row")
    fitted = [[(n, fit(row, width)) for n, row in sentence if n != header] for sentence in sentences]
    kept = [[row for row in sentence if len(row[1]) == width] for sentence in fitted]
    sample = Sample(file.path, list(filter(None, kept)), names, header=header > 0, given=bool(given))
    roles = _bracket_roles(rows, sample, begins=begins) or find_roles(sample)
    numbers = {row[roles.sentence].strip() for _, row in sample.rows} if roles.sentence is not None else ()
    if len(sample.sentences) == 1 and len(numbers) > 1:
        what = f"no blank line ends a sentence, but column {roles.sentence + 1} says where each begins"
        fail(file.path, what, f"read it as a table: --format=table{sample.shown()}")
    return replace(layout, roles=roles, header=header)


def _bracket_roles(rows: list[Numbered], sample: Sample, *, begins: bool) -> Roles | None:
    """Return CoNLL-2012's columns if its brackets stand there: all of them, unless it `begins` so."""
    known = list(map(role, sample.names))
    token = known.index("token") if "token" in known else CONLL_2012_TOKEN
    tag = known.index("tag") if "tag" in known else CONLL_2012_TAG
    cells = [row[tag].strip() for _, row in rows if tag < len(row)]
    some = any(cell in ("*", "*)") or cell.startswith("(") for cell in cells)
    matches = list(map(BRACKET.fullmatch, cells))
    if sample.width <= max(CONLL_2012_TAG, tag, token) or not some or not (begins or all(matches)):
        return None
    labels = {match[1] for match in matches if match and match[1]}
    return Roles(sample.width, token, tag, scheme="brackets", labels=tuple(sorted(labels)))


def looks_like_columns(head: bytes) -> bool:
    """Look for a document mark, a header, a row with a tag behind another cell, or a column of tags."""
    if head.startswith(b"#FORMAT=WebAnno"):
        return False
    lines = head.split(b"\n")[: -1 if len(head) >= HEAD_BYTES else None]
    lines = [line + b"\n" for line in lines if line.strip()][:HEAD_LINES]
    rows = list(chain.from_iterable(first_lines(enumerate(lines, start=1))[1]))
    if any(line.startswith((*MARKS, GLOBAL_COLUMNS.encode())) for line in lines):
        return True
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
    kinds = {column.kind for column in columns} & {"tags", "doubtful", "chunks", "all O"}
    keys = width >= CONLLU_WIDTH and any(map(keys_of_tags, columns))
    return bool(kinds or keys or plain_columns(columns, ("O", "o", "0", "_", "-")))


def describe_layout(layout: Layout) -> str:
    """Say what the columns are, and what makes a document."""
    header = f"; header in line {layout.header}" if layout.header else ""
    return f"{describe_roles(layout.roles)}{header}; {'' if layout.marked else 'no '}document marks"


@reads(
    "columns",
    title="columns (CoNLL-2002, -2003, -2012, -U, WNUT, OntoNotes, HIPE): a token a line; which column is "
    "its tag is told by looking, by a header or by `--columns`; IOB1, IOB2, BILUO, IOBES, BMES, brackets "
    "and tags without prefixes are told apart",
    example="Ana⇥B-PERSON⏎left⇥O⏎Cork⇥B-LOC⏎⏎",
    endings=(
        *(".conll", ".conllu", ".conllup", "_conll", ".iob", ".iob2", ".bio", ".bmes"),
        *(".tsv", ".txt", ".ner"),
    ),
    recognise=looks_like_columns,
    guesses=True,
    prepare=find_layout,
    split=lambda file, layout, options: split_documents(
        line_events(file, partial(layout.kind, file.path.as_posix())), options, marked=layout.marked
    ),
    found=count_rows,
    describe=describe_layout,
    not_read="a second column of tags, such as nested entities: name one with `--columns=_,token,_,tag`; "
    "lemmas, parts of speech, relations; surface forms and empty nodes of CoNLL-U",
)
def read_columns(item: Item) -> Record:
    """Read one document."""
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
            fail(f"{path}:{numbers[i]}", what, "repair the row")
    return rows
