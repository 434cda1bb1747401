"""What each line of a column file is, and the first rows as a sample."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.formats.evidence import LIKE_A_TAG, is_header, keys_of_tags, look, plain_columns, role
from scripts.formats.layout import find_roles
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError
from scripts.formats.registry import HEAD_BYTES, ReadOptions
from scripts.formats.roles import Roles, Sample
from scripts.formats.tags import BRACKET, PLAIN, parse_tag, tag_parser

BEGIN = b"#begin document"
DOCSTART = "-DOCSTART-"
MARKS = (DOCSTART.encode(), b"#DOCSTART", b"# DOCSTART", BEGIN, b"# newdoc", b"# hipe2022:document_id")
END_MARK = b"#end document"
GLOBAL_COLUMNS = "# global.columns"
COMMENT = b"#\n"
"""What stands for a comment inside a sentence."""
SAMPLE_LINES = 50_000
"""The tag scheme and the columns are told from so many lines."""
HEAD_LINES = 200
CONLL_2012_TOKEN, CONLL_2012_TAG = 3, 10


def is_mark(raw: bytes) -> bool:
    """Tell whether a line begins a document or ends one."""
    return raw.startswith(MARKS) or raw.startswith(END_MARK)


def is_blank(raw: bytes) -> bool:
    """Tell whether a line holds nothing but white space, of Unicode's kinds too."""
    return raw.isspace() or (not 32 < raw[0] < 127 and raw.decode("utf-8", "replace").isspace())


def cells_of(line: str, separator: str) -> list[str]:
    """Take a line apart: at each tab, or at runs of spaces."""
    return line.split("\t") if separator == "\t" else list(filter(None, line.split(" ")))


def fit(cells: list[str], width: int) -> list[str]:
    """Cut off empty cells behind the last column."""
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def is_row(line: str, separator: str, width: int, tag: int, accepts) -> bool:
    """Tell whether a line that begins with # is a token's row: it has all cells, and its tag's is one that
    `accepts` knows.

    What has all cells and only looks like a tag (X-PER) is a row too, so that it is an error and no comment.
    """
    cells = fit(cells_of(line, separator), width)
    if len(cells) != width or width < 2:
        return False
    cell = cells[tag].strip()
    return bool(accepts(cell)) or (
        (separator == "\t" or width == 2) and LIKE_A_TAG.fullmatch(cell) is not None
    )


@dataclass(slots=True)
class Lines:
    """The first lines of a column file, taken apart. rows: with their lines' numbers, by sentence."""

    separator: str = ""
    rows: list[list[tuple[int, list[str]]]] = field(default_factory=lambda: [[]])
    names: list[str] = field(default_factory=list)
    marked: bool = False
    begins: bool = False
    separated: bool = False


def first_lines(file: RawFile) -> Lines:
    """Take apart what stands in the first SAMPLE_LINES lines."""
    lines = Lines()
    doubtful: list[tuple[list, int, int, str]] = []
    blank = False
    for number, raw in file.lines():
        before, blank = blank, is_blank(raw)
        lines.separated |= before and not blank
        if blank or is_mark(raw):
            lines.marked |= raw.startswith(MARKS)
            lines.begins |= raw.startswith(BEGIN)
            lines.rows.append([])
            continue
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if line.startswith(GLOBAL_COLUMNS):
            lines.names = lines.names or line.partition("=")[2].split()
        elif line.startswith("#"):
            doubtful.append((lines.rows[-1], len(lines.rows[-1]), number, line))
        else:
            lines.separator = lines.separator or ("\t" if "\t" in line.rstrip("\t ") else " ")
            lines.rows[-1].append(
                (number, cells_of(line.rstrip("\t ") if lines.separator == " " else line, lines.separator))
            )
        if number > SAMPLE_LINES:
            break
    lines.separator = lines.separator or ("\t" if any("\t" in line for *_, line in doubtful) else " ")
    widths = [len(row) for sentence in lines.rows for _, row in sentence[:1]]
    tagged = [
        cells
        for cells in (cells_of(line, lines.separator) for *_, line in doubtful)
        if parse_tag(cells[-1].strip())
    ]
    width = next(iter(widths), len(tagged[0]) if tagged else 0)
    for sentence, at, number, line in reversed(doubtful):
        if is_row(
            line,
            lines.separator,
            width,
            -1,
            lambda cell: parse_tag(cell) or (cell.isupper() and cell.isalpha()),
        ):
            sentence.insert(at, (number, cells_of(line, lines.separator)))
    return lines


