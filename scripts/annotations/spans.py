"""Find what looks like a span in JSON, under any key and at any depth, and read it."""

import json
from collections import Counter
from collections.abc import Iterable

from scripts.annotations.record import AnnotationError, Source

OFFSETS = (
    ("start", "end"),
    ("start_offset", "end_offset"),
    ("startOffset", "endOffset"),
    ("begin", "end"),
    ("begin_offset", "end_offset"),
    ("beginOffset", "endOffset"),
    ("BeginOffset", "EndOffset"),
    ("start_char", "end_char"),
    ("char_start", "char_end"),
    ("start_pos", "end_pos"),
    ("start_position", "end_position"),
    ("start_index", "end_index"),
    ("from", "to"),
    ("token_start", "token_end"),
)
"""How tools call where a span starts, and the character after its last."""
LABELS = ("label", "labels", "entity", "entity_type", "entity_group", "type", "tag", "category", "class", "Type")
QUOTES = ("text", "word", "surface", "value", "Text")

RawSpan = tuple[int, int, str]
"""Start, end and label as they stand in the data, in whatever units it counts."""


def short(value: object) -> str:
    """Return a value as an error message shows it: at most some 80 characters of JSON."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        text = f"a {type(value).__name__} of too many levels"
    return repr(text if len(text) <= 80 else text[:80] + "…")


def looks_like_span(value: object) -> bool:
    """Tell whether a value has a start, an end and a label: `{"start", "end", "label"}` in any spelling, or `[0, 3, "PER"]`."""
    if type(value) is dict:
        return ("label" in value or any(key in value for key in LABELS)) and any(start in value and end in value for start, end in OFFSETS)
    return type(value) is list and 3 <= len(value) <= 4 and sum(type(part) is int for part in value) == 2 and any(type(part) is str for part in value)


def find_spans(value: object) -> dict[str, list]:
    """Return all that looks like a span, by the path of keys that leads there (`annotation.entities`)."""
    found: dict[str, list] = {}
    waiting = [("", value)]
    while waiting:
        path, inside = waiting.pop()
        if looks_like_span(inside):
            found.setdefault(path, []).append(inside)
        elif type(inside) is dict:
            prefix = f"{path}." if path else ""
            waiting += [(f"{prefix}{key}", part) for key, part in inside.items() if type(part) is dict or type(part) is list]
        elif type(inside) is list:
            waiting += [(path, part) for part in reversed(inside) if type(part) is dict or type(part) is list]
    return found


def span_fields(value: dict | list) -> tuple[object, object, tuple, object]:
    """Return start, end, labels and the quoted text of what looks like a span, unchecked; None where there is none."""
    if type(value) is list:
        start, end, label, *_ = value
        return start, end, (label,), None
    start, end = next(((value[s], value[e]) for s, e in OFFSETS if s in value and e in value), (None, None))
    label = next((value[key] for key in LABELS if key in value), None)
    quoted = next((value[key] for key in QUOTES if type(value.get(key)) is str), None)
    return start, end, tuple(label) if isinstance(label, list) and label else (label,), quoted


def count_spans(found: dict[str, list]) -> int:
    """Count spans, one for each label; those that stand under several keys alike count once."""
    if len(found) < 2:
        return sum(len(span_fields(value)[2]) for values in found.values() for value in values)
    return sum(union(found).values())


def keys_of(values: Iterable) -> Counter[str]:
    """Return how often each start, end and label occurs among spans."""
    fields = (span_fields(value) for value in values)
    return Counter(repr((start, end, label)) for start, end, labels, _ in fields for label in labels)


def union(found: dict[str, list]) -> Counter[str]:
    """Return the spans of all keys together, each as often as the key has it that has it most often."""
    together: Counter[str] = Counter()
    for values in found.values():
        together |= keys_of(values)
    return together


def read_spans(values: Iterable, source: Source) -> list[tuple[RawSpan, str | None]]:
    """Return the spans that values stand for, each with the text that is quoted for it.

    Raises AnnotationError where a value is no span, or its offsets or label are of a wrong type.
    """
    spans = []
    for value in values:
        if not (type(value) is dict or (type(value) is list and len(value) == 3)):
            raise AnnotationError(f'{source}: a span must be {{"start", "end", "label"}} or [start, end, label], not {short(value)}')
        start, end, labels, quoted = span_fields(value)
        for label in labels:
            if type(start) is not int or type(end) is not int or type(label) is not str:
                raise AnnotationError(f"{source}: a span needs whole numbers for start and end and a string for label, not {short(value)}")
            spans.append(((start, end, label), quoted if type(quoted) is str else None))
    return spans
