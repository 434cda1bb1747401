"""Read JSONL with character offsets, in our own, Prodigy's and doccano's spellings.

own       {"id": "a1", "text": "…", "spans": [{"start": 0, "end": 4, "label": "ORG"}]}
Prodigy   the same, with "answer": "accept" | "reject" | "ignore"
doccano   {"text": "…", "label": [[0, 4, "ORG"]]}   or
          {"text": "…", "entities": [{"start_offset": 0, "end_offset": 4, "label": "ORG"}]}
"""

import json
from collections.abc import Iterator
from pathlib import Path

from scripts.annotations.record import AnnotationError, Record, Source, Span
from scripts.annotations.text import read_lines

TEXT_KEYS = ("text", "data")
SPAN_KEYS = ("spans", "entities", "label", "labels")


def read_jsonl(path: Path) -> Iterator[Record]:
    """Yield one record a line; blank lines do not count.

    Prodigy's rejected and ignored rows come without spans and with `excluded` set.
    Raises AnnotationError, naming the line, on broken JSON, a missing key or a wrong type.
    """
    for source, line in read_lines(path):
        if line.strip():
            yield _record(source, _parse(source, line))


def _parse(source: Source, line: str) -> dict:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        why = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise AnnotationError(f"{source}: not JSON: {why}: {_short(line)}; write one JSON object a line") from None
    if not isinstance(row, dict):
        raise AnnotationError(f"{source}: a line must hold a JSON object, not {type(row).__name__}: {_short(line)}")
    return row


def _record(source: Source, row: dict) -> Record:
    text = _first(source, row, TEXT_KEYS, '"text": "…"')
    if not isinstance(text, str):
        raise AnnotationError(f"{source}: the text must be a string, not {type(text).__name__}: {_short(text)}")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise AnnotationError(f"{source}: the text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; delete it")
    answer = row.get("answer", "accept")
    if answer != "accept" or ("answer" in row and not any(key in row for key in SPAN_KEYS)):
        row = {**row, "spans": []}
    spans = _first(source, row, SPAN_KEYS, '"spans": [] where there are none')
    if not isinstance(spans, list):
        raise AnnotationError(f"{source}: the spans must be a list, not {type(spans).__name__}: {_short(spans)}")
    id = row.get("id")
    return Record(
        id=f"{Path(source.path).stem}-{source.line}" if id is None else str(id),
        text=text,
        spans=tuple(_span(source, span) for span in spans),
        source=source,
        excluded=None if answer == "accept" else f"answer={answer}",
    )


def _first(source: Source, row: dict, keys: tuple[str, ...], remedy: str):
    for key in keys:
        if key in row:
            return row[key]
    raise AnnotationError(f"{source}: none of the keys {', '.join(keys)} among {sorted(row)}; add {remedy}")


def _span(source: Source, span) -> Span:
    if isinstance(span, dict):
        start, end = span.get("start", span.get("start_offset")), span.get("end", span.get("end_offset"))
        label = span.get("label")
    elif isinstance(span, list) and len(span) == 3:
        start, end, label = span
    else:
        raise AnnotationError(f'{source}: a span must be {{"start", "end", "label"}} or [start, end, label], not {_short(span)}')
    if type(start) is not int or type(end) is not int or not isinstance(label, str):
        raise AnnotationError(f"{source}: a span needs whole numbers for start and end and a string for label, not {_short(span)}")
    return Span(start, end, label)


def _short(value) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return repr(text if len(text) <= 80 else text[:80] + "…")
