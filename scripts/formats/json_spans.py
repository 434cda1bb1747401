"""JSON with character offsets or tagged tokens: JSONL or one document, in the spellings of many tools and our own."""

import json
from collections.abc import Iterator

from scripts.formats import json_stream, label_studio
from scripts.formats.foreign import recognise_foreign_row
from scripts.formats.json_choice import choose_spans, choose_text, require_once
from scripts.formats.json_layout import ANNOTATOR_KEYS, Layout, describe, find_layout, unfold
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError, Record, Source, Span, Unread, made_id
from scripts.formats.registry import Found, Item, ReadOptions, reads
from scripts.formats.spacy_json import count_tokens, read_paragraphs
from scripts.formats.spans import count_spans, find_spans, read_spans, short, span_fields
from scripts.formats.tagged import count_tagged, read_tagged

PLAIN, PLAIN_SPAN = frozenset({"id", "text", "spans", "group"}), {"start", "end", "label"}
"""The keys of our own rows and spans: what has no others can be read in one way alone, and so in a quarter of the time."""


def looks_like_json(head: bytes) -> bool:
    """Tell whether a file begins with a brace, or with a bracket behind which JSON goes on (or nothing more stands)."""
    start = head.lstrip()
    inner = start[1:].lstrip()[:1]
    if start[:1] == b"{":
        return start[1:2] not in (b"\t", b" ") or inner in (b'"', b"}", b"")
    return start[:1] == b"[" and (
        inner in (b"{", b"]", b"", b"[")
        or (inner == b'"' and start[1:2] in b'"\r\n')
        or start.startswith(b"[null")
    )


