"""Tell tag schemes apart and decode tags into entities.

IOB1    I-X inside, B-X only where an entity follows another of the same label at once
IOB2    B-X first, I-X after (what most people call IOB or BIO)
BILUO   B-X first, I-X inside, L-X last, U-X alone (IOBES spells them B, I, E, S; BMES and BMEWO B, M, E, S
or W) CoNLL-2012 has brackets instead: (X* first, * inside or outside, *) last, (X) or (X*) alone
Without prefixes a run of tags X is one entity.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

PREFIXES = "BILUESMW"
SAME = {"E": "L", "S": "U", "M": "I", "W": "U"}
"""Prefixes that other schemes have for L, U and I."""
ONE = rf"(?!.*\s(?i:O|[{PREFIXES}][-_]\S+)(?:\s|$))"
"""Looks ahead that no other tag follows behind a blank: `B-PER O O` are the tags of a whole sentence."""
STYLES = {
    "B-PER": re.compile(rf"{ONE}(?P<prefix>[{PREFIXES}])-(?P<label>\S.*)"),
    "B_PER": re.compile(rf"{ONE}(?P<prefix>[{PREFIXES}])_(?P<label>\S.*)"),
    "b-per": re.compile(rf"{ONE}(?P<prefix>[{PREFIXES.lower()}])-(?P<label>\S.*)"),
    "PER-B": re.compile(rf"{ONE}(?P<label>\S.*)[-_](?P<prefix>[{PREFIXES}])"),
}
PLAIN = "PER"
"""The style of tags without prefixes."""
LABEL = re.compile(r"(?![A-Za-z]?[-_]|[A-Za-z] )[^\W\d_][\w.&/+ -]+")
"""A tag without a prefix: a name of two letters or more that begins with no single letter before a hyphen or
a blank.
"""
OUTSIDE = ("O", "o", "0", "_", "-")
"""How files write that a token is outside all entities."""
MOST_PLAIN = 50
"""Tags without prefixes have at most so many labels."""
_POS = """ADJ ADP ADV AUX CCONJ CONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB
    CC CD DT EX FW IN JJ JJR JJS LS MD NN NNS NNP NNPS PDT POS PRP PRP$ RB RBR RBS RP TO UH VB VBD VBG VBN
    VBP VBZ WDT WP WP$ WRB
    NE VVFIN VAFIN VVPP VVINF APPR APPRART ART ADJA ADJD KON PPER PTKNEG $. $, $("""
_CHUNKS = "NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP NC PC VC AC PNP NX PX VX WHNP WHPP"
POS = frozenset(_POS.split())
"""Parts of speech: universal, of the Penn Treebank, and some of STTS. A column that has some of them holds
no entities.
"""
CHUNKS = frozenset(_CHUNKS.split())
"""Labels of chunks (CoNLL-2000, CoNLL-2003)."""
BRACKET = re.compile(r"(?:\(([^()*\s]+))?\*?(\))?")


@dataclass(frozen=True, slots=True)
class Tag:
    """A parsed tag: prefix O, B, I, L or U, and a label (empty for O)."""

    prefix: str
    label: str


NO_ENTITY = Tag("O", "")


class Spelling(NamedTuple):
    """How a file writes its tags: one of STYLES or PLAIN, and one of OUTSIDE for no entity."""

    style: str = "B-PER"
    outside: str = "O"


@lru_cache(maxsize=64)
def tag_parser(spelling: Spelling) -> Callable[[str], Tag | None]:
    """Return what parses tags that are spelt so, and returns None where a text is no such tag."""
    pattern = STYLES.get(spelling.style)

    @lru_cache(maxsize=4096)
    def parse(text: str) -> Tag | None:
        if text == spelling.outside:
            return NO_ENTITY
        if pattern is None:  # runs of one label are what IOB1 makes of I-X
            return Tag("I", text) if LABEL.fullmatch(text) else None
        match = pattern.fullmatch(text)
        return (
            Tag(SAME.get(match["prefix"].upper(), match["prefix"].upper()), match["label"]) if match else None
        )

    return parse


parse_tag = tag_parser(Spelling())
"""Parse `O`, `B-PER`, `S-ORG`; None where the text is no tag."""


def find_spelling(values: Iterable[str], *, plain: bool = False) -> Spelling | None:
    """Tell how tags are written from all the different values of a column; None where they are no tags.

    Several ways to write O are no obstacle: `Spelling.outside` is the first that OUTSIDE names. plain: tags
    may be without prefixes; then some must be O, and no part of speech may be among them.
    """
    values = set(values)
    outside = next((mark for mark in OUTSIDE if mark in values), "O")
    tags = values.difference(OUTSIDE)
    if not tags:
        return Spelling(outside=outside)
    for style, pattern in STYLES.items():
        if all(map(pattern.fullmatch, tags)) and not (style == "PER-B" and outside not in values):
            return Spelling(style, outside)
    if (
        plain
        and outside in values
        and len(tags) <= MOST_PLAIN
        and not tags & POS
        and all(map(LABEL.fullmatch, tags))
    ):
        return Spelling(PLAIN, outside)
    return None


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
        """BILUO when a last or unit tag was seen; IOB2 when a B starts an entity that follows no other; else
        IOB1.
        """
        if self.has_last_or_unit:
            return "BILUO"
        return "IOB2" if self.has_begin_after_other else "IOB1"


Wrong = tuple[int, str, str]
"""A token whose tag its scheme forbids, the check that explains it, and what is wrong."""


def decode(tags: list[Tag], scheme: str) -> tuple[list[tuple[int, int, str]], list[Wrong]]:
    """Turn one sentence's tags into entities and faults.

    Returns `(start, end, label)` token ranges, end exclusive, and each tag that the scheme
    forbids. A forbidden I or L starts a new entity; an unfinished one ends where the next tag says.
    """
    entities: list[tuple[int, int, str]] = []
    faults: list[Wrong] = []
    if tags.count(NO_ENTITY) == len(tags):
        return [], faults
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
            faults.append(
                (
                    i,
                    "illegal-sequence",
                    f"{tag.prefix}{'-' + tag.label if tag.label else ''} inside an unfinished {label} entity",
                )
            )
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
        faults.append(
            (len(tags) - 1, "illegal-sequence", f"the {label} entity is unfinished at the sentence's end")
        )
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
        faults.append(
            (len(cells) - 1, "illegal-sequence", f"the {label} entity is unfinished at the sentence's end")
        )
        entities.append((start, len(cells), label))
    return entities, faults
