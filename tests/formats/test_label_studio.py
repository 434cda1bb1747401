"""Label Studio's exports, JSON and JSON_MIN, as the tool writes them: read exactly, or one clear error."""

import json

import pytest

from tests.make import fails, read

TEXT = "Ana left Cork"
ANA, CORK = (0, 3, "PER"), (9, 13, "LOC")


def result(start, end, label, text=TEXT, **further):
    value = {"start": start, "end": end, "text": text[start:end], "labels": [label]}
    return {
        "id": f"r{start}",
        "from_name": "label",
        "to_name": "text",
        "type": "labels",
        "value": value,
        "origin": "manual",
    } | further


def on_region(kind, value):
    """A judgement of the region that `result(0, 3, …)` is."""
    place = {"start": 0, "end": 3, "text": "Ana"}
    return {"id": "r0", "from_name": kind, "to_name": "text", "type": kind, "value": place | {kind: value}}


def annotation(*results, **further):
    made = {
        "id": 1,
        "completed_by": 1,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
    }
    return (
        made
        | {"draft_created_at": None, "prediction": {}, "result_count": len(results), "unique_id": "x"}
        | further
    )


def task(*annotations, data=None, **further):
    made = {
        "id": 1,
        "annotations": list(annotations),
        "file_upload": "x.txt",
        "drafts": [],
        "predictions": [],
    }
    return (
        made
        | {"data": data or {"text": TEXT}, "meta": {}, "inner_id": 1, "cancelled_annotations": 0}
        | further
    )


PER = result(0, 3, "PER")
LOC = result(9, 13, "LOC")
GUESS = {"model_version": "m", "result": [LOC], "score": 0.5}
ONE_SPAN = {
    "plain": task(annotation(PER)),
    "a control of any name": task(annotation(result(0, 3, "PER", from_name="ner"))),
    "relations": task(
        annotation(
            PER, {"from_id": "r0", "to_id": "r0", "type": "relation", "direction": "right", "labels": ["x"]}
        )
    ),
    "a choice for the text": task(
        annotation(PER, {"type": "choices", "to_name": "text", "value": {"choices": ["Positive"]}})
    ),
    "a choice for the region": task(annotation(PER, on_region("choices", ["x"]))),
    "a rating of the region": task(annotation(PER, on_region("rating", 4))),
    "a taxonomy of the region": task(annotation(PER, on_region("taxonomy", [["a", "b"]]))),
    "a comment on the region": task(
        annotation(PER, {"type": "textarea", "value": {"start": 0, "end": 3, "text": ["hello"]}})
    ),
    "text as a list": task(
        annotation({"type": "labels", "value": {"start": 0, "end": 3, "text": ["Ana"], "labels": ["PER"]}})
    ),
    "no text": task(annotation({"type": "labels", "value": {"start": 0, "end": 3, "labels": ["PER"]}})),
    "an annotator's object": task(annotation(PER, completed_by={"id": 1, "email": "a@b.org"})),
    "data of other kinds": task(
        annotation(PER), data={"text": TEXT, "id": 5, "list": [1, 2], "ok": True, "none": None}
    ),
    "predictions' numbers": task(annotation(PER), predictions=[12]),
    "an image beside": task(
        annotation({"type": "rectanglelabels", "value": {"x": 1, "y": 2, "rectanglelabels": ["Car"]}}, PER)
    ),
    "hypertext labels on plain text": task(
        annotation(
            {
                "type": "hypertextlabels",
                "to_name": "text",
                "value": {"start": 0, "end": 3, "text": "Ana", "hypertextlabels": ["PER"]},
            }
        )
    ),
}


@pytest.mark.parametrize("row", ONE_SPAN.values(), ids=list(ONE_SPAN))
@pytest.mark.parametrize(
    "write", [lambda row: json.dumps([row]), json.dumps, lambda row: json.dumps([row], indent=2)]
)
def test_a_task_gives_its_span(write_text, row, write):
    (record,) = read(write_text("a.json", write(row)))
    assert (record.text, record.spans, record.faults, record.excluded, record.unread) == (
        TEXT,
        (ANA,),
        (),
        None,
        (),
    )


UNREAD = {
    "a prediction": (task(annotation(PER), predictions=[GUESS]), (ANA,), None, [("prediction", ("LOC",))]),
    "predictions alone": (task(predictions=[GUESS]), (), "predictions only", [("prediction", ("LOC",))]),
    "the prediction it was made from": (
        task(annotation(PER, prediction={"id": 3, "result": [PER, LOC]}, parent_prediction=3)),
        (ANA,),
        None,
        [("prediction", ("PER", "LOC"))],
    ),
    "a draft of the task": (task(drafts=[{"result": [PER]}]), (), "not annotated", [("draft", ("PER",))]),
    "a draft of the annotation": (task(annotation(PER, draft=[LOC])), (ANA,), None, [("draft", ("LOC",))]),
    "a cancelled one": (
        task(annotation(PER, was_cancelled=True)),
        (),
        "cancelled",
        [("cancelled", ("PER",))],
    ),
    "another's that says the same": (
        task(annotation(PER), annotation(PER, id=2)),
        (ANA,),
        None,
        [("other-annotation", ("PER",))],
    ),
    "spans in the data": (
        task(annotation(PER), data={"text": TEXT, "old": [{"start": 9, "end": 13, "label": "LOC"}]}),
        (ANA,),
        None,
        [("other-spans", ("LOC",))],
    ),
}


