"""Which of a JSON row's keys are its text and its spans."""

import json
import re
from collections import Counter
from collections.abc import Iterator

from scripts.formats.json_layout import ANNOTATOR_KEYS, require_one_user
from scripts.formats.json_stream import TEXT_KEYS
from scripts.formats.offsets import fits
from scripts.formats.record import AnnotationError, Source, Unread
from scripts.formats.registry import ReadOptions
from scripts.formats.spans import SPAN_KEYS, find_spans, short, span_fields, union

TEXT_LIKE = re.compile("(?i)text|title|body|sentence|content")
"""Keys that may hold another text than the one that is taken."""
ANNOTATION_LIKE = re.compile("(?i)tags?$|ner|label|ents?$|entit|span|annot|mention|highlight")
"""Keys that may hold annotation in some way that is not understood."""


def require_once(data: bytes, row: dict, source: Source) -> None:
    """Raise AnnotationError where an object has a key of spans twice: of these a JSON parser keeps the last alone."""
    if not any(key in row and data.count(f'"{key}"'.encode()) > 1 for key in SPAN_KEYS):
        return

    def require_once(pairs: list[tuple[str, object]]) -> dict:
        names = Counter(key for key, _ in pairs)
        twice = next((key for key in SPAN_KEYS if names[key] > 1), None)
        if twice:
            raise AnnotationError(
                f"{source}: an object has the key {twice!r} twice; write all its spans under one"
            )
        return dict(pairs)

    try:
        json.loads(data, object_pairs_hook=require_once)
    except RecursionError:
        raise AnnotationError(
            f"{source}: an object of too many levels has a key of spans more than once; write the spans in one list"
        ) from None


def choose_spans(
    row: dict, source: Source, options: ReadOptions, paths: tuple[str, ...], excluded: str | None
) -> tuple[list, tuple[Unread, ...]]:
    """Return a row's spans, and what else looks like spans and is not read.

    paths: where the file's first rows have spans. Raises AnnotationError where several keys hold different spans and nothing says which count.
    """
    found = find_spans(row)
    if excluded is not None:
        labels = tuple(str(label) for spans in _distinct(found) for label in span_fields(spans)[2])
        return [], (
            Unread("excluded", f"spans of a row that is left out ({excluded})", labels=labels),
        ) if labels else ()
    wanted = options.spans_field
    keys = (
        (wanted,)
        if wanted
        else (*(key for key in SPAN_KEYS if found.get(key)), *sorted(found.keys() - {*SPAN_KEYS}))
    )
    if wanted and found and wanted not in (*found, *row):
        where = ", ".join(f"`{path}`" for path in found)
        raise AnnotationError(
            f"{source}: no spans stand under {wanted!r}, but under {where}; set --spans-field={next(iter(found))}"
        )
    if not found or (wanted and wanted not in found):
        return _no_spans(row, paths, source, wanted), _others(found, [])
    others = _others(found, found[keys[0]])
    if others and not wanted and "other-spans" not in options.accept:
        shown = "; ".join(f"`{path}`: {short(found[path])}" for path in keys[:3])
        raise AnnotationError(
            f"{source}: spans stand under several keys and differ: {shown}; choose one by --spans-field={keys[0]} (the others are then left "
            "out, and counted)"
        )
    _require_one_text(row, keys[0], source)
    require_one_user(row.get(keys[0].split(".")[0]), source, options)
    return found[keys[0]], others


def _no_spans(row: dict, paths: tuple[str, ...], source: Source, wanted: str) -> list:
    """Return the empty list where a row says that it has no spans, or what stands where they should.

    paths: where other rows have them. Raises AnnotationError where the row does not say so: it may not be annotated at all.
    """
    known = [row[key] for key in ((wanted,) if wanted else SPAN_KEYS) if key in row]
    leaves = [value for path in paths for value in _at(row, path)]
    if isinstance(row.get("accept"), list) and isinstance(row.get("options"), list) and not known:
        raise AnnotationError(
            f"{source}: holds a choice (`accept`), and no spans; annotate spans (Prodigy: ner.manual)"
        )
    if leaves and not any(leaves) and None not in leaves:
        return []
    if any(key in row for key in ("answer", *ANNOTATOR_KEYS)):
        known = [value for value in known if value is not None] or [[]]
    if not known and not wanted:
        likely = [key for key, value in row.items() if ANNOTATION_LIKE.search(key) and value]
        remedy = 'add "spans": [] where there are none'
        if likely:
            remedy = f'what stands under {likely[0]!r} is not understood: {short(row[likely[0]])}; write "spans": [{{"start", "end", "label"}}]'
        raise AnnotationError(
            f"{source}: none of the keys {', '.join(SPAN_KEYS[:4])} among {sorted(row)}; {remedy}"
        )
    spans = max(known, key=bool, default=[])
    if isinstance(spans, dict) and spans and not any(spans.values()):
        return []
    if not isinstance(spans, list):
        raise AnnotationError(
            f"{source}: the spans must be a list, not {type(spans).__name__}: {short(spans)}; write them as a list, [] for none"
        )
    return spans


