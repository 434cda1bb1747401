"""Tell tag schemes apart and decode tags into entities.

IOB1    I-X inside, B-X only where an entity follows another of the same label at once
IOB2    B-X first, I-X after (what most people call IOB or BIO)
BILUO   B-X first, I-X inside, L-X last, U-X alone (IOBES spells them B, I, E, S)
CoNLL-2012 has brackets instead: (X* first, * inside or outside, *) last, (X) or (X*) alone
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

TAG = re.compile(r"(?:O|([BILUES])-(\S.*))")
IOBES = {"E": "L", "S": "U"}


BRACKET = re.compile(r"(?:\(([^()*\s]+))?\*?(\))?")


@dataclass(frozen=True, slots=True)
class Tag:
    """A parsed tag: prefix O, B, I, L or U, and a label (empty for O)."""

    prefix: str
    label: str


class Scheme:
    """Watches the tags of a file, sentence by sentence, and says which scheme they follow."""

    def __init__(self) -> None:
        self.has_last_or_unit = False
        self.has_begin_after_other = False

    def watch(self, tags: Iterable[Tag]) -> None:
        """Look at one sentence's tags."""
        last = Tag("O", "")
        for tag in tags:
            if tag.prefix in "LU":
                self.has_last_or_unit = True
            elif tag.prefix == "B" and last.label != tag.label:
                self.has_begin_after_other = True
            last = tag

    @property
    def name(self) -> str:
        """BILUO when a last or unit tag was seen; IOB2 when a B starts an entity that follows no other; else IOB1."""
        if self.has_last_or_unit:
            return "BILUO"
        return "IOB2" if self.has_begin_after_other else "IOB1"


@lru_cache(maxsize=4096)
def parse_tag(text: str) -> Tag | None:
    """Parse `O`, `B-PER`, `S-ORG`; None where the text is no tag."""
    match = TAG.fullmatch(text)
    if match is None:
        return None
    prefix, label = match.groups()
    return Tag(IOBES.get(prefix, prefix), label) if prefix else Tag("O", "")


Wrong = tuple[int, str, str]
"""A token whose tag its scheme forbids, the check that explains it, and what is wrong."""


def decode(tags: list[Tag], scheme: str) -> tuple[list[tuple[int, int, str]], list[Wrong]]:
    """Turn one sentence's tags into entities and faults.

    Returns `(start, end, label)` token ranges, end exclusive, and each tag that the scheme
    forbids. A forbidden I or L starts a new entity; an unfinished one ends where the next tag says.
    """
    entities: list[tuple[int, int, str]] = []
    faults: list[Wrong] = []
    start: int | None = None
    label = ""

    def close(end: int) -> None:
        nonlocal start
        if start is not None:
            entities.append((start, end, label))
        start = None

    for i, tag in enumerate(tags):
        continues = start is not None and tag.prefix in "IL" and tag.label == label
        if scheme == "BILUO" and start is not None and not continues:
            faults.append((i, "illegal-sequence", f"{tag.prefix}{'-' + tag.label if tag.label else ''} inside an unfinished {label} entity"))
        if not continues:
            close(i)
            if tag.prefix == "O":
                continue
            if tag.prefix in "IL" and scheme != "IOB1":
                faults.append((i, "i-without-b", f"{tag.prefix}-{tag.label} without B-{tag.label} before it"))
            start, label = i, tag.label
        if tag.prefix in "LU":
            close(i + 1)
    if scheme == "BILUO" and start is not None:
        faults.append((len(tags) - 1, "illegal-sequence", f"the {label} entity is unfinished at the sentence's end"))
    close(len(tags))
    return entities, faults


def from_brackets(cells: list[str]) -> tuple[list[tuple[int, int, str]], list[Wrong]]:
    """Turn one sentence's brackets into entities and faults, as `decode` does for tags."""
    entities: list[tuple[int, int, str]] = []
    faults: list[Wrong] = []
    start, label = None, ""
    for i, cell in enumerate(cells):
        match = BRACKET.fullmatch(cell.strip())
        opens, closes = match.groups() if match else (None, None)
        if match is None or (opens and start is not None) or (closes and not opens and start is None):
            faults.append((i, "illegal-sequence", f"{cell!r} is no bracket that can stand here"))
            continue
        if opens:
            start, label = i, opens
        if closes:
            entities.append((start, i + 1, label))
            start = None
    if start is not None:
        faults.append((len(cells) - 1, "illegal-sequence", f"the {label} entity is unfinished at the sentence's end"))
        entities.append((start, len(cells), label))
    return entities, faults
