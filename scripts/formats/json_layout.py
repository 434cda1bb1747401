"""How a JSON file is understood, told from its first rows."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from scripts.formats import json_stream, label_studio
from scripts.formats.json_stream import ANNOTATOR_KEYS, TEXT_KEYS
from scripts.formats.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import AnnotationError, Source, fail
from scripts.formats.registry import ReadOptions
from scripts.formats.spans import SPAN_KEYS, find_spans, short, union
from scripts.formats.tagged import TaggedLayout, describe_tagged, find_tagged

SAMPLE_ROWS = 1000


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
    return layout_of(sample, file.path, options, kind=kind)


def layout_of(
    sample: list,
    path: Path,
    options: ReadOptions,
    *,
    kind: str = json_stream.LINES,
    names: Mapping[str, Sequence[str]] | None = None,
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
        kind,
        tagged,
        tuple(texts),
        tuple(path for path, _ in spans.most_common()),
        tuple(sorted({label for one in found for _, label in union(one)})),
        any(isinstance(row, list) for row in sample),
        tuple(sorted({key for row in whole for key in row} - used)),
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
