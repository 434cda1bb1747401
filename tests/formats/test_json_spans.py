import gzip
import json
import re
from functools import partial

import pytest

from scripts.formats.record import AnnotationError, Fault, Source, Span
from scripts.formats.registry import ReadOptions, read_records
from tests import make
from tests.make import build, read_rejects, read_split

TEXT = "Ana ran"
ANA = Span(0, 3, "PER")
FINE = '{"text": "fine", "spans": []}'

fails = partial(make.fails, format="json")


def task(*annotations: dict, text: str = TEXT, **further) -> dict:
    """A task as Label Studio exports it."""
    return {"id": 1, "data": {"text": text}, "annotations": list(annotations)} | further


def annotation(*spans: tuple[int, int, str], text: str = TEXT, **further) -> dict:
    """A finished annotation of such a task."""
    result = [
        {"type": "labels", "value": {"start": s, "end": e, "text": text[s:e], "labels": [label]}}
        for s, e, label in spans
    ]
    return {"result": result, "was_cancelled": False, "ground_truth": False} | further


@pytest.mark.parametrize(
    "row",
    [
        {"text": TEXT, "spans": [{"start": 0, "end": 3, "label": "PER"}]},
        {"text": TEXT, "entities": [{"start": 0, "end": 3, "label": "PER"}]},
        {"text": TEXT, "entities": [[0, 3, "PER"]]},
        {"text": TEXT, "label": [[0, 3, "PER"]]},
        {"text": TEXT, "labels": [[0, 3, "PER"]]},
        {"data": TEXT, "label": [[0, 3, "PER"]]},
        {
            "id": 7,
            "text": TEXT,
            "entities": [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 3}],
            "relations": [],
        },
        {
            "text": TEXT,
            "tokens": [],
            "spans": [{"start": 0, "end": 3, "token_start": 0, "token_end": 0, "label": "PER"}],
            "answer": "accept",
        },
        {"text": TEXT, "label": [{"start": 0, "end": 3, "text": "Ana", "labels": ["PER"]}], "annotator": 1},
        task(annotation((0, 3, "PER"))),
        {"id": 1, "data": {"body": TEXT, "page": 3}, "annotations": [annotation((0, 3, "PER"))]},
        {"id": 1, "data": {"text": TEXT}, "completions": [annotation((0, 3, "PER"))]},
    ],
)
def test_every_spelling_gives_the_same_record(write_jsonl, row):
    (record,) = read_records(write_jsonl("a.jsonl", [row]))
    assert (record.text, record.spans, record.excluded) == (TEXT, (ANA,), None)


def test_id_is_the_datas_own_or_the_line(write_jsonl):
    path = write_jsonl(
        "a.jsonl",
        [
            {"id": "x", "text": "a", "spans": []},
            "",
            {"text": "b", "spans": []},
            {"id": 0, "text": "c", "spans": []},
        ],
    )
    assert [record.id for record in read_records(path)] == ["x", "a-3", "0"]


def test_an_id_that_is_null_is_none(write_jsonl):
    (record,) = read_records(write_jsonl("a.jsonl", [{"id": None, "text": "a", "spans": []}]))
    assert record.id == "a-1"


@pytest.mark.parametrize("answer", ["reject", "ignore"])
def test_rejected_rows_are_excluded_not_lost(write_jsonl, answer):
    records = list(
        read_records(
            write_jsonl(
                "a.jsonl",
                [{"text": "a", "answer": answer}, {"text": "b", "spans": [[0, "x"]], "answer": answer}],
            )
        )
    )
    assert [(record.excluded, record.spans) for record in records] == [(f"answer={answer}", ())] * 2


def test_an_accepted_row_of_prodigy_may_have_no_spans(write_jsonl):
    (record,) = read_records(write_jsonl("a.jsonl", [{"text": "a", "answer": "accept"}]))
    assert (record.spans, record.excluded) == ((), None)


def test_a_row_of_json_min_without_entities_has_no_label(write_jsonl):
    (record,) = read_records(
        write_jsonl("a.jsonl", [{"text": "a", "id": 1, "annotator": 1, "annotation_id": 2}])
    )
    assert (record.spans, record.excluded) == ((), None)


@pytest.mark.parametrize(
    ("annotations", "spans", "excluded"),
    [
        ([annotation((0, 3, "A")), annotation((0, 3, "A"))], (Span(0, 3, "A"),), None),
        ([annotation((0, 3, "A")), annotation((0, 3, "B"), ground_truth=True)], (Span(0, 3, "B"),), None),
        ([annotation((0, 3, "A"), was_cancelled=True), annotation((0, 3, "B"))], (Span(0, 3, "B"),), None),
        ([annotation((0, 3, "A"), was_cancelled=True)], (), "cancelled"),
        ([], (), "not annotated"),
    ],
    ids=["what they agree on", "ground truth", "not a cancelled one", "only cancelled ones", "none"],
)
def test_of_several_annotations_of_a_task_one_counts(write_jsonl, annotations, spans, excluded):
    (record,) = read_records(write_jsonl("a.jsonl", [task(*annotations)]))
    assert (record.spans, record.excluded) == (spans, excluded)


