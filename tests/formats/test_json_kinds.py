"""JSON as the usual tools, corpora and hand-written scripts write it: read exactly, or one clear error."""

import json

import pytest

from scripts.formats.record import AnnotationError
from scripts.formats.registry import ReadOptions, read_records
from tests.make import fails, read

TEXT = "Ana left Cork"
ANA, CORK = (0, 3, "PER"), (9, 13, "LOC")
SPAN = {"start": 0, "end": 3, "label": "PER"}
CORK_SPAN = {"start": 9, "end": 13, "label": "LOC"}
PRODIGY = {"_input_hash": 1, "_task_hash": 2, "_view_id": "ner_manual", "answer": "accept"}
TOKENS = [
    {"text": "Ana", "start": 0, "end": 3, "id": 0, "ws": True},
    {"text": "left", "start": 4, "end": 8, "id": 1, "ws": True},
    {"text": "Cork", "start": 9, "end": 13, "id": 2, "ws": False},
]
TAGGED_TOKENS = [
    {
        "id": 0,
        "start": 0,
        "end": 3,
        "tag": "NNP",
        "pos": "PROPN",
        "morph": "",
        "lemma": "Ana",
        "dep": "nsubj",
        "head": 1,
    },
    {
        "id": 1,
        "start": 4,
        "end": 8,
        "tag": "VBD",
        "pos": "VERB",
        "morph": "",
        "lemma": "leave",
        "dep": "ROOT",
        "head": 1,
    },
]
ENDS = {"head": 0, "child": 2, "head_span": SPAN, "child_span": CORK_SPAN, "color": "#fff", "label": "IN"}


ONE_SPAN = {
    "Prodigy": {"tokens": TOKENS, "spans": [SPAN | {"token_start": 0, "token_end": 0}], **PRODIGY},
    "Prodigy with a category beside": {"spans": [SPAN], "label": "NEWS", **PRODIGY},
    "Prodigy with options beside": {
        "spans": [SPAN],
        "options": [{"id": "A", "text": "a"}],
        "accept": ["A"],
        **PRODIGY,
    },
    "doccano's relations": {
        "entities": [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 3}],
        "relations": [{"id": 1, "from_id": 1, "to_id": 1, "type": "x"}],
        "Comments": [],
    },
    "doccano with comments": {"label": [[0, 3, "PER"]], "Comments": [{"id": 1, "text": "hm", "user": 1}]},
    "doccano 1.2": {"meta": {}, "annotation_approver": None, "labels": [[0, 3, "PER"]]},
    "doccano's intents": {"entities": [[0, 3, "PER"]], "cats": ["x"]},
    "Doc.to_json": {
        "ents": [SPAN],
        "sents": [{"start": 0, "end": 13}],
        "tokens": TAGGED_TOKENS,
        "cats": {"A": 1.0},
    },
    "Doc.to_json with a knowledge base": {
        "ents": [SPAN | {"kb_id": "Q1", "id": ""}],
        "tokens": TAGGED_TOKENS,
        "spans": {"sc": []},
    },
    "a group of Doc.to_json": {"ents": [], "tokens": TAGGED_TOKENS, "spans": {"sc": [SPAN | {"kb_id": ""}]}},
    "by label": {"entities": {"PER": [[0, 3]]}},
    "by label, one place": {"entities": {"PER": [0, 3]}},
    "by label, beside an empty list": {"spans": [], "entities": {"PER": [[0, 3]], "LOC": []}},
    "by label in a list": {"entities": [{"PER": [0, 3]}]},
    "by label and surface": {"label": {"PER": {"Ana": [[0, 3]]}}},
    "GATE": {"entities": {"PER": [{"indices": [0, 3], "rule": "x"}]}},
    "with its text": {"entities": [[0, 3, "PER", "Ana"]]},
    "text before label": {"entities": [[0, 3, "Ana", "PER"]]},
    "label first": {"entities": [["PER", 0, 3]]},
    "place in a list": {"entities": [[[0, 3], "PER"]]},
    "brat's JSON": {"entities": [["T1", "PER", [[0, 3]]]], "relations": []},
    "entity is the text": {"entities": [{"start": 0, "end": 3, "entity": "Ana", "type": "PER"}]},
    "entity is the label": {"entities": [{"start": 0, "end": 3, "value": "Ana", "entity": "PER"}]},
    "start_idx": {"entities": [{"start_idx": 0, "end_idx": 3, "entity": "Ana", "type": "PER"}]},
    "Azure": {
        "entities": [{"text": "Ana", "category": "PER", "offset": 0, "length": 3, "confidenceScore": 0.9}]
    },
    "BigBIO": {
        "entities": [{"id": "e", "type": "PER", "text": ["Ana"], "offsets": [[0, 3]], "normalized": []}]
    },
    "other letters": {"Entities": [{"Start": 0, "End": 3, "Label": "PER"}]},
    "a place of its own": {"entities": [{"span": {"start": 0, "end": 3}, "label": "PER"}]},
    "mentions": {"mentions": [{"startOffset": 0, "endOffset": 3, "mentionType": "PER"}]},
    "nested in a list": {"annotations": [{"entities": [[0, 3, "PER"]], "user": 1}]},
    "nested in an object": {"annotation": {"spans": [SPAN]}},
    "sections beside": {"spans": [SPAN], "sections": [{"start": 0, "end": 13, "type": "title"}]},
    "times beside": {
        "spans": [SPAN],
        "meta": {"start": 1, "end": 2, "date": [2020, 5, "May"]},
        "segment": {"start": 0.5, "end": 3.2},
    },
    "a row with offsets of its own": {"spans": [SPAN], "start": 100, "end": 113, "type": "news"},
    "another database's id": {"_id": {"$oid": "abc"}, "spans": [SPAN]},
    "the same under two keys": {"spans": [SPAN], "label": [[0, 3, "PER"]]},
    "a second text": {"spans": [SPAN], "raw_text": "  Ana left Cork"},
}


