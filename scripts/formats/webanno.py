"""WebAnno's and INCEpTION's TSV 3: a token a line with its offsets, and a column for each layer's feature."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import NamedTuple

from scripts.formats.columns import kind_of
from scripts.formats.raw_file import RawFile
from scripts.formats.record import Record, Span, Unread, fail
from scripts.formats.registry import Found, Item, ReadOptions, reads
from scripts.formats.rows import SAMPLE_LINES, line_events, sentences_of, split_documents
from scripts.formats.words import words_record

NO_ENTITIES = re.compile(r"lexmorph\.|segmentation\.|syntax\.|transform\.|coref\.")
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
    def names(self) -> set[str]:
        """All names by which a user may call it."""
        return {self.name, self.short, f"{self.layer}.{self.name}", self.layer, self.layer.rpartition(".")[2]}


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
    """A token, or a part of one: its line, sentence and number; offsets in UTF-16 units; the feature's cell."""

    line: int
    unit: tuple[int, int]
    part: bool
    start: int
    end: int
    text: str
    cell: str


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Read the layers from the header, and tell which feature holds the entities' labels."""
    labels: dict[Feature, set[str]] = {}
    links: list[str] = []
    width = 3
    for _, raw in islice(file.lines(), SAMPLE_LINES):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        kind, _, layer = line.partition("=")
        if kind in ("#T_SP", "#T_RL", "#T_CH"):
            name, *names = layer.split("|")
            features = [Feature(width + i, name, feature) for i, feature in enumerate(names or [""])]
            width += len(features)
            labels |= {feature: set() for feature in features if kind == "#T_SP"}
            links += [name.rpartition(".")[2]] if kind != "#T_SP" else []
        elif UNIT.match(line):
            cells = line.split("\t")
            for feature, found in labels.items():
                for cell in cells[feature.column : feature.column + 1]:
                    found.update(label for label, _ in _annotations(cell) if label)
    feature = _choose(file.path, labels, options.spans_field)
    others = tuple(other.short for other in labels if other != feature)
    return Layout(width, feature, tuple(sorted(labels[feature])), others, tuple(links))


def _annotations(cell: str) -> list[tuple[str, str | None]]:
    """Return the values that a cell holds, each with its number; a value that is not given is empty."""
    matches = [VALUE.fullmatch(value) for value in STACKED.split(cell) if value not in ("", "_")]
    return [("" if match[1] == "*" else _unescape(match[1]), match[2]) for match in matches]


def _unescape(text: str) -> str:
    return ESCAPED.sub(lambda match: CONTROLS.get(match[1], match[1]), text)


def _choose(path: Path, labels: dict[Feature, set[str]], wanted: str) -> Feature:
    """Return the feature that the user names, or the only one that can hold entities' labels."""
    if wanted:
        named = [feature for feature in labels if wanted in feature.names]
        problem = f"{len(named) or 'no'} features are called {wanted!r}"
    else:
        named = [
            one for one in labels if not NO_ENTITIES.search(one.layer) and not one.name.startswith("ROLE_")
        ]
        named = [one for one in named if labels[one]] or named
        values = {one.layer for one in named if one.name == "value"}
        named = [one for one in named if one.name != "identifier" or one.layer not in values]
        problem = "several features could be the label" if named else "no layer seems to hold entities"
    if len(named) == 1:
        return named[0]
    listed = ""
    for one in named or labels:
        values = ", ".join(sorted(labels[one])[:12]) or "no values"
        listed += f"\n  {one.short} ({values}): --spans-field={one.short}"
    fail(
        path, problem, f"say which is right:{listed}" if listed else "export a document with a layer of spans"
    )


def describe_layout(layout: Layout) -> str:
    """Say which feature is read, and what is not."""
    text = f"label = {layout.feature.short} ({', '.join(layout.labels) or 'no entities'})"
    text += f"; not used: {', '.join(layout.others)}" if layout.others else ""
    return text + (f"; relations and chains are not read: {', '.join(layout.links)}" if layout.links else "")


