"""brat standoff: a text in `x.txt`, its annotations in `x.ann` beside it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.formats.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import Fault, Record, Source, Span, fail
from scripts.formats.registry import Found, Item, ReadOptions, reads

OTHER = re.compile(
    r"E\d+\t\S+:T\d|[AMN]\d+\t\S+ [TERA]\d|R\d+\t\S+ \S+:[TE]\d|#\d*\t\S+ [A-Z]\d|\*\t\S+ [TE]\d"
)
"""Events, attributes, notes and relations: each speaks of another annotation."""
OTHER_KINDS = "ERAMN#*"
LINE_OF_T = re.compile(rb"(?m)^(?:\xef\xbb\xbf)?T")
ENTITY = re.compile(r"T\S+\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?")
TO_WRITE = "write T1⇥LABEL START END⇥TEXT"


def looks_like_brat(head: bytes) -> bool:
    """Tell whether the first line is a text-bound annotation, event, relation, attribute or note."""
    line = head.lstrip().split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")
    return bool(ENTITY.fullmatch(line) or OTHER.match(line))


def whole_file(file: RawFile, layout: Any, options: ReadOptions) -> Iterator[tuple[int, tuple]]:
    """Yield one document: the path of its text, the text, and the annotations."""
    name = file.path.name.removesuffix(".gz")
    text = file.path.with_name(name.removesuffix(Path(name).suffix) + ".txt")
    endings = (f"{ending}{packed}" for ending in (".txt", ".TXT", ".Txt") for packed in ("", ".gz"))
    found = next((path for path in map(text.with_suffix, endings) if path.is_file()), None)
    if found is None:
        fail(text, "no such file", f"the annotations in {file.path} want their text beside them")
    with RawFile(found, encoding=options.encoding) as other:
        yield 1, (found.as_posix(), other.read(MAX_DOCUMENT_BYTES + 1), file.read(MAX_DOCUMENT_BYTES + 1))


@reads(
    "brat",
    title="brat standoff: `x.ann` beside `x.txt`; entities in several pieces are reported and left out",
    example="T1⇥PERSON 0 3⇥Ana⏎",
    endings=(".ann",),
    beside=(".txt",),
    recognise=looks_like_brat,
    split=whole_file,
    found=lambda item: Found(entities=len(LINE_OF_T.findall(item.data[2]))),
    not_read="entities in several pieces: annotate one piece; relations, events, attributes and notes have "
    "no place in a ner",
)
def read_brat(item: Item) -> Record:
    """Read one document: T-lines are entities, with offsets in the text as it stands in the file."""
    path, raw_text, raw_annotations = item.data
    text = Item(raw_text, Source(path, 1), None, item.options).text().removeprefix("\ufeff")
    annotations = Item(raw_annotations, item.source, None, item.options).text().removeprefix("\ufeff")
    found, faults = [], []
    for number, line in enumerate(annotations.split("\n"), start=1):
        source, match = Source(item.source.path, number), ENTITY.fullmatch(line.removesuffix("\r"))
        if not line.strip() or line[0] in OTHER_KINDS:
            continue
        if match is None:
            kind, remedy = ("entity", "") if line[0] == "T" else ("annotation", ", or take it out")
            fail(source, f"{line[:80]!r} is no {kind}", f"{TO_WRITE}{remedy}")
        label, places, quoted = match.groups()
        numbers = [int(number) for number in re.findall(r"\d{1,18}", places)]
        span = Span(numbers[0], numbers[-1], label)
        if len(numbers) == 2:
            found.append((span, quoted, number))
        else:
            detail = f"{(quoted or '')[:80]!r} has pieces at {places}"
            faults.append(Fault("discontinuous", source, detail, span))
    spans, quotes, lines = zip(*found, strict=True) if found else ((), (), ())
    id = path.removesuffix(".gz").removesuffix(".txt")
    return Record(id, text, spans, item.source, faults=tuple(faults), quotes=quotes, lines=lines)
