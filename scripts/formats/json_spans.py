"""JSON with character offsets or tagged tokens, in the spellings of many tools and our own."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from scripts.formats import json_stream, label_studio
from scripts.formats.foreign import recognise_foreign_row
from scripts.formats.json_choice import Content, choose_spans, choose_text, require_once
from scripts.formats.json_stream import ANNOTATOR_KEYS, TEXT_KEYS
from scripts.formats.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import AnnotationError, Record, Source, Span, Unread, check_text, fail, made_id
from scripts.formats.registry import Found, Item, ReadOptions, reads
from scripts.formats.spacy_json import count_tokens, read_paragraphs
from scripts.formats.spans import SPAN_KEYS, count_spans, find_spans, read_spans, short, span_fields, union
from scripts.formats.tagged import TaggedLayout, count_tagged, describe_tagged, find_tagged, read_tagged

SAMPLE_ROWS = 1000


def looks_like_json(head: bytes) -> bool:
    """Tell whether a file begins with a brace, or with a bracket behind which JSON goes on."""
    start = head.lstrip()
    inner = start[1:].lstrip()[:1]
    if start[:1] == b"{":
        return start[1:2] not in (b"\t", b" ") or inner in (b'"', b"}", b"")
    goes_on = inner in (b"{", b"]", b"", b"[") or (inner == b'"' and start[1:2] in b'"\r\n')
    return start[:1] == b"[" and (goes_on or start.startswith(b"[null"))


@dataclass(frozen=True, slots=True)
class Layout:
    """How a JSON file is understood, by its first rows.

    kind: as `json_stream.tell_kind` says. tagged: the keys of tokens and tags. texts: keys of text. spans:
    paths of keys of spans. pairs: the rows are spaCy's training tuples.
    """

    kind: str = json_stream.LINES
    tagged: TaggedLayout | None = None
    texts: tuple[str, ...] = ()
    spans: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    pairs: bool = False
    unused: tuple[str, ...] = ()


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Look at the file's first rows."""
    kind, sample = json_stream.tell_kind(file), []
    with suppress(json.JSONDecodeError, AnnotationError):  # is told when the row is read
        for _, data in islice(json_stream.rows(file, kind), SAMPLE_ROWS):
            if len(data) <= MAX_DOCUMENT_BYTES:
                sample.append(json_stream.load(data))
    return replace(layout_of(sample, file.path, options), kind=kind)


def layout_of(
    sample: list, path: Path, options: ReadOptions, *, names: Mapping[str, Sequence[str]] | None = None
) -> Layout:
    """Tell from some rows how all are understood. names: of tags that are numbers, by key."""
    whole = [row for row in map(unfold, sample) if isinstance(row, dict)]
    _require_one_annotator(whole, path, options)
    found = list(map(find_spans, whole))
    plain = [row for row, spans in zip(whole, found, strict=True) if not spans or names is not None]
    tagged = find_tagged(plain, path, options, names=names)
    texts = Counter()
    for row in filter(label_studio.is_task, whole):
        with suppress(AnnotationError):  # is told when the row is read
            read = label_studio.read_task(row, Source(path.as_posix(), 1), options)
            texts.update(field for field, content in read.items() if content.spans)
    if not texts and tagged is None:
        known = filter(None, (options.text_field, *TEXT_KEYS, "data"))
        texts.update(key for key in known if any(type(row.get(key)) is str for row in whole))
    spans = Counter(path for paths in found for path in paths)
    used = {*texts, *(path.split(".")[0] for path in spans), *SPAN_KEYS, "id"}
    used |= {tagged.tokens, tagged.tags} if tagged else set()
    return Layout(
        tagged=tagged,
        texts=tuple(texts),
        spans=tuple(path for path, _ in spans.most_common()),
        labels=tuple(sorted({label for one in found for _, label in union(one)})),
        pairs=any(isinstance(row, list) for row in sample),
        unused=tuple(sorted({key for row in whole for key in row} - used)),
    )


def unfold(row: object) -> object:
    """Return a training tuple `[text, {"entities": …}]`, or what stands in `row`, as a row."""
    if isinstance(row, list) and json_stream.is_row(row):
        text, rest = row
        return {"text": text} | (rest if isinstance(rest, dict) else {"spans": rest})
    if isinstance(row, dict) and isinstance(row.get("row"), dict) and "text" not in row:
        return row["row"]
    return row


