"""CoNLL-style columns: one token a line, a blank line after each sentence."""

from collections.abc import Iterator, Sequence

from scripts.formats.column_lines import (
    COMMENT,
    END_MARK,
    MARKS,
    Layout,
    find_layout,
    is_blank,
    looks_like_columns,
)
from scripts.formats.column_rows import read_sentence
from scripts.formats.raw_file import MAX_DOCUMENT_BYTES, RawFile
from scripts.formats.record import Fault, Record, Unread
from scripts.formats.registry import Found, Item, ReadOptions, reads
from scripts.formats.roles import describe_roles
from scripts.formats.words import words_record

CONLL_ENDINGS = (".conll", ".conllu", ".conllup", "_conll")


def describe_layout(layout: Layout) -> str:
    """Say what the columns are, and what makes a document."""
    header = f"; header in line {layout.header}" if layout.header else ""
    marks = "documents are marked" if layout.marked else "no document marks"
    return f"{describe_roles(layout.roles)}{header}; {marks}"


def split_columns(file: RawFile, layout: Layout, options: ReadOptions) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of each document, with its first line's number.

    Any mark opens a document; in a file without marks each sentence is one. `options.sentences_per_doc`
    above 0 makes documents of so many sentences instead, none of them across a mark. White space alone ends
    a sentence. A comment is an empty line there, or COMMENT inside a sentence.
    """
    limit = options.sentences_per_doc or (None if layout.marked else 1)
    first, size, sentences, inside = 0, 0, 0, False
    rows, marks, blanks, comments = 0, 0, 0, 0
    lines: list[bytes] = []
    for number, raw in file.lines():
        mark = raw[0] in b"-#" and raw.startswith((*MARKS, END_MARK))
        if mark or raw.isspace() or (not 32 < raw[0] < 127 and is_blank(raw)):
            marks += mark
            blanks += not mark
            if mark:
                layout.see_mark(
                    raw.decode("utf-8", "replace").rstrip("\r\n"), inside, f"{file.path}:{number}"
                )
            sentences += inside
            inside = False
            if lines and (mark or sentences == limit):
                yield first, b"".join(lines)
                lines, sentences, size = [], 0, 0
            elif lines:
                lines.append(b"\n")
        elif number == layout.header or (
            raw[0] == 35 and layout.is_comment(raw.decode("utf-8", "replace").rstrip("\r\n"), inside)
        ):
            comments += number != layout.header
            if lines:
                lines.append(COMMENT if inside else b"\n")
        else:
            rows += 1
            first = first if lines else number
            inside = True
            size += len(raw)
            if size <= 2 * MAX_DOCUMENT_BYTES:  # more of a document that is too long need not be kept
                lines.append(raw)
    file.count.update(
        rows=rows, comments=comments, separators=blanks, marks=marks, header=int(layout.header > 0)
    )
    if lines:
        yield first, b"".join(lines)


def count_rows(item: Item) -> Found:
    """Count the lines that are neither white space nor the sign of a comment."""
    lines = item.checked_data().decode("utf-8", "replace").split("\n")
    return Found(tokens=len(lines) - lines.count("") - sum(map(str.isspace, lines)) - lines.count("#"))


@reads(
    "columns",
    title="columns (CoNLL-2002, -2003, -2012, -U, WNUT, OntoNotes, HIPE): a token a line; which column is "
    "its tag is told by looking, by a header or by `--columns`; IOB1, IOB2, BILUO, IOBES, BMES, brackets "
    "and tags without prefixes are told apart",
    example="Ana⇥B-PERSON⏎left⇥O⏎Cork⇥B-LOC⏎⏎",
    endings=(*CONLL_ENDINGS, ".iob", ".iob2", ".bio", ".bmes", ".tsv", ".txt", ".ner"),
    recognise=looks_like_columns,
    guesses=True,
    prepare=find_layout,
    split=split_columns,
    found=count_rows,
    describe=describe_layout,
    not_read="a second column of tags, such as nested entities: name one with `--columns=_,token,_,tag`; "
    "lemmas, parts of speech, relations; surface forms and empty nodes of CoNLL-U",
)
def read_columns(item: Item) -> Record:
    """Read one document.

    Raises AnnotationError, naming the line, on a row with another number of columns than the file's first,
    an empty token or a tag that no scheme knows. Tags that the scheme forbids come as faults. Tokens of
    white space, surface forms and empty nodes are left out (`Record.unread`).
    """
    faults: list[Fault] = []
    unread: list[Unread] = []
    sentences, places = [], []
    for numbers, lines in _sentences(item):
        words, spaces, entities, numbers = read_sentence(
            item.source.path, item.layout, numbers, lines, faults, unread
        )
        if words:
            sentences.append((words, spaces, entities))
            places += [numbers[start] for start, _, _ in entities]
    record = words_record(
        item.source, sentences, lang=item.options.lang, group=item.file_group, faults=faults
    )
    return record._replace(unread=tuple(unread), lines=tuple(places)) if unread or places else record


def _sentences(item: Item) -> Iterator[tuple[Sequence[int], list[str]]]:
    """Yield the numbers of each sentence's lines, and the lines."""
    first = item.source.line
    lines = item.text().split("\n")
    blanks = [i for i, line in enumerate(lines) if not line or line.isspace()]
    commented = b"\n" + COMMENT in item.data
    start = 0
    for end in [*blanks, len(lines)]:
        if start < end:
            numbers: Sequence[int] = range(first + start, first + end)
            sentence = lines[start:end]
            if commented:
                numbers = [n for n, line in zip(numbers, sentence, strict=True) if line != "#"]
                sentence = [line for line in sentence if line != "#"]
            yield numbers, sentence
        start = end + 1
