"""Tell from names and sampled cells what a column is."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from scripts.formats.rows import Numbered, misc_items, value_of
from scripts.formats.tags import CHUNKS, DEFAULT, OUTSIDE, POS, Spelling, find_spelling, labels_of, parse_tag

_NER = r"ner|ne|(?:named)?entit(?:y|ies)|bio|iob2?|bioes|iobes|bilou|mwe"
NAMES = {
    "token": r"tok|tokens?|words?|(?:word)?forms?|text|surface",
    "tag": rf"(?:gold|word|token|fine|coarse)*(?:{_NER})?(?:tags?|labels?)(?:name|type|class)?"
    rf"|(?:gold)?(?:{_NER})(?:type|class|scheme)?|ne(?:coarse|fine|nested)\w*",
    "space": r"misc|spaces?|spaceafter",
    "sentence": r"sent(?:ence)?(?:id|idx|nr|no|num|number)?|sid",
    "document": r"(?:doc(?:ument)?|file)(?:id|name|key)?",
    "other": r"[uxc]?pos(?:tags?)?|lemmas?|chunks?(?:tags?)?|feats?|head|deps?|deprel|id|index|idx|nel\w*",
}
"""What columns' names stand for, in lower case and without signs."""
NO_SPACE = re.compile(r"(?:.*\|)?(?:SpaceAfter=No|NoSpaceAfter)(?:\|.*)?")
FEATURES = re.compile(r"_?|[^=]+=.*")
LIKE_A_TAG = re.compile(r"[BILOUESMWX][-_]\S*")
NUMBER = re.compile(r"[\d.,:/_-]*\d[\d.,:/_-]*")
Sentences = Sequence[Sequence[Numbered]]


def role(name: str) -> str:
    """Say what a column's name (`CONLL:NER`, `tag=NER`) stands for: a key of NAMES, or nothing."""
    name = re.sub(r"[\W_]+", "", name.partition("=")[0].rpartition(":")[2].lower())
    return next((known for known, pattern in NAMES.items() if re.fullmatch(pattern, name)), "")


@dataclass(frozen=True, slots=True)
class Column:
    """A column's sampled values, and its kind.

    kind: as `_kind` names it, or one value a sentence. key: of values in a column of keys and values.
    """

    index: int
    values: Counter
    kind: str
    spelling: Spelling | None
    key: str | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of its tags, sorted."""
        return labels_of(self.values, self.spelling or DEFAULT)

    @property
    def richness(self) -> tuple[int, int, int]:
        """How many values it has, with capitals, and characters: words have more than lemmas."""
        values = self.values.keys()
        return len(values), sum(value != value.lower() for value in values), sum(map(len, values))


def look(index: int, sentences: Sentences) -> Column:
    """Say what a column is; `sentences` are rows of as many cells."""
    values = Counter([row[index].strip() for sentence in sentences for _, row in sentence])
    spelling = find_spelling(values)
    kind = _kind(values, spelling)
    if kind in ("words", "parts of speech"):
        most = max(len({row[index] for _, row in sentence} - {""}) for sentence in sentences)
        if most < 2 and sum(map(len, sentences)) - len(sentences) > 1:
            kind = "one value a sentence"
    return Column(index, values, kind, spelling)


def _kind(values: Counter, spelling: Spelling | None) -> str:
    filled = values.keys() - {"", "_", "-"}
    tags = values.keys() - {*OUTSIDE}
    letters = {value for value in filled if any(map(str.isalpha, value))}
    shapes = {re.sub(r"\d+", "0", value) for value in filled}
    if not filled:
        return "empty"
    if spelling and tags:
        return "chunks" if CHUNKS.issuperset(labels_of(tags, spelling)) else "tags"
    if spelling and filled <= {"O", "o"}:
        return "all O"
    if any(map(NO_SPACE.fullmatch, values)) and 2 * _count(values, FEATURES.fullmatch) > values.total():
        return "spaces"
    if all(map(NUMBER.fullmatch, filled)):
        return "numbers"
    if len(filled) > len(shapes) == 1 and "0" in shapes.pop():
        return "numbered names"
    if 2 * _count(values, parse_tag) >= values.total() and any(map(parse_tag, filled - {"O"})):
        return "doubtful"
    if letters and letters <= POS:
        return "parts of speech"
    return "features" if all(map(FEATURES.fullmatch, values)) else "words"


def _count(values: Counter, accepts: Callable) -> int:
    return sum(number for value, number in values.items() if accepts(value))


def plain_columns(columns: Iterable[Column], marks: Sequence[str] = OUTSIDE) -> list[Column]:
    """Return the columns of tags without prefixes in which O is one of `marks`, and as often as in others."""
    found = []
    for column in columns:
        spelling = find_spelling(column.values, plain=True)
        is_plain = column.kind in ("words", "one value a sentence") and spelling
        if is_plain and spelling.outside in marks and spelling.outside in column.values:
            found.append(replace(column, kind="tags", spelling=spelling))
    most = max((column.values[column.spelling.outside] for column in found), default=0)
    return [column for column in found if 2 * column.values[column.spelling.outside] >= most]


def keys_of_tags(column: Column) -> list[Column]:
    """Return the keys of a MISC column (`NER=B-PER|Gender=M`) that hold tags, with entities if any do."""
    by_key: dict[str, Counter] = {}
    for cell, number in column.values.items():
        for key, value in misc_items(cell):
            by_key.setdefault(key, Counter())[value] += number
    has_keys = 2 * _count(column.values, FEATURES.fullmatch) >= column.values.total()
    found = []
    for key, values in by_key.items():
        spelling = find_spelling(values, plain=role(key) == "tag")
        if spelling and (has_keys or not key) and (values.keys() - {*OUTSIDE} or role(key) == "tag"):
            found.append(Column(column.index, values, "tags", spelling, key))
    return [one for one in found if one.labels] or found


def same_content(sentences: Sentences, first: Column, second: Column) -> bool:
    """Tell whether two columns hold the same in each row."""
    rows = (row for sentence in sentences for _, row in sentence)
    pairs = ((value_of(row[one.index], one.key) for one in (first, second)) for row in rows)
    return all(one == two for one, two in pairs)
