"""What the columns of a column file are, and how that is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scripts.annotations.evidence import Column
from scripts.annotations.readings import shown_labels
from scripts.annotations.tags import PLAIN, Spelling

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
