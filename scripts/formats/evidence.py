"""Tell from sampled cells what a column of a column file is."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from scripts.formats.tags import (
    CHUNKS,
    OUTSIDE,
    PLAIN,
    POS,
    Spelling,
    find_spelling,
    parse_tag,
    tag_parser,
)

TOKEN_NAME = re.compile(r"tok|tokens?|words?|(?:word)?forms?|text|surface")
TAG_NAME = re.compile(
    r"(?:fine|coarse)?(?:ner|ne|(?:named)?entit(?:y|ies)|bio|iob2?|bioes|iobes|bilou|mwe)?(?:tags?|labels?)"
    r"|ner|ne|(?:named)?entit(?:y|ies)|bio|iob2?|bioes|iobes|bilou|mwe|ne(?:coarse|fine|nested)\w*"
)
SPACE_NAME = re.compile(r"misc|spaces?|spaceafter")
OTHER_NAME = re.compile(
    r"[uxc]?pos(?:tags?)?|lemmas?|chunks?(?:tags?)?|feats?|head|deps?|deprel|id|index|idx"
    r"|doc(?:ument)?(?:id|name|key)?|sent(?:ence)?(?:id|nr|no|num|number)?|nel\w*"
)
NO_SPACE = re.compile(r"(?:.*\|)?(?:SpaceAfter=No|NoSpaceAfter)(?:\|.*)?")
FEATURES = re.compile(r"_?|[^=]+=.*")
LIKE_A_TAG = re.compile(r"[BILOUESMWX][-_]\S*")
NUMBER = re.compile(r"[\d.,:/_-]*\d[\d.,:/_-]*")
DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Column:
    """A column's sampled values, and its kind.

    kind: tags, chunks, outside (each O), doubtful (half of it is tags, or more), numbers, constant (one
    value in a sentence), blank, spaces (SpaceAfter=No and the like), numbered (`s1.t2`), pos, features
    (key=value), words.
    """

    index: int
    values: Counter
    kind: str
    spelling: Spelling | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of its tags, sorted."""
        parse = tag_parser(self.spelling or Spelling())
        return tuple(sorted({tag.label for tag in map(parse, self.values) if tag is not None and tag.label}))

    @property
    def marks(self) -> list[str]:
        """The ways in which it writes that a token is outside."""
        return [mark for mark in OUTSIDE if mark in self.values]


def role(name: str) -> str:
    """Say what a column's name stands for: token, tag (`CONLL:NER`, `ner_tags`), space, other, or nothing."""
    name = re.sub(r"[\W_]+", "", name.rpartition(":")[2].lower())
    for known, pattern in (
        ("token", TOKEN_NAME),
        ("tag", TAG_NAME),
        ("space", SPACE_NAME),
        ("other", OTHER_NAME),
    ):
        if pattern.fullmatch(name):
            return known
    return ""


def is_header(cells: Sequence[str], below: Sequence[Sequence[str]], *, tag: int | None) -> bool:
    """Tell whether a file's first row holds the columns' names: no cell is a tag, and some are known names.

    One must be the name of a token or tag and another one known, too. Where the user names the column of the
    tags (`tag`), one known name is enough, or none where the tags below have prefixes, if no cell stands in
    its column again.
    """
    cells = [cell.strip() for cell in cells]
    if any(
        parse_tag(cell) or LIKE_A_TAG.fullmatch(cell) or (cell and not any(map(str.isalpha, cell)))
        for cell in cells
    ):
        return False
    roles = set(filter(None, map(role, cells)))
    if {"token", "tag"} <= roles:
        return True
    if any(cell and i < len(row) and row[i].strip() == cell for row in below for i, cell in enumerate(cells)):
        return False
    if tag is None:
        return bool(roles & {"token", "tag"}) and len(roles) > 1
    values = Counter(row[tag].strip() for row in below if tag < len(row))
    spelling = find_spelling(values)
    labels = Column(tag, values, "tags", spelling).labels if spelling else ()
    if tag >= len(cells) or (spelling and spelling.style != PLAIN and tag_parser(spelling)(cells[tag])):
        return False
    return bool(roles) or (bool(labels) and cells[tag] not in labels)


def look(index: int, sentences: list[list[list[str]]]) -> Column:
    """Say what a column is; `sentences` are rows of as many cells."""
    cells = [row[index].strip() for sentence in sentences for row in sentence]
    values = Counter(cells)
    spelling = find_spelling(values)
    kind = _kind(values, spelling)
    if kind in ("words", "pos") and _is_constant(index, sentences):
        kind = "constant"
    return Column(index, values, kind, spelling)