def _require_one_annotator(rows: Sequence[dict], path: Path, options: ReadOptions) -> None:
    """See that no text is there by several annotators, unless the options say whose counts."""
    by_text: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        known = (row.get(key) for key in (options.text_field, *TEXT_KEYS, "data"))
        text = next((text for text in known if type(text) is str), None)
        for key in ANNOTATOR_KEYS if text is not None else ():
            if isinstance(row.get(key), str | int):
                by_text[key, text].add(str(row[key]))
    for (_, text), who in by_text.items():
        if len(who) > 1 and not options.annotator:
            what = f"several annotators ({', '.join(sorted(who))}) annotated the same text {short(text)}"
            fail(path, what, f"choose one by --annotator={min(who)}, or take all rows by --annotator=all")


def describe(layout: Layout) -> str:
    """Say which keys are the text and the spans, or tokens and tags, and which are not used."""

    def listed(keys: Sequence[str], joint: str) -> str:
        return joint.join(f"`{key}`" for key in keys[:12]) + (", …" if len(keys) > 12 else "")

    if layout.tagged is not None:
        said = describe_tagged(layout.tagged)
    else:
        labels = f"{', '.join(layout.labels[:20])}{', …' if len(layout.labels) > 20 else ''}"
        said = (
            f"text = {listed(layout.texts, ' or ') or '?'}, entities = "
            f"{listed(layout.spans, ' or ') or 'none in the first rows'}{f' ({labels})' if labels else ''}"
        )
    return said + (f"; not used: {listed(layout.unused, ', ')}" if layout.unused else "")


def count_row(row: object, layout: Layout) -> Found:
    """Count the tokens and all that looks like a span in a row."""
    if not isinstance(row, dict):
        return Found(entities=0)
    if isinstance(row.get("paragraphs"), list):
        return Found(tokens=count_tokens(row))
    found = find_spans(row)
    if label_studio.is_task(row):
        return Found(entities=sum(count_spans({path: spans}) for path, spans in found.items()))
    if layout.tagged is not None and layout.tagged.tokens in row:
        return count_tagged(row, layout.tagged)
    return Found(entities=count_spans(found))


@reads(
    "json",
    title="JSON or JSONL: a text with character offsets (`end` exclusive) under any key, as our own, "
    "Prodigy, doccano, Label Studio (tasks and JSON_MIN), spaCy (training tuples, `Doc.to_json`, version 2's "
    "files) write it; or `tokens` with `ner_tags`",
    example='{"text": "Ana left Cork", "spans": [{"start": 0, "end": 3, "label": "PERSON"}]}',
    not_read="HTML and dialogues of Label Studio: export plain texts; binary answers of Prodigy: `accept`; "
    "predictions, relations, categories, tags and parses",
    endings=(".jsonl", ".json", ".ndjson"),
    recognise=looks_like_json,
    prepare=find_layout,
    split=lambda file, layout, options: json_stream.rows(file, layout.kind),
    found=lambda item: count_row(unfold(json_stream.load(item.data)), item.layout),
    describe=describe,
)
def read_json(item: Item) -> Record | list[Record]:
    """Read one row; those that were rejected, ignored or cancelled by their annotator come excluded."""
    try:
        row = unfold(json_stream.load(item.checked_data()))
    except json.JSONDecodeError as error:
        line = item.text().strip()  # raises where this is the reason
        what = f"not JSON: {error.msg} at column {error.colno}: {short(line)}"
        raise AnnotationError(f"{item.source}: {what}; write one JSON object a line") from None
    if row is None and item.layout.pairs:
        return Record(made_id(item.source), "", (), item.source, excluded="null")
    if not isinstance(row, dict):
        what = f"a line must hold a JSON object, not {type(row).__name__}: {short(row)}"
        fail(item.source, what, 'write {"text": "…", "spans": []}')
    require_once(item.data, row, item.source)
    return row_record(row, item.source, item.options, item.layout)


