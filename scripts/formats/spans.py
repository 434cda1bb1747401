"""Find what looks like a span in JSON, under any key and at any depth, and read it."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from scripts.formats.record import AnnotationError, Source
from scripts.formats.span_keys import (
    fields_of,
    has_place,
    has_two_numbers,
    is_number,
    keys_of_span,
    looks_like_span,
    place_of,
    span_fields,
)

SPAN_KEYS = ("spans", "entities", "label", "labels", "ents", "annotations", "annotation")
BY_LABEL = re.compile("spans|entit|^labels?$|^ents$|annotation|^ner$|mentions")
"""Keys under which an object may hold the places of each label."""
SEGMENTS = re.compile("(?i)sent|tok|word|para|sect|segment|chunk|line|page|meta|turn|audio|offset|time|date")
"""Keys under which stand stretches of text that are no entities, unless they have a label of one."""
ENTITY_KEYS = ("label", "labels", "entity", "ner", "ner_tag", "ent_type", "entity_type", "entityLabel")
NO_SPANS = ("head_span", "child_span")
"""Keys of a relation's ends, which are spans that stand elsewhere."""
NO_LABELS = {"choices", "rating", "taxonomy", "number", "datetime", "ranker"}
"""What Label Studio has instead of labels where a stretch of text was judged, not named."""

RawSpan = tuple[int, int, str]
"""Start, end and label as they stand in the data, in whatever units it counts."""


