"""What is a span in JSON: how tools call where it starts and ends, its label and the text that it quotes."""

import re
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

USUAL = {"start", "end", "label"}
BOUNDS = (("start", "end"), ("start", "stop"), ("begin", "end"), ("begin", "stop"), ("from", "to"))
OF_BOUNDS = ("", "offset", "char", "pos", "position", "index", "idx", "character", "characteroffset", "span")
"""What stands before or after these words in keys of offsets, without case, `_` and `-`."""
LENGTHS = tuple(product(("offset", "start", "begin", "startoffset", "beginoffset"), ("length", "len")))
STARTS = re.compile("start|begin|anfang|d[eé]but|inici|inizi|iníci|开始|開始|начал|^(from|von|desde|offset)$")
STOPS = re.compile("end|stop|^fin|^fim|ende|hasta|结束|結束|終了|конец|^(to|bis)$")
NO_OFFSETS = re.compile("time|date|page|line|row|year|sec|second|frame")
PLACES = "span offsets offset indices position range location interval loc charspan"
"""Keys under which a pair of numbers stands, or an object with start and end."""
LABELS = """label labels entity entitytype entitygroup entitylabel type tag category class nertag ner
    mentiontype enttype labelname hypertextlabels paragraphlabels"""
QUOTES = "text word surface value surfaceform mention string name content"
STRONG_LABELS = ("label", "entity", "tag", "class", "category", "Label", "entity_group", "entity_type")
"""Keys that make two numbers beside them offsets, whatever these are called."""
NUMBERS = re.compile("(?i)id$|user|rank|count|version|index|num|page|line|time|hash|width|height|head|child")
"""Keys of numbers that are no offsets."""
DIGITS = re.compile(r"\s*[+-]?\d+(\.0*)?\s*")


class Fields(NamedTuple):
    """What stands in a span, unchecked: None where there is none.

    others: what could as well be the label, or the quoted text. known: whether the keys' meaning is certain.
    """

    start: Any = None
    end: Any = None
    labels: tuple = (None,)
    quoted: Any = None
    others: tuple = ()
    known: bool = True

    @property
    def has_place(self) -> bool:
        """Whether it says where something stands."""
        return is_number(self.start) or is_number(self.end) or type(self.start) is list


class _Keys(NamedTuple):
    """Which keys of an object are what. end: may be a length. places: each may hold both."""

    start: str = ""
    end: str = ""
    is_length: bool = False
    known: bool = True
    places: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()


def is_number(value: object) -> bool:
    """Tell whether a value is a whole number, in whatever way it is written."""
    if type(value) is float:
        return value.is_integer()
    return type(value) is int or (type(value) is str and DIGITS.fullmatch(value) is not None)


@lru_cache(4096)
def _keys_of(keys: tuple[str, ...]) -> _Keys:
    plain: dict[str, str] = {}
    for key in keys:
        plain.setdefault(re.sub(r"[\W_]", "", str(key)).lower(), key)
    named = ((plain[name] for name in names.split() if name in plain) for names in (PLACES, LABELS, QUOTES))
    result = _Keys("", "", False, True, *map(tuple, named))
    for first, last in BOUNDS:
        for name in sorted(plain, key=len):
            end = name.replace(first, last, 1)
            if first in name and end in plain and name.replace(first, "", 1) in OF_BOUNDS:
                return result._replace(start=plain[name], end=plain[end])
    for start, length in LENGTHS:
        if start in plain and length in plain:
            return result._replace(start=plain[start], end=plain[length], is_length=True)
    usable = [name for name in plain if not NO_OFFSETS.search(name)]
    first = next((plain[name] for name in usable if STARTS.search(name)), "")
    last = next((plain[name] for name in usable if STOPS.search(name) and plain[name] != first), "")
    return result._replace(start=first, end=last, known=False) if first and last else result


