"""Label Studio's JSON export: tasks with texts, and annotations of them by one person or several."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from scripts.formats.record import AnnotationError, Source, Unread
from scripts.formats.registry import ReadOptions
from scripts.formats.spans import count_spans, find_spans, keys_of, looks_like_span, short, span_fields

SPAN_TYPES = ("labels", "hypertextlabels", "paragraphlabels")
OTHER_PLACES = {"predictions": "prediction", "drafts": "draft"}
INNER_PLACES = {"prediction": "prediction", "draft": "draft"}
"""Where a task, and an annotation of it, hold spans that nobody has submitted, and what they are called in the ledger."""
REGIONS = re.compile(
    "(rectangle|polygon|keypoint|ellipse|brush|video|timeseries|bitmask|vector)(labels)?|videorectangle"
)
"""Kinds of results that are on an image, a film or numbers."""


class Text(NamedTuple):
    """A text of a task and the spans on it, as they stand in the export.

    field: its key in the task's data. excluded: why the data asks to leave it out, or None. unread: spans that are not read.
    """

    field: str
    text: str
    spans: list
    excluded: str | None
    unread: tuple[Unread, ...]


def is_task(row: dict) -> bool:
    """Tell whether a row is a task of Label Studio."""
    return isinstance(row.get("data"), dict)


def read_task(row: dict, source: Source, options: ReadOptions, fields: tuple[str, ...] = ()) -> list[Text]:
    """Return the texts of a task: the annotated one, or each of several.

    fields: texts that other tasks of the file have spans on.
    Raises AnnotationError where several people annotated the task differently and `options.annotator` does not choose, where it is
    not clear which text is meant, and where spans are on HTML or dialogues.
    """
    texts = {key: value for key, value in row["data"].items() if isinstance(value, str)}
    annotations = row.get("annotations", row.get("completions", [] if "predictions" in row else None))
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise AnnotationError(
            f'{source}: a task needs "data": {{"text": …}} and a list of "annotations": {short(row)}'
        )
    done = [one for one in annotations if not one.get("was_cancelled")]
    chosen = _choose(done, source, options) if done else {"result": []}
    results = _results(chosen, source)
    unread = _all_unread(row, annotations, chosen, [span for part in results.values() for span in part])
    if not texts:
        dialogue = next((key for key, value in row["data"].items() if isinstance(value, list)), None)
        if dialogue:
            raise AnnotationError(
                f"{source}: {dialogue!r} is a dialogue, whose offsets count within each turn; export each turn as a text"
            )
        raise AnnotationError(
            f'{source}: a task needs "data": {{"text": …}} and a list of "annotations": {short(row)}'
        )
    excluded = (
        None
        if done
        else "cancelled"
        if annotations
        else "predictions only"
        if row.get("predictions")
        else "not annotated"
    )
    on_images = [
        result.get("type") for result in chosen["result"] if REGIONS.fullmatch(str(result.get("type")))
    ]
    if on_images and not results:
        raise AnnotationError(
            f"{source}: its regions are on no text ({on_images[0]}): name a file of annotated texts"
        )
    named = {name: _field(name, texts, spans, source, options) for name, spans in results.items()}
    used = (
        [field for field in fields if field in texts and field not in named.values()]
        if len(fields) > 1 or not named
        else []
    )
    if not named and not used:
        used = [_field("", texts, [], source, options)]
    found = [Text(field, texts[field], [], excluded, ()) for field in used]
    for field in dict.fromkeys(named.values()):
        spans = [span for name, part in results.items() if named[name] == field for span in part]
        found.append(Text(field, texts[field], spans, excluded, ()))
    return [found[0]._replace(unread=unread), *found[1:]]


def _all_unread(row: dict, annotations: list[dict], chosen: dict, read: list) -> tuple[Unread, ...]:
    """Return all spans of a task that are not the chosen annotation's result."""
    found = [(reason, place, row.get(place)) for place, reason in OTHER_PLACES.items()]
    found += [
        (reason, f"annotations.{place}", one.get(place))
        for one in annotations
        for place, reason in INNER_PLACES.items()
    ]
    found += [
        ("cancelled" if one.get("was_cancelled") else "other-annotation", "annotations", one.get("result"))
        for one in annotations
        if one is not chosen
    ]
    rest = {
        key: value for key, value in row.items() if key not in ("annotations", "completions", *OTHER_PLACES)
    }
    rest_of = [
        {key: value for key, value in one.items() if key not in ("result", *INNER_PLACES)}
        for one in annotations
    ]
    found += [("other-spans", "other keys", value) for value in (rest, *rest_of)]
    taken = {id(span) for span in read}
    found.append(
        (
            "other-spans",
            "results of another kind",
            [one for one in chosen["result"] if id(one.get("value")) not in taken],
        )
    )
    return tuple(_unread(reason, place, value) for reason, place, value in found if find_spans(value))


