"""WebAnno's and INCEpTION's TSV 3: a token a line with its offsets, and a column for each layer's feature."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from scripts.formats.column_lines import SAMPLE_LINES, is_blank
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError, Record, Span, Unread
from scripts.formats.registry import Found, Item, ReadOptions, reads
from scripts.formats.words import words_record

FORMAT = "#FORMAT=WebAnno TSV 3"
NO_ENTITIES = ("lexmorph.", "segmentation.", "syntax.", "transform.", "coref.")
"""Parts of the names of DKPro's layers that hold parts of speech, lemmas, trees and the like."""
UNIT = re.compile(r"(\d+)-(\d+)(\.\d+)?")
OFFSETS = re.compile(r"(\d+)-(\d+)")
VALUE = re.compile(r"(.*?)(?:\[(\d+)\])?", re.DOTALL)
STACKED = re.compile(r"(?<!\\)\|")
ESCAPED = re.compile(r"\\(.)")
CONTROLS = {"t": "\t", "n": "\n", "r": "\r"}


class Feature(NamedTuple):
    """A column of a span layer: its number, the layer's name and the feature's (which may be empty)."""

    column: int
    layer: str
    name: str

    @property
    def short(self) -> str:
        """The name that the user gives, as NamedEntity.value."""
        return ".".join(filter(None, (self.layer.rpartition(".")[2], self.name)))

    @property
    def names(self) -> tuple[str, ...]:
        """All names by which a user may call it."""
        return self.name, self.short, f"{self.layer}.{self.name}", self.layer, self.layer.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns are.

    width: of a row. feature: whose values are the entities' labels. others: features that are not read.
    links: layers of relations and chains.
    """

    width: int
    feature: Feature
    labels: tuple[str, ...]
    others: tuple[str, ...]
    links: tuple[str, ...]


class Row(NamedTuple):
    """A token, or a part of one: its line, offsets in UTF-16 units of the text, and cell of the feature."""

    line: int
    sentence: int
    token: int
    part: bool
    start: int
    end: int
    text: str
    cell: str


def looks_like_webanno(head: bytes) -> bool:
    """Look for the first line."""
    return head.startswith(FORMAT.encode())


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Read the layers from the header, and tell which feature holds the entities' labels."""
    features: list[Feature] = []
    links: list[str] = []
    cells: dict[Feature, set[str]] = {}
    width = 3
    for number, raw in file.lines():
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        kind, _, layer = line.partition("=")
        if kind in ("#T_SP", "#T_RL", "#T_CH"):
            name, *names = layer.split("|")
            columns = [Feature(width + i, name, feature) for i, feature in enumerate(names or [""])]
            width += len(columns)
            if kind == "#T_SP":
                features += columns
            else:
                links.append(name.rpartition(".")[2])
        elif UNIT.match(line):
            row = line.split("\t")
            for feature in features:
                cells.setdefault(feature, set()).update(row[feature.column : feature.column + 1])
        if number > SAMPLE_LINES:
            break
    values = {
        feature: [value for cell in cells.get(feature, ()) for value in _annotations(cell)]
        for feature in features
    }
    labels = {
        feature: tuple(sorted({label for label, _ in found if label})) for feature, found in values.items()
    }
    feature = _chosen(file.path, features, labels, options.spans_field)
    others = tuple(other.short for other in features if other != feature)
    return Layout(width, feature, labels[feature], others, tuple(links))


def _annotations(cell: str) -> list[tuple[str, str | None]]:
    """Return the values that a cell holds, each with its number; a value that is not given is empty."""
    matches = [VALUE.fullmatch(piece) for piece in STACKED.split(cell) if piece not in ("", "_")]
    return [("" if match[1] == "*" else _unescape(match[1]), match[2]) for match in matches]


def _unescape(text: str) -> str:
    return ESCAPED.sub(lambda match: CONTROLS.get(match[1], match[1]), text)