def split_sentences(file: RawFile, layout: Layout, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of each sentence, or of `options.sentences_per_doc`."""

    def kind(number: int, raw: bytes, inside: bool) -> str:
        return "comments" if raw.startswith(b"#") else kind_of(number, raw, inside)

    return split_documents(line_events(file, kind), options.sentences_per_doc or 1)


def count_rows(item: Item) -> Found:
    """Count rows, and the feature's values; those with one number in a sentence are one annotation."""
    tokens, entities = 0, set()
    for number, line in enumerate(item.checked_data().split(b"\n")):
        if not line.strip() or line == b"#":
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
    recognise=lambda head: head.startswith(b"#FORMAT=WebAnno TSV 3"),
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
    spaces = {row.unit: after.start > row.end for row, after in pairwise(words)}
    groups = (list(group) for _, group in groupby(words, lambda row: row.unit[0]))
    sentences = [
        ([row.text for row in group], [spaces.get(row.unit, False) for row in group], []) for group in groups
    ]
    record = words_record(item.source, sentences, lang=item.options.lang, group=item.file_group)
    places, at = {}, 0
    for row in words:
        places[row.unit] = at, row
        at += len(row.text) + spaces.get(row.unit, False)
    spans, lines = [], []
    for label, units in _groups(rows, item.layout.feature):
        edges = []
        for unit in units:
            if unit.unit in places:
                at, word = places[unit.unit]
                edges += [at + _characters(word.text, edge - word.start) for edge in (unit.start, unit.end)]
        if edges:
            spans.append(Span(min(edges), max(edges), label))
            lines.append(units[0].line)
        else:
            unread.append(Unread("white-space-token", f"line {units[0].line}", labels=(label,)))
    return record._replace(spans=tuple(spans), lines=tuple(lines), unread=tuple(unread))


def _groups(rows: Iterable[Row], feature: Feature) -> Iterable[tuple[str, list[Row]]]:
    """Return the label and rows of each annotation: those of one number in a sentence are one."""
    groups: dict[tuple, tuple[str, list[Row]]] = {}
    for row in rows:
        for i, (label, number) in enumerate(_annotations(row.cell)):
            key = (row.line, i) if number is None else (row.unit[0], number, label)
            label = label or ("" if feature.name else feature.layer.rpartition(".")[2])
            groups.setdefault(key, (label, []))[1].append(row)
    return groups.values()


def _characters(text: str, units: int) -> int:
    """Return how many characters so many UTF-16 units of a text's beginning are."""
    return len(text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))


def _rows(item: Item) -> list[Row]:
    rows: list[Row] = []
    again = "export the document again"
    for number, line in (pair for sentence in sentences_of(item) for pair in zip(*sentence, strict=True)):
        place = f"{item.source.path}:{number}"
        cells = line.removesuffix("\r").removesuffix("\t").split("\t")
        if len(cells) != item.layout.width:
            what = f"{len(cells)} columns instead of {item.layout.width} as the header's layers say: {line[:80]!r}"
            fail(place, what, again)
        unit, offsets = UNIT.fullmatch(cells[0]), OFFSETS.fullmatch(cells[1])
        if unit is None or offsets is None:
            fail(
                place,
                f"{cells[0]!r}, {cells[1]!r} are no number and offsets (1-1, 0-3): {line[:80]!r}",
                again,
            )
        start, end = map(int, offsets.groups())
        texts = (cells[2], _unescape(cells[2]))
        text = next((text for text in texts if len(text.encode("utf-16-le")) == 2 * (end - start)), None)
        if text is None or (rows and not unit[3] and start < rows[-1].end):
            fail(place, f"the offsets {cells[1]} do not fit {cells[2][:40]!r}", again)
        at = int(unit[1]), int(unit[2])
        rows.append(Row(number, at, bool(unit[3]), start, end, text, cells[item.layout.feature.column]))
    return rows
