"""How the tags of tokens are written, and how they become entities.

IOB1    I-X inside, B-X only where an entity follows another of the same label at once
IOB2    B-X first, I-X after (what most people call IOB or BIO)
BILUO   B-X first, I-X inside, L-X last, U-X alone (IOBES has E and S for L and U, BMES and BMEWO M for I too)

CoNLL-2012 has brackets instead: (X* first, * inside or outside, *) last, (X) or (X*) alone.
Without prefixes consecutive tags X are one entity.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

PREFIXES = "BILUESMW"
SAME = {"E": "L", "S": "U", "M": "I", "W": "U"}
ONE = rf"(?!.*\s(?i:O|[{PREFIXES}][-_]\S+)(?:\s|$))"
"""Looks ahead that no other tag follows behind a blank: `B-PER O O` are the tags of a whole sentence."""
STYLES = {
    "B-PER": re.compile(rf"{ONE}(?P<prefix>[{PREFIXES}])-(?P<label>\S.*)"),
    "B_PER": re.compile(rf"{ONE}(?P<prefix>[{PREFIXES}])_(?P<label>\S.*)"),
    "b-per": re.compile(rf"{ONE}(?P<prefix>[{PREFIXES.lower()}])-(?P<label>\S.*)"),
    "PER-B": re.compile(rf"{ONE}(?P<label>\S.*)[-_](?P<prefix>[{PREFIXES}])"),
}
PLAIN = "PER"
PLAIN_LABEL = re.compile(r"(?![A-Za-z]?[-_]|[A-Za-z] )[^\W\d_][\w.&/+ -]+")
MAX_PLAIN_LABELS = 50
OUTSIDE = ("O", "o", "0", "_", "-", "")
"""How files write that a token is outside all entities."""
_POS = """ADJ ADP ADV AUX CCONJ CONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB
    CC CD DT EX FW IN JJ JJR JJS LS MD NN NNS NNP NNPS PDT POS PRP PRP$ RB RBR RBS RP TO UH VB VBD VBG VBN
    VBP VBZ WDT WP WP$ WRB
    NE VVFIN VAFIN VVPP VVINF APPR APPRART ART ADJA ADJD KON PPER PTKNEG $. $, $("""
POS = frozenset(_POS.split())
"""Parts of speech (universal, Penn Treebank, some of STTS): a column that has some holds no entities."""
_CHUNKS = "NP VP PP ADVP ADJP SBAR PRT CONJP INTJ LST UCP NC PC VC AC PNP NX PX VX WHNP WHPP"
CHUNKS = frozenset(_CHUNKS.split())
BRACKET = re.compile(r"(?:\(([^()*\s]+))?\*?(\))?")
SHOWN_LABELS = 20

Ranges = list[tuple[int, int, str]]
"""Entities as first token, token after the last, and label."""
Wrong = tuple[int, str, str]
"""A token whose tag its scheme forbids, the check that explains it, and what is wrong."""


class Tag(NamedTuple):
    """A parsed tag: prefix O, B, I, L or U, and a label (empty for O)."""

    prefix: str
    label: str


NO_ENTITY = Tag("O", "")


class Spelling(NamedTuple):
    """How a file writes its tags: one of STYLES or PLAIN, and one of OUTSIDE for no entity."""

    style: str = "B-PER"
    outside: str = "O"


DEFAULT = Spelling()


@lru_cache(maxsize=64)
def tag_parser(spelling: Spelling) -> Callable[[str], Tag | None]:
    """Return what parses tags of one spelling, and returns None where a text is no such tag."""
    pattern = STYLES.get(spelling.style)

    @lru_cache(maxsize=4096)
    def parse(text: str) -> Tag | None:
        if text == spelling.outside:
            return NO_ENTITY
        if pattern is None:  # consecutive I-X are one entity in IOB1
            return Tag("I", text) if PLAIN_LABEL.fullmatch(text) else None
        match = pattern.fullmatch(text)
        prefix = match["prefix"].upper() if match else ""
        return Tag(SAME.get(prefix, prefix), match["label"]) if match else None

    return parse


parse_tag = tag_parser(DEFAULT)
"""Parse `O`, `B-PER`, `S-ORG`; None where the text is no tag."""


def find_spelling(values: Iterable[str], *, plain: bool = False) -> Spelling | None:
    """Tell how tags are written from all the different values of a column; None where they are no tags.

    plain: tags may be without prefixes; then some must be O, and no part of speech may be among them.
    """
    values = set(values)
    outside = next((mark for mark in OUTSIDE if mark in values), "O")
    tags = values.difference(OUTSIDE)
    if not tags:
        return Spelling(outside=outside)
    for style, pattern in STYLES.items():
        if all(map(pattern.fullmatch, tags)) and (style != "PER-B" or outside in values):
            return Spelling(style, outside)
    few = outside in values and len(tags) <= MAX_PLAIN_LABELS
    if plain and few and not tags & POS and all(map(PLAIN_LABEL.fullmatch, tags)):
        return Spelling(PLAIN, outside)
    return None


def labels_of(values: Iterable[str], spelling: Spelling) -> tuple[str, ...]:
    """Return the labels of tags, sorted."""
    return tuple(sorted({tag.label for tag in map(tag_parser(spelling), values) if tag and tag.label}))


def find_scheme(sentences: Iterable[Iterable[Tag | None]]) -> str:
    """Tell the scheme: BILUO if a tag is last or alone, IOB2 if a B follows another label, else IOB1."""
    begins = False
    for tags in sentences:
        before = NO_ENTITY
        for tag in filter(None, tags):
            if tag.prefix in "LU":
                return "BILUO"
            begins = begins or (tag.prefix == "B" and before.label != tag.label)
            before = tag
    return "IOB2" if begins else "IOB1"


def describe_tags(scheme: str, spelling: Spelling, labels: Sequence[str]) -> str:
    """Say how tags are written, and which labels they have: `IOB2: LOC, ORG, PER`."""
    said = "no prefixes" if spelling.style == PLAIN else scheme
    if spelling.style not in (PLAIN, "B-PER"):
        said += f" as in {spelling.style}"
    if spelling.outside != "O":
        said += f", O written as {repr(spelling.outside) if spelling.outside else 'an empty cell'}"
    more = ", …" if len(labels) > SHOWN_LABELS else ""
    return f"{said}: {', '.join(labels[:SHOWN_LABELS])}{more}" if labels else "all O"


def decode(tags: Sequence[Tag], scheme: str) -> tuple[Ranges, list[Wrong]]:
    """Turn one sentence's tags into entities (a forbidden I starts one), and name what the scheme forbids."""
    if scheme == "brackets":
        return from_brackets(tags)
    entities, wrong = [], []
    if tags.count(NO_ENTITY) == len(tags):
        return entities, wrong
    start: int | None = None
    for i, tag in enumerate([*tags, NO_ENTITY]):
        if start is not None and (tag.prefix not in "IL" or tag.label != tags[start].label):
            label = tags[start].label
            entities.append((start, i, label))
            start = None
            if scheme == "BILUO" and i < len(tags):
                found = f"{tag.prefix}{'-' * bool(tag.label)}{tag.label}"
                wrong.append((i, "illegal-sequence", f"{found} inside an unfinished {label} entity"))
            elif scheme == "BILUO":
                what = f"the {label} entity is unfinished at the sentence's end"
                wrong.append((i - 1, "illegal-sequence", what))
        if start is None and tag.prefix != "O":
            if tag.prefix in "IL" and scheme != "IOB1":
                wrong.append((i, "i-without-b", f"{'-'.join(tag)} without B-{tag.label} before it"))
            start = i
        if tag.prefix in "LU":
            entities.append((start, i + 1, tag.label))
            start = None
    return entities, wrong


def from_brackets(cells: Sequence[str]) -> tuple[Ranges, list[Wrong]]:
    """Turn one sentence's brackets into entities, as `decode` does for tags."""
    tags, wrong, label = [], [], ""
    for i, cell in enumerate(cells):
        match = BRACKET.fullmatch(cell.strip())
        opens, closes = match.groups() if match else (None, None)
        if match is None or (opens and label) or (closes and not opens and not label):
            wrong.append((i, "illegal-sequence", f"{cell!r} is no bracket that can stand here"))
            opens = closes = None
        label = opens or label
        prefix = "O" if not label else "U" if opens and closes else "B" if opens else "L" if closes else "I"
        tags.append(Tag(prefix, label))
        label = "" if closes else label
    entities, unfinished = decode(tags, "BILUO")
    return entities, wrong + unfinished


def count_entities(tags: Iterable[str], spelling: Spelling) -> int:
    """Count, without `decode`, where entities begin: at B or U, or where no tag before lets one go on."""
    found, before = 0, NO_ENTITY
    for tag in map(tag_parser(spelling), tags):
        tag = tag or NO_ENTITY
        goes_on = tag.prefix in "IL" and before.prefix in "BI" and before.label == tag.label
        found += tag != NO_ENTITY and not goes_on
        before = tag
    return found