def _chosen(
    path: Path, features: list[Feature], labels: dict[Feature, tuple[str, ...]], wanted: str
) -> Feature:
    """Return the feature that the user names, or the only one that can hold entities' labels."""
    if wanted:
        named = [feature for feature in features if wanted in feature.names]
        problem = f"{len(named) or 'no'} features are called {wanted!r}"
    else:
        named = [feature for feature in features if not any(part in feature.layer for part in NO_ENTITIES)]
        named = [feature for feature in named if not feature.name.startswith("ROLE_")]
        named = [feature for feature in named if labels[feature]] or named
        values = {feature.layer for feature in named if feature.name == "value"}
        named = [feature for feature in named if feature.name != "identifier" or feature.layer not in values]
        problem = "several features could be the label" if named else "no layer seems to hold entities"
    if len(named) == 1:
        return named[0]
    listed = [
        f"\n  {feature.short} ({', '.join(labels[feature][:12]) or 'no values'}): "
        f"--spans-field={feature.short}"
        for feature in named or features
    ]
    remedy = f"say which is right:{''.join(listed)}" if listed else "export a document with a layer of spans"
    raise AnnotationError(f"{path}: {problem}; {remedy}")


def describe_layout(layout: Layout) -> str:
    """Say which feature is read, and what is not."""
    text = f"label = {layout.feature.short} ({', '.join(layout.labels) or 'no entities'})"
    if layout.others:
        text += f"; not used: {', '.join(layout.others)}"
    if layout.links:
        text += f"; relations and chains are not read: {', '.join(layout.links)}"
    return text


