import pytest

from scripts.annotations.jsonl import read_jsonl
from scripts.annotations.record import AnnotationError, Span

TEXT = "Ana ran"
ANA = Span(0, 3, "PER")


@pytest.mark.parametrize(
    "row",
    [
        {"text": TEXT, "spans": [{"start": 0, "end": 3, "label": "PER"}]},
        {"text": TEXT, "entities": [{"start": 0, "end": 3, "label": "PER"}]},
        {"text": TEXT, "entities": [[0, 3, "PER"]]},
        {"text": TEXT, "label": [[0, 3, "PER"]]},
        {"text": TEXT, "labels": [[0, 3, "PER"]]},
        {"data": TEXT, "label": [[0, 3, "PER"]]},
        {"id": 7, "text": TEXT, "entities": [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 3}], "relations": []},
        {"text": TEXT, "tokens": [], "spans": [{"start": 0, "end": 3, "token_start": 0, "token_end": 0, "label": "PER"}], "answer": "accept"},
    ],
)
def test_every_spelling_gives_the_same_record(write_jsonl, row):
    (record,) = read_jsonl(write_jsonl("a.jsonl", [row]))
    assert (record.text, record.spans, record.excluded) == (TEXT, (ANA,), None)


def test_id_is_the_datas_own_or_the_line(write_jsonl):
    path = write_jsonl("a.jsonl", [{"id": "x", "text": "a", "spans": []}, "", {"text": "b", "spans": []}])
    assert [record.id for record in read_jsonl(path)] == ["x", "a-3"]


@pytest.mark.parametrize("answer", ["reject", "ignore"])
def test_rejected_rows_are_excluded_not_lost(write_jsonl, answer):
    records = list(read_jsonl(write_jsonl("a.jsonl", [{"text": "a", "answer": answer}, {"text": "b", "spans": [[0, "x"]], "answer": answer}])))
    assert [(record.excluded, record.spans) for record in records] == [(f"answer={answer}", ())] * 2


def test_an_accepted_row_of_prodigy_may_have_no_spans(write_jsonl):
    (record,) = read_jsonl(write_jsonl("a.jsonl", [{"text": "a", "answer": "accept"}]))
    assert (record.spans, record.excluded) == ((), None)


def test_an_id_that_is_null_is_none(write_jsonl):
    (record,) = read_jsonl(write_jsonl("a.jsonl", [{"id": None, "text": "a", "spans": []}]))
    assert record.id == "a-1"


def test_line_separators_inside_a_text_do_not_split_it(write_jsonl):
    (record,) = read_jsonl(write_jsonl("a.jsonl", [{"text": "a\u2028b\u0085c", "spans": []}]))
    assert record.text == "a\u2028b\u0085c"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": ', "not JSON"),
        ("[1]", "JSON object, not list"),
        ('{"spans": []}', "none of the keys text, data"),
        ('{"text": "a"}', "none of the keys spans"),
        ('{"text": "\\ud83d", "spans": []}', "half of a surrogate pair"),
        ('{"text": "a", "spans": [[0, ' + "9" * 5000 + ', "X"]]}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"text": 1, "spans": []}', "text must be a string, not int"),
        ('{"text": "a", "spans": {}}', "spans must be a list, not dict"),
        ('{"text": "a", "spans": [[0, 1]]}', "a span must be"),
        ('{"text": "a", "spans": [[0.0, 1, "X"]]}', "whole numbers"),
        ('{"text": "a", "spans": [{"start": 0, "end": true, "label": "X"}]}', "whole numbers"),
        ('{"text": "a", "spans": [[0, 1, null]]}', "a string for label"),
    ],
)
def test_a_bad_row_is_an_error_with_its_line(write_jsonl, line, words):
    path = write_jsonl("a.jsonl", [{"text": "fine", "spans": []}, line])
    with pytest.raises(AnnotationError, match=r"a\.jsonl:2: ") as error:
        list(read_jsonl(path))
    assert words in str(error.value)


def test_bytes_that_are_not_utf8_are_an_error_with_their_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a", "spans": []}\n{"text": "\xff", "spans": []}\n')
    with pytest.raises(AnnotationError, match=r"a\.jsonl:2: byte 11 of the line is not UTF-8"):
        list(read_jsonl(path))