def take_sample(file: RawFile, lines: Lines, options: ReadOptions) -> tuple[Sample, int]:
    """Return a sample of rows of one width, and the line of a header or 0.

    Raises AnnotationError where the columns' names are not as many as the columns.
    """
    names = [name.strip() for name in options.columns.split(",")] if options.columns.strip() else []
    given, header = bool(names), 0
    rows = [row for sentence in lines.rows for row in sentence]
    below = [row for _, row in rows[1:]]
    if rows and len(rows[0][1]) > 1 and is_header(rows[0][1], below, tag=_named_tag(names)):
        header, first = rows[0]
        names = names or [cell.strip() for cell in first]
        lines.rows = [[row for row in sentence if row[0] != header] for sentence in lines.rows]
        rows = rows[1:]
    names = names or lines.names
    width = max((len(rows[0][1])) if rows else 0, 0)
    while width > max(1, len(names)) and not any(
        row[width - 1].strip() for _, row in rows if len(row) >= width
    ):
        width -= 1
    if header and names and not given:
        while len(names) > width and not names[-1]:
            names = names[:-1]
    if rows and names and len(names) != width:
        what = (
            "--columns names"
            if given
            else f"the header in line {header} names"
            if header
            else f"{GLOBAL_COLUMNS} names"
        )
        raise AnnotationError(
            f"{file.path}:{rows[0][0]}: {width} columns, but {what} {len(names)} ({', '.join(names)}): "
            f"{' | '.join(rows[0][1])[:80]}; "
            "name each column, with _ for those that are not used, as in "
            f"--columns={','.join(['token', *['_'] * (width - 2), 'tag'])}"
        )
    fitted = [[(number, fit(row, width)) for number, row in sentence] for sentence in lines.rows]
    kept = [[(number, row) for number, row in sentence if len(row) == width] for sentence in fitted]
    kept = [sentence for sentence in kept if sentence]
    sentences = [[row for _, row in sentence] for sentence in kept]
    numbers = [[number for number, _ in sentence] for sentence in kept]
    return Sample(file.path, sentences, numbers, names, header=bool(header), given=given), header


@dataclass(frozen=True, slots=True)
class Layout:
    """How a column file is written.

    separator: a tab, or a space for runs of them. roles: what the columns are. brackets: rows vary in width
    and tags are brackets (CoNLL-2012). marked: documents are marked. separated: blank lines stand between
    sentences. header: the line with the columns' names, or 0.
    """

    separator: str
    roles: Roles
    brackets: bool
    marked: bool
    separated: bool
    header: int

    def see_mark(self, line: str, inside: bool, place: str) -> None:
        """Raise AnnotationError where a line that begins with -DOCSTART- may be a token: inside a sentence,
        or an entity.
        """
        if not line.startswith(DOCSTART):
            return
        cells = cells_of(line, self.separator)
        tag = (
            tag_parser(self.roles.spelling)(cells[self.roles.tag]) if len(cells) == self.roles.width else None
        )
        if (inside and self.separated) or (tag and tag.label):
            raise AnnotationError(
                f"{place}: {line[:60]!r} begins a document, but stands inside a sentence or is an entity; "
                "put a blank line before it and O as its tag, or write the token in another way"
            )

    def is_comment(self, line: str, inside: bool) -> bool:
        """Tell whether a line that begins with # is a comment, and not the row of a hash or a hashtag."""
        if self.brackets:
            return True
        roles = self.roles

        def is_tag(cell: str) -> bool:
            if roles.key is not None:
                return True
            is_prose = self.separator != "\t" or line.startswith(("#\t", "# "))
            if roles.spelling.style == PLAIN and is_prose and cell not in roles.labels and not cell.isupper():
                return cell == roles.spelling.outside
            return tag_parser(roles.spelling)(cell) is not None

        return not is_row(line, self.separator, roles.width, roles.tag, is_tag) and (
            not inside or line.startswith("# ") or line.strip() == "#"
        )


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Tell separator, columns and tag scheme from the file's first lines, a header or `options.columns`."""
    lines = first_lines(file)
    sample, header = take_sample(file, lines, options)
    if not sample.sentences:
        return Layout(lines.separator, Roles(), False, lines.marked, lines.separated, header)
    if sample.width < 2:
        number, row = next(sample.numbered())
        raise AnnotationError(
            f"{file.path}:{number}: 1 columns instead of at least 2 (a token and its tag): {row[0][:80]!r}; "
            "mend the row"
        )
    token, tag = (
        _by_name(sample.names, "token", CONLL_2012_TOKEN),
        _by_name(sample.names, "tag", CONLL_2012_TAG),
    )
    cells = [row[tag].strip() for sentence in lines.rows for _, row in sentence if tag < len(row)]
    if sample.width > max(CONLL_2012_TAG, tag, token) and _are_brackets(cells, lines):
        labels = {match[1] for match in map(BRACKET.fullmatch, cells) if match and match[1]}
        roles = Roles(sample.width, token, tag, scheme="brackets", labels=tuple(sorted(labels)))
        return Layout(lines.separator, roles, True, lines.marked, lines.separated, header)
    return Layout(lines.separator, find_roles(sample), False, lines.marked, lines.separated, header)


