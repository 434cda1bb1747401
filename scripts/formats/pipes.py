"""A sentence a line, each token with its tag behind a pipe or a slash: `Ana|B-PER left|O`."""

import re
from collections.abc import Iterator
from itertools import islice

from scripts.formats.columns import Layout, kind_of
from scripts.formats.raw_file import RawFile
from scripts.formats.record import Record, fail
from scripts.formats.registry import HEAD_BYTES, Found, Item, ReadOptions, reads
from scripts.formats.roles import Sample, find_roles, given_names, require_names
from scripts.formats.rows import (
    SAMPLE_LINES,
    Roles,
    Rows,
    describe_roles,
    line_events,
    split_documents,
    token_record,
)
from scripts.formats.tags import parse_tag

SEPARATORS = ("|", "/")
HEAD_LINES = 50
WORD = re.compile(r"[^ \t\n\r\v\f]+")


def looks_like_pipes(head: bytes) -> bool:
    """Look for lines each of whose words ends in a pipe or slash and a tag, with an entity among them."""
    lines = head.decode("utf-8", "replace").split("\n")[: -1 if len(head) >= HEAD_BYTES else None]
    lines = [line for line in lines if line.strip() and not line.startswith("-DOCSTART-")]
    return _separator(WORD.findall("\n".join(lines[:HEAD_LINES]))) is not None


def _separator(words: list[str]) -> str | None:
    for separator in SEPARATORS:
        parts = [word.rpartition(separator) for word in words]
        tags = {parse_tag(tag) if word else None for word, _, tag in parts}
        if None not in tags and any(tag.label for tag in tags):
            return separator
    return None


def find_layout(file: RawFile, options: ReadOptions) -> Layout:
    """Tell the separator and a token's parts from the first lines."""
    marked, sentences = False, []
    for number, raw in islice(file.lines(), SAMPLE_LINES):
        kind = kind_of(number, raw, False)
        marked |= kind == "marks"
        if kind == "rows":
            sentences.append([(number, word) for word in WORD.findall(raw.decode("utf-8", "replace"))])
    if not sentences:
        return Layout("|", Roles(), marked)
    words = [word for sentence in sentences for _, word in sentence]
    common = (mark for mark in SEPARATORS if all(mark in word for word in words))
    separator = _separator(words) or next(common, "|")
    for number, word in (token for sentence in sentences for token in sentence):
        if separator not in word:
            what = f"{word!r} has no tag behind {separator!r}"
            fail(f"{file.path}:{number}", what, f"write {word}{separator}O")
    if len(sentences) > 1 and set(map(len, sentences)) == {1}:
        what = f"each line holds one token, but a sentence a line is read so: {words[0]!r}, {words[1]!r}"
        remedy = f"write a tab in the place of {separator!r}, a blank line after each sentence"
        fail(f"{file.path}:{sentences[0][0][0]}", what, remedy)
    width = min(word.count(separator) + 1 for word in words)
    names = given_names(options.columns)
    rows = [[(n, word.rsplit(separator, width - 1)) for n, word in sentence] for sentence in sentences]
    require_names(rows[0][0], width, names, "--columns", file.path)
    return Layout(separator, find_roles(Sample(file.path, rows, names, given=bool(names))), marked)


def describe_layout(layout: Layout) -> str:
    """Say which part of a token is what."""
    return f"parts between {layout.separator!r}: {describe_roles(layout.roles).replace('column', 'part')}"


@reads(
    "pipes",
    title="a sentence a line, each token with its tag behind a pipe (or a slash): IOB1, IOB2, BILUO, IOBES",
    example="Ana|B-PERSON left|O Cork|B-LOC⏎",
    endings=(".iob", ".txt"),
    recognise=looks_like_pipes,
    prepare=find_layout,
    split=lambda file, layout, options: split_documents(
        line_events(file, kind_of, each_line=True), options, marked=layout.marked
    ),
    found=lambda item: Found(tokens=len(item.checked_data().split())),
    describe=describe_layout,
    not_read="parts of speech between token and tag",
)
def read_pipes(item: Item) -> Record:
    """Read one document."""
    return token_record(item, item.layout.roles, _sentences(item))


def _sentences(item: Item) -> Iterator[Rows]:
    roles, separator = item.layout.roles, item.layout.separator
    for number, line in enumerate(item.text().split("\n"), start=item.source.line):
        rows = [word.rsplit(separator, roles.width - 1) for word in WORD.findall(line)]
        for row in rows:
            if len(row) != roles.width or not row[roles.token]:
                what = f"{separator.join(row)!r} has not the {roles.width} parts of the others"
                remedy = f"write a token and its tag, with {separator!r} between"
                fail(f"{item.source.path}:{number}", what, remedy)
        if rows:
            yield [number] * len(rows), rows