@pytest.mark.parametrize("row", ONE_SPAN.values(), ids=list(ONE_SPAN))
@pytest.mark.parametrize("turned", [False, True], ids=["", "keys turned"])
def test_a_span_in_any_tools_spelling_is_read(write_jsonl, row, turned):
    row = {"text": TEXT} | row
    (record,) = read(write_jsonl("a.jsonl", [dict(reversed(row.items())) if turned else row]))
    assert (record.text, record.spans, record.faults, record.excluded) == (TEXT, (ANA,), (), None)
    assert record.unread == ()


WRONG = {
    "tokens' numbers alone": (
        {"tokens": TOKENS, "spans": [{"token_start": 0, "token_end": 1, "label": "PER"}], **PRODIGY},
        "a span must be",
    ),
    "a first token alone": (
        {"tokens": TOKENS, "spans": [{"token_start": 0, "label": "PER"}]},
        "write both offsets",
    ),
    "a binary answer": ({"spans": [SPAN], **PRODIGY, "_is_binary": True}, "binary"),
    "a binary answer of old": ({"spans": [SPAN], **PRODIGY, "_view_id": "ner"}, "binary"),
    "a choice": ({"options": [{"id": "A"}], "accept": ["A"], **PRODIGY}, "choice"),
    "an image's spans": (
        {"spans": [{"points": [[0, 0], [1, 1]], "label": "CAR"}], **PRODIGY},
        "both offsets",
    ),
    "a category": ({"label": ["pos"]}, "a span must be"),
    "label's number": ({"annotations": [{"label": 3, "start_offset": 0, "end_offset": 3}]}, "label's name"),
    "surfaces by label": ({"entities": {"PER": ["Ana"]}}, "must be a list"),
    "two strings, neither of the text": ({"entities": [[0, 3, "PER", "Q1"]]}, "which is the label"),
    "two labels": (
        {"entities": [{"start": 0, "end": 3, "type": "PER", "category": "X"}]},
        "which is the label",
    ),
    "a score": ({"entities": [[0, 3, "PER", 0.9]]}, "a span must be"),
    "surface and place": ({"entities": [["Ana", 0, 3]]}, "just its text"),
    "strings for numbers": ({"entities": [{"start": "0", "end": "3", "label": "PER"}]}, "3 not '3'"),
    "the same under any key": ({"spans": [], "x": [{"start": "0", "end": "3", "label": "PER"}]}, "3 not '3'"),
    "floats under any key": ({"spans": [], "x": [{"start": 0.0, "end": 3.0, "label": "PER"}]}, "3 not '3'"),
    "label's object": ({"entities": [{"start": 0, "end": 3, "label": {"name": "PER"}}]}, "label's name"),
    "several pieces": ({"entities": [{"type": "PER", "offsets": [[0, 3], [9, 13]]}]}, "several pieces"),
    "no label": ({"spans": [], "names": [{"start": 0, "end": 3, "text": "Ana"}]}, "name its label"),
    "another language": ({"spans": [], "namen": [{"anfang": 0, "ende": 3, "typ": "PER"}]}, "a span must be"),
    "one of the list no span": ({"annotations": [{"entities": [[0, 3, "PER"], [4, 8]]}]}, "a span must be"),
    "one without a label": ({"annotations": {"entities": [SPAN, {"start": 9, "end": 13}]}}, "name its label"),
    "several annotators": (
        {"annotations": [{"spans": [SPAN], "user": 1}, {"spans": [CORK_SPAN], "user": 2}]},
        "--annotator=all",
    ),
    "different spans under two keys": ({"spans": [SPAN], "ner": [CORK_SPAN]}, "--spans-field=spans"),
    "JSON in a string": ({"spans": json.dumps([SPAN])}, "must be a list"),
    "a text of its own": ({"parts": [{"text": "left Cork", "spans": [CORK_SPAN]}]}, "a text of their own"),
    "no key of spans": ({"note": "x"}, '"spans": []'),
}


