"""Label Studio's JSON export: tasks with texts, and annotations of them by one person or several."""

import re
from collections import defaultdict

from scripts.formats.json_choice import Content, which_text
from scripts.formats.record import AnnotationError, Source, Unread, fail
from scripts.formats.registry import ReadOptions
from scripts.formats.span_fields import looks_like_span, span_fields
from scripts.formats.spans import find_spans, short, union

SPAN_TYPES = ("labels", "hypertextlabels", "paragraphlabels")
SUBMITTED = re.compile(r"(?:annotations\.)?(prediction|draft)s?\b")
REGIONS = re.compile(
    "(rectangle|polygon|keypoint|ellipse|brush|video|timeseries|bitmask|vector)(labels)?|videorectangle"
)
"""Kinds of results that are on an image, a film or numbers."""


def is_task(row: dict) -> bool:
    """Tell whether a row is a task of Label Studio."""
    return isinstance(row.get("data"), dict)


def read_task(
    row: dict, source: Source, options: ReadOptions, fields: tuple[str, ...] = ()
) -> dict[str, Content]:
    """Return the texts of a task with their spans, by their keys: the annotated one, or each of several.

    fields: texts that other tasks of the file have spans on.
    """
    texts = {key: value for key, value in row["data"].items() if isinstance(value, str)}
    annotations = row.get("annotations", row.get("completions", [] if "predictions" in row else None))
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise _incomplete(row, source)
    done = [one for one in annotations if not one.get("was_cancelled")]
    excluded = "predictions only" if row.get("predictions") else "not annotated"
    excluded = None if done else "cancelled" if annotations else excluded
    chosen = _choose(done, source, options) if done else {"result": []}
    results = _results(chosen, source)
    if not texts:
        dialogue = next((key for key, value in row["data"].items() if isinstance(value, list)), None)
        if dialogue is None:
            raise _incomplete(row, source)
        what = f"{dialogue!r} is a dialogue, whose offsets count within each turn"
        fail(source, what, "export each turn as a text")
    spans: dict[str, list] = {field: [] for field in fields if field in texts and len(fields) > 1}
    for name, on_text in results.items() or ([] if spans else [("", [])]):
        if options.text_field and options.text_field not in texts:
            what = f"the task's data have no text {options.text_field!r}, but {', '.join(texts)}"
            fail(source, what, "set --text-field")
        field = options.text_field or (name if name in texts else which_text(texts, on_text, source))
        spans.setdefault(field, []).extend(on_text)
    unread = _unread(row, annotations, chosen, [span for on_text in results.values() for span in on_text])
    first = next(iter(spans))
    return {
        field: Content(texts[field], on_text, excluded, unread if field == first else ())
        for field, on_text in spans.items()
    }


def _incomplete(row: dict, source: Source) -> AnnotationError:
    needs = 'a task needs "data": {"text": …} and a list of "annotations"'
    return AnnotationError(f"{source}: {needs}: {short(row)}")


def _unread(row: dict, annotations: list[dict], chosen: dict, read: list) -> tuple[Unread, ...]:
    """Return all spans of a task that are not read, by the reason."""
    taken = set(map(id, read))
    taken |= {id(result) for result in chosen["result"] if id(result.get("value")) in taken}
    reason_of = {
        id(span): "cancelled" if one.get("was_cancelled") else "other-annotation"
        for one in annotations
        if one is not chosen
        for spans in find_spans(one.get("result")).values()
        for span in spans
    }
    unread: dict[str, list] = defaultdict(list)
    for path, spans in find_spans(row).items():
        unsubmitted = SUBMITTED.match(path)
        usual = unsubmitted[1] if unsubmitted else "other-spans"
        for span in spans:
            if id(span) not in taken:
                unread[reason_of.get(id(span), usual)] += map(str, span_fields(span).labels)
    return tuple(
        Unread(reason, f"{len(labels)} spans", labels=tuple(labels)) for reason, labels in unread.items()
    )


def _choose(done: list[dict], source: Source, options: ReadOptions) -> dict:
    """Return the annotation that counts: the ground truth, the chosen annotator's, or what all agree on."""
    done = [one for one in done if one.get("ground_truth")] or done
    if len(done) == 1 or options.annotator == "first":
        return done[0]
    mine = [one for one in done if options.annotator in _names(one)] if options.annotator else []
    if mine or options.annotator == "last":
        return (mine or done)[-1]
    said = [union(find_spans(one.get("result"))) for one in done]
    if all(one == said[0] for one in said):
        return done[0]
    names = [next(iter(_names(one)), f"number {number}") for number, one in enumerate(done, start=1)]
    who = [f"{name} ({spans.total()} spans)" for name, spans in zip(names, said, strict=True)]
    raise AnnotationError(
        f"{source}: the task has {len(done)} annotations by several annotators, which differ: "
        f"{', '.join(who)}; mark one as ground truth, or choose by --annotator: first, last, or an "
        "annotator's id or e-mail"
    )


def _names(annotation: dict) -> list[str]:
    """Return what an annotation's annotator may be called: id and e-mail."""
    who = annotation.get("completed_by")
    values = [who.get("email"), who.get("id")] if isinstance(who, dict) else [who]
    return [str(value) for value in values if isinstance(value, str | int)]


def _results(annotation: dict, source: Source) -> dict[str, list]:
    """Return the spans of an annotation by the name of the text that they are on."""
    results = annotation.get("result")
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        needs = 'an annotation needs a list of objects as "result"'
        raise AnnotationError(f"{source}: {needs}: {short(annotation)}")
    found, regions = defaultdict(list), []
    for result in results:
        value, kind = result.get("value"), result.get("type")
        place = value if isinstance(value, dict) else {}
        is_html = not place.keys().isdisjoint(("globalOffsets", "startOffset"))
        if is_html or "/" in str(place.get("start", "")):
            what = f"its spans are on HTML (hypertext) or a dialogue: {short(value)}"
            remedy = "do not count characters of the text that is exported: annotate plain text, without tags"
            fail(source, what, f"their offsets {remedy}")
        if isinstance(kind, str) and REGIONS.fullmatch(kind):
            regions.append(kind)
        elif kind in SPAN_TYPES or (kind not in ("relation", "choices") and looks_like_span(value)):
            found[str(result.get("to_name", ""))].append(value)
    if regions and not found:
        what = f"its regions are on no text ({regions[0]})"
        raise AnnotationError(f"{source}: {what}: name a file of annotated texts")
    return found
