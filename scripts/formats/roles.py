"""The first rows of a column file, what its columns are, and what is said where that is not certain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from scripts.formats.evidence import Column
from scripts.formats.tags import PLAIN, Spelling

SHOWN_ROWS, SHOWN_LABELS = 3, 12
KINDS = {
    "numbers": "numbers",
    "numbered": "numbered names",
    "constant": "the same within each sentence",
    "outside": "all O",
    "chunks": "chunks",
    "blank": "empty",
    "pos": "parts of speech",
    "features": "features",
}


@dataclass(slots=True)
class Sample:
    """The first rows of a column file, by sentence, with the number of each one's line.

    names: of the columns, where the user, a header or `# global.columns` gives them; header: whether it was
    a header.
    """

    path: Path
    sentences: list[list[list[str]]]
    numbers: list[list[int]]
    names: Sequence[str] = ()
    header: bool = False
    given: bool = False

    @property
    def width(self) -> int:
        """Cells in a row."""
        return len(next((row for sentence in self.sentences for row in sentence), ()))

    def numbered(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row with the number of its line."""
        for sentence, numbers in zip(self.sentences, self.numbers, strict=True):
            yield from zip(numbers, sentence, strict=True)

    def shown(self) -> str:
        """Show the first rows, with their lines' numbers."""
        rows = islice(self.numbered(), SHOWN_ROWS)
        return "".join(f"\n  {number}: {' | '.join(row)[:100]}" for number, row in rows)


def names_error(names: Sequence[str]) -> str:
    """Say that columns' names do not tell which is the token and which the tag."""
    return (
        f"the columns are called {', '.join(names)}; one must be 'token' and one 'tag' "
        f"(--columns={','.join(['token', *['_'] * (len(names) - 2), 'tag'])} names them)"
    )


def ambiguous(sample: Sample, what: str, columns: Sequence[int], readings: Sequence[str]) -> str:
    """Say that several columns could be one thing, with the first rows and the option for each reading."""
    numbers = " and ".join(str(i + 1) for i in columns)
    subject = f"columns {numbers}" if len(columns) > 1 else f"several keys of column {numbers}"
    listed = "".join(f"\n  {reading}" for reading in readings)
    return f"{sample.path}: {subject} could each be the {what}:{sample.shown()}\nsay which is right:{listed}"


def columns_option(width: int, token: int, tag: int, key: str | None = None) -> str:
    """Write the value of --columns that says which column is what."""
    names = ["_"] * width
    names[token], names[tag] = "token", "tag" if not key else f"tag={key}"
    return ",".join(names)


def shown_labels(labels: Sequence[str]) -> str:
    """List the first labels."""
    more = f" and {len(labels) - SHOWN_LABELS} more" if len(labels) > SHOWN_LABELS else ""
    return ", ".join(labels[:SHOWN_LABELS]) + more or "no entities"


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a file of `width` columns are, counted from 0; None where there is no such column.

    key: of the tags where they stand in a column of keys and values (`NER=B-PER`); "" for values without a
    key. space may hold `SpaceAfter=No`. id numbers the words, and `2-3` there stands for a surface form
    whose words follow (CoNLL-U).
    affix: a pattern of tokens that begin or end with what is no part of them, whose group is the token.
    outside: columns that held nothing but O. unused: each other column with what it is.
    """

    width: int = 2
    token: int = 0
    tag: int = 1
    key: str | None = None
    space: int | None = None
    id: int | None = None
    spelling: Spelling = field(default_factory=Spelling)
    scheme: str = "IOB1"
    labels: tuple[str, ...] = ()
    affix: str = ""
    outside: tuple[int, ...] = ()
    unused: tuple[tuple[int, str], ...] = ()


def why_unused(column: Column, names: Sequence[str]) -> str:
    """Say what a column that is not read holds: its name and kind."""
    name = names[column.index] if column.index < len(names) and names[column.index] != "_" else ""
    return ", ".join(filter(None, (name, KINDS.get(column.kind, "tags" if column.kind == "tags" else ""))))


def describe_roles(roles: Roles) -> str:
    """Say which column is what, and which are not used."""
    scheme = "without prefixes" if roles.spelling.style == PLAIN else roles.scheme
    tag = f"column {roles.tag + 1}"
    if roles.key is not None:
        tag += f", {roles.key}=…" if roles.key else ", the value without a key"
        scheme = f"no value: O; {scheme}"
    labels = shown_labels(roles.labels)
    text = f"token = column {roles.token + 1} of {roles.width}, tag = {tag} ({scheme}: {labels})"
    if roles.spelling.outside != "O":
        text += f"; no entity is written {roles.spelling.outside!r}"
    if roles.affix:
        text += f"; of each token what is in the brackets: {roles.affix}"
    if roles.space is not None:
        text += f"; spaces by column {roles.space + 1}"
    if roles.unused:
        unused = [f"column {i + 1}" + (f" ({reason})" if reason else "") for i, reason in roles.unused]
        text += f"; not used: {', '.join(unused)}"
    return text