@pytest.mark.parametrize(("row", "spans", "excluded", "unread"), UNREAD.values(), ids=list(UNREAD))
def test_what_a_task_holds_beside_is_counted(write_text, row, spans, excluded, unread):
    (record,) = read(write_text("a.json", json.dumps([row])))
    assert (record.spans, record.excluded) == (spans, excluded)
    assert [(one.reason, one.labels) for one in record.unread] == unread


WRONG = {
    "two annotators": (task(annotation(PER), annotation(LOC, id=2, completed_by=2)), "--annotator"),
    "two truths": (
        task(annotation(PER, ground_truth=True), annotation(LOC, ground_truth=True)),
        "--annotator",
    ),
    "a region without a label": (
        task(annotation({"type": "labels", "value": {"start": 0, "end": 3, "text": "Ana"}})),
        "name its label",
    ),
    "no label in the list": (
        task(annotation({"type": "labels", "value": {"start": 0, "end": 3, "labels": []}})),
        "name its label",
    ),
    "floats": (
        task(annotation({"type": "labels", "value": {"start": 0.0, "end": 3.0, "labels": ["PER"]}})),
        "3 not '3'",
    ),
    "an image": (
        task(annotation({"type": "rectanglelabels", "value": {"x": 1}}), data={"image": "/x.png"}),
        "on no text",
    ),
    "sound": (
        task(
            annotation({"type": "labels", "value": {"start": 0.5, "end": 3.1, "labels": ["A"]}}),
            data={"audio": "x.wav"},
        ),
        "offsets",
    ),
    "HTML": (
        task(
            annotation(
                {
                    "type": "hypertextlabels",
                    "value": {"start": "/p[1]", "end": "/p[1]", "startOffset": 0, "endOffset": 3},
                }
            )
        ),
        "HTML",
    ),
    "a dialogue": (
        task(
            annotation(
                {
                    "type": "paragraphlabels",
                    "value": {"start": "0", "end": "0", "startOffset": 0, "endOffset": 3},
                }
            ),
            data={"text": "a title", "dialogue": [{"author": "A", "text": TEXT}]},
        ),
        "dialogue",
    ),
    "annotations' numbers": (task() | {"annotations": [3]}, "annotations"),
    "annotations null": (task() | {"annotations": None}, "annotations"),
}


@pytest.mark.parametrize(("row", "words"), WRONG.values(), ids=list(WRONG))
def test_a_task_that_cannot_be_read_is_an_error(write_text, row, words):
    path = write_text("a.json", json.dumps([row]))
    message = fails(path)
    assert message.startswith(f"{path.as_posix()}:1: ")
    assert words in message


def test_each_text_of_a_task_has_its_own_spans(write_text):
    body = "Bo left Ulm"
    row = task(
        annotation(result(0, 3, "PER", to_name="t1"), result(0, 2, "PER", body, to_name="t2")),
        data={"title": TEXT, "body": body},
    )
    records = read(write_text("a.json", json.dumps([row])))
    assert [(record.id, record.text, record.spans) for record in records] == [
        ("1#title", TEXT, (ANA,)),
        ("1#body", body, ((0, 2, "PER"),)),
    ]


def minimal(**further):
    return {
        "id": 1,
        "text": TEXT,
        "annotator": 1,
        "annotation_id": 3,
        "created_at": "2024-01-01",
        "lead_time": 1.5,
    } | further


REGION = [{"start": 0, "end": 3, "text": "Ana", "labels": ["PER"]}]


@pytest.mark.parametrize(
    "row",
    [
        minimal(label=REGION),
        minimal(ner=REGION),
        minimal(ner=REGION, sentiment="Positive", topics={"choices": ["a", "b"]}, agreement=100.0),
        minimal(ner=REGION, rating=[{"rating": 3}], comment="a note"),
        minimal(ner=REGION, judged=[{"start": 0, "end": 3, "text": "Ana", "choices": ["x"]}]),
        minimal(ner=REGION, note=[{"start": 0, "end": 3, "text": ["hi"]}]),
        minimal(label=REGION, relations=[{"from_id": "a", "to_id": "b", "type": "relation"}]),
        minimal(label=REGION, was_cancelled=False),
    ],
)
def test_a_row_of_json_min_gives_its_span(write_text, row):
    (record,) = read(write_text("a.json", json.dumps([row])))
    assert (record.spans, record.faults, record.excluded, record.unread) == ((ANA,), (), None, ())


def test_a_cancelled_row_of_json_min_is_left_out(write_text):
    (record,) = read(write_text("a.json", json.dumps([minimal(label=REGION, was_cancelled=True)])))
    assert (record.spans, record.excluded) == ((), "cancelled")


def test_two_controls_of_json_min_ask_which_counts(write_text):
    other = [{"start": 9, "end": 13, "text": "Cork", "labels": ["LOC"]}]
    path = write_text("a.json", json.dumps([minimal(a=REGION, b=other)]))
    assert "--spans-field=a" in fails(path)
    (record,) = read(path, spans_field="b")
    assert (record.spans, [one.labels for one in record.unread]) == ((CORK,), [("PER",)])