def _unread(reason: str, place: str, value: object) -> Unread:
    spans = [span for part in find_spans(value).values() for span in part]
    labels = tuple(str(label) for span in spans for label in span_fields(span)[2])
    return Unread(reason, f"{len(spans)} spans under {place!r}", labels=labels)


def _choose(done: list[dict], source: Source, options: ReadOptions) -> dict:
    """Return the annotation that counts: the ground truth, the chosen annotator's, or the one that all agree on."""
    done = [one for one in done if one.get("ground_truth")] or done
    if len(done) == 1:
        return done[0]
    if options.annotator in ("first", "last"):
        return done[0 if options.annotator == "first" else -1]
    if options.annotator:
        mine = [one for one in done if options.annotator in _names(one)]
        if mine:
            return mine[-1]
    said = [keys_of(span for part in find_spans(one.get("result")).values() for span in part) for one in done]
    if all(one == said[0] for one in said):
        return done[0]
    counts = [count_spans(find_spans(one.get("result"))) for one in done]
    names = [next(iter(_names(one)), f"number {number}") for number, one in enumerate(done, start=1)]
    who = ", ".join(f"{name} ({count} spans)" for name, count in zip(names, counts, strict=True))
    raise AnnotationError(
        f"{source}: the task has {len(done)} annotations by several annotators, which differ: {who}; mark one as ground truth, or choose by "
        "--annotator: first, last, or an annotator's id or e-mail"
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
        raise AnnotationError(
            f'{source}: an annotation needs a list of objects as "result": {short(annotation)}'
        )
    found: dict[str, list] = {}
    for result in results:
        value = result.get("value")
        kind = result.get("type")
        if isinstance(value, dict) and (
            "globalOffsets" in value or "startOffset" in value or str(value.get("start", "")).startswith("/")
        ):
            raise AnnotationError(
                f"{source}: its spans are on HTML (hypertext) or a dialogue: {short(value)}; their offsets do not count characters of the "
                "text that is exported: annotate plain text, with the tags taken out first"
            )
        if isinstance(kind, str) and REGIONS.fullmatch(kind):
            continue
        if kind in SPAN_TYPES or (kind not in ("relation", "choices") and looks_like_span(value)):
            found.setdefault(str(result.get("to_name", "")), []).append(value)
    return found


def _field(name: str, texts: dict[str, str], spans: list, source: Source, options: ReadOptions) -> str:
    """Return the key of the text that an object's spans are on."""
    if options.text_field:
        if options.text_field not in texts:
            raise AnnotationError(
                f"{source}: the task's data have no text {options.text_field!r}, but {', '.join(texts)}; set --text-field"
            )
        return options.text_field
    if name in texts:
        return name
    fitting = list(_fitting(texts, spans)) if spans else list(texts)
    if len(texts) == 1 or (not spans and "text" in texts):
        return "text" if "text" in texts else next(iter(texts))
    if len(fitting) == 1 or ("text" in fitting and not _quotes(spans)):
        return fitting[0] if len(fitting) == 1 else "text"
    shown = "; ".join(f"{key}: {short(text)}" for key, text in texts.items())
    raise AnnotationError(
        f"{source}: which text are the spans on? {shown}; set --text-field={next(iter(fitting), next(iter(texts)))}"
    )


def _quotes(spans: list) -> bool:
    return any(looks_like_span(span) and span_fields(span)[3] for span in spans)


def _fitting(texts: dict[str, str], spans: list) -> Iterator[str]:
    """Yield the texts that all spans lie in, with the words that they quote."""
    for key, text in texts.items():
        fields = [span_fields(span) for span in spans if looks_like_span(span)]
        if all(
            type(start) is int
            and type(end) is int
            and 0 <= start < end <= len(text)
            and (quoted is None or quoted in (text[start:end], ""))
            for start, end, _, quoted in fields
        ):
            yield key
