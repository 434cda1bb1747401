"""What the columns of a table are: told from its header, from `options.columns`, and from the first rows."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from scripts.formats.cells import (
    DELIMITERS,
    Row,
    find_dialect,
    is_list,
    read_rows,
    sample_lines,
)
from scripts.formats.json_stream import TEXT_KEYS
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError
from scripts.formats.registry import ReadOptions
from scripts.formats.spans import find_spans, short
from scripts.formats.table_rows import TableLayout, as_row, is_blank, require_width, sentences, split_tags
from scripts.formats.tagged import find_tagged
from scripts.formats.tags import OUTSIDE, PLAIN, Scheme, Spelling, find_spelling, tag_parser
from scripts.formats.token_keys import TAG_NAMES, TOKEN_NAMES, name_parts, plain_name

SENTENCES = frozenset(
    {"sentence#", "sentence", "sentenceid", "sentid", "sent", "sentenceno", "sentencenumber"}
)
SENTENCES |= {"sentenceidx", "sentidx", "sentno", "sentnum", "sid", "sent#"}
DOCUMENTS = frozenset(
    {"document", "doc", "docid", "documentid", "docname", "documentname", "file", "filename", "fileid"}
)
TAG_PARTS = frozenset({"ner", "ne", "tag", "tags", "label", "labels", "bio", "iob", "iob2", "entity"})
OTHER_PARTS = frozenset({"named", "entities", "gold", "word", "token", "name", "type", "class", "scheme"})
"""Words of the names of columns of tags, one of the first at least."""
QUOTES_OR_LISTS = re.compile(r'(?m)(?:^|\t)"?\[[^\t\[\]]{2,}\]|\t"(?:[^"\t\n]|"")*"\t')


def is_table(head: bytes) -> bool:
    """Look for a header that names tokens or texts, and tags or spans.

    With tabs it must be more than columns have: quotes, lists, or a number of sentences without blank lines.
    """
    text = head.decode("utf-8", "replace").replace("\r\n", "\n").strip()
    line = text.partition("\n")[0]
    for delimiter in DELIMITERS:
        names = _header(line, delimiter)
        if len(names) > 1 and _role(names, _is_token, _is_text) and _role(names, _is_tag, _is_spans):
            numbered = _role(names, _is_sentence) and "\n\n" not in text
            return delimiter != "\t" or numbered or QUOTES_OR_LISTS.search(text) is not None
    return False


def _header(line: str, delimiter: str) -> list[str]:
    return [
        cell.strip().strip('"').strip()
        for cell in line.removeprefix("\ufeff").rstrip("\r\n").split(delimiter)
    ]


def _role(names: Sequence[str], *roles: Callable[[str], bool]) -> bool:
    return any(role(name) for name in names for role in roles)


def _is_token(name: str) -> bool:
    return plain_name(name) in TOKEN_NAMES


def _is_tag(name: str) -> bool:
    parts = name_parts(name)
    return plain_name(name) in TAG_NAMES or bool(parts & TAG_PARTS and parts <= TAG_PARTS | OTHER_PARTS)


def _is_text(name: str) -> bool:
    return name.lower() in TEXT_KEYS


def _is_spans(name: str) -> bool:
    return name.lower() in ("spans", "entities", "label", "labels", "ents", "annotations")


def _is_sentence(name: str) -> bool:
    return plain_name(name) in SENTENCES


def find_layout(file: RawFile, options: ReadOptions) -> TableLayout:
    """Find out how a table is written. Raises AnnotationError where that is not certain."""
    lines, whole = sample_lines(file)
    path = file.path.as_posix()
    first = next((line for _, line in lines if line.strip()), "")
    delimiter = max(DELIMITERS, key=first.count)
    for one in DELIMITERS:
        names = _header(first, one)
        if _role(names, _is_token, _is_text) and _role(names, _is_tag, _is_spans):
            delimiter = one
            break
    dialect = find_dialect(lines, delimiter, path)
    rows = []
    try:
        rows.extend(read_rows(lines, dialect, path))
    except AnnotationError:
        if whole:  # else the sample may end inside a row
            raise
    filled = [row for row in rows if any(cell.strip() for cell in row.cells)]
    if not filled:
        raise AnnotationError(f"{path}: holds no rows; write one at least, or leave the variable empty")
    names, header = _names(filled, options, path)
    filled = [row for row in filled if row.line > header]
    if filled and all(len(row.cells) == len(names) + 1 for row in filled):
        names = ["", *names]  # R writes rows' names without a name for their column
    for row in filled:
        require_width(row, len(names), path)
    group = names.index(options.group_by) if options.group_by in names else None
    tags = [i for i, name in enumerate(names) if _is_tag(name) or _is_spans(name)]
    lists = tuple(i for i in range(len(names)) if _all_lists(filled, i))
    split = [i for i in tags if i not in lists and _all_split(filled, i)]
    if set(tags) & {*lists, *split}:
        layout = TableLayout(dialect, tuple(names), header, group=group, lists=lists)
        return _documents(filled, layout, split, options, file.path)
    layout = _tokens(filled, TableLayout(dialect, tuple(names), header, group=group), options, file.path)
    parse = tag_parser(layout.spelling)
    scheme, labels = Scheme(), set()
    for sentence in sentences((row for row in rows if row.line > header), layout, path):
        cells = [row.cells[layout.tag].strip() for row in sentence if not is_blank(row.cells, layout)]
        tags = [tag for tag in (parse(cell or layout.spelling.outside) for cell in cells) if tag is not None]
        scheme.watch(tags)
        labels.update(tag.label for tag in tags if tag.label)
    return replace(layout, scheme=scheme.name, labels=tuple(sorted(labels)))


def _key(name: str) -> str:
    """Write the names of texts and spans as JSON has them."""
    return name.lower() if _is_text(name) or _is_spans(name) else name


def _names(rows: list[Row], options: ReadOptions, path: str) -> tuple[list[str], int]:
    """Return the columns' names, and the last line of the header or 0."""
    first = rows[0]
    names = [_key(cell.strip().removeprefix("\ufeff")) for cell in first.cells]
    end = first.line + first.text.rstrip("\n").count("\n")
    wanted = [name.strip() for name in options.columns.split(",")] if options.columns.strip() else []
    if not wanted:
        return names, end
    if len(wanted) != len(names):
        raise AnnotationError(
            f"{path}:{first.line}: has {len(names)} columns ({short(names)}), but --columns names "
            f"{len(wanted)}: {options.columns}; name each, `_` where it is not used"
        )
    tag = next((i for i, name in enumerate(wanted) if _is_tag(name)), None)
    return wanted, 0 if tag is not None and _is_data(rows, tag, path) else end


