"""How a JSON file is understood, told from its first rows."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from scripts.formats import json_stream, label_studio
from scripts.formats.json_stream import TEXT_KEYS
from scripts.formats.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import AnnotationError, Source
from scripts.formats.registry import ReadOptions
from scripts.formats.spans import SPAN_KEYS, find_spans, short, span_fields
from scripts.formats.tagged import TaggedLayout, describe_tagged, find_tagged

SAMPLE_ROWS = 1000
"""How a file is understood is told from so many rows."""
ANNOTATOR_KEYS = ("_annotator_id", "_session_id", "annotator")
USER_KEYS = {"user", "annotator", "annotator_id", "completed_by", "created_by"}
"""How an annotation calls who made it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a JSON file is understood, by its first rows.

    kind: how its rows stand in it (`json_stream.tell_kind`). tagged: the keys of tokens and tags, where the rows hold these.
    texts: the keys that are read as text. spans: the paths of keys that hold spans. labels: of the spans. pairs: the rows are
    spaCy's training tuples. unused: keys that are not read.
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
    kind = json_stream.tell_kind(file)
    sample = []
    try:
        for _, data in islice(json_stream.rows(file, kind), SAMPLE_ROWS):
            if len(data) <= MAX_DOCUMENT_BYTES:
                sample.append(json_stream.load(data))
    except (json.JSONDecodeError, AnnotationError):  # is told when the row is read
        pass
    whole = [row for row in map(unfold, sample) if isinstance(row, dict)]
    _require_one_annotator(whole, file, options)
    tagged = find_tagged([row for row in whole if not find_spans(row)], file.path, options)
    texts, spans, labels, keys = Counter(), Counter(), set(), Counter()
    for row in whole:
        keys.update(list(row))
        if label_studio.is_task(row):
            try:
                texts.update(
                    text.field
                    for text in label_studio.read_task(row, Source(file.path.as_posix(), 1), options)
                    if text.spans
                )
            except AnnotationError:  # is told when the row is read
                continue
        found = find_spans(row)
        spans.update(list(found))
        labels.update(
            str(label) for part in found.values() for span in part for label in span_fields(span)[2]
        )
    if not texts and tagged is None:
        texts.update(
            key
            for key in (options.text_field, *TEXT_KEYS, "data")
            if key and any(type(row.get(key)) is str for row in whole)
        )
    used = {*texts, *(path.split(".")[0] for path in spans), *SPAN_KEYS, "id"} | (
        {tagged.tokens, tagged.tags} if tagged else set()
    )
    return Layout(
        kind,
        tagged,
        tuple(texts),
        tuple(path for path, _ in spans.most_common()),
        tuple(sorted(labels)),
        any(isinstance(row, list) for row in sample),
        tuple(sorted(key for key in keys if key not in used)),
    )


def unfold(row: object) -> object:
    """Return a training tuple `[text, {"entities": …}]` as a row, and what the datasets server wraps in `row`."""
    if isinstance(row, list) and json_stream.is_row(row):
        text, rest = row
        return {"text": text} | (rest if isinstance(rest, dict) else {"spans": rest})
    if isinstance(row, dict) and isinstance(row.get("row"), dict) and "text" not in row:
        return row["row"]
    return row


def _require_one_annotator(rows: Sequence[dict], file: RawFile, options: ReadOptions) -> None:
    """Raise AnnotationError where rows hold one text by several annotators and nothing says whose counts."""
    if options.annotator:
        return
    for key in ANNOTATOR_KEYS:
        by_text: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            text = next(
                (
                    row[name]
                    for name in (options.text_field, *TEXT_KEYS, "data")
                    if type(row.get(name)) is str
                ),
                None,
            )
            if text is not None and isinstance(row.get(key), str | int):
                by_text[text].add(str(row[key]))
        text, who = max(by_text.items(), key=lambda item: len(item[1]), default=("", ()))
        if len(who) > 1:
            raise AnnotationError(
                f"{file.path}: several annotators ({', '.join(sorted(who))}) annotated the same text {short(text)}; choose one by "
                f"--annotator={min(who)}, or take the rows of all by --annotator=all"
            )


def require_one_user(value: object, source: Source, options: ReadOptions) -> None:
    """Raise AnnotationError where objects below a key are by several annotators and nothing says that all count."""
    users: set[str] = set()
    waiting = [value] if isinstance(value, list) else []
    while waiting:
        for part in waiting.pop():
            if isinstance(part, dict):
                if not USER_KEYS.isdisjoint(part):
                    users.update(str(part[key]) for key in USER_KEYS if isinstance(part.get(key), str | int))
                waiting += [inside for inside in part.values() if isinstance(inside, list)]
    if len(users) > 1 and options.annotator != "all":
        raise AnnotationError(
            f"{source}: the spans are by several annotators ({', '.join(sorted(users))}); keep those of one, or take all by --annotator=all"
        )


def describe(layout: Layout) -> str:
    """Say which keys are the text and the spans, or tokens and tags, and which are not used."""
    if layout.tagged is not None:
        said = describe_tagged(layout.tagged)
    else:
        spans = " or ".join(f"`{path}`" for path in layout.spans) or "none in the first rows"
        labels = (
            f" ({', '.join(layout.labels[:20])}{', …' if len(layout.labels) > 20 else ''})"
            if layout.labels
            else ""
        )
        said = f"text = {' or '.join(f'`{key}`' for key in layout.texts) or '?'}, entities = {spans}{labels}"
    unused = f"; not used: {', '.join(f'`{key}`' for key in layout.unused[:12])}" if layout.unused else ""
    return said + unused + (", …" if len(layout.unused) > 12 else "")
