import importlib
import json
import sys
import tracemalloc

import pytest

from scripts.formats.record import AnnotationError, Span
from scripts.formats.registry import FORMATS, choose_format, find_raw_files, formats, read_records, reads
from tests.make import build, fails, read_split

FINE = '{"text": "fine", "spans": []}\n'
SECTIONS = """
import re

from scripts.formats.record import AnnotationError, Record, Span
from scripts.formats.registry import reads


def each_section(file, layout, options):
    first, lines = 0, []
    for number, line in file.lines():
        if line.startswith(b"==> "):
            if lines:
                yield first, b"".join(lines)
            first, lines = number, []
        lines.append(line)
    if lines:
        yield first, b"".join(lines)


@reads(
    "sections",
    title="a line `==> id`, the text, then a line for each entity",
    example="==> a1",
    endings=(".sections",),
    recognise=lambda head: head.startswith(b"==> "),
    split=each_section,
)
def read_sections(item):
    header, text, *entities = item.text().splitlines()
    spans = []
    for number, entity in enumerate(entities, start=item.source.line + 2):
        label, surface = entity.split(": ")
        if surface not in text:
            raise AnnotationError(f"{item.source.path}:{number}: {surface!r} is not in the text")
        spans.append(Span(text.index(surface), text.index(surface) + len(surface), label))
    return Record(id=header.removeprefix("==> "), text=text, spans=tuple(spans), source=item.source)
"""
DATA = (
    "==> log-1\nIlse rowed to Tollan.\nPER: Ilse\nLOC: Tollan\n"
    "==> log-2\nIt rained.\n==> log-3\nWim slept.\nPER: Wim\n"
)


@pytest.fixture
def sections(tmp_path, monkeypatch):
    """Put one file with one decorated function where formats are looked for, and take it away again."""
    folder = tmp_path / "formats"
    folder.mkdir()
    (folder / "sections.py").write_text(SECTIONS, encoding="utf-8")
    package = importlib.import_module("scripts.formats")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    formats.cache_clear()
    yield
    FORMATS.pop("sections", None)
    sys.modules.pop("scripts.formats.sections", None)
    vars(package).pop("sections", None)
    formats.cache_clear()


def test_the_formats_of_the_package_register_themselves():
    assert list(formats()) == ["brat", "columns", "docbin", "json", "parquet", "pipes", "table", "webanno"]


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ('\n{"text": "a", "spans": []}\n', "json"),
        ("[]", "json"),
        ('\n [\n{"text": "a", "spans": []}]', "json"),
        ("Ana\tO\n", "columns"),
        ("Ana O\n", "columns"),
        ("-DOCSTART- -X- O O\n", "columns"),
        ("#begin document (a/b); part 000\n", "columns"),
        ("# id 5f3c domain=en\nAna _ _ B-PER\n", "columns"),
        ("# global.columns = ID FORM NER\n", "columns"),
        ("token,ner\n".replace(",", "\t"), "columns"),
        ("\ufeffAna\tO\n", "columns"),
        ("T1\tPER 0 3\tAna\n", "brat"),
        ("T12\tPER 0 3;8 9\tAna x\r\n", "brat"),
        ("E1\tMeet:T8 Who:T1\n", "brat"),
        ("R1\tWorks_for Arg1:T1 Arg2:T2\t\n", "brat"),
        ("A1\tCertain T4\n", "brat"),
        ("#1\tAnnotatorNotes T5\tthe new harbour\n", "brat"),
        ("*\tEquiv T3 T4\n", "brat"),
    ],
)
def test_format_is_told_by_looking(write_text, text, format):
    assert choose_format(write_text("data", text)).name == format


@pytest.mark.parametrize(
    "first", ["{", "[", "]", '"', "#", "==>", "A4", "E1", "M25", "N1", "R2", "T1", "#1", "*"]
)
def test_columns_are_told_whatever_their_first_token_is(write_text, first):
    assert choose_format(write_text("data", f"{first}\tO\nMerrow\tB-LOC\n")).name == "columns"


@pytest.mark.parametrize(
    "text", ["Send an E-mail to Ilse.", "Group O won.", "Take the S-Bahn home.", "The B-side is better."]
)
@pytest.mark.parametrize(
    "form", ['{{"text": "{}", "spans": []}}\n', '[{{"text": "{}", "spans": []}}]\n'], ids=["lines", "array"]
)
def test_json_is_told_whatever_its_text_looks_like(write_text, text, form):
    path = write_text("data", form.format(text))
    assert choose_format(path).name == "json"
    assert [record.text for record in read_records(path)] == [text]


@pytest.mark.parametrize("data", [b"Just prose about the sea.\n", b"\x00\x01\x02", b"a,b,c\n1,2,3\n"])
def test_unknown_content_is_an_error_that_lists_the_formats(tmp_path, data):
    path = tmp_path / "data.jsonl"
    path.write_bytes(data)
    message = fails(path)
    assert message.startswith(f"{path}: begins with {data[:60]!r}")
    assert "brat, columns, docbin, json, parquet, pipes, table, webanno" in message


def test_a_format_that_is_named_wrongly_is_an_error_that_lists_the_formats(write_text):
    assert (
        "no format is called 'conll'; choose auto or one of brat, columns, docbin, json, parquet, pipes, "
        "table, webanno" in fails(write_text("data", FINE), "conll")
    )


def test_a_named_format_is_taken_without_looking(write_text):
    assert choose_format(write_text("data", "Ana\tO\n"), "json").name == "json"