def split_json(file: RawFile, layout: Layout, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Yield the rows of the file."""
    return json_stream.rows(file, layout.kind)


def count_json(item: Item) -> Found:
    """Count the tokens and all that looks like a span in a row."""
    row = unfold(json_stream.load(item.data))
    if not isinstance(row, dict):
        return Found(entities=0)
    spans = row.get("spans")
    if (
        type(spans) is list
        and row.keys() <= PLAIN
        and all([type(span) is dict and span.keys() == PLAIN_SPAN for span in spans])
    ):
        return Found(
            entities=sum([len(span["label"]) if type(span["label"]) is list else 1 for span in spans])
        )
    if isinstance(row.get("paragraphs"), list):
        return Found(tokens=count_tokens(row))
    if item.layout.tagged is not None and item.layout.tagged.tokens in row:
        return count_tagged(row, item.layout.tagged)
    if label_studio.is_task(row):
        return Found(
            entities=sum(len(span_fields(span)[2]) for part in find_spans(row).values() for span in part)
        )
    return Found(entities=count_spans(find_spans(row)))


@reads(
    "json",
    title="JSON or JSONL: a text with character offsets (`end` exclusive) under any key, as our own, Prodigy, doccano, Label Studio (tasks and "
    "JSON_MIN), spaCy (training tuples, `Doc.to_json`, version 2's files) write it; or `tokens` with `ner_tags`",
    example='{"text": "Ana left Cork", "spans": [{"start": 0, "end": 3, "label": "PERSON"}]}',
    not_read="HTML and dialogues of Label Studio: export plain texts; binary answers of Prodigy: `accept`; predictions, relations, "
    "categories, tags and parses",
    endings=(".jsonl", ".json", ".ndjson"),
    recognise=looks_like_json,
    prepare=find_layout,
    split=split_json,
    found=count_json,
    describe=describe,
)
def read_json(item: Item) -> Record | list[Record]:
    """Read one row; rows that were rejected, ignored or cancelled by their annotator come without spans and excluded.

    Raises AnnotationError, naming the line, on broken JSON, a missing key, a wrong type, or where two readings are possible.
    """
    try:
        row = unfold(json_stream.load(item.checked_data()))
    except json.JSONDecodeError as error:
        line = item.text().strip()  # raises where this is the reason
        place = f"{error.msg} at column {error.colno}"
        raise AnnotationError(
            f"{item.source}: not JSON: {place}: {short(line)}; write one JSON object a line"
        ) from None
    if row is None and item.layout.pairs:
        return Record(made_id(item.source), "", (), item.source, excluded="null")
    if not isinstance(row, dict):
        remedy = 'write {"text": "…", "spans": []}'
        raise AnnotationError(
            f"{item.source}: a line must hold a JSON object, not {type(row).__name__}: {short(row)}; {remedy}"
        )
    plain = _plain_record(row, item.source, item.options)
    if plain is not None and item.data.count(b'"spans"') == 1:
        return plain
    require_once(item.data, row, item.source)
    return row_record(row, item.source, item.options, item.layout)


def row_record(
    row: dict, source: Source, options: ReadOptions, layout: Layout | None = None
) -> Record | list[Record]:
    """Make a record of a row of any of these spellings, or a list of them where it holds several texts.

    own, Prodigy   {"text": "…", "spans": [{"start": 0, "end": 4, "label": "ORG"}], "answer": "accept"}
    doccano        {"text": "…", "label": [[0, 4, "ORG"]]}, "labels" or "entities" with start_offset and end_offset
    Label Studio   {"data": {"text": "…"}, "annotations": [{"result": [{"type": "labels", "value": {…}}]}]}
                   or, as JSON_MIN, {"text": "…", "label": [{"start": 0, "end": 4, "labels": ["ORG"]}]}
    spaCy          {"text": "…", "ents": […]}, or of version 2 {"paragraphs": [{"sentences": [{"tokens": […]}]}]}
    tokens         {"tokens": ["…"], "ner_tags": ["B-ORG"]}
    """
    layout = layout or Layout()
    foreign = recognise_foreign_row(row)
    if foreign is not None:
        raise AnnotationError(f"{source}: {foreign}")
    id, group = scalar(source, "id", row.get("id")), _group(row, source, options.group_by)
    if isinstance(row.get("paragraphs"), list):
        return read_paragraphs(row, source, options, id=id, group=group)
    if label_studio.is_task(row):
        texts = label_studio.read_task(row, source, options, layout.texts)
        name = made_id(source) if id is None else id
        return [
            _record(
                text.text,
                text.spans,
                source,
                name if len(texts) == 1 else f"{name}#{text.field}",
                group,
                text.excluded,
                text.unread,
            )
            for text in texts
        ]
    if layout.tagged is not None and layout.tagged.tokens in row:
        if find_spans(row):
            raise AnnotationError(
                f"{source}: the row holds tags and spans ({', '.join(find_spans(row))}); take one of them out: {short(row)}"
            )
        return read_tagged(row, layout.tagged, source, options, id=id, group=group)
    excluded = _excluded(row, source, options)
    spans, unread = choose_spans(row, source, options, layout.spans, excluded)
    text = choose_text(row, spans, source, options)
    return _record(
        text, spans, source, made_id(source) if id is None else id, group, excluded, unread, row.get("tokens")
    )


def _plain_record(row: dict, source: Source, options: ReadOptions) -> Record | None:
    """Make a record of a row that can be read in one way alone; None where it is another."""
    text, spans = row.get("text"), row.get("spans")
    if (
        type(text) is not str
        or type(spans) is not list
        or not row.keys() <= PLAIN
        or options.text_field
        or options.spans_field
    ):
        return None
    found = _plain_spans(spans)
    if found is None:
        return None
    check_text(text, source)
    id = scalar(source, "id", row.get("id"))
    return Record(
        made_id(source) if id is None else id,
        text,
        found,
        source,
        group=_group(row, source, options.group_by),
    )


def _record(
    text: str,
    spans: list,
    source: Source,
    id: str,
    group: str | None,
    excluded: str | None,
    unread=(),
    tokens=None,
) -> Record:
    check_text(text, source)
    found = _plain_spans(spans)
    quotes: tuple[str | None, ...] = ()
    if found is None:
        spans, rejected = _answered(_with_offsets(spans, tokens), source)
        unread = (*unread, *rejected)
        read = read_spans(spans, source, text)
        for (_, _, label), _ in read:
            if not label.isascii():
                check_text(label, source)
        found = tuple(Span(*span) for span, _ in read)
        quotes = tuple(quoted for _, quoted in read) if any(quoted is not None for _, quoted in read) else ()
    return Record(
        id, text, found, source, group=group, excluded=excluded, quotes=quotes, unread=tuple(unread)
    )


def _excluded(row: dict, source: Source, options: ReadOptions) -> str | None:
    """Say why the data asks to leave a row out. Raises AnnotationError on binary answers, unless they are accepted."""
    if row.get("_is_binary", row.get("_view_id") == "ner") is True and "binary" not in options.accept:
        raise AnnotationError(
            f"{source}: a binary answer (_is_binary, or _view_id: ner) tells of its one span alone, and nothing of the rest of the text; make "
            "complete annotation of them (ner.silver-to-gold), or take what was not asked for no entity by --accept=binary"
        )
    if options.annotator not in ("", "all"):
        who = next(
            (str(row[key]) for key in ANNOTATOR_KEYS if isinstance(row.get(key), str | int)),
            options.annotator,
        )
        if who != options.annotator:
            return "other annotator"
    if row.get("was_cancelled") is True:
        return "cancelled"
    answer = scalar(source, "answer", row.get("answer", "accept"))
    return None if answer == "accept" else f"answer={answer}"


def check_text(text: str, source: Source) -> None:
    """Raise AnnotationError where a text holds half of a surrogate pair or a NUL, as JSON's escapes can."""
    if "\0" in text:
        raise AnnotationError(
            f"{source}: the text holds a NUL character (\\u0000), which is no text; delete it"
        )
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise AnnotationError(
            f"{source}: the text holds half of a surrogate pair (\\ud800 to \\udfff), which is no character; delete it"
        ) from None


def _group(row: dict, source: Source, key: str) -> str | None:
    if key == "file":
        return source.path
    value = row.get(key)
    for inner in ("meta", "data"):
        if value is None and isinstance(row.get(inner), dict):
            value = row[inner].get(key)
    return scalar(source, key, value)


def scalar(source: Source, key: str, value) -> str | None:
    """Return a field as a string. Raises AnnotationError where it is a list or an object."""
    if isinstance(value, list | dict):
        raise AnnotationError(f"{source}: {key!r} must be a string or a number, not {short(value)}")
    return None if value is None else str(value)


def _plain_spans(values: list) -> tuple[Span, ...] | None:
    """Return the spans where all are just {"start": int, "end": int, "label": str}: a third of the time of `_spans`."""
    try:
        found = tuple(
            [Span(value["start"], value["end"], value["label"]) for value in values if len(value) == 3]
        )
    except (KeyError, TypeError):
        return None
    plain = all(
        [
            type(start) is int and type(end) is int and type(label) is str and label.isascii()
            for start, end, label in found
        ]
    )
    return found if plain and len(found) == len(values) else None


def _with_offsets(spans: list, tokens: object) -> list:
    """Return spans that give tokens alone (`token_start`, `token_end`, the last one's number) with the characters of these."""
    if not isinstance(tokens, list):
        return spans
    given = []
    for span in spans:
        if isinstance(span, dict) and "start" not in span and "token_start" in span:
            try:
                first, last = tokens[span["token_start"]], tokens[span["token_end"]]
                span = span | {"start": first["start"], "end": last["end"]}
            except (LookupError, TypeError):
                pass  # is told as no span
        given.append(span)
    return given


def _answered(spans: list, source: Source) -> tuple[list, tuple[Unread, ...]]:
    """Return the spans that were not rejected one by one, and what was."""
    kept, unread = [], []
    for span in spans:
        answer = span.get("answer", "accept") if isinstance(span, dict) else "accept"
        if answer == "accept":
            kept.append(span)
        else:
            labels = tuple(str(label) for label in span_fields(span)[2])
            unread.append(Unread(f"span answer={answer}", f"{source}: {short(span)}", labels=labels))
    return kept, tuple(unread)
