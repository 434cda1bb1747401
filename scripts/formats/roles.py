"""Decide which column of a file holds the tokens, which the tags, and what the others are."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from scripts.formats.column_kinds import (
    LIKE_A_TAG,
    Column,
    Sentences,
    keys_of_tags,
    look,
    plain_columns,
    role,
    same_content,
)
from scripts.formats.record import fail
from scripts.formats.rows import Numbered, Roles, columns_option, is_surface_form, value_of
from scripts.formats.tags import DEFAULT, OUTSIDE, Tag, find_scheme, find_spelling, parse_tag, tag_parser

CONLLU_WIDTH = 10
WORD_NUMBER = re.compile(r"\d+(?:[-.]\d+)?")
NO_NAME = re.compile(r"[\W\d_]+")
LANGUAGE, PLACED = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*:"), r"(.)\d"


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a file, by sentence. header, given: whether the file, the user gives the names."""

    path: Path
    sentences: Sentences
    names: Sequence[str] = ()
    header: bool = False
    given: bool = False

    @property
    def rows(self) -> list[Numbered]:
        """All rows."""
        return list(chain.from_iterable(self.sentences))

    @property
    def width(self) -> int:
        """Cells in a row."""
        return len(self.sentences[0][0][1])

    def shown(self) -> str:
        """Show the first rows, with their lines' numbers."""
        rows = "".join(f"\n  {number}: {' | '.join(row)[:100]}" for number, row in self.rows[:3])
        return f"\nThe first rows:{rows}"


def given_names(columns: str) -> list[str]:
    """Return the names that `--columns` gives."""
    return [name.strip() for name in columns.split(",")] if columns.strip() else []


def require_names(first: Numbered, width: int, names: Sequence[str], source: str, path: Path) -> None:
    """See that names are as many as columns."""
    number, row = first
    if names and len(names) != width:
        shown = " | ".join(row)[:80]
        what = f"{width} columns, but {source} names {len(names)} ({', '.join(names)}): {shown}"
        remedy = f"name each column, with _ for those that are not used, as in {columns_option(width)}"
        fail(f"{path.as_posix()}:{number}", what, remedy)


def is_header(first: Numbered, below: Iterable[Numbered], given: Sequence[str], path: Path) -> bool:
    """Tell whether a file's first row holds the columns' names.

    One must be that of a token or tag, and another one known; with names that are `given` the tag's decides.
    """
    number, cells = first
    cells = [cell.strip() for cell in cells]
    if any(parse_tag(cell) or LIKE_A_TAG.fullmatch(cell) or NO_NAME.fullmatch(cell) for cell in cells):
        return False
    known = set(filter(None, map(role, cells)))
    if {"token", "tag"} <= known:
        return True
    tag = next((i for i, name in enumerate(given) if role(name) == "tag"), None)
    if tag is None:
        pairs = (pair for _, row in below for pair in zip(cells, row, strict=False))
        again = any(one == two.strip() != "" for one, two in pairs)
        return not again and bool(known & {"token", "tag"}) and len(known) > 1
    values = {row[tag].strip() for _, row in below if tag < len(row)}
    if tag >= len(cells) or cells[tag] in values or cells[tag] in OUTSIDE:
        return False
    spelling = find_spelling(values)
    if role(cells[tag]) == "tag" or (spelling and values - {*OUTSIDE}):
        return spelling is None or tag_parser(spelling)(cells[tag]) is None
    if find_spelling(values, plain=True):
        what = f"may be a header or a row of the tag {cells[tag]!r}: {' '.join(cells)[:80]!r}"
        fail(f"{path.as_posix()}:{number}", what, "write the columns' names into line 1 instead of --columns")
    return False


def find_roles(sample: Sample) -> Roles:
    """Tell the columns apart by their names and by what the sampled rows hold."""
    roles = list(map(role, sample.names))
    if sample.given and not {"token", "tag"} <= set(roles):
        what = f"the columns are called {', '.join(sample.names)}; one must be 'token' and one 'tag'"
        fail(sample.path, what, f"name them with {columns_option(len(roles))}")

    def named(*names: str) -> int | None:
        return next((i for i, known in enumerate(roles) if known in names), None)

    id = _word_numbers(sample)
    if id is not None:
        kept = [[row for row in rows if not is_surface_form(row[1][id].strip())] for rows in sample.sentences]
        sample = replace(sample, sentences=list(filter(None, kept)))
    columns = [look(i, sample.sentences) for i in range(sample.width)]
    words = [column.index for column in columns if column.kind == "words"]
    guess = next((i for i in [named("token"), *words] if i is not None), 0)
    tag = _choose(sample, "tag", _tag_readings(sample, columns, roles), {guess: "token"})
    token = _choose(sample, "token", _token_readings(sample, columns, roles, tag), {tag.index: "tag"}).index
    spaces = [c.index for c in columns if c.kind == "spaces" and c.index not in (token, tag.index)]
    space = (spaces or [named("space")])[0]
    if tag.key is not None and any("SpaceAfter" in cell for cell in columns[tag.index].values):
        space = tag.index
    spelling = tag.spelling or DEFAULT

    def parsed(row: Numbered) -> Tag | None:
        return tag_parser(spelling)(value_of(row[1][tag.index], tag.key, spelling.outside))

    sentence, document = named("sentence"), named("document")
    unused = [c for c in columns if c.index not in {token, tag.index, space, id, sentence, document}]
    return Roles(
        width=sample.width,
        token=token,
        tag=tag.index,
        names=tuple(sample.names),
        key=tag.key,
        space=space,
        id=id,
        sentence=sentence,
        document=document,
        spelling=spelling,
        scheme=find_scheme(map(parsed, rows) for rows in sample.sentences),
        labels=tag.labels,
        affix=_affix([row[token].strip() for _, row in sample.rows]),
        unused=tuple((c.index, "" if c.kind == "words" else c.kind) for c in unused),
    )