def row_record(row: dict, source: Source, options: ReadOptions, layout: Layout) -> Record | list[Record]:
    """Make a record of a row of any of these spellings, or a list of them where it holds several texts.

    own, Prodigy   {"text": "…", "spans": [{"start": 0, "end": 4, "label": "ORG"}], "answer": "accept"}
    doccano        {"text": "…", "label": [[0, 4, "ORG"]]}, or "entities" with start_offset and end_offset
    Label Studio   {"data": {"text": "…"}, "annotations": [{"result": [{"type": "labels", "value": {…}}]}]}
                   or, as JSON_MIN, {"text": "…", "label": [{"start": 0, "end": 4, "labels": ["ORG"]}]}
    spaCy          {"text": "…", "ents": […]}, or version 2 {"paragraphs": [{"sentences": [{"tokens": […]}]}]}
    tokens         {"tokens": ["…"], "ner_tags": ["B-ORG"]}
    """
    if foreign := recognise_foreign_row(row):
        raise AnnotationError(f"{source}: {foreign}")
    id = scalar(source, "id", row.get("id"))
    id, group = made_id(source) if id is None else id, _group(row, source, options.group_by)
    if isinstance(row.get("paragraphs"), list):
        return read_paragraphs(row, source, lang=options.lang, id=id, group=group)
    if label_studio.is_task(row):
        texts = label_studio.read_task(row, source, options, layout.texts)
        names = {field: id if len(texts) == 1 else f"{id}#{field}" for field in texts}
        return [_record(content, source, names[field], group) for field, content in texts.items()]
    if layout.tagged is not None and layout.tagged.tokens in row:
        return read_tagged(row, layout.tagged, source, lang=options.lang, id=id, group=group)
    excluded = _excluded(row, source, options)
    spans, unread = choose_spans(row, source, options, layout.spans, excluded)
    text = choose_text(row, spans, source, options)
    return _record(Content(text, spans, excluded, unread), source, id, group)


def _record(content: Content, source: Source, id: str, group: str | None) -> Record:
    text, spans, excluded, unread = content
    check_text(text, source)
    accepted = []
    for span in spans:
        answer = span.get("answer", "accept") if isinstance(span, dict) else "accept"
        if answer == "accept":
            accepted.append(span)
        else:
            labels = tuple(map(str, span_fields(span).labels))
            unread = (*unread, Unread(f"span answer={answer}", f"{source}: {short(span)}", labels=labels))
    read = read_spans(accepted, source, text)
    for _, _, label, _ in read:
        check_text(label, source)
    quotes = tuple(quoted for *_, quoted in read)
    return Record(
        id,
        text,
        tuple(Span(*span[:3]) for span in read),
        source,
        group=group,
        excluded=excluded,
        quotes=quotes if any(quoted is not None for quoted in quotes) else (),
        unread=unread,
    )


def _excluded(row: dict, source: Source, options: ReadOptions) -> str | None:
    """Say why a row is to be left out."""
    if row.get("_is_binary", row.get("_view_id") == "ner") is True and "binary" not in options.accept:
        raise AnnotationError(
            f"{source}: a binary answer (_is_binary, or _view_id: ner) tells of its one span alone, and "
            "nothing of the rest of the text; make complete annotation of them (ner.silver-to-gold), or take "
            "what was not asked for no entity by --accept=binary"
        )
    named = (str(row[key]) for key in ANNOTATOR_KEYS if isinstance(row.get(key), str | int))
    if options.annotator not in ("", "all", next(named, options.annotator)):
        return "other annotator"
    if row.get("was_cancelled") is True:
        return "cancelled"
    answer = scalar(source, "answer", row.get("answer", "accept"))
    return None if answer == "accept" else f"answer={answer}"


def _group(row: dict, source: Source, key: str) -> str | None:
    if key == "file":
        return None
    holders = (row, *(row[inner] for inner in ("meta", "data") if isinstance(row.get(inner), dict)))
    value = next((holder[key] for holder in holders if holder.get(key) is not None), None)
    return scalar(source, key, value)


def scalar(source: Source, key: str, value) -> str | None:
    """Return a field that is a string or a number as a string."""
    if isinstance(value, list | dict):
        raise AnnotationError(f"{source}: {key!r} must be a string or a number, not {short(value)}")
    return None if value is None else str(value)
