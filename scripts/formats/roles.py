"""Decide which column of a file holds the tokens, which the tags, and what the others are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from scripts.formats.column_kinds import (
    LIKE_A_TAG,
    Column,
    Sentences,
    are_word_numbers,
    keys_of_tags,
    look,
    plain_columns,
    role,
    same_content,
)
from scripts.formats.record import AnnotationError
from scripts.formats.rows import Numbered, Roles, columns_option, is_surface_form, misc_items, value_of
from scripts.formats.tags import (
    OUTSIDE,
    PREFIXES,
    Spelling,
    find_scheme,
    find_spelling,
    parse_tag,
    tag_parser,
)

CONLLU_WIDTH = 10
PLACED = r"(.)\d"
ONLY_WORDS = ("one value a sentence", "numbered names", "features", "chunks", "all O")
"""Kinds that are words where there is no other column beside the tags."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a file, by sentence.

    names: of the columns. header: whether the file gives them; given: whether the user does.
    """

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
        return len(self.rows[0][1])

    def shown(self) -> str:
        """Show the first rows, with their lines' numbers."""
        return "".join(f"\n  {number}: {' | '.join(row)[:100]}" for number, row in islice(self.rows, 3))


def given_names(columns: str) -> list[str]:
    """Return the names that `--columns` gives."""
    return [name.strip() for name in columns.split(",")] if columns.strip() else []


def is_header(first: Numbered, below: Sequence[Numbered], given: Sequence[str], path: Path) -> bool:
    """Tell whether a file's first row holds the columns' names.

    Without names that are `given` one must be that of a token or tag and another one known, too; with them
    the tag's cell decides. Raises AnnotationError where it may be either.
    """
    number, cells = first
    cells = [cell.strip() for cell in cells]
    if any(parse_tag(cell) or LIKE_A_TAG.fullmatch(cell) for cell in cells) or any(
        cell and not any(map(str.isalpha, cell)) for cell in cells
    ):
        return False
    known = set(filter(None, map(role, cells)))
    if {"token", "tag"} <= known:
        return True
    tag = next((i for i, name in enumerate(given) if role(name.partition("=")[0]) == "tag"), None)
    if tag is None:
        again = any(
            cell and cell == other.strip()
            for _, row in below
            for cell, other in zip(cells, row, strict=False)
        )
        return not again and bool(known & {"token", "tag"}) and len(known) > 1
    values = {row[tag].strip() for _, row in below if tag < len(row)}
    if tag >= len(cells) or cells[tag] in values or cells[tag] in OUTSIDE:
        return False
    spelling = find_spelling(values)
    if role(cells[tag]) == "tag" or (spelling and values - {*OUTSIDE}):
        return spelling is None or tag_parser(spelling)(cells[tag]) is None
    if find_spelling(values, plain=True) is None:
        return False
    raise AnnotationError(
        f"{path.as_posix()}:{number}: may be a header or a row of the tag {cells[tag]!r}: {' '.join(cells)[:80]!r}; "
        "write the columns' names into the first line instead of --columns"
    )


def find_roles(sample: Sample) -> Roles:
    """Tell the columns apart by their names and by what the sampled rows hold.

    Raises AnnotationError where no column can be the token or the tag, or where several can.
    """
    names = sample.names
    roles = [role(name.partition("=")[0]) for name in names]
    if sample.given and not {"token", "tag"} <= set(roles):
        raise _unknown_names(sample)
    id = _word_numbers(sample)
    if id is not None:
        kept = [
            [row for row in sentence if not is_surface_form(row[1][id].strip())]
            for sentence in sample.sentences
        ]
        sample = replace(sample, sentences=[sentence for sentence in kept if sentence])
    columns = [look(i, sample.sentences) for i in range(sample.width)]
    tag = _choose(sample, "tag", _tag_readings(sample, columns, roles), columns)
    spelling = tag.spelling or Spelling()
    _require_one_mark(sample, tag)
    token = _token_column(sample, columns, roles, tag)
    space = next((c.index for c in columns if c.kind == "spaces" and c.index not in (token, tag.index)), None)
    if space is None and "space" in roles:
        space = roles.index("space")
    if tag.key is not None and any(
        "SpaceAfter" in dict(misc_items(cell)) for cell in columns[tag.index].values
    ):
        space = tag.index
    sentence, document = (roles.index(one) if one in roles else None for one in ("sentence", "document"))
    used = {token, tag.index, space, id, sentence, document}
    parse = tag_parser(spelling)
    cells = [
        [value_of(row[tag.index], tag.key, spelling.outside) for _, row in rows] for rows in sample.sentences
    ]
    return Roles(
        width=sample.width,
        token=token,
        tag=tag.index,
        names=tuple(names),
        key=tag.key,
        space=space,
        id=id,
        sentence=sentence,
        document=document,
        spelling=spelling,
        scheme=find_scheme(map(parse, sentence) for sentence in cells),
        labels=tag.labels,
        affix=_affix(sample, token),
        outside=() if names else tuple(c.index for c in columns if c.kind == "all O" and c.index not in used),
        unused=tuple((c.index, "" if c.kind == "words" else c.kind) for c in columns if c.index not in used),
    )