def _is_data(rows: list[Row], tag: int, path: str) -> bool:
    """Tell whether the first row has a tag, and no name, in the tags' column.

    Raises AnnotationError where it may be either: nothing known, in a column of tags without prefixes.
    """
    cell = rows[0].cells[tag].strip()
    below = {row.cells[tag].strip() for row in rows[1:] if tag < len(row.cells)}
    if cell in {"", *OUTSIDE, *below} or is_list(cell) or find_spelling([cell]) is not None:
        return True
    spelling = _spelling(below)
    if spelling is None or spelling.style != PLAIN or _is_tag(cell):
        return False
    raise AnnotationError(
        f"{path}:{rows[0].line}: may be a header or a row of the tag {cell!r}: "
        f"{short(rows[0].text.rstrip())}; write the columns' names into the first line instead of --columns"
    )


def _all_lists(rows: list[Row], column: int) -> bool:
    cells = [row.cells[column] for row in rows if row.cells[column].strip()]
    return bool(cells) and all(map(is_list, cells))


def _all_split(rows: list[Row], column: int) -> bool:
    """Tell whether cells hold several tags each, with blanks or commas between."""
    cells = [split_tags(row.cells[column]) for row in rows if row.cells[column].strip()]
    values = {one for parts in cells for one in parts}
    return (
        any(len(parts) > 1 for parts in cells)
        and not values.isdisjoint(OUTSIDE)
        and find_spelling(values) is not None
    )