@pytest.mark.parametrize(("row", "words"), WRONG.values(), ids=list(WRONG))
def test_what_may_be_a_span_and_cannot_be_read_is_an_error(write_jsonl, row, words):
    path = write_jsonl("a.jsonl", [{"text": "x", "spans": []}, {"text": TEXT} | row])
    message = fails(path)
    assert message.startswith(f"{path.as_posix()}:2: ")
    assert words in message


def test_ends_of_relations_are_no_spans_of_their_own(write_jsonl):
    row = {"text": TEXT, "tokens": TOKENS, "spans": [SPAN, CORK_SPAN], "relations": [ENDS, ENDS], **PRODIGY}
    (record,) = read(write_jsonl("a.jsonl", [row]))
    assert (record.spans, record.unread) == ((ANA, CORK), ())


def test_a_span_that_its_annotator_rejected_is_counted(write_jsonl):
    row = {"text": TEXT, "spans": [SPAN | {"answer": "reject"}, CORK_SPAN | {"answer": "accept"}], **PRODIGY}
    (record,) = read(write_jsonl("a.jsonl", [row]))
    assert record.spans == (CORK,)
    assert [(one.reason, one.labels) for one in record.unread] == [("span answer=reject", ("PER",))]


@pytest.mark.parametrize("key", ["_annotator_id", "_session_id", "annotator"])
@pytest.mark.parametrize("text", ["text", "content"])
def test_one_text_by_several_annotators_asks_whose_counts(write_jsonl, key, text):
    path = write_jsonl(
        "a.jsonl", [{text: TEXT, "spans": [SPAN], key: "Eve"}, {text: TEXT, "spans": [], key: "Max"}]
    )
    assert "--annotator=Eve" in fails(path)
    assert [(record.spans, record.excluded) for record in read(path, annotator="Max")] == [
        ((), "other annotator"),
        ((), None),
    ]