def _word_numbers(sample: Sample) -> int | None:
    """Return the column of CoNLL-U's word numbers: named `id`, but by no header; or the first of ten."""
    if sample.names:
        named = [name.strip().lower() for name in sample.names]
        return named.index("id") if "id" in named and not sample.header else None
    return 0 if sample.width >= CONLLU_WIDTH and are_word_numbers(0, sample.sentences) else None


def _tag_readings(sample: Sample, columns: list[Column], roles: list[str]) -> list[Column]:
    """Return the columns, or keys of one, that may be the tags. Raises AnnotationError where there are none."""

    def of_kind(*kinds: str) -> list[Column]:
        return [column for column in columns if column.kind in kinds]

    named = [column for column, known in zip(columns, roles, strict=False) if known == "tag"]
    if sample.given:
        return [_named_key(sample, named[0])]
    real = of_kind("tags", "doubtful")
    if named:
        return [c for c in named if c in real] or plain_columns(named) or named[:1]
    outside, chunks = of_kind("all O"), of_kind("chunks")
    if real := real or plain_columns(columns, ("O", "o", "0")):
        return real + [c for c in outside if c.index > real[0].index and not sample.names]
    if keys := list(chain.from_iterable(map(keys_of_tags, of_kind("features", "words", "spaces", "empty")))):
        return keys
    if found := outside[-1:] + plain_columns(columns, ("_", "-")):
        return found
    if chunks:
        return chunks + [c for c in of_kind("empty") if c.index > chunks[0].index]
    raise _unknown_names(sample) if sample.names else _no_tag(sample)


def _named_key(sample: Sample, column: Column) -> Column:
    """Return the tag column that `--columns` names, and its key as in `--columns=token,tag=NER`."""
    key = sample.names[column.index].partition("=")[2]
    if not key:
        return (
            next(iter(plain_columns([replace(column, kind="words")])), column)
            if not column.spelling
            else column
        )
    known = {one.key: one for one in keys_of_tags(column)}
    if key not in known:
        raise AnnotationError(
            f"{sample.path}: column {column.index + 1} has no key {key!r} whose values are tags, but "
            f"{', '.join(filter(None, known)) or 'none at all'}; name one of these, as in --columns=token,tag=NER"
        )
    return known[key]


def _unknown_names(sample: Sample) -> AnnotationError:
    option = columns_option(len(sample.names), {0: "token", len(sample.names) - 1: "tag"})
    return AnnotationError(
        f"{sample.path}: the columns are called {', '.join(sample.names)}; one must be 'token' and one 'tag' "
        f"({option} names them)"
    )


def _no_tag(sample: Sample) -> AnnotationError:
    """Return the error of a file without a column of tags; it names the last column's first that is none."""
    for number, row in sample.rows:
        cell = row[-1].strip()
        if parse_tag(cell) is None:
            option = columns_option(sample.width, {0: "token", sample.width - 1: "tag"})
            remedy = (
                f"write a label behind each, as in {cell}-PER"
                if cell in [*PREFIXES]
                else f"name it: {option}"
            )
            return AnnotationError(
                f"{sample.path}:{number}: {cell!r} is no tag such as O, B-PER, I-PER, L-PER or S-PER, and no column "
                f"holds tags alone:{sample.shown()}\n{remedy}"
            )
    return AnnotationError(
        f"{sample.path}: no column holds tags such as O, B-PER or I-PER; name one: --columns=token,tag"
    )