def span_fields(value: object) -> Fields:
    """Return what stands in what looks like a span, unchecked."""
    if type(value) is list:
        return _list_fields(value)
    if type(value) is not dict:
        return Fields(known=False)
    if value.keys() == USUAL and type(value["label"]) is str:  # as below, in a quarter of the time
        return Fields(value["start"], value["end"], (value["label"],))
    keys = _keys_of(tuple(value))
    labels = [value[key] for key in keys.labels]
    label = labels[0] if labels else None
    quotes = (value[key] for key in keys.quotes if key not in keys.labels and type(value[key]) is str)
    sure = type(label) is list or (labels and keys.labels[0].lower() in ("label", "labels"))
    return Fields(
        *_place(value, keys),
        labels=tuple(label) if type(label) is list and label else (label,),
        quoted=next(quotes, None),
        others=() if sure else tuple(one for one in labels[1:] if type(one) is str and one != label),
        known=keys.known,
    )


def _place(value: dict, keys: _Keys) -> tuple[Any, Any]:
    """Return start and end of an object; None where it has none."""
    if keys.start:
        start, end = value[keys.start], value[keys.end]
        return start, start + end if keys.is_length and type(start) is type(end) is int else end
    for key in keys.places:
        inside = value[key]
        while type(inside) is list and len(inside) == 1:
            inside = inside[0]
        if type(inside) is dict and (inner := _keys_of(tuple(inside))).start:
            return _place(inside, inner)
        if type(inside) is list and len(inside) == 2 and all(map(is_number, inside)):
            return inside[0], inside[1]
        if type(inside) is list and inside and all(type(part) is list and len(part) == 2 for part in inside):
            return inside, None
    return None, None


def _flat(value: list) -> list:
    """Return what stands in a list, and in lists in it, at most two deep."""
    for _ in range(2):
        value = [inner for part in value for inner in (part if type(part) is list else [part])][:9]
    return value


def _list_fields(value: list) -> Fields:
    parts = _flat(value)
    numbers, strings = ([part for part in parts if type(part) is kind] for kind in (int, str))
    label_first = len(numbers) == 2 and strings == value[:1]  # which may be "1"
    if len(value) == 3 and is_number(value[0]) and is_number(value[1]) and not label_first:
        return Fields(value[0], value[1], (value[2],))
    if len(numbers) != 2 or not strings or len(numbers) + len(strings) != len(parts):
        return Fields(known=False)
    if len(strings) == 2 and re.fullmatch(r"T\d+", strings[0]):
        strings = strings[1:]
    quoted = strings[0] if strings[1:] == strings[:1] else None
    return Fields(*numbers, (strings[0],), quoted, () if quoted else tuple(strings[1:]))


def looks_like_span(value: object) -> bool:
    """Tell whether a value has a place and a label, as an object or as a list `[0, 3, "PER"]`."""
    if type(value) is dict:
        if value.keys() == USUAL and type(value["label"]) is str and type(value["start"]) is int:
            return True
        keys, fields = _keys_of(tuple(value)), span_fields(value)
        label = value[keys.labels[0]] if keys.labels else None
        nested = type(label) is list and any(type(part) in (list, dict) for part in label)
        if not keys.start and any(type(value.get(key)) is str for key in STRONG_LABELS):
            return fields.has_place or has_two_numbers(value)
        return bool(keys.labels) and not nested and fields.has_place
    if type(value) is not list or not 2 <= len(value) <= 5 or type(value[0]) is dict:
        return False
    parts = _flat(value)
    two_numbers = sum(type(part) is int for part in parts) == 2
    two_numbers = two_numbers or (len(parts) == 3 and sum(map(is_number, parts)) == 2)
    return two_numbers and any(type(part) is str for part in parts)


def has_two_numbers(value: dict) -> bool:
    """Tell whether an object has just two numbers that may be offsets."""
    return sum(type(part) is int and not NUMBERS.search(key) for key, part in value.items()) == 2


def has_label(place: dict | list) -> bool:
    """Tell whether an object with a place has a label, or what may be it; GATE's `indices` have none."""
    if type(place) is list or "indices" in place:
        return False
    quotes = _keys_of(tuple(place)).quotes
    strings = [key for key, part in place.items() if type(part) is str and key not in quotes]
    return bool(strings) or looks_like_span(place)
