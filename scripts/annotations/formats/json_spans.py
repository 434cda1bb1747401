"""JSON with character offsets: JSONL or one JSON array, in the spellings of Prodigy, doccano, Label Studio and our own."""

import codecs
import json
from collections.abc import Iterator
from typing import Any

import orjson

from scripts.annotations.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.annotations.record import AnnotationError, Fault, Record, Source, Span, made_id
from scripts.annotations.registry import Item, ReadOptions, each_line, reads

TEXT_KEYS = ("text", "data")
SPAN_KEYS = ("spans", "entities", "label", "labels")
CHUNK = 2**20
LONGEST_LITERAL = 32
"""An error that near to the end of what was read may be due to what was not: `tru`, a number, half an escape."""


def looks_like_json(head: bytes) -> bool:
    """Tell whether a file begins with a brace, or with a bracket that a brace follows (or nothing more)."""
    start = head.lstrip()
    return (start[:1] == b"{" and (start[1:2] not in (b"\t", b" ") or start[1:].lstrip()[:1] in (b'"', b"}"))) or (
        start[:1] == b"[" and start[1:].lstrip()[:1] in (b"{", b"]", b"")
    )


def split_json(file: RawFile, layout: Any, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of JSONL or the elements of an array, told apart by the first character."""
    head = b""
    while not head.strip() and (more := file.read(1024)):
        head += more
    file.rewind()
    yield from array_elements(file) if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[" else each_line(file, layout, options)


def array_elements(file: RawFile) -> Iterator[tuple[int, bytes]]:
    """Yield each element of a JSON array with the line that it starts on, without reading the whole file.

    Raises AnnotationError, naming the line, where an element is broken: what follows cannot be found then.
    """
    parse = json.JSONDecoder().raw_decode
    decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
    buffer = ""
    while not buffer.strip():
        buffer += decode(file.read(CHUNK))
    at = buffer.index("[") + 1
    line = 1 + buffer.count("\n", 0, at)
    while True:
        start = at
        while start < len(buffer) and buffer[start] in " \t\r\n,":
            start += 1
        line += buffer.count("\n", at, start)
        at = start
        if buffer[at : at + 1] == "]":
            rest = buffer[at + 1 :] + decode(file.read(CHUNK))
            if rest.strip():
                place = line + rest[: len(rest) - len(rest.lstrip())].count("\n")
                remedy = "write all in one array, or one object a line"
                raise AnnotationError(f"{file.path}:{place}: after the array stands {_short(rest.strip()[:80])}; {remedy}")
            return
        try:
            _, end = parse(buffer, at)
        except json.JSONDecodeError as error:
            why, cut_off = error.msg, error.msg.startswith("Unterminated") or error.pos > len(buffer) - LONGEST_LITERAL
        except (ValueError, RecursionError) as error:
            why, cut_off = str(error), False
        else:
            yield line, buffer[at:end].encode("utf-8", "surrogateescape")
            line += buffer.count("\n", at, end)
            at = end
            continue
        if cut_off and len(buffer) - at > MAX_DOCUMENT_BYTES:
            raise AnnotationError(f"{file.path}:{line}: the document is over {MAX_DOCUMENT_BYTES >> 20} MB: {_short(buffer[at : at + 80])}; split it")
        more = cut_off and file.read(max(CHUNK, len(buffer) - at))
        if not more:
            why = why if buffer[at:] else "the array is not closed"
            raise AnnotationError(f"{file.path}:{line}: not JSON: {why}: {_short(buffer[at : at + 80])}; mend the array, or write one object a line")
        buffer, at = buffer[at:] + decode(more), 0


@reads(
    "json",
    title="JSON or JSONL with character offsets (`end` exclusive): also as Prodigy, doccano (old and new) and Label Studio write it",
    example='{"text": "Ana left Cork", "spans": [{"start": 0, "end": 3, "label": "PERSON"}]}',
    endings=(".jsonl", ".json", ".ndjson"),
    recognise=looks_like_json,
    split=split_json,
)
def read_json(item: Item) -> Record:
    """Read one row; rows that were rejected, ignored or cancelled by their annotator come without spans and excluded.

    Raises AnnotationError, naming the line, on broken JSON, a missing key or a wrong type.
    """
    try:
        row = orjson.loads(item.checked_data())
    except orjson.JSONDecodeError as error:
        line = item.text().strip()  # raises where this is the reason
        raise AnnotationError(f"{item.source}: not JSON: {error.msg} at column {error.colno}: {_short(line)}; write one JSON object a line") from None
    if not isinstance(row, dict):
        raise AnnotationError(f"{item.source}: a line must hold a JSON object, not {type(row).__name__}: {_short(row)}")
    return row_record(row, item.source, item.options)


def row_record(row: dict, source: Source, options: ReadOptions) -> Record:
    """Make a record of a row of any of these spellings.

    own, Prodigy   {"text": "…", "spans": [{"start": 0, "end": 4, "label": "ORG"}], "answer": "accept"}
    doccano        {"text": "…", "label": [[0, 4, "ORG"]]}, "labels" or "entities" with start_offset and end_offset
    Label Studio   {"data": {"text": "…"}, "annotations": [{"result": [{"type": "labels", "value": {…}}]}]}
                   or, as JSON_MIN, {"text": "…", "label": [{"start": 0, "end": 4, "labels": ["ORG"]}]}
    """
    id = _scalar(source, "id", row.get("id"))
    group = _group(row, source, options.group_by)
    excluded = None
    if isinstance(row.get("data"), dict):
        row, excluded = _label_studio(row, source)
    text = _first(source, row, TEXT_KEYS, '"text": "…"')
    if not isinstance(text, str):
        raise AnnotationError(f"{source}: the text must be a string, not {type(text).__name__}: {_short(text)}")
    check_text(text, source)
    answer = _scalar(source, "answer", row.get("answer", "accept"))
    if answer != "accept":
        excluded = f"answer={answer}"
    if excluded is not None:
        spans: Any = []
    elif "answer" in row or "annotator" in row:
        spans = next((row[key] for key in SPAN_KEYS if key in row), [])
    else:
        spans = _first(source, row, SPAN_KEYS, '"spans": [] where there are none')
    if not isinstance(spans, list):
        raise AnnotationError(f"{source}: the spans must be a list, not {type(spans).__name__}: {_short(spans)}")
    faults: list[Fault] = []
    found = _plain_spans(spans)
    if found is None:
        found = tuple(_spans(source, spans, text, faults))
    return Record(
        id=made_id(source) if id is None else id,
        text=text,
        spans=found,
        source=source,
        group=group,
        faults=tuple(faults),
        excluded=excluded,
    )


def check_text(text: str, source: Source) -> None:
    """Raise AnnotationError where a text holds half of a surrogate pair or a NUL, as JSON's escapes can."""
    if "\0" in text:
        raise AnnotationError(f"{source}: the text holds a NUL character (\\u0000), which is no text; delete it")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise AnnotationError(f"{source}: the text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; delete it") from None


def _group(row: dict, source: Source, key: str) -> str | None:
    if key == "file":
        return source.path
    value = row.get(key)
    for inner in ("meta", "data"):
        if value is None and isinstance(row.get(inner), dict):
            value = row[inner].get(key)
    return _scalar(source, key, value)


def _scalar(source: Source, key: str, value) -> str | None:
    """Return a field as a string. Raises AnnotationError where it is a list or an object."""
    if isinstance(value, list | dict):
        raise AnnotationError(f"{source}: {key!r} must be a string or a number, not {_short(value)}")
    return None if value is None else str(value)


def _label_studio(row: dict, source: Source) -> tuple[dict, str | None]:
    """Turn a task of Label Studio's JSON export into a row, and say why it is left out if it is.

    Of several annotations the one marked as ground truth counts, or else the first that was not cancelled.
    """
    texts = {key: value for key, value in row["data"].items() if isinstance(value, str)}
    text = texts.get("text", next(iter(texts.values()), None))
    annotations = row.get("annotations", row.get("completions"))
    if text is None or not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise AnnotationError(f'{source}: a task needs "data": {{"text": …}} and a list of "annotations": {_short(row)}')
    done = [one for one in annotations if not one.get("was_cancelled")]
    if not done:
        return {"text": text}, "cancelled" if annotations else "not annotated"
    chosen = next((one for one in done if one.get("ground_truth")), done[0])
    results = chosen.get("result")
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise AnnotationError(f'{source}: an annotation needs a list of objects as "result": {_short(chosen)}')
    return {"text": text, "spans": [result.get("value") for result in results if result.get("type") == "labels"]}, None


def _first(source: Source, row: dict, keys: tuple[str, ...], remedy: str):
    for key in keys:
        if key in row:
            return row[key]
    raise AnnotationError(f"{source}: none of the keys {', '.join(keys)} among {sorted(row)}; add {remedy}")


def _plain_spans(values: list) -> tuple[Span, ...] | None:
    """Return the spans where all are just {"start": int, "end": int, "label": str}: a third of the time of `_spans`."""
    try:
        found = tuple([Span(value["start"], value["end"], value["label"]) for value in values if len(value) == 3])
    except (KeyError, TypeError):
        return None
    plain = all([type(start) is int and type(end) is int and type(label) is str and label.isascii() for start, end, label in found])
    return found if plain and len(found) == len(values) else None


def _spans(source: Source, values: list, text: str, faults: list[Fault]) -> Iterator[Span]:
    """Yield the spans that the entries stand for; one that quotes another text than its offsets mark is a fault."""
    for value in values:
        quoted = None
        if isinstance(value, dict):
            start, end = value.get("start", value.get("start_offset")), value.get("end", value.get("end_offset"))
            label, quoted = value.get("label", value.get("labels")), value.get("text")
        elif isinstance(value, list) and len(value) == 3:
            start, end, label = value
        else:
            raise AnnotationError(f'{source}: a span must be {{"start", "end", "label"}} or [start, end, label], not {_short(value)}')
        labels = label if isinstance(label, list) and label else (label,)
        for one in labels:
            if type(start) is not int or type(end) is not int or type(one) is not str:
                raise AnnotationError(f"{source}: a span needs whole numbers for start and end and a string for label, not {_short(value)}")
            if not one.isascii():
                check_text(one, source)
            if type(quoted) is str and 0 <= start < end <= len(text) and quoted.strip() != text[start:end].strip():
                detail = (
                    f"the row says {quoted[:60]!r}, but characters {start}–{end} are {text[start:end][:60]!r}; offsets count characters, not bytes"
                )
                faults.append(Fault("other-text", source, detail, Span(start, end, one), quoted))
            else:
                yield Span(start, end, one)


def _short(value) -> str:
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        text = f"a {type(value).__name__} of too many levels"
    return repr(text if len(text) <= 80 else text[:80] + "…")
