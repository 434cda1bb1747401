"""Which of a JSON row's keys are its text and its spans."""

import json
import re
from collections import Counter
from typing import NamedTuple

from scripts.formats.json_stream import ANNOTATOR_KEYS, TEXT_KEYS
from scripts.formats.offsets import fits
from scripts.formats.record import AnnotationError, Source, Unread, fail
from scripts.formats.registry import ReadOptions
from scripts.formats.spans import SPAN_KEYS, find_spans, short, span_fields, span_keys, union

TEXT_LIKE = re.compile("(?i)text|title|body|sentence|content")
"""Keys that may hold another text than the one that is taken."""
ANNOTATION_LIKE = re.compile("(?i)tags?$|ner|label|ents?$|entit|span|annot|mention|highlight")
"""Keys that may hold annotation in some way that is not understood."""
USER_KEYS = ("user", "annotator", "annotator_id", "completed_by", "created_by")


class Content(NamedTuple):
    """A text and the spans on it, as they stand in the data; why it is left out, and what is not read."""

    text: str
    spans: list
    excluded: str | None = None
    unread: tuple[Unread, ...] = ()


def require_once(data: bytes, row: dict, source: Source) -> None:
    """See that no object has a key of spans twice: a JSON parser keeps the last alone."""

    def require_once(pairs: list[tuple[str, object]]) -> dict:
        names = Counter(key for key, _ in pairs)
        for key in SPAN_KEYS:
            if names[key] > 1:
                fail(source, f"an object has the key {key!r} twice", "write all its spans under one")
        return dict(pairs)

    if any(key in row and data.count(f'"{key}"'.encode()) > 1 for key in SPAN_KEYS):
        try:
            json.loads(data, object_pairs_hook=require_once)
        except RecursionError:
            what = "an object of too many levels has a key of spans more than once"
            raise AnnotationError(f"{source}: {what}; write the spans in one list") from None


def choose_spans(
    row: dict, source: Source, options: ReadOptions, paths: tuple[str, ...], excluded: str | None
) -> tuple[list, tuple[Unread, ...]]:
    """Return a row's spans, and what else looks like spans. paths: where the file's first rows have spans."""
    found, wanted = find_spans(row), options.spans_field
    if excluded is not None:
        labels = tuple(label for _, label in union(found).elements())
        detail = f"spans of a row that is left out ({excluded})"
        return [], (Unread("excluded", detail, labels=labels),) if labels else ()
    keys = sorted(found, key=lambda key: (*map(key.__ne__, SPAN_KEYS), key))
    if wanted and found and wanted not in found and wanted not in row:
        where = ", ".join(f"`{key}`" for key in keys)
        fail(source, f"no spans stand under {wanted!r}, but under {where}", f"set --spans-field={keys[0]}")
    chosen = found.get(wanted or next(iter(keys), ""), [])
    others = union(found) - span_keys(chosen) if len(found) > bool(chosen) else Counter()
    labels = tuple(label for _, label in others.elements())
    if labels and not wanted and "other-spans" not in options.accept:
        shown = "; ".join(f"`{key}`: {short(found[key])}" for key in keys[:3])
        remedy = f"choose one by --spans-field={keys[0]} (the others are then left out, and counted)"
        fail(source, f"spans stand under several keys and differ: {shown}", remedy)
    if chosen:
        _require_one_text_and_user(row, wanted or keys[0], source, options)
    else:
        chosen = _no_spans(row, paths, source, wanted)
    return chosen, (Unread("other-spans", f"under {', '.join(found)}", labels=labels),) if labels else ()