FILES = {
    "tuples a line": f'["{TEXT}", {{"entities": [[0, 3, "PER"]]}}]\n["x", {{"entities": []}}]\n',
    "tuples": json.dumps([[TEXT, {"entities": [[0, 3, "PER"]]}], ["x", {"entities": []}]]),
    "tuples, pretty": json.dumps([[TEXT, {"entities": [[0, 3, "PER"]]}], ["x", {"entities": []}]], indent=2),
    "tuples with categories": json.dumps(
        [[TEXT, {"entities": [[0, 3, "PER"]], "cats": {"a": 1}}], ["x", {"entities": []}]]
    ),
    "bare pairs": json.dumps([[TEXT, [[0, 3, "PER"]]], ["x", []]]),
    "under data": json.dumps(
        {"version": "1", "data": [{"text": TEXT, "spans": [SPAN]}, {"text": "x", "spans": []}]}
    ),
    "under train, pretty": json.dumps(
        {"train": [{"text": TEXT, "spans": [SPAN]}, {"text": "x", "spans": []}]}, indent=1
    ),
    "pandas split": json.dumps(
        {"columns": ["text", "spans"], "index": [0, 1], "data": [[TEXT, [SPAN]], ["x", []]]}
    ),
    "pandas values": json.dumps([[TEXT, [SPAN]], ["x", []]]),
    "pandas records": json.dumps([{"text": TEXT, "spans": [SPAN]}, {"text": "x", "spans": []}]),
    "NaN": f'{{"text": "{TEXT}", "spans": [[0, 3, "PER"]], "score": NaN}}\n'
    '{"text": "x", "spans": [], "score": -Infinity}\n',
    "objects on several lines": "\n".join(
        json.dumps(row, indent=1) for row in ({"text": TEXT, "spans": [SPAN]}, {"text": "x", "spans": []})
    ),
    "rows of a server": json.dumps(
        {
            "features": [],
            "rows": [{"row": {"text": TEXT, "spans": [SPAN]}}, {"row": {"text": "x", "spans": []}}],
        }
    ),
}