def _kind(values: Counter, spelling: Spelling | None) -> str:
    filled = values.keys() - {"", "_", "-"}
    if not filled:
        return "blank"
    if spelling and values.keys() - set(OUTSIDE):
        labels = {tag_parser(spelling)(value).label for value in values.keys() - set(OUTSIDE)}
        return "chunks" if labels <= CHUNKS else "tags"
    if spelling and filled <= {"O", "o"}:
        return "outside"
    if _are_spaces(values):
        return "spaces"
    if all(NUMBER.fullmatch(value) for value in filled):
        return "numbers"
    if _one_shape(filled):
        return "numbered"
    parsed = {value for value in filled if parse_tag(value)}
    if 2 * sum(values[value] for value in parsed) >= values.total() and parsed - {"O"}:
        return "doubtful"
    if filled <= POS | {value for value in filled if not any(map(str.isalpha, value))} and filled & POS:
        return "pos"
    return "features" if all(FEATURES.fullmatch(value) for value in values) else "words"


def _are_spaces(values: Counter) -> bool:
    """Tell whether some values are SpaceAfter=No, and the others by and large empty or keys and values."""
    some = any(NO_SPACE.fullmatch(value) for value in values)
    like = sum(values[value] for value in values if NO_SPACE.fullmatch(value) or FEATURES.fullmatch(value))
    return some and 2 * like > values.total()


def _one_shape(values: set[str]) -> bool:
    """Tell whether all values differ in their digits alone, as `Sentence: 1` and `s1.t2` do."""
    shapes = {DIGITS.sub("0", value) for value in values}
    return len(values) > 1 and len(shapes) == 1 and "0" in shapes.pop()


def _is_constant(index: int, sentences: list[list[list[str]]]) -> bool:
    repeats = 0
    for sentence in sentences:
        values = [row[index] for row in sentence if row[index]]
        if any(value != values[0] for value in values):
            return False
        repeats += max(0, len(sentence) - 1)
    return repeats > 1


def plain_columns(columns: Sequence[Column], marks: str) -> list[Column]:
    """Return the columns of tags without prefixes in which O is one of `marks`, and as often as in others."""
    found = []
    for column in columns:
        if column.kind == "words" or (column.kind == "constant" and column.values.keys() & set(marks)):
            spelling = find_spelling(column.values, plain=True)
            if spelling and spelling.outside in marks:
                found.append(Column(column.index, column.values, "tags", spelling))
    most = max((column.values[column.spelling.outside] for column in found), default=0)
    return [column for column in found if 2 * column.values[column.spelling.outside] >= most]


def keys_of_tags(column: Column) -> dict[str, Column]:
    """Return the keys of a MISC column (`NER=B-PER|SpaceAfter=No`) whose values are tags; "" for values
    without a key.

    Keys with entities first, and alone, if there are any; else those whose name says that tags are theirs.
    """
    by_key: dict[str, Counter] = {}
    features = sum(number for cell, number in column.values.items() if FEATURES.fullmatch(cell))
    for cell, number in column.values.items():
        for key, value in misc_items(cell):
            by_key.setdefault(key, Counter())[value] += number
    found = {}
    for key, values in by_key.items():
        if key and 2 * features < column.values.total():
            continue
        spelling = find_spelling(values, plain=role(key) == "tag")
        if spelling and (values.keys() - set(OUTSIDE) or role(key) == "tag"):
            found[key] = Column(column.index, values, "tags", spelling)
    real = {key: one for key, one in found.items() if one.labels}
    return real or found


def misc_items(cell: str) -> list[tuple[str, str]]:
    """Take `NER=B-PER|SpaceAfter=No` apart; a value without a key has the key ""."""
    parts = [part.partition("=") for part in cell.strip().split("|") if part not in ("", "_")]
    return [(key, value) if equals else ("", key) for key, equals, value in parts]


def value_of(cell: str, key: str | None, outside: str = "O") -> str:
    """Return the tag in a cell: all of it, or what stands under a key, `outside` where it has none."""
    if key is None:
        return cell.strip()
    return next((value for found, value in misc_items(cell) if found == key), outside)


def is_word_numbers(values: Sequence[str]) -> bool:
    """Tell whether a column numbers words as CoNLL-U does: 1, 2-3 (surface form), 2.1 (empty node)."""
    return bool(values) and all(re.fullmatch(r"\d+(?:[-.]\d+)?", value.strip()) for value in values)


def is_surface_form(number: str) -> bool:
    """Tell whether a word's number stands for several words (`2-3`) or none of the text's (`2.1`)."""
    _, dash, last = number.partition("-")
    return bool(dash and last.isdecimal()) or "." in number


def richness(column: Column) -> tuple[int, int, int]:
    """Return how many values a column has, with capitals, and characters: words have more than their lemmas
    and parts of speech.
    """
    values = column.values.keys()
    return len(values), sum(value != value.lower() for value in values), sum(map(len, values))


def flat(sentences: list[list[list[str]]]) -> list[list[str]]:
    """Return the rows of all sentences."""
    return list(chain.from_iterable(sentences))