def _word_numbers(sample: Sample) -> int | None:
    """Return the column of CoNLL-U's word numbers (1, 2-3, 2.1): named `id`, but by no header; or first."""
    if sample.names:
        named = [name.strip().lower() for name in sample.names]
        return named.index("id") if "id" in named and not sample.header else None
    numbers = all(WORD_NUMBER.fullmatch(row[0].strip()) for _, row in sample.rows)
    return 0 if sample.width >= CONLLU_WIDTH and numbers else None


def _tag_readings(sample: Sample, columns: list[Column], roles: list[str]) -> list[Column]:
    """Return the columns, or keys of one, that may be the tags; the last column where none can."""

    def of_kind(*kinds: str) -> list[Column]:
        return [column for column in columns if column.kind in kinds]

    named = [column for column, known in zip(columns, roles, strict=False) if known == "tag"]
    real = of_kind("tags", "doubtful")
    if sample.given:
        return [_named_key(sample, named[0])]
    if named:
        return [column for column in named if column in real] or plain_columns(named) or named[:1]
    outside, chunks = of_kind("all O"), of_kind("chunks")
    if real := real or plain_columns(columns, ("O", "o", "0")):
        return real + [c for c in outside if c.index > real[0].index and not sample.names]
    if keys := list(chain.from_iterable(map(keys_of_tags, of_kind("features", "words", "spaces", "empty")))):
        return keys
    if found := outside[-1:] + plain_columns(columns, ("_", "-")):
        return found
    return chunks + [c for c in of_kind("empty") if chunks and c.index > chunks[0].index] or columns[-1:]


def _named_key(sample: Sample, column: Column) -> Column:
    """Return the tag column that `--columns` names, and its key as in `--columns=token,tag=NER`."""
    key = sample.names[column.index].partition("=")[2]
    if not key:
        plain = [] if column.spelling else plain_columns([replace(column, kind="words")])
        return (plain or [column])[0]
    known = {one.key: one for one in keys_of_tags(column)}
    if key not in known:
        what = f"column {column.index + 1} has no key {key!r} whose values are tags"
        fail(sample.path, what, f"name one of {', '.join(filter(None, known)) or 'none'}, as in tag=NER")
    return known[key]


def _token_readings(sample: Sample, columns: list[Column], roles: list[str], tag: Column) -> list[Column]:
    """Return the columns that may be the tokens: as named, or the first of words and one that is richer."""
    named = [column for column, known in zip(columns, roles, strict=False) if known == "token"]
    if named:
        return named[:1] if sample.given else named
    if not sample.names and sample.width == CONLLU_WIDTH and _word_numbers(sample) == 0:
        return columns[1:2]
    others = [column for column in columns if column.index != tag.index]
    words = [c for c in others if c.kind == "words"] or [c for c in others if c.kind == "parts of speech"]
    if not words and len(others) == 1 and others[0].kind not in ("numbers", "empty", "tags", "spaces"):
        words = others
    if not words:
        kinds = "; ".join(f"column {column.index + 1}: {column.kind}" for column in others)
        option = columns_option(sample.width, {0 if tag.index else 1: "token", tag.index: "tag"})
        fail(sample.path, f"no column holds words ({kinds})", f"name it: {option}{sample.shown()}")
    return words[:1] + [c for c in words[1:] if len(c.values) > 1 and c.richness > words[0].richness][:1]


def _choose(sample: Sample, what: str, found: list[Column], other: dict[int, str]) -> Column:
    """Return the only column that can be the token or the tag; those alike in each row count as one."""
    if all(same_content(sample.sentences, found[0], one) for one in found[1:]):
        return found[-1]
    known = {i: role(name) for i, name in enumerate(sample.names)}
    said = {i: name for i, name in known.items() if name in ("sentence", "document")} | other
    readings = ""
    for column in found:
        key = "" if column.key is None else f", {column.key or 'values without a key'}"
        held = ", ".join(list(column.labels or column.values)[:12])
        option = said | {column.index: f"{what}={column.key}" if column.key else what}
        readings += f"\n  column {column.index + 1}{key} ({held}): {columns_option(sample.width, option)}"
    numbers = " and ".join(map(str, sorted({column.index + 1 for column in found})))
    subject = f"columns {numbers}" if "and" in numbers else f"several keys of column {numbers}"
    fail(sample.path, f"{subject} could each be the {what}", f"say which is right:{readings}{sample.shown()}")


def _affix(words: list[str]) -> str:
    """Return the pattern of tokens nearly all of which begin with one language's code (`en:Ana`, WikiANN), or
    are a character with its place in the word (`科0`, Weibo); else nothing.
    """
    most = max(2, 0.9 * len(words))
    code = LANGUAGE.match(words[0])
    if code and sum(word.startswith(code[0]) for word in words) > most:
        return f"{code[0]}(.*)"
    placed = [word for word in words if re.fullmatch(PLACED, word)]
    return PLACED if len(placed) > most and 2 * sum(not word.isascii() for word in placed) > most else ""