@pytest.mark.parametrize(
    "data",
    [b"", b"\n \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"],
    ids=["nothing", "blank", "mark", "mark and line"],
)
def test_an_empty_file_is_an_error(tmp_path, data):
    path = tmp_path / "data.jsonl"
    path.write_bytes(data)
    assert f"{path}: is empty" in fails(path)


@pytest.mark.parametrize(
    ("name", "text", "format"),
    [
        ("a.conll", "-DOCSTART- -X- O O\n\n", "auto"),
        ("a.json", "[]", "auto"),
        ("a.json", "[\n]\n", "auto"),
        ("a.jsonl", "\ufeff", "json"),
    ],
)
def test_a_file_without_documents_is_an_error(write_text, tmp_path, name, text, format):
    with pytest.raises(AnnotationError, match="holds no document"):
        build(tmp_path / "corpus", write_text(name, text), format=format)


def test_a_folder_and_a_missing_file_are_errors(tmp_path):
    assert f"{tmp_path}: cannot be read" in fails(tmp_path)
    assert f"{tmp_path / 'none.jsonl'}: cannot be read: No such file" in fails(tmp_path / "none.jsonl")


def test_a_line_of_50_mb_is_an_error_and_is_not_held_in_memory(tmp_path):
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(FINE.encode() + b'{"text": "')
        file.truncate(50 * 2**20)
    formats()
    tracemalloc.start()
    try:
        message = fails(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert message.startswith(f"{path.as_posix()}:2: the document is over 8 MB")
    assert len(message) < 1000
    assert peak < 40 * 2**20


@pytest.mark.parametrize(
    ("name", "before", "place"),
    [
        ("a.jsonl", b'{"text": "fine", "spans": []}\n{"text": "', "2: byte 11"),
        ("a.json", b'[\n{"text": "fine", "spans": []},\n{"spans": [],\n "text": "', "4: byte 11"),
        ("a.conll", b"-DOCSTART- O\n\nAna\tO\nran\tO\n\nto\tO\nNy ", "7: byte 4"),
    ],
)
def test_bytes_that_are_not_utf8_are_an_error_with_line_and_byte(tmp_path, name, before, place):
    path = tmp_path / name
    path.write_bytes(
        before + b"\xff" + {"a.jsonl": b'", "spans": []}', "a.json": b'"}]', "a.conll": b"\tO\n"}[name]
    )
    assert f"{path.as_posix()}:{place} of the line is not UTF-8" in fails(path)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.jsonl", FINE + '{"text": "a\0b", "spans": []}\n', 2),
        ("a.jsonl", FINE + '{"text": "a\\u0000b", "spans": []}\n', 2),
        ("a.json", '[{"text": "fine", "spans": []},\n{"text": "a\\u0000b", "spans": []}]\n', 2),
        ("a.conll", "Ana\tO\nra\0n\tO\n", 2),
    ],
)
def test_a_nul_is_an_error_with_its_line(write_text, name, text, line):
    message = fails(write_text(name, text))
    assert f"{name}:{line}: " in message
    assert "NUL" in message


def test_one_file_with_one_decorator_adds_a_format(sections, write_text):
    path = write_text("data", DATA)
    assert choose_format(path).name == "sections"
    records = list(read_records(path))
    assert [(record.id, record.text, record.source.line) for record in records] == [
        ("log-1", "Ilse rowed to Tollan.", 1),
        ("log-2", "It rained.", 5),
        ("log-3", "Wim slept.", 7),
    ]
    assert [record.spans for record in records] == [
        (Span(0, 4, "PER"), Span(14, 20, "LOC")),
        (),
        (Span(0, 3, "PER"),),
    ]


@pytest.mark.parametrize("id", ["B-12", "E-mail", "O"])
def test_an_added_format_is_asked_before_columns_guess(sections, write_text, id):
    assert choose_format(write_text("data", DATA.replace("log-1", id))).name == "sections"


def test_an_added_format_can_be_named_and_its_files_are_found_in_folders(sections, write_text, tmp_path):
    path = write_text("a.sections", DATA)
    assert find_raw_files(str(tmp_path)).files == [path]
    assert len(list(read_records(path, "sections"))) == 3


def test_an_added_formats_errors_name_its_lines(sections, write_text):
    assert ":4: 'Tollan' is not in the text" in fails(
        write_text("data", "==> log-1\nIlse rowed.\nPER: Ilse\nLOC: Tollan\n")
    )


def test_an_added_format_makes_a_corpus(sections, write_text, tmp_path):
    paths = [write_text(f"{split}.sections", DATA) for split in ("train", "dev", "test")]
    ledgers = build(tmp_path / "corpus", *paths)
    assert [[(ent.text, ent.label_) for ent in doc.ents] for doc in read_split(tmp_path / "corpus")] == [
        [("Ilse", "PER"), ("Tollan", "LOC")],
        [],
        [("Wim", "PER")],
    ]
    assert ledgers["train"].stages["sharded"].labels == {"PER": 2, "LOC": 1}


def test_a_format_is_gone_when_its_file_is(write_text):
    assert "none of the formats" in fails(write_text("data", DATA))


def test_two_formats_of_one_name_are_an_error():
    formats()
    with pytest.raises(ValueError, match="two formats are called 'json'"):
        reads("json", title="", example="", endings=(), recognise=bool)(lambda item: None)


def test_the_same_file_gives_the_same_records_under_every_line_end(write_text):
    row = json.dumps({"text": "Ana\nran", "spans": [[0, 3, "PER"]]})
    unix, windows = (
        list(read_records(write_text("a.jsonl", row + end + row + end))) for end in ("\n", "\r\n")
    )
    assert unix == windows