def split_sentences(file: RawFile, layout: Layout, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of each sentence, or of `options.sentences_per_doc`."""
    limit = options.sentences_per_doc or 1
    first, sentences, inside = 0, 0, False
    lines: list[bytes] = []
    for number, raw in file.lines():
        blank = is_blank(raw)
        if blank or raw.startswith(b"#"):
            file.count["separators" if blank else "comments"] += 1
            sentences += inside
            inside = False
            if lines and sentences == limit:
                yield first, b"".join(lines)
                lines, sentences = [], 0
            elif lines:
                lines.append(b"\n")
            continue
        file.count["rows"] += 1
        first = first if lines else number
        inside = True
        lines.append(raw)
    if lines:
        yield first, b"".join(lines)


def count_rows(item: Item) -> Found:
    """Count rows, and the feature's values; those with one number in a sentence are one annotation."""
    tokens, entities = 0, set()
    for number, line in enumerate(item.checked_data().split(b"\n")):
        if not line.strip():
            continue
        tokens += 1
        cells = line.split(b"\t")
        cell = cells[item.layout.feature.column] if len(cells) > item.layout.feature.column else b"_"
        for i, value in enumerate(re.split(rb"(?<!\\)\|", cell)):
            if value.endswith(b"]") and b"[" in value:
                entities.add((cells[0].partition(b"-")[0], value[value.rindex(b"[") :]))
            elif value not in (b"_", b""):
                entities.add((number, i))
    return Found(tokens=tokens, entities=len(entities))


@reads(
    "webanno",
    title="WebAnno and INCEpTION TSV 3: a token a line with offsets and layers",
    example="#FORMAT=WebAnno TSV 3.3⏎#T_SP=….NamedEntity|value⏎⏎#Text=Ana left⏎1-1⇥0-3⇥Ana⇥PERSON⇥⏎…",
    endings=(".tsv",),
    recognise=looks_like_webanno,
    prepare=find_layout,
    split=split_sentences,
    found=count_rows,
    describe=describe_layout,
    not_read="relations, chains, slots; of several features all but `--spans-field=NamedEntity.value`",
)
def read_webanno(item: Item) -> Record:
    """Read one document. Spans that overlap, or end inside a token, are kept as they are.

    Raises AnnotationError on a row whose columns or offsets do not fit the header or its token.
    """
    rows = _rows(item)
    words = [row for row in rows if not row.part and row.text.strip()]
    unread = [Unread("sub-token", f"line {row.line}: {row.text!r}", tokens=1) for row in rows if row.part]
    blanks = [row for row in rows if not row.part and not row.text.strip()]
    unread += [Unread("white-space-token", f"line {row.line}", tokens=1) for row in blanks]
    spaces = [after.start > row.end for row, after in pairwise(words)] + [False]
    sentences, starts, at = [], {}, 0
    for (row, space), before in zip(zip(words, spaces, strict=False), [None, *words], strict=False):
        if before is None or before.sentence != row.sentence:
            sentences.append(([], [], []))
        sentences[-1][0].append(row.text)
        sentences[-1][1].append(space)
        starts[row.sentence, row.token] = at
        at += len(row.text) + space
    record = words_record(item.source, sentences, lang=item.options.lang, group=item.file_group)
    texts = {(row.sentence, row.token): row for row in words}
    spans, places = [], []
    for label, units in _groups(rows, item.layout.feature).values():
        placed = [unit for unit in units if (unit.sentence, unit.token) in starts]
        if not placed:
            unread.append(Unread("white-space-token", f"line {units[0].line}", labels=(label,)))
            continue
        first, last = min(placed, key=lambda unit: unit.start), max(placed, key=lambda unit: unit.end)
        key, end_key = (first.sentence, first.token), (last.sentence, last.token)
        start = starts[key] + _characters(texts[key].text, first.start - texts[key].start)
        end = starts[end_key] + _characters(texts[end_key].text, last.end - texts[end_key].start)
        spans.append(Span(start, end, label))
        places.append(first.line)
    return record._replace(spans=tuple(spans), lines=tuple(places), unread=tuple(unread))


def _groups(rows: Sequence[Row], feature: Feature) -> dict[tuple, tuple[str, list[Row]]]:
    """Return the label and rows of each annotation: those of one number in a sentence are one."""
    groups: dict[tuple, tuple[str, list[Row]]] = {}
    for row in rows:
        for i, (label, number) in enumerate(_annotations(row.cell)):
            key = (row.line, i) if number is None else (row.sentence, number, label)
            label = label or ("" if feature.name else feature.layer.rpartition(".")[2])
            groups.setdefault(key, (label, []))[1].append(row)
    return groups


def _characters(text: str, units: int) -> int:
    """Return how many characters so many UTF-16 units of a text's beginning are."""
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore"))


def _rows(item: Item) -> list[Row]:
    layout: Layout = item.layout
    rows: list[Row] = []
    for number, line in enumerate(item.text().split("\n"), start=item.source.line):
        place = f"{item.source.path}:{number}"
        if not line or line.isspace():
            continue
        cells = line.removesuffix("\r").removesuffix("\t").split("\t")
        if len(cells) != layout.width:
            raise AnnotationError(
                f"{place}: {len(cells)} columns instead of {layout.width} as the header's layers say: "
                f"{line[:80]!r}; "
                "export the document again"
            )
        unit, offsets = UNIT.fullmatch(cells[0]), OFFSETS.fullmatch(cells[1])
        if unit is None or offsets is None:
            raise AnnotationError(
                f"{place}: {cells[0]!r}, {cells[1]!r} are no number and offsets (1-1, 0-3) of a token: "
                f"{line[:80]!r}"
            )
        start, end = map(int, offsets.groups())
        text = next(
            (text for text in (cells[2], _unescape(cells[2])) if _characters(text, end - start) == len(text)),
            None,
        )
        before = rows[-1].end if rows and not unit[3] else start
        if text is None or start < before or end - start > 2 * len(text):
            raise AnnotationError(
                f"{place}: the offsets {cells[1]} do not fit {cells[2][:40]!r}; export the document again"
            )
        numbers = map(int, unit.group(1, 2))
        rows.append(Row(number, *numbers, bool(unit[3]), start, end, text, cells[layout.feature.column]))
    return rows