def short(value: object) -> str:
    """Return a value as an error message shows it: at most some 80 characters of JSON."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        text = f"a {type(value).__name__} of too many levels"
    return repr(text if len(text) <= 80 else text[:80] + "…")


def find_spans(value: object) -> dict[str, list]:
    """Return all that looks like a span, by the path of keys that leads there (`annotation.entities`).

    A list in which one element is a span has nothing but spans, and whatever else stands there is returned with them.
    """
    found: dict[str, list] = {}
    waiting: list[tuple[str, str, Any]] = [("", "", value)]
    while waiting:
        path, key, inside = waiting.pop()
        if path or type(inside) is list:
            spans = _spans_under(key, inside)
            if spans:
                found.setdefault(path, []).extend(spans)
                continue
        if type(inside) is dict:
            prefix = f"{path}." if path else ""
            waiting += [
                (f"{prefix}{key}", key, part)
                for key, part in inside.items()
                if type(part) in (dict, list) and part and key not in NO_SPANS
            ]
        else:
            waiting += (
                [(path, key, part) for part in reversed(inside) if type(part) in (dict, list) and part]
                if type(inside) is list
                else ()
            )
    return found


def _spans_under(key: str, value: dict | list) -> list:
    """Return the spans that a value under some key is or holds as its elements."""
    if SEGMENTS.search(key):
        parts = value if type(value) is list else [value]
        named = [
            part
            for part in parts
            if type(part) is dict and any(part.get(name) not in (None, "", "O") for name in ENTITY_KEYS)
        ]
        return [part for part in named if looks_like_span(part)]
    if looks_like_span(value):
        return [value]
    if type(value) is dict:
        known = BY_LABEL.search(key.lower()) or all(
            type(part) is list and part and type(part[0]) is list for part in value.values()
        )
        return (_by_label(value, surfaces=not key.startswith("annotation")) or []) if known else []
    if any(map(looks_like_span, value)) or any(
        type(part) is dict and _is_unlabelled(key, part) for part in value
    ):
        return [part for part in value if part is not None]
    if BY_LABEL.search(key.lower()) and all(type(part) is dict for part in value):
        parts = [_by_label(part, surfaces=False) for part in value]
        return [span for part in parts for span in part] if all(parts) else []
    return []


def _is_unlabelled(key: str, value: dict) -> bool:
    """Tell whether an object has a place and no label, and neither holds spans itself nor has a choice or a comment on it."""
    numbers = (
        BY_LABEL.search(key.lower())
        and has_two_numbers(value)
        and any(type(part) is str for part in value.values())
    )
    if (
        not (has_place(value) or numbers)
        or not NO_LABELS.isdisjoint(value)
        or type(value.get("text")) is list
    ):
        return False
    return not any(type(part) in (dict, list) and find_spans({key: part}) for key, part in value.items())


def _by_label(value: dict, *, surfaces: bool) -> list[dict] | None:
    """Return the spans of `{"PER": [[0, 3]]}`, `{"PER": {"Ana": [[0, 3]]}}` or `{"PER": [{"start": 0, "end": 3}]}`; None if it is neither."""
    spans: list[dict] = []
    if any(BY_LABEL.search(str(label).lower()) for label in value):
        return None
    for label, inside in value.items():
        places = (
            [(None, inside)]
            if type(inside) is list
            else list(inside.items())
            if type(inside) is dict and surfaces
            else []
        )
        for quoted, listed in places:
            if type(listed) is not list:
                return None
            for part in [listed] if len(listed) == 2 and all(type(one) is int for one in listed) else listed:
                start, end = (
                    place_of(part)
                    if type(part) is dict
                    else part
                    if type(part) is list and len(part) == 2
                    else (None, None)
                )
                if not (is_number(start) and is_number(end)) or (type(part) is dict and _is_labelled(part)):
                    return None
                text = {} if quoted is None else {"text": quoted}
                spans.append(
                    text | (part if type(part) is dict else {}) | {"start": start, "end": end, "label": label}
                )
        if not places:
            return None
    return spans


def _is_labelled(value: dict) -> bool:
    """Tell whether an object with a place has a label, or a string that may be it."""
    quotes = keys_of_span(tuple(value)).quotes
    return looks_like_span(value) or (
        "indices" not in value and any(type(part) is str and key not in quotes for key, part in value.items())
    )


def count_spans(found: dict[str, list]) -> int:
    """Count spans, one for each label; those that stand under several keys alike count once."""
    if len(found) < 2:
        return sum(len(span_fields(value)[2]) for values in found.values() for value in values)
    return sum(union(found).values())


def keys_of(values: Iterable) -> Counter[str]:
    """Return how often each start, end and label occurs among spans."""
    fields = map(fields_of, values)
    return Counter(repr((one.start, one.end, label)) for one in fields for label in one.labels)


def union(found: dict[str, list]) -> Counter[str]:
    """Return the spans of all keys together, each as often as the key has it that has it most often."""
    together: Counter[str] = Counter()
    for values in found.values():
        together |= keys_of(values)
    return together


def read_spans(values: Iterable, source: Source, text: str) -> list[tuple[RawSpan, str | None]]:
    """Return the spans on a text that values stand for, each with the text that is quoted for it.

    Raises AnnotationError where a value is no span, its offsets or label are of a wrong type, or it is not clear which is its label.
    """
    spans = []
    surfaces = 0
    for value in values:
        start, end, labels, quoted, others, known = fields_of(value)
        if not known:
            raise AnnotationError(
                f'{source}: a span must be {{"start", "end", "label"}} or [start, end, label], not {short(value)}; write it so, in characters of '
                "the text"
            )
        for label in labels:
            wrong = _wrong(start, end, label)
            if wrong:
                raise AnnotationError(
                    f"{source}: a span needs whole numbers for start and end and a string for label, not {short(value)}; {wrong}"
                )
            if others:
                label, quoted = _tell_label(
                    [label, *others], text[max(start, 0) : max(end, 0)], text, quoted, value, source
                )
            is_text = label == text[max(start, 0) : max(end, 0)] and (
                label != label.upper() or not label.isascii()
            )
            surfaces += is_text and not (type(value) is dict and "label" in value)
            spans.append(((start, end, label), quoted if type(quoted) is str else None))
    if surfaces == len(spans) > 0:
        raise AnnotationError(
            f"{source}: the label of each span is just its text: {short(spans[0][0])}; write the entity's kind as its label"
        )
    return spans


def _wrong(start: object, end: object, label: object) -> str:
    """Say what is to be done where offsets or label are of a wrong type."""
    if type(start) is list:
        return "it has several pieces: annotate one piece"
    if type(start) is not int or type(end) is not int:
        return (
            "write offsets as numbers, 3 not '3' or 3.0"
            if is_number(start) and is_number(end)
            else "write both offsets"
        )
    if type(label) is int:
        return "write the label's name for its number"
    return (
        "" if type(label) is str else "write the label's name" if label else "name its label, or take it out"
    )


def _tell_label(
    strings: list[str], marked: str, text: str, quoted: str | None, value: object, source: Source
) -> tuple[str, str | None]:
    """Return which of several strings is a span's label, and what is quoted: the one that is the marked text, or else stands in the text."""
    for is_text in (lambda string: string in (marked, quoted), lambda string: string in text):
        quotes = [string for string in strings if is_text(string)]
        labels = [string for string in strings if not is_text(string)]
        if quotes and len(labels) == 1:
            return labels[0], quotes[0]
    names = " or ".join(map(repr, strings))
    raise AnnotationError(
        f"{source}: which is the label, {names}? {short(value)}; write one string, as `label`"
    )