def _at(row: dict, path: str) -> list:
    """Return what stands at a path of keys; a list that is empty on the way is what stands there."""
    values: list = [row]
    for key in path.split("."):
        inside = [
            part
            for value in values
            if isinstance(value, dict) and key in value
            for part in _listed(value[key])
        ]
        empty = any(isinstance(value, dict) and value.get(key) == [] for value in values)
        values = inside or ([[]] if empty else [])
        if empty and not inside:
            break
    return values


def _require_one_text(row: dict, path: str, source: Source) -> None:
    """Raise AnnotationError where spans stand in objects that have a text of their own: their offsets may count in that."""
    inside: list = [row]
    for key in path.split(".")[:-1]:
        inside = [part for value in inside for part in _listed(value.get(key)) if isinstance(part, dict)]
        own = next(
            (
                part[name]
                for part in inside
                for name in TEXT_KEYS
                if type(part.get(name)) is str and part[name] != row.get("text")
            ),
            None,
        )
        if own is not None:
            raise AnnotationError(
                f"{source}: the spans under `{path}` have a text of their own, {short(own)}; write each as a row of its own"
            )


def _listed(value: object) -> list:
    return value if isinstance(value, list) else [value]


def _distinct(found: dict[str, list]) -> Iterator:
    """Yield the spans of all keys, those that stand under several once."""
    seen: Counter[str] = Counter()
    for spans in found.values():
        for span in spans:
            key = repr(span_fields(span)[:3])
            if len(found) == 1 or not seen[key]:
                yield span
            seen[key] += 1


def _others(found: dict[str, list], chosen: list) -> tuple[Unread, ...]:
    """Return what stands under other keys than the chosen spans."""
    if len(found) < 2 and chosen:
        return ()
    left = union(found) - union({"": chosen})
    if not left:
        return ()
    labels = tuple(key.rsplit(", ", 1)[1].strip("')\"") for key in left.elements())
    return (Unread("other-spans", f"under {', '.join(found)}", labels=labels),)


def choose_text(row: dict, spans: list, source: Source, options: ReadOptions) -> str:
    """Return a row's text. Raises AnnotationError where none or several of its fields may be it."""
    known = (
        [options.text_field] if options.text_field else [key for key in (*TEXT_KEYS, "data") if key in row]
    )
    if not known or known[0] not in row:
        strings = [key for key, value in row.items() if type(value) is str and key != "id"]
        remedy = (
            f"set --text-field={strings[0]}"
            if strings
            else 'write a row for each document, with its text as "text"'
        )
        if options.text_field:
            raise AnnotationError(
                f"{source}: no text stands under {options.text_field!r} among {sorted(row)}; {remedy}"
            )
        raise AnnotationError(
            f"{source}: none of the keys {', '.join((*TEXT_KEYS[:1], 'data', *TEXT_KEYS[1:]))} among {sorted(row)}; {remedy}"
        )
    strings = [key for key in known if type(row[key]) is str]
    if strings and not options.text_field and spans:
        strings += [
            key
            for key, value in row.items()
            if type(value) is str and key not in strings and TEXT_LIKE.search(key)
        ]
    if len(strings) > 1:
        read = [span_fields(span) for span in spans if isinstance(span, dict | list) and len(span) > 1]
        fitting = [key for key in strings if all(_in_text(row[key], *fields) for fields in read)]
        if (fitting and fitting[0] != strings[0]) or (
            strings[0] != "text" and len({row[key] for key in fitting}) != 1
        ):
            shown = "; ".join(f"{key}: {short(row[key])}" for key in strings)
            raise AnnotationError(
                f"{source}: which text are the spans on? {shown}; set --text-field={(fitting or strings)[0]}"
            )
    text = row[strings[0] if strings else known[0]]
    if not isinstance(text, str):
        remedy = (
            "write one string"
            if isinstance(text, list)
            else "write a row for each document, with its text as a string"
        )
        raise AnnotationError(
            f"{source}: the text must be a string, not {type(text).__name__}: {short(text)}; {remedy}"
        )
    return text


def _in_text(text: str, start: object, end: object, labels: tuple, quoted: object) -> bool:
    plain = type(start) is int and type(end) is int
    return not plain or fits(text, start, end, quoted if type(quoted) is str else None)
