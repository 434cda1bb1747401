"""WebAnno's and INCEpTION's TSV 3: a token a line with its offsets, and a column for each layer's feature."""

import re
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

from scripts.formats.raw_file import RawFile
from scripts.formats.record import Record, Span, Unread, fail
from scripts.formats.registry import Found, Item, ReadOptions, reads
from scripts.formats.rows import SAMPLE_LINES, line_events, sentences_of, split_documents
from scripts.formats.words import words_record

NO_ENTITIES = re.compile(r"lexmorph\.|segmentation\.|syntax\.|transform\.|coref\.|\|ROLE_")
"""What is in the names of DKPro's layers of parts of speech, lemmas, trees and the like, and of links."""
UNIT = re.compile(r"(\d+)-(\d+)(\.\d+)?\t")
ROW = re.compile(r"(\d+)-(\d+)(\.\d+)?\t(\d+)-(\d+)\t([^\t]*)\t.*")
VALUE = re.compile(r"(.*?)(?:\[(\d+)\])?", re.DOTALL)
STACKED = re.compile(r"(?<!\\)\|")
CONTROLS = {"t": "\t", "n": "\n", "r": "\r"}


class Layout(NamedTuple):
    """What the columns are.

    width: of a row. column: of the feature whose values are the entities' labels. layer: the label where the
    layer has no feature. description: which feature that is, and what is not read.
    """

    width: int
    column: int
    layer: str
    description: str


class Row(NamedTuple):
    """A token, or a part of one: its line, sentence and number; offsets in UTF-16 units; annotations."""

    line: int
    sentence: int
    token: int
    part: bool
    start: int
    end: int
    text: str
    annotations: list[tuple[str, str | None]]


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Read the layers from the header, and tell which feature holds the entities' labels."""
    columns: dict[str, int] = {}
    links, rows, width = [], [], 3
    for _, raw in islice(file.lines(), SAMPLE_LINES):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        kind, _, names = line.partition("=")
        if kind in ("#T_SP", "#T_RL", "#T_CH"):
            layer, *features = names.split("|")
            found = {f"{layer}|{feature}": width + i for i, feature in enumerate(features or [""])}
            columns |= found if kind == "#T_SP" else {}
            links += [] if kind == "#T_SP" else [layer.rpartition(".")[2]]
            width += len(found)
        elif UNIT.match(line):
            rows.append(line.split("\t"))
    labels = {}
    for feature, column in columns.items():
        found = {label for row in rows for label, _ in annotations(row[column : column + 1])}
        labels[feature] = sorted(found - {""})
    feature = _choose(file.path, labels, options.spans_field)
    others = ", ".join(_short(other) for other in columns if other != feature)
    description = f"label = {_short(feature)} ({', '.join(labels[feature]) or 'no entities'})"
    description += f"; not used: {others}" if others else ""
    description += f"; relations and chains are not read: {', '.join(links)}" if links else ""
    layer, _, name = feature.partition("|")
    return Layout(width, columns[feature], "" if name else layer.rpartition(".")[2], description)


def _short(feature: str) -> str:
    """Return a feature's name as the user gives it: NamedEntity.value."""
    return feature.rpartition(".")[2].replace("|", ".").rstrip(".")


def annotations(cells: list[str]) -> list[tuple[str, str | None]]:
    """Return the values that a cell holds, each with its number; a value that is not given is empty."""
    matches = [VALUE.fullmatch(one) for cell in cells for one in STACKED.split(cell) if one not in ("", "_")]
    return [("" if match[1] == "*" else _unescape(match[1]), match[2]) for match in matches]


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: CONTROLS.get(match[1], match[1]), text)


def _choose(path: Path, labels: dict[str, list[str]], wanted: str) -> str:
    """Return the feature that the user names, or the only one that can hold entities' labels."""
    if wanted:
        named = [one for one in labels if f".{wanted}." in f".{one.replace('|', '.')}."]
        problem = f"{len(named) or 'no'} features are called {wanted!r}"
    else:
        named = [one for one in labels if not NO_ENTITIES.search(one)]
        named = [one for one in named if labels[one]] or named
        named = [one for one in named if one.replace("|identifier", "|value") not in {*named} - {one}]
        problem = "several features could be the label" if named else "no layer seems to hold entities"
    if len(named) == 1:
        return named[0]
    listed = ""
    for one in named or labels:
        listed += f"\n  {_short(one)} ({', '.join(labels[one][:12])}): --spans-field={_short(one)}"
    remedy = f"say which is right:{listed}" if listed else "export a document with a layer of spans"
    fail(path, problem, remedy)