def _by_name(names: Sequence[str], wanted: str, default: int) -> int:
    return next((i for i, name in enumerate(names) if role(name) == wanted), default)


def _are_brackets(cells: Sequence[str], lines: Lines) -> bool:
    """Tell whether cells are CoNLL-2012's; without `#begin document` all must be brackets or stars."""
    some = any(cell in ("*", "*)") or cell.startswith("(") for cell in cells)
    return some and (lines.begins or all(BRACKET.fullmatch(cell) for cell in cells))


def _named_tag(names: Sequence[str]) -> int | None:
    return next((i for i, name in enumerate(names) if role(name.partition("=")[0]) == "tag"), None)


def looks_like_columns(head: bytes) -> bool:
    """Look for a document mark, a header, a row with a tag behind another cell, or a column of tags."""
    lines = head.decode("utf-8", "replace").split("\n")[: -1 if len(head) >= HEAD_BYTES else None]
    lines = [line.rstrip("\r") for line in lines if line.strip()][:HEAD_LINES]
    if lines and lines[0].startswith("#FORMAT=WebAnno"):
        return False
    if any(line.startswith((*(mark.decode() for mark in MARKS), GLOBAL_COLUMNS)) for line in lines):
        return True
    rows_only = [line.rstrip("\t ") for line in lines if not line.startswith("#")]
    separator = "\t" if any("\t" in line for line in rows_only or lines) else " "
    rows = [cells_of(line, separator) for line in rows_only]
    rows += [
        cells_of(line, separator)
        for line in lines
        if line[0] == "#" and is_row(line, separator, 2, -1, parse_tag)
    ]
    if rows and {"token", "tag"} <= set(map(role, rows[0])):
        return True
    last = [parse_tag(row[-1].strip()) for row in rows if len(row) > 1]
    return 2 * (len(last) - last.count(None)) >= max(1, len(rows)) or _has_tags(rows)


def _has_tags(rows: Sequence[list[str]]) -> bool:
    """Tell whether rows, after a header or without, have a column of tags or keys of tags."""
    width = len(rows[-1]) if rows else 0
    fitting = [row for row in rows if len(row) == width]
    if width < 2 or len(fitting) < 0.9 * len(rows):
        return False
    for sentences in ([fitting], [fitting[1:]] if len(fitting) > 1 else []):
        columns = [look(i, sentences) for i in range(width)] if sentences else []
        if any(column.kind in ("tags", "doubtful", "chunks", "outside") for column in columns):
            return True
        if plain_columns(columns, "Oo0_-") or (
            width >= 10 and any(keys_of_tags(column) for column in columns)
        ):
            return True
    return False
