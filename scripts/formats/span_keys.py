"""What is a span in JSON: how tools call where it starts and ends, its label and the text that it quotes."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

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
PLACES = (
    "span",
    "offsets",
    "offset",
    "indices",
    "position",
    "range",
    "location",
    "interval",
    "loc",
    "charspan",
)
"""Keys under which a pair of numbers stands, or an object with start and end."""
LABELS = (
    *(
        "label",
        "labels",
        "entity",
        "entitytype",
        "entitygroup",
        "entitylabel",
        "type",
        "tag",
        "category",
        "class",
    ),
    *("nertag", "ner", "mentiontype", "enttype", "labelname", "hypertextlabels", "paragraphlabels"),
)
QUOTES = ("text", "word", "surface", "value", "surfaceform", "mention", "string", "name", "content")
STARTS = re.compile(
    "start|begin|anfang|début|debut|inici|inizi|iníci|开始|開始|начал|^(from|von|desde|offset)$"
)
STOPS = re.compile("end|stop|^fin|^fim|ende|hasta|结束|結束|終了|конец|^(to|bis)$")
NO_OFFSETS = re.compile("time|date|page|line|row|year|sec|second|frame")

STRONG_LABELS = ("label", "entity", "tag", "class", "category", "Label", "entity_group", "entity_type")
"""Keys that make two numbers beside them offsets, whatever these are called."""
NUMBERS = re.compile("(?i)id$|user|rank|count|version|index|num|page|line|time|hash|width|height|head|child")
"""Keys of numbers that are no offsets."""
DIGITS = re.compile(r"\s*[+-]?\d+(\.0*)?\s*")


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


class Fields(NamedTuple):
    """What stands in a span, unchecked: None where there is none. others: what could as well be the label, or the quoted text."""

    start: Any = None
    end: Any = None
    labels: tuple = (None,)
    quoted: Any = None
    others: tuple = ()
    known: bool = True


def looks_like_span(value: object) -> bool:
    """Tell whether a value has a place and a label: `{"start", "end", "label"}` in any spelling, or `[0, 3, "PER"]`."""
    if type(value) is dict:
        if type(value.get("label")) is str and type(value.get("start")) is type(value.get("end")) is int:
            return True  # the usual one, in a third of the time
        keys = keys_of_span(tuple(value))
        if (keys is None or not keys.start) and any(type(value.get(key)) is str for key in STRONG_LABELS):
            return has_two_numbers(value) or (keys is not None and has_place(value))
        return (
            keys is not None
            and bool(keys.labels)
            and not _is_nested(value[keys.labels[0]])
            and has_place(value)
        )
    if type(value) is not list or not 2 <= len(value) <= 5:
        return False
    parts = _flat(value)
    if not any(type(part) is str for part in parts):
        return False
    return sum(type(part) is int for part in parts) == 2 or (
        len(parts) == 3 and sum(map(is_number, parts)) == 2
    )


def has_two_numbers(value: dict) -> bool:
    """Tell whether an object has just two numbers that may be offsets."""
    return sum(type(part) is int and not NUMBERS.search(key) for key, part in value.items()) == 2


def _flat(value: list) -> list:
    """Return what stands in a list, and in lists in it, at most two deep."""
    for _ in range(2):
        if not any(type(part) is list for part in value):
            break
        value = [inner for part in value for inner in (part if type(part) is list else [part])][:9]
    return value


def _is_nested(labels: object) -> bool:
    """Tell whether what stands under a key for labels is no label, but holds spans."""
    return type(labels) is list and any(type(part) in (list, dict) for part in labels)


def is_number(value: object) -> bool:
    """Tell whether a value is a whole number, in whatever way it is written."""
    if type(value) is float:
        return value.is_integer()
    return type(value) is int or (type(value) is str and DIGITS.fullmatch(value) is not None)


def place_of(value: dict) -> tuple[Any, Any]:
    """Return start and end of an object; None where it has none."""
    keys = keys_of_span(tuple(value))
    if keys is None:
        return None, None
    if keys.start:
        start, end = value[keys.start], value[keys.end]
        if keys.is_length:
            return start, start + end if type(start) is int and type(end) is int else end
        return start, end
    for key in keys.places:
        inside = value[key]
        while type(inside) is list and len(inside) == 1:
            inside = inside[0]
        if type(inside) is dict and (place := place_of(inside)) != (None, None):
            return place
        if type(inside) is list and len(inside) == 2 and all(map(is_number, inside)):
            return inside[0], inside[1]
        if type(inside) is list and inside and all(type(part) is list and len(part) == 2 for part in inside):
            return inside, None
    return None, None


def has_place(value: dict) -> bool:
    """Tell whether an object says where something stands."""
    start, end = place_of(value)
    return is_number(start) or is_number(end) or type(start) is list


def span_fields(value: object) -> tuple[Any, Any, tuple, Any]:
    """Return start, end, labels and the quoted text of what looks like a span, unchecked."""
    return fields_of(value)[:4]


def fields_of(value: object) -> Fields:
    """Return what stands in what looks like a span, and what is in doubt of it."""
    if type(value) is list:
        return _list_fields(value)
    if type(value) is not dict:
        return Fields(known=False)
    if (
        len(value) == 3
        and "start" in value
        and "end" in value
        and "label" in value
        and type(value["label"]) is str
    ):
        return Fields(value["start"], value["end"], (value["label"],))
    keys = keys_of_span(tuple(value))
    if keys is None:
        labels = value.get("labels", value.get("label"))
        return Fields(labels=tuple(labels) if type(labels) is list and labels else (labels,))
    start, end = place_of(value)
    labels = [value[key] for key in keys.labels]
    label = labels[0] if labels else None
    quoted = next(
        (value[key] for key in keys.quotes if type(value[key]) is str and key not in keys.labels), None
    )
    sure = bool(keys.labels) and keys.labels[0].lower() in ("label", "labels")
    others = (
        ()
        if sure or type(label) is list
        else tuple(other for other in labels[1:] if type(other) is str and other != label)
    )
    return Fields(
        start, end, tuple(label) if type(label) is list and label else (label,), quoted, others, keys.known
    )


def _list_fields(value: list) -> Fields:
    parts = _flat(value)
    numbers, strings = ([part for part in parts if type(part) is kind] for kind in (int, str))
    in_order = len(value) == 3 and is_number(value[0]) and is_number(value[1])
    if in_order and not (len(numbers) == 2 and strings == value[:1]):
        return Fields(value[0], value[1], (value[2],))
    if len(numbers) != 2 or not strings or len(numbers) + len(strings) != len(parts):
        return Fields(known=False)
    if len(strings) == 2 and re.fullmatch(r"T\d+", strings[0]):
        strings = strings[1:]
    quoted = strings[0] if strings[1:] == strings[:1] else None
    return Fields(*numbers, (strings[0],), quoted, () if quoted else tuple(strings[1:]))