def _documents(
    rows: list[Row], layout: TableLayout, split: list[int], options: ReadOptions, path: Path
) -> TableLayout:
    """Find tokens and tags, or texts and spans, in a table that has a document in each row."""
    values = [as_row(row.cells, layout, f"{path.as_posix()}:{row.line}") for row in rows]
    if any(find_spans(row) for row in values):
        return layout
    words = next(
        (i for role in (_is_token, _is_text) for i, name in enumerate(layout.names) if role(name)), None
    )
    blanks = () if words is None or words in layout.lists else (words,)
    with_words = replace(layout, split=blanks, split_tags=tuple(split))
    values = [as_row(row.cells, with_words, f"{path.as_posix()}:{row.line}") for row in rows]
    tagged = find_tagged(values, path, options)
    return layout if tagged is None else replace(with_words, tagged=tagged)


def _tokens(rows: list[Row], layout: TableLayout, options: ReadOptions, path: Path) -> TableLayout:
    """Find the columns of a table that has a token in each row. `rows` are those that are not blank."""
    names = layout.names
    tokens = [i for i, name in enumerate(names) if _is_token(name)]
    tags = [i for i, name in enumerate(names) if _is_tag(name)]
    values = {i: {row.cells[i].strip() for row in rows} for i in tags}
    labelled = [i for i in tags if values[i] - {*OUTSIDE, ""} and _spelling(values[i]) is not None]
    if not tokens and labelled:  # a text of one word each
        texts = [
            i
            for i, name in enumerate(names)
            if _is_text(name) and plain_name(name) not in SENTENCES | DOCUMENTS
        ]
        tokens = [i for i in texts if not any(" " in row.cells[i].strip() for row in rows)][:1]
    if not tokens or not tags:
        raise _no_columns(names, path)
    for found in (tokens, labelled):
        for other in found[1:]:
            if any(row.cells[other] != row.cells[found[0]] for row in rows):
                raise _two_columns(rows, layout, found[0], other, tokens, labelled or tags, path)
    token, tag = tokens[0], (labelled or tags)[0]
    sentence = next((i for i, name in enumerate(names) if _is_sentence(name) and i not in (token, tag)), None)
    document = next((i for i, name in enumerate(names) if plain_name(name) in DOCUMENTS), None)
    spelling = _spelling(values[tag]) or Spelling()
    layout = replace(
        layout,
        token=token,
        tag=tag,
        sentence=sentence,
        document=document,
        group=document if layout.group is None else layout.group,
        every=sentence is not None and all(row.cells[sentence].strip() for row in rows),
        spelling=spelling,
        empty="" in values[tag] and values[tag].isdisjoint(OUTSIDE),
    )
    return layout


def _no_columns(names: Sequence[str], path: Path) -> AnnotationError:
    """Return the error for a table whose tokens or tags cannot be told."""
    if {"start", "end"} <= {plain_name(name) for name in names}:
        remedy = 'write a row a text, with all its spans as JSON: [{"start": 0, "end": 3, "label": "PER"}]'
    else:
        remedy = f"name them with --columns={','.join(['token', *['_'] * (len(names) - 2), 'tag'])}"
    called = f"the columns are called {', '.join(names)}"
    return AnnotationError(f"{path}: {called}; one must be the token and one its tag: {remedy}")


def _spelling(values: set[str]) -> Spelling | None:
    """Tell how tags are written; an empty cell is O where nothing else is."""
    return find_spelling({value or "O" for value in values}, plain=True)


def _two_columns(
    rows: list[Row],
    layout: TableLayout,
    first: int,
    second: int,
    tokens: list[int],
    tags: list[int],
    path: Path,
) -> AnnotationError:
    """Return the error for two columns that could both be the token, or the tag."""
    what = "tokens" if first in tokens else "tags"

    def option(column: int) -> str:
        token, tag = (column, tags[0]) if what == "tokens" else (tokens[0], column)
        roles = {token: "token", tag: "tag"}
        ids = {
            i: name
            for i, name in enumerate(layout.names)
            if _is_sentence(name) or plain_name(name) in DOCUMENTS
        }
        return "--columns=" + ",".join(roles.get(i, ids.get(i, "_")) for i in range(len(layout.names)))

    shown = " / ".join(" ".join(row.cells) for row in rows[:3])
    return AnnotationError(
        f"{path}: columns {first + 1} (`{layout.names[first]}`) and {second + 1} (`{layout.names[second]}`) "
        f"could both be the {what}: {short(shown)}; choose {option(first)} or {option(second)}"
    )
