"""Texts to predict: which files are read how, what stands beside a text, chunks, and where long ones are cut."""

import gzip
import json
import re

import pyarrow
import pyarrow.parquet
import pytest
import spacy
from spacy.tokens import DocBin

from scripts.corpus import texts as texts_module
from scripts.corpus.texts import STDIN, TEXTS, cut, find_texts, read_chunks
from scripts.formats.record import AnnotationError

TWO = [{"text": "Ana left.", "n": "1"}, {"text": "Bo\tstayed – עברית 😀", "n": "2"}]


def texts(path, *, key="text", lines=False, encoding="utf-8") -> list[tuple[str, dict]]:
    chunks = read_chunks(find_texts([str(path)], lines), key, encoding)
    return [(text.text, text.row) for texts, _ in chunks for text in texts]


def errors(path) -> list[str]:
    return [
        text.error
        for texts, _ in read_chunks(find_texts([str(path)], False), "text", "utf-8")
        for text in texts
    ]


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_csv(path, rows):
    quoted = ('"{text}",{n}\n'.format(**row) for row in rows)
    path.write_text("text,n\n" + "".join(quoted), encoding="utf-8")


WRITE = {
    "a.jsonl": jsonl,
    "a.json": lambda path, rows: path.write_text(json.dumps(rows), encoding="utf-8"),
    "a.csv": write_csv,
    "a.parquet": lambda path, rows: pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path),
    "a.jsonl.gz": lambda path, rows: path.write_bytes(
        gzip.compress("\n".join(map(json.dumps, rows)).encode())
    ),
}


@pytest.mark.parametrize("name", WRITE)
def test_rows_keep_what_stands_beside_the_text(tmp_path, name):
    WRITE[name](tmp_path / name, TWO)
    assert texts(tmp_path / name) == [(row["text"], {"n": row["n"]}) for row in TWO]


def test_a_docbin_gives_its_texts_and_ids(tmp_path):
    nlp = spacy.blank("en")
    doc = nlp("Ana left.")
    doc.user_data["id"] = "d1"
    DocBin(docs=[doc, nlp("Bo stayed.")], store_user_data=True).to_disk(tmp_path / "a.spacy")
    assert texts(tmp_path / "a.spacy") == [("Ana left.", {"id": "d1"}), ("Bo stayed.", {"id": "a-2"})]


def test_a_text_file_is_one_text_or_one_a_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("Ana left.\r\n\nBo stayed.".encode("utf-16"))
    assert [text for text, _ in texts(path)] == ["Ana left.\r\n\nBo stayed."]
    assert texts(path, lines=True) == [
        ("Ana left.", {"meta": {"source": f"{path.as_posix()}:1"}}),
        ("Bo stayed.", {"meta": {"source": f"{path.as_posix()}:3"}}),
    ]


@pytest.mark.parametrize(("content", "expected"), [('{"text": "Ana"}\n', "Ana"), ("Ana\n", "Ana")])
def test_standard_input_is_rows_or_lines(tmp_path, content, expected):
    (tmp_path / STDIN).write_text(content, encoding="utf-8")
    assert [text for text, _ in texts(tmp_path / STDIN)] == [expected]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.jsonl", '{"content": "Ana"}\n', r"a.jsonl:1: has no text under 'text' \(content\)"),
        ("a.jsonl", '{"text": null}\n', "has no text"),
        ("a.jsonl", '{"text": "Ana"\n', "a.jsonl:1: is no JSON"),
        ("a.jsonl", '{"text": "A\\u0000"}\n', "NUL"),
        ("a.jsonl", '{"text": "\\ud800"}\n', "surrogate"),
        ("a.csv", "text,n\nAna\n", "a.csv:2: has 1 cells, and the header 2"),
        ("a.csv", "body,n\nAna,1\n", r"has no text under 'text' \(body, n\)"),
    ],
)
def test_what_is_no_text_is_named_with_its_place(tmp_path, name, content, why):
    (tmp_path / name).write_text(content, encoding="utf-8")
    (error,) = errors(tmp_path / name)
    assert re.search(why, error)


def test_a_file_whose_ending_tells_nothing_is_an_error(tmp_path):
    (tmp_path / "a.docx").write_text("x", encoding="utf-8")
    with pytest.raises(AnnotationError, match="ends in none of"):
        errors(tmp_path / "a.docx")


def test_a_small_input_has_chunks_for_many_workers(tmp_path):
    path = tmp_path / "a.jsonl"
    jsonl(path, [{"text": "word " * 400} for _ in range(100)])
    sizes = [len(texts) for texts, _ in read_chunks({path: "json"}, "text", "utf-8")]
    assert sizes == [4] * 25


def test_chunks_end_after_so_many_texts(tmp_path, monkeypatch):
    monkeypatch.setattr(texts_module, "CHUNKS", 1)
    path = tmp_path / "a.jsonl"
    jsonl(path, [{"text": f"Ana {i}"} for i in range(2 * TEXTS + 1)])
    chunks = list(read_chunks({path: "json"}, "text", "utf-8"))
    assert [len(texts) for texts, _ in chunks] == [TEXTS, TEXTS, 1]
    assert chunks[-1][1] == path.stat().st_size


def test_a_chunk_of_long_texts_has_few(tmp_path, monkeypatch):
    monkeypatch.setattr(texts_module, "CHUNKS", 1)
    jsonl(tmp_path / "a.jsonl", [{"text": "word " * 6_000} for _ in range(4)])
    chunks = read_chunks({tmp_path / "a.jsonl": "json"}, "text", "utf-8")
    assert [len(texts) for texts, _ in chunks] == [2, 2]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("short", ["short"]),
        ("One two. Three four.", ["One two. ", "Three four."]),
        ("one two three four", ["one two ", "three four"]),
        ("a" * 25, ["a" * 12, "a" * 12, "a"]),
        ("第一句。第二句話很長啊", ["第一句。第二句話很長啊"]),
        ("", [""]),
    ],
)
def test_long_texts_are_cut_at_sentence_ends_else_at_white_space(text, parts):
    assert list(cut(text, 12)) == parts
