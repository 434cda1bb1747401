"""Find what looks like a span in JSON, under any key and at any depth, and read it."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from scripts.formats.record import Source, fail
from scripts.formats.span_fields import has_label, has_two_numbers, is_number, looks_like_span, span_fields

SPAN_KEYS = ("spans", "entities", "label", "labels", "ents", "annotations", "annotation")
BY_LABEL = re.compile("spans|entit|^labels?$|^ents$|annotation|^ner$|mentions")
"""Keys under which an object may hold the places of each label."""
SEGMENTS = re.compile("(?i)sent|tok|word|para|sect|segment|chunk|line|page|meta|turn|audio|offset|time|date")
"""Keys under which stand stretches of text that are no entities, unless they have a label of one."""
ENTITY_KEYS = ("label", "labels", "entity", "ner", "ner_tag", "ent_type", "entity_type", "entityLabel")
NO_SPANS = ("head_span", "child_span")
"""Keys of a relation's ends, which are spans that stand elsewhere."""
JUDGED = {"choices", "rating", "taxonomy", "number", "datetime", "ranker"}
"""What Label Studio has instead of labels where a stretch of text was judged, not named."""


def short(value: object) -> str:
    """Return a value as an error message shows it: at most some 80 characters of JSON."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        text = f"a {type(value).__name__} of too many levels"
    return repr(text if len(text) <= 80 else text[:80] + "…")


def find_spans(value: object) -> dict[str, list]:
    """Return all that looks like a span, by the path of keys that leads there (`annotation.entities`).

    A list in which one element is a span has nothing but spans: whatever else stands there comes with them.
    """
    found: dict[str, list] = {}
    waiting: list[tuple[str, str, Any]] = [("", "", value)]
    while waiting:
        path, key, inside = waiting.pop()
        if spans := _spans_under(key, inside) if path or type(inside) is list else []:
            found.setdefault(path, []).extend(spans)
        elif type(inside) is dict:
            named = [(f"{path}.{name}" if path else name, name, part) for name, part in inside.items()]
            waiting += [one for one in named if one[1] not in NO_SPANS and type(one[2]) in (dict, list)]
        elif type(inside) is list:
            waiting += [(path, key, part) for part in reversed(inside) if type(part) in (dict, list)]
    return found


def _spans_under(key: str, value: dict | list) -> list:
    """Return the spans that a value under some key is or holds as its elements."""
    if SEGMENTS.search(key):
        parts = [part for part in (value if type(value) is list else [value]) if type(part) is dict]
        named = [part for part in parts if any(part.get(name) not in (None, "", "O") for name in ENTITY_KEYS)]
        return list(filter(looks_like_span, named))
    if looks_like_span(value):
        return [value]
    may_be_by_label = BY_LABEL.search(key.lower())
    if type(value) is dict:
        lists = all(type(part) is list and part and type(part[0]) is list for part in value.values())
        return _by_label(value, surfaces=not key.startswith("annotation")) if may_be_by_label or lists else []
    if any(looks_like_span(part) or _lacks_label(key, part) for part in value):
        return [part for part in value if part is not None]
    if may_be_by_label and all(type(part) is dict for part in value):
        parts = list(map(_by_label, value))
        return [span for part in parts for span in part] if all(parts) else []
    return []


def _lacks_label(key: str, value: object) -> bool:
    """Tell whether an object has a place, no label, no spans of its own, and neither choice nor comment."""
    if type(value) is not dict or not JUDGED.isdisjoint(value) or type(value.get("text")) is list:
        return False
    numbers = BY_LABEL.search(key.lower()) and has_two_numbers(value)
    if not (span_fields(value).has_place or (numbers and any(type(part) is str for part in value.values()))):
        return False
    waiting = [part for part in value.values() if type(part) in (dict, list)]
    while waiting:
        part = waiting.pop()
        inside = list(part.values()) if type(part) is dict else part
        if any(map(looks_like_span, inside)):
            return False
        waiting += [one for one in inside if type(one) in (dict, list)]
    return True


def _by_label(value: dict, *, surfaces: bool = False) -> list[dict]:
    """Return the spans of `{"PER": [[0, 3]]}` or, if `surfaces`, `{"PER": {"Ana": [[0, 3]]}}`."""
    spans: list[dict] = []
    for label, inside in value.items():
        for quoted, places in inside.items() if type(inside) is dict and surfaces else [(None, inside)]:
            if type(places) is not list or BY_LABEL.search(label.lower()):
                return []
            is_pair = len(places) == 2 and all(type(one) is int for one in places)
            for place in [places] if is_pair else places:
                pair = place if type(place) is list else span_fields(place)[:2]
                if len(pair) != 2 or not all(map(is_number, pair)) or has_label(place):
                    return []
                text = {} if quoted is None else {"text": quoted}
                spans.append({"start": pair[0], "end": pair[1], "label": label} | text)
    return spans


def union(found: dict[str, list]) -> Counter[tuple[str, str]]:
    """Count what `find_spans` found, by place and label; what stands under several keys alike counts once."""
    together: Counter[tuple[str, str]] = Counter()
    for spans in found.values():
        together |= span_keys(spans)
    return together


def count_spans(found: dict[str, list]) -> int:
    """Count spans, one for each label; what stands under several keys alike counts once."""
    if len(found) > 1:
        return union(found).total()
    return sum(len(span_fields(span).labels) for spans in found.values() for span in spans)


def span_keys(spans: Iterable) -> Counter[tuple[str, str]]:
    """Count spans by place and label."""
    fields = map(span_fields, spans)
    return Counter((repr((one.start, one.end, label)), str(label)) for one in fields for label in one.labels)


def read_spans(values: Iterable, source: Source, text: str) -> list[tuple[int, int, str, str | None]]:
    """Return start, end, label and quoted text of each span on a text, in whatever units the data counts."""
    spans = []
    surfaces = 0
    for value in values:
        start, end, labels, quoted, others, known = span_fields(value)
        if not known:
            what = f'a span must be {{"start", "end", "label"}} or [start, end, label], not {short(value)}'
            fail(source, what, "write it so, in characters of the text")
        for label in labels:
            if wrong := _wrong(start, end, label):
                needs = "a span needs whole numbers for start and end and a string for label"
                fail(source, f"{needs}, not {short(value)}", wrong)
            marked = text[max(start, 0) : max(end, 0)]
            if others:
                label, quoted = _tell_label([label, *others], (marked, quoted), text, value, source)
            is_text = label == marked and (label != label.upper() or not label.isascii())
            surfaces += is_text and not (type(value) is dict and "label" in value)
            spans.append((start, end, label, quoted))
    if surfaces == len(spans) > 0:
        what = f"the label of each span is just its text: {short(spans[0][:3])}"
        fail(source, what, "write the entity's kind as its label")
    return spans


def _wrong(start: object, end: object, label: object) -> str:
    """Say what is to be done where offsets or label are of a wrong type."""
    if type(start) is list:
        return "it has several pieces: annotate one piece"
    if type(start) is not int or type(end) is not int:
        numbers = is_number(start) and is_number(end)
        return "write offsets as numbers, 3 not '3' or 3.0" if numbers else "write both offsets"
    if type(label) is str:
        return ""
    if type(label) is int:
        return "write the label's name for its number"
    return "write the label's name" if label else "name its label, or take it out"


def _tell_label(
    strings: list[str], marked: tuple[str, Any], text: str, value: object, source: Source
) -> tuple[str, str]:
    """Return which of several strings is a span's label, and which the text that it marks."""
    for texts in (marked, text):
        quotes = [string for string in strings if string in texts]
        labels = [string for string in strings if string not in texts]
        if quotes and len(labels) == 1:
            return labels[0], quotes[0]
    names = " or ".join(map(repr, strings))
    fail(source, f"which is the label, {names}? {short(value)}", "write one string, as `label`")