def kind_of(number: int, raw: bytes, inside: bool) -> str:
    """Say whether a line is a row of a token."""
    return "separators" if raw.isspace() or raw.startswith(b"#") else "rows"


def count_rows(item: Item) -> Found:
    """Count rows, and the feature's values; those with one number in a sentence are one annotation."""
    tokens, entities = 0, set()
    for number, line in enumerate(item.checked_data().split(b"\n")):
        if not line.strip():
            continue
        tokens += 1
        sentence, *cells = line.split(b"\t")
        for i, value in enumerate(re.split(rb"(?<!\\)\|", b"".join(cells[item.layout.column - 1 :][:1]))):
            if value.endswith(b"]") and b"[" in value:
                entities.add((sentence.partition(b"-")[0], value[value.rindex(b"[") :]))
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
    split=lambda file, layout, options: split_documents(line_events(file, kind_of), options),
    found=count_rows,
    describe=lambda layout: layout.description,
    not_read="relations, chains, slots; of several features all but `--spans-field=NamedEntity.value`",
)
def read_webanno(item: Item) -> Record:
    """Read one document. Spans that overlap, or end inside a token, are kept as they are."""
    rows = list(_rows(item))
    words = [row for row in rows if not row.part and row.text.strip()]
    spaces = [after.start > row.end for row, after in pairwise(words)] + [False] * bool(words)
    sentences: dict[int, tuple[list, list, list]] = {}
    places: dict[int, int] = {}  # UTF-16 units of the file's text, and characters of ours
    at = 0
    for row, space in zip(words, spaces, strict=True):
        texts, after, _ = sentences.setdefault(row.sentence, ([], [], []))
        texts.append(row.text)
        after.append(space)
        places |= {row.start + _units(row.text[:i]): at + i for i in range(len(row.text) + 1)}
        at += len(row.text) + space
    record = words_record(item.source, sentences.values(), lang=item.options.lang)
    unread = []
    groups: dict[tuple, tuple[str, list[Row]]] = {}
    for row in rows:
        if row.part or not row.text.strip():
            reason = "sub-token" if row.part else "white-space-token"
            unread.append(Unread(reason, f"line {row.line}: {row.text!r}", tokens=1))
        for i, (label, number) in enumerate(row.annotations):
            key = (row.line, i) if number is None else (row.sentence, number, label)
            groups.setdefault(key, (label or item.layout.layer, []))[1].append(row)
    spans, lines = [], []
    known = {(row.sentence, row.token) for row in words}
    for label, units in groups.values():
        kept = [one for one in units if (one.sentence, one.token) in known]
        kept = [one for one in kept if one.start in places and one.end in places]
        if kept:
            first, last = min(unit.start for unit in kept), max(unit.end for unit in kept)
            spans.append(Span(places[first], places[last], label))
            lines.append(kept[0].line)
        else:
            unread.append(Unread("white-space-token", f"line {units[0].line}", labels=(label,)))
    return record._replace(spans=tuple(spans), lines=tuple(lines), unread=tuple(unread))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _rows(item: Item) -> Iterator[Row]:
    token = None
    for number, line in (pair for sentence in sentences_of(item) for pair in zip(*sentence, strict=True)):
        cells = line.removesuffix("\r").removesuffix("\t").split("\t")
        match = ROW.fullmatch(line)
        what = ""
        if len(cells) != item.layout.width:
            what = f"{len(cells)} columns instead of {item.layout.width} as the header's layers say"
        elif match is None:
            what = f"{cells[0]!r}, {cells[1]!r} are no number and offsets (1-1, 0-3)"
        else:
            start, end = int(match[4]), int(match[5])
            texts = [text for text in (cells[2], _unescape(cells[2])) if _units(text) == end - start]
            inside = token is not None and token.start <= start and end <= token.end
            if not texts or not (inside if match[3] else token is None or start >= token.end):
                what = f"the offsets {cells[1]} do not fit {cells[2][:40]!r}"
        if what:
            fail(f"{item.source.path}:{number}", f"{what}: {line[:80]!r}", "export the document again")
        found = annotations(cells[item.layout.column : item.layout.column + 1])
        row = Row(number, int(match[1]), int(match[2]), bool(match[3]), start, end, texts[0], found)
        token = token if row.part else row
        yield row
