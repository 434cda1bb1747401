"""How tools call where a span starts and ends, its label and the text that it quotes."""

import re
from functools import lru_cache
from typing import NamedTuple

ENDS = {
    "start": ("end", "stop"),
    "startoffset": ("endoffset",),
    "begin": ("end",),
    "beginoffset": ("endoffset",),
    "startchar": ("endchar",),
    "charstart": ("charend",),
    "charbegin": ("charend",),
    "beginchar": ("endchar",),
    "startpos": ("endpos",),
    "beginpos": ("endpos",),
    "startposition": ("endposition",),
    "beginposition": ("endposition",),
    "startindex": ("endindex",),
    "beginindex": ("endindex",),
    "startidx": ("endidx",),
    "beginidx": ("endidx",),
    "startcharacter": ("endcharacter",),
    "characterstart": ("characterend",),
    "characteroffsetbegin": ("characteroffsetend",),
    "offsetstart": ("offsetend",),
    "offsetbegin": ("offsetend",),
    "spanstart": ("spanend",),
    "from": ("to",),
}
"""By the key of the first character, that of the one after the last: both without case, `_` and `-`."""
LENGTHS = ("length", "len")
BEFORE_LENGTH = ("offset", "start", "begin", "startoffset", "beginoffset")
PLACES = ("span", "offsets", "offset", "indices", "position", "range", "location", "interval", "loc", "charspan")
"""Keys under which a pair of numbers stands, or an object with start and end."""
LABELS = (
    *("label", "labels", "entity", "entitytype", "entitygroup", "entitylabel", "type", "tag", "category", "class"),
    *("nertag", "ner", "mentiontype", "enttype", "labelname", "hypertextlabels", "paragraphlabels"),
)
QUOTES = ("text", "word", "surface", "value", "surfaceform", "mention", "string", "name", "content")
STARTS = re.compile("start|begin|anfang|début|debut|inici|inizi|iníci|开始|開始|начал|^(from|von|desde|offset)$")
STOPS = re.compile("end|stop|^fin|^fim|ende|hasta|结束|結束|終了|конец|^(to|bis)$")
NO_OFFSETS = re.compile("time|date|page|line|row|year|sec|second|frame")


class Keys(NamedTuple):
    """Which keys of an object are what.

    start, end: the pair of offsets; end may be a length. place: a key that may hold both. labels, quotes: in the order in which they
    count. known: whether start and end are spelled as some tool does, whose meaning is certain.
    """

    start: str = ""
    end: str = ""
    is_length: bool = False
    places: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()
    known: bool = True


@lru_cache(4096)
def keys_of_span(keys: tuple[str, ...]) -> Keys | None:
    """Return what an object's keys are as those of a span; None where none of them says a place."""
    plain: dict[str, str] = {}
    for key in keys:
        plain.setdefault(re.sub(r"[\W_]", "", str(key)).lower(), key)
    named = Keys(
        places=tuple(plain[name] for name in PLACES if name in plain),
        labels=tuple(plain[name] for name in LABELS if name in plain),
        quotes=tuple(plain[name] for name in QUOTES if name in plain),
    )
    for start, ends in ENDS.items():
        for end in ends:
            if start in plain and end in plain:
                return named._replace(start=plain[start], end=plain[end])
    for start in BEFORE_LENGTH:
        for length in LENGTHS:
            if start in plain and length in plain:
                return named._replace(start=plain[start], end=plain[length], is_length=True)
    usable = [name for name in plain if not NO_OFFSETS.search(name)]
    first = next((plain[name] for name in usable if STARTS.search(name)), None)
    last = next((plain[name] for name in usable if STOPS.search(name) and plain[name] != first), None)
    if first is not None and last is not None:
        return named._replace(start=first, end=last, known=False)
    return named if named.places else None