def _choose(
    sample: Sample, what: str, found: list[Column], columns: list[Column], tag: Column | None = None
) -> Column:
    """Return the only column that could be the token or tag; those that are alike in each row count as one.

    Raises AnnotationError with the first rows and the option for each reading where there are several.
    """
    if all(same_content(sample.sentences, found[0], other) for other in found[1:]):
        return found[-1]
    token = next((i for i, name in enumerate(sample.names) if role(name) == "token"), None)
    rest = [c.index for c in columns if c.kind == "words" and all(c.index != one.index for one in found)]
    token = (rest or [0])[0] if token is None else token
    readings = []
    for column in found:
        tag_index = column.index if tag is None else tag.index
        said = {
            i: role(name) for i, name in enumerate(sample.names) if role(name) in ("sentence", "document")
        }
        said[token if tag is None else column.index] = "token"
        said[tag_index] = f"tag={column.key}" if column.key else "tag"
        held = (
            ", ".join(column.labels[:12]) or "no entities"
            if tag is None
            else f"{len(column.values)} different values"
        )
        key = "" if column.key is None else f", {column.key or 'values without a key'}"
        readings.append(f"\n  column {column.index + 1}{key} ({held}): {columns_option(sample.width, said)}")
    numbers = sorted({str(column.index + 1) for column in found})
    subject = (
        f"columns {' and '.join(numbers)}" if len(numbers) > 1 else f"several keys of column {numbers[0]}"
    )
    raise AnnotationError(
        f"{sample.path}: {subject} could each be the {what}:{sample.shown()}\nsay which is right:{''.join(readings)}"
    )


def _require_one_mark(sample: Sample, column: Column) -> None:
    """Raise AnnotationError where tags that are O are written in several ways."""
    marks = [mark for mark in OUTSIDE if mark and mark in column.values]
    if column.spelling is None or len(marks) < 2:
        return
    places: dict[str, int] = {}
    for number, row in sample.rows:
        places.setdefault(value_of(row[column.index], column.key), number)
    shown = " and ".join(f"{mark!r} (line {places.get(mark, '?')})" for mark in marks)
    raise AnnotationError(
        f"{sample.path}: column {column.index + 1} has several marks for no entity: {shown}; write O for "
        "what is none, and delete the rows that nobody annotated"
    )


def _token_column(sample: Sample, columns: list[Column], roles: list[str], tag: Column) -> int:
    named = [column for column, known in zip(columns, roles, strict=False) if known == "token"]
    if named:
        return _choose(sample, "token", named[:1] if sample.given else named, columns, tag).index
    if not sample.names and sample.width == CONLLU_WIDTH and are_word_numbers(0, sample.sentences):
        return 1
    others = [column for column in columns if column.index != tag.index]
    rest = [c for c in others if c.kind == "words"] or [c for c in others if c.kind == "parts of speech"]
    if not rest and len(others) == 1 and (others[0].kind in ONLY_WORDS or others[0].values.keys() == {""}):
        rest = others
    if not rest:
        kinds = "; ".join(f"column {column.index + 1}: {column.kind}" for column in others)
        option = columns_option(sample.width, {0 if tag.index else 1: "token", tag.index: "tag"})
        raise AnnotationError(
            f"{sample.path}: no column holds words ({kinds}):{sample.shown()}\nname it: {option}"
        )
    richer = [c for c in rest[1:] if len(c.values) > 1 and c.richness > rest[0].richness]
    return _choose(sample, "token", [rest[0], *richer[:1]], columns, tag).index


def _affix(sample: Sample, token: int) -> str:
    """Return the pattern of tokens nearly all of which begin with one language's code (`en:Ana`, WikiANN), or
    are a character with its place in the word (`科0`, Weibo); else nothing.
    """
    words = [row[token].strip() for _, row in sample.rows]
    most = max(2, 0.9 * len(words))
    code = re.match(r"[a-z]{2,3}(?:-[a-z]+)*:", words[0])
    if code and sum(word.startswith(code[0]) for word in words) > most:
        return f"{code[0]}(.*)"
    placed = [word for word in words if re.fullmatch(PLACED, word)]
    return PLACED if len(placed) > most and 2 * sum(not word.isascii() for word in placed) > most else ""