@pytest.mark.parametrize(
    ("row", "group"),
    [
        ({"text": "a", "spans": [], "author": "Wim"}, "Wim"),
        ({"text": "a", "spans": [], "author": 7}, "7"),
        ({"text": "a", "spans": [], "meta": {"author": "Wim"}}, "Wim"),
        ({"text": "a", "spans": [], "author": None}, None),
        ({"text": "a", "spans": [], "group": "Wim"}, None),
        (task(annotation(), author="Wim"), "Wim"),
        ({"data": {"text": "a", "author": "Wim"}, "annotations": [annotation()]}, "Wim"),
    ],
)
def test_the_group_is_taken_from_the_field_that_is_named(write_jsonl, row, group):
    (record,) = read_records(write_jsonl("a.jsonl", [row]), options=ReadOptions(group_by="author"))
    assert record.group == group


def test_the_file_can_be_the_group(write_jsonl):
    path = write_jsonl("a.jsonl", [{"text": "a", "spans": [], "group": "x"}])
    assert [record.group for record in read_records(path, options=ReadOptions(group_by="file"))] == [
        path.as_posix()
    ]


@pytest.mark.parametrize("text", ["a\u2028b\u0085c", "a\r\nb", "a\x0bb\x1cc", " a ", "\ufeffa", "🚢\u200d🚢"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_text_comes_as_it_is(write_text, name, text):
    row = json.dumps({"text": text, "spans": []}, ensure_ascii=False)
    (record,) = read_records(write_text(name, row if name == "a.jsonl" else f"[{row}]"))
    assert record.text == text


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(write_text):
    records = read_records(write_text("a.jsonl", f"\ufeff{FINE}\r\n\r\n{FINE}\r\n"))
    assert [(record.text, record.source.line) for record in records] == [("fine", 1), ("fine", 3)]


@pytest.mark.parametrize("label", ["Music Group/Band", "B-52", "a|b", "人物", "'"])
def test_labels_of_any_kind_survive(write_jsonl, tmp_path, label):
    build(
        tmp_path / "corpus",
        *[
            write_jsonl(f"{split}.jsonl", [{"text": TEXT, "spans": [[0, 3, label]]}])
            for split in ("train", "dev", "test")
        ],
    )
    assert [(ent.text, ent.label_) for doc in read_split(tmp_path / "corpus") for ent in doc.ents] == [
        ("Ana", label)
    ]


@pytest.mark.parametrize(("start", "end"), [(4, 8), (0, 10**9), (3, 0), (3, 3), (-3, 7), (7, 8)])
def test_offsets_that_mark_nothing_are_losses(write_jsonl, tmp_path, start, end):
    row = {"text": TEXT, "spans": [[start, end, "LOC"], [0, 3, "PER"]]}
    ledgers = build(
        tmp_path / "corpus", *[write_jsonl(f"{split}.jsonl", [row]) for split in ("train", "dev", "test")]
    )
    change = ledgers["train"].losses["aligned", "bad-offsets"]
    assert (change.count.documents, change.count.labels) == (0, {"LOC": 1})
    assert (
        f"train.jsonl:1 (train-1): '{TEXT[max(0, start) : max(0, end)]}' LOC ({start}–{end})"
        in change.places[0]
    )
    assert ledgers["train"].stages["sharded"].labels == {"PER": 1}
    assert [reject["reason"] for reject in read_rejects(tmp_path / "corpus")] == ["bad-offsets"] * 3


@pytest.mark.parametrize("quoted", ["An", "Bo", "ran"])
def test_a_span_that_quotes_another_text_is_a_fault(write_jsonl, quoted):
    path = write_jsonl(
        "a.jsonl",
        [
            {
                "text": TEXT,
                "label": [{"start": 0, "end": 3, "text": quoted, "labels": ["PER"]}],
                "annotator": 1,
            }
        ],
    )
    (record,) = read_records(path)
    assert record.spans == ()
    (fault,) = record.faults
    assert (fault.code, fault.source, fault.span) == ("other-text", Source(path.as_posix(), 1), ANA)
    assert f"the data says '{quoted}', but characters 0–3 are 'Ana'" in fault.detail


def test_offsets_that_count_utf16_units_are_told_by_the_quoted_text(write_jsonl):
    text = "🚢 Ana ran"
    (record,) = read_records(write_jsonl("a.jsonl", [task(annotation((2, 5, "PER"), text=text), text=text)]))
    assert (record.spans, record.faults) == ((Span(2, 5, "PER"),), ())
    wrong = {"type": "labels", "value": {"start": 3, "end": 6, "text": "Ana", "labels": ["PER"]}}
    (record,) = read_records(write_jsonl("a.jsonl", [task({"result": [wrong]}, text=text)]))
    assert [(type(fault), fault.code) for fault in record.faults] == [(Fault, "other-text")]


@pytest.mark.parametrize("kind", ["relation", "choices", "rating"])
def test_results_of_a_task_that_are_no_labels_do_not_count(write_jsonl, kind):
    both = annotation((0, 3, "PER"))
    both["result"] += [
        {"type": kind, "from_id": "a", "to_id": "b", "labels": ["x"]},
        {"type": kind, "value": {kind: ["x"]}},
    ]
    (record,) = read_records(write_jsonl("a.jsonl", [task(both)]))
    assert record.spans == (ANA,)


def test_a_span_past_the_end_that_quotes_its_text_has_bad_offsets_not_another_text(write_jsonl):
    (record,) = read_records(
        write_jsonl(
            "a.jsonl", [{"text": TEXT, "spans": [{"start": 5, "end": 99, "label": "PER", "text": "Bo"}]}]
        )
    )
    assert (record.spans, record.faults) == ((Span(5, 99, "PER"),), ())


def test_several_labels_of_one_span_are_several_spans(write_jsonl):
    (record,) = read_records(
        write_jsonl(
            "a.jsonl",
            [{"text": TEXT, "label": [{"start": 0, "end": 3, "labels": ["PER", "LOC"]}], "annotator": 1}],
        )
    )
    assert record.spans == (ANA, Span(0, 3, "LOC"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": ', "not JSON"),
        ('{"text": "a", "spans": []', "not JSON"),
        (FINE + " " + FINE, "not JSON"),
        ("[1]", "JSON object, not list"),
        ("7", "JSON object, not int"),
        ("null", "JSON object, not NoneType"),
        ('{"spans": []}', "none of the keys text, data"),
        ("{}", "none of the keys spans"),
        ('{"text": "a"}', "none of the keys spans"),
        ('{"text": "\\ud83d", "spans": []}', "surrogate"),
        ('{"text": "\\udc00 a", "spans": []}', "surrogate"),
        ('{"text": "a", "spans": [[0, 1, "\\ud83d"]]}', "surrogate"),
        ('{"text": "a", "spans": [[0, ' + "9" * 5000 + ', "X"]]}', "not JSON"),
        ('{"text": "a", "spans": [[0, ' + "9" * 30 + ', "X"]]}', "whole numbers"),
        ("[" * 100_000, "not JSON"),
        ('{"text": 1, "spans": []}', "text must be a string, not int: '1'"),
        ('{"text": null, "spans": []}', "text must be a string, not NoneType"),
        ('{"text": "a", "spans": {}}', "spans must be a list, not dict"),
        ('{"text": "a", "label": "positive"}', "spans must be a list, not str: 'positive'"),
        ('{"text": "a", "spans": [[0, 1]]}', "a span must be"),
        ('{"text": "a", "spans": ["a"]}', "a span must be"),
        ('{"text": "a", "spans": [[0.0, 1, "X"]]}', "whole numbers"),
        ('{"text": "a", "spans": [["0", 1, "X"]]}', "whole numbers"),
        ('{"text": "a", "spans": [{"start": 0, "end": true, "label": "X"}]}', "whole numbers"),
        ('{"text": "a", "spans": [{"start": 0, "label": "X"}]}', "whole numbers"),
        ('{"text": "a", "spans": [[0, 1, null]]}', "a string for label"),
        ('{"text": "a", "spans": [{"start": 0, "end": 1, "labels": []}]}', "a string for label"),
        ('{"data": {"text": "a"}}', 'a list of "annotations"'),
        ('{"data": {}, "annotations": []}', 'a task needs "data"'),
        ('{"data": {"text": "a"}, "annotations": [7]}', 'a list of "annotations"'),
        ('{"data": {"text": "a"}, "annotations": [{"result": null}]}', 'a list of objects as "result"'),
        ('{"data": {"text": "a"}, "annotations": [{"result": [{"type": "labels"}]}]}', "a span must be"),
    ],
)
def test_a_bad_row_is_an_error_with_its_line(write_jsonl, line, words):
    path = write_jsonl("a.jsonl", [FINE, "", line])
    message = fails(path)
    assert message.startswith(f"{path.as_posix()}:3: ")
    assert words in message
    assert len(message) < 500


def test_an_array_gives_its_elements_with_their_lines(write_text):
    rows = [{"text": "a", "spans": []}, {"text": "b", "spans": [[0, 1, "X"]]}, {"text": "]},", "spans": []}]
    path = write_text("a.json", json.dumps(rows, indent=2))
    lines = [
        number
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1)
        if line == "  {"
    ]
    assert [(record.text, record.source.line) for record in read_records(path)] == list(
        zip(["a", "b", "]},"], lines, strict=True)
    )


def test_lines_above_an_array_are_counted(write_text):
    assert [
        record.source.line
        for record in read_records(write_text("a.json", f"\n\r\n [ \n{FINE},\n\n{FINE}\n]"))
    ] == [4, 6]


def test_an_array_with_a_byte_order_mark_is_read(write_text):
    assert [
        record.source.line for record in read_records(write_text("a.json", f"\ufeff[{FINE},\n{FINE}]\n\n"))
    ] == [1, 2]


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("packed", [False, True])
def test_characters_at_the_edges_of_chunks_stay_whole(tmp_path, shift, packed):
    texts = ["x" * shift + "🚢" * 10, *[f"{i} " + "🚢é€" * 300 for i in range(1000)], "the last"]
    data = json.dumps(
        [{"text": text, "spans": [[0, 1, "X"]]} for text in texts], ensure_ascii=False, indent=1
    ).encode()
    assert len(data) > 2 * 2**20
    path = tmp_path / "a.json"
    path.write_bytes(gzip.compress(data, 1) if packed else data)
    records = list(read_records(path))
    assert [record.text for record in records] == texts
    assert [record.source.line for record in records] == [2 + 10 * i for i in range(len(texts))]


def test_an_element_may_be_larger_than_a_chunk(write_text):
    texts = ["a", "é" * 2_000_000, "b"]
    path = write_text(
        "a.json", json.dumps([{"text": text, "spans": []} for text in texts], ensure_ascii=False, indent=0)
    )
    assert [(record.text, record.source.line) for record in read_records(path)] == list(
        zip(texts, (2, 6, 10), strict=True)
    )


@pytest.mark.parametrize("text", ["x" * (9 * 2**20), "x" * (40 * 2**20)], ids=["9 MB", "40 MB"])
def test_an_element_that_is_too_long_is_an_error_that_says_so(write_text, text):
    path = write_text("a.json", f'[{FINE},\n{{"text": "{text}", "spans": []}}]')
    message = fails(path)
    assert message.startswith(f"{path.as_posix()}:2: ")
    assert "over 8 MB" in message
    assert len(message) < 500


@pytest.mark.parametrize(
    "broken",
    [
        '{"text": "b", "spans": [}',
        '{"text": "b" "spans": []}',
        "{'text': 'b', 'spans': []}",
        '{"text": "b", "spans": []',
        "oops",
        "}",
        ": 7",
    ],
)
def test_an_array_that_is_broken_in_the_middle_is_an_error_with_the_line(write_text, broken):
    path = write_text("a.json", f"[\n{FINE},\n{broken},\n{FINE}\n]\n")
    read = read_records(path)
    assert next(read).text == "fine"
    with pytest.raises(AnnotationError) as error:
        list(read)
    assert str(error.value).startswith(f"{path.as_posix()}:3: not JSON: ")


def test_an_error_far_down_in_an_array_speaks_of_no_other_line(write_text):
    rows = "".join(f'{{"text": "{i} {"x" * 1000}", "spans": []}},\n' for i in range(3000))
    message = fails(write_text("a.json", f'[\n{rows}{{"text": "b", "spans": [}},\n{FINE}\n]\n'))
    assert ":3002: not JSON: " in message
    assert set(re.findall(r"line (\d+)", message)) <= {"3002"}


def test_an_element_that_is_broken_is_not_said_to_be_too_long(write_text):
    rows = f'{{"text": "{"x" * 2**20}", "spans": []}},\n' * 12
    message = fails(write_text("a.json", f'[\n{FINE},\n{{"text": "b", "spans": [}},\n{rows}{FINE}]'))
    assert ":3: not JSON: " in message


@pytest.mark.parametrize("element", ["7", "null", '"text"', "[]"])
def test_an_element_that_is_no_object_is_an_error_with_its_line(write_text, element):
    path = write_text("a.json", f"[{FINE},\n\n{element}]")
    assert fails(path).startswith(f"{path.as_posix()}:3: a line must hold a JSON object")


@pytest.mark.parametrize("text", ["[", f"[{FINE}", f"[{FINE},", f"[{FINE}, ", f"[{FINE[:20]}"])
def test_an_array_that_is_cut_off_is_an_error(write_text, text):
    path = write_text("a.json", text)
    assert fails(path).startswith(f"{path.as_posix()}:1: not JSON: ")


@pytest.mark.parametrize("further", [f"[{FINE}]", FINE, "oops"])
def test_what_follows_an_array_is_not_dropped_in_silence(write_text, further):
    path = write_text("a.json", f"[{FINE},\n{FINE}]\n{further}\n")
    assert fails(path).startswith(f"{path.as_posix()}:3: ")