@pytest.mark.parametrize("data", FILES.values(), ids=list(FILES))
@pytest.mark.parametrize("around", ["{}", "\ufeff{}", "\n {}\n\n"], ids=["", "BOM", "blanks"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_rows_are_found_in_any_kind_of_file(tmp_path, data, around, line_end):
    path = tmp_path / "a.json"
    path.write_bytes(around.format("§").replace("§", data).replace("\n", line_end).encode())
    assert [(record.text, record.spans) for record in read(path)] == [(TEXT, (ANA,)), ("x", ())]


WRONG_FILES = {
    "pandas columns": ({"text": {"0": TEXT}, "spans": {"0": [SPAN]}}, "a row for each document"),
    "pandas lists": ({"text": [TEXT], "spans": [[SPAN]]}, "text must be a string"),
    "two splits": (
        {"train": [{"text": TEXT, "spans": [SPAN]}], "test": [{"text": TEXT, "spans": []}]},
        "train, test each hold",
    ),
    "one level deeper": ({"dataset": {"train": [{"text": TEXT, "spans": [SPAN]}]}}, "a text of their own"),
    "documents by name": (
        {"a": {"text": TEXT, "spans": [SPAN]}, "b": {"text": TEXT, "spans": []}},
        "a text of their own",
    ),
    "spans beside documents": (
        {"data": [{"text": TEXT, "spans": []}], "entities": [SPAN]},
        "beside the documents",
    ),
    "tags in tuples": ([[TEXT, {"entities": ["U-PER", "O", "U-LOC"]}]], "a span must be"),
    "a tuple of null": ([[TEXT, {"entities": [SPAN]}], [TEXT, None]], "a JSON object, not list"),
    "a tuple without entities": ([[TEXT, {"entities": [SPAN]}], [TEXT, {}]], '"spans": []'),
    "a text of parts": ([{"text": ["Ana", "left"], "entities": [[0, 1, "PER"]]}], "write one string"),
    "tokens and spans of them": (
        [{"tokens": ["Ana", "left"], "entities": [{"type": "PER", "start": 0, "end": 1}]}],
        "none of the keys text",
    ),
    "SQuAD": ({"data": [{"paragraphs": [{"context": TEXT, "qas": []}]}]}, "sentences"),
    "version 2 with spans": (
        [
            {
                "paragraphs": [
                    {"raw": "Ana", "entities": [[0, 3, "PER"]], "sentences": [{"tokens": [{"orth": "Ana"}]}]}
                ]
            }
        ],
        "beside the tags",
    ),
    "two texts": ([{"title": "Ana", "body": TEXT, "spans": [SPAN]}], "--text-field=body"),
    "raw and clean": (
        [{"raw_text": TEXT, "clean_text": "Ana left cork", "spans": [SPAN]}],
        "--text-field=raw_text",
    ),
}


@pytest.mark.parametrize(("data", "words"), WRONG_FILES.values(), ids=list(WRONG_FILES))
def test_a_file_that_may_be_understood_otherwise_is_an_error(write_text, data, words):
    assert words in fails(write_text("a.json", json.dumps(data)))


def test_an_object_that_has_its_spans_twice_is_an_error(write_text):
    assert "'spans' twice" in fails(
        write_text("a.jsonl", f'{{"text": "{TEXT}", "spans": [[0, 3, "PER"]], "spans": []}}\n')
    )


def test_rows_that_are_null_among_tuples_are_left_out(write_text):
    path = write_text(
        "a.json",
        json.dumps({"classes": ["PER"], "annotations": [None, [TEXT, {"entities": [[0, 3, "PER"]]}]]}),
    )
    assert [(record.spans, record.excluded) for record in read(path)] == [((), "null"), ((ANA,), None)]


@pytest.mark.parametrize(("option", "key"), [("spans_field", "ents"), ("text_field", "body")])
def test_a_key_that_is_named_and_not_there_is_an_error_with_what_is(write_jsonl, option, key):
    path = write_jsonl("a.jsonl", [{"text": "Ana ran", "spans": [[0, 3, "PER"]]}])
    with pytest.raises(
        AnnotationError, match=rf"a\.jsonl:1: no .* under '{key}'.*--{option.replace('_', '-')}=(spans|text)"
    ):
        list(read_records(path, options=ReadOptions(**{option: key})))


@pytest.mark.parametrize(
    "row",
    [
        {"tokens": [["Ana"]], "ner_tags": [["B-PER"]]},
        {"sentence": "Ana ran", "tags": "B-PER O"},
        {"text": "Ana", "mentions": "Ana"},
    ],
)
def test_no_empty_list_of_spans_is_advised_where_annotation_may_stand_under_another_key(write_jsonl, row):
    with pytest.raises(AnnotationError) as error:
        list(read_records(write_jsonl("a.jsonl", [row])))
    assert "is not understood" in str(error.value)
    assert '"spans": []' not in str(error.value)


def test_a_label_that_is_a_number_may_stand_first(write_jsonl):
    (record,) = read(write_jsonl("a.jsonl", [{"text": TEXT, "entities": [["1", 0, 3]]}]))
    assert record.spans == ((0, 3, "1"),)


def test_what_follows_an_object_of_rows_is_not_dropped_in_silence(write_text):
    whole = json.dumps({"data": [{"text": TEXT, "spans": [SPAN]}]}, indent=1)
    assert "a text of their own" in fails(write_text("a.json", f"{whole}\n{whole}\n"))


@pytest.mark.parametrize("key", ["1", "[1]", "null"])
def test_an_object_whose_key_is_no_string_is_an_error(write_text, key):
    assert ":1: not JSON: " in fails(
        write_text("a.json", f'{{\n {key}: [{{"text": "{TEXT}", "spans": []}}]}}')
    )


@pytest.mark.parametrize("depth", [100, 400])
def test_stretches_in_stretches_are_read_or_an_error_however_deep(write_jsonl, depth):
    row = {"text": TEXT, "spans": []}
    for _ in range(depth):
        row = {"start": 0, "end": 3, "text": "Ana", "x": [row]}
    assert "1: " in fails(write_jsonl("a.jsonl", [row]))