def _no_spans(row: dict, paths: tuple[str, ...], source: Source, wanted: str) -> list:
    """Return what stands where spans should, and see that the row says so if it has none."""
    known = [row[key] for key in ((wanted,) if wanted else SPAN_KEYS) if key in row]
    if isinstance(row.get("accept"), list) and isinstance(row.get("options"), list) and not known:
        fail(source, "holds a choice (`accept`), and no spans", "annotate spans (Prodigy: ner.manual)")
    leaves = [value for path in paths for value in _at(row, path)[0]]
    if leaves and not any(leaves) and None not in leaves:
        return []
    if any(key in row for key in ("answer", *ANNOTATOR_KEYS)):
        known = [value for value in known if value is not None] or [[]]
    if not known and not wanted:
        likely = [key for key, value in row.items() if ANNOTATION_LIKE.search(key) and value]
        remedy = 'add "spans": [] where there are none'
        if likely:
            what = f"what stands under {likely[0]!r} is not understood: {short(row[likely[0]])}"
            remedy = f'{what}; write "spans": [{{"start", "end", "label"}}]'
        fail(source, f"none of the keys {', '.join(SPAN_KEYS[:4])} among {sorted(row)}", remedy)
    spans = max(known, key=bool, default=[])
    if isinstance(spans, dict) and spans and not any(spans.values()):
        return []
    if not isinstance(spans, list):
        what = f"the spans must be a list, not {type(spans).__name__}: {short(spans)}"
        fail(source, what, "write them as a list, [] for none")
    return spans


def _at(row: dict, path: str) -> tuple[list, list[dict]]:
    """Return what stands at a path of keys, through lists, and all objects on the way."""
    values, passed = [row], []
    for key in path.split("."):
        holders = [one for one in values if isinstance(one, dict) and key in one]
        passed += holders
        values = [one for one in values if one == []] + [one[key] for one in holders]
        values = [part for one in values for part in (one if isinstance(one, list) and one else [one])]
    return values, passed[1:]


def _require_one_text_and_user(row: dict, path: str, source: Source, options: ReadOptions) -> None:
    """See that spans are on the row's text, and by one annotator."""
    spans, holders = _at(row, path)
    for holder in holders:
        for text in (holder.get(key) for key in TEXT_KEYS):
            if type(text) is str and text != row.get("text"):
                what = f"the spans under `{path}` have a text of their own, {short(text)}"
                fail(source, what, "write each as a row of its own")
    objects = [*holders, *(span for span in spans if isinstance(span, dict))]
    users = {str(one[key]) for one in objects for key in USER_KEYS if isinstance(one.get(key), str | int)}
    if len(users) > 1 and options.annotator != "all":
        what = f"the spans are by several annotators ({', '.join(sorted(users))})"
        fail(source, what, "keep those of one, or take all by --annotator=all")


def choose_text(row: dict, spans: list, source: Source, options: ReadOptions) -> str:
    """Return a row's text."""
    usual = (*TEXT_KEYS, "data")
    known = [key for key in ((options.text_field,) if options.text_field else usual) if key in row]
    strings = [key for key, value in row.items() if type(value) is str]
    if not known:
        likely = [key for key in strings if key != "id"]
        remedy = 'write a row for each document, with its text as "text"'
        remedy = f"set --text-field={likely[0]}" if likely else remedy
        what = f"none of the keys {', '.join((TEXT_KEYS[0], 'data', *TEXT_KEYS[1:]))}"
        what = f"no text stands under {options.text_field!r}" if options.text_field else what
        fail(source, f"{what} among {sorted(row)}", remedy)
    texts = [key for key in known if key in strings]
    if texts and spans and not options.text_field:
        texts += [key for key in strings if key not in texts and TEXT_LIKE.search(key)]
    text = row[which_text({key: row[key] for key in texts}, spans, source)] if texts else row[known[0]]
    if not isinstance(text, str):
        remedy = "write a row for each document, with its text as a string"
        remedy = "write one string" if isinstance(text, list) else remedy
        fail(source, f"the text must be a string, not {type(text).__name__}: {short(text)}", remedy)
    return text


def which_text(texts: dict[str, str], spans: list, source: Source) -> str:
    """Return the key of the text that spans are on."""
    if len(texts) == 1:
        return next(iter(texts))
    fields = [one for one in map(span_fields, spans) if type(one.start) is type(one.end) is int]
    places = [(one.start, one.end, one.quoted) for one in fields]
    fitting = [key for key, text in texts.items() if all(fits(text, *place) for place in places)]
    if "text" in fitting or ("text" in texts and not fitting):
        return "text"
    all_quoted = all(one.quoted is not None for one in fields)
    if len({texts[key] for key in fitting}) == 1 and (all_quoted or "text" not in texts):
        return fitting[0]
    shown = "; ".join(f"{key}: {short(text)}" for key, text in texts.items())
    likely = next(iter(fitting), next(iter(texts)))
    fail(source, f"which text are the spans on? {shown}", f"set --text-field={likely}")
