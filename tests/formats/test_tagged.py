import contextlib
import json
import random
from functools import partial
from pathlib import Path

import pytest

from scripts.formats.record import AnnotationError, Source
from scripts.formats.registry import ReadOptions
from scripts.formats.tagged import count_tagged, describe_tagged, find_tagged, read_tagged
from tests.make import refusal

PATH = Path("train.jsonl")
FINE = {"tokens": ["Ana", "Tarn", "left", "Cork"], "ner_tags": ["B-PER", "I-PER", "O", "B-LOC"]}
NAMES = ("O", "B-PER", "I-PER", "B-LOC")
FEATURE = {"feature": {"names": list(NAMES), "_type": "ClassLabel"}, "_type": "Sequence"}


def surfaces(rows, path=PATH, **options):
    options = ReadOptions(**options)
    layout = find_tagged(rows, path, options)
    records = [read_tagged(row, layout, Source("a", i), lang=options.lang) for i, row in enumerate(rows, 1)]
    for row, record in zip(rows, records, strict=True):
        found = count_tagged(row, layout)
        assert found.tokens == len(record.words) + sum(unread.tokens for unread in record.unread)
        assert found.entities == len(record.spans) + sum(len(unread.labels) for unread in record.unread)
    return [[(record.text[span.start : span.end], span.label) for span in record.spans] for record in records]


fails = partial(refusal, surfaces)


@pytest.mark.parametrize(
    ("tokens", "tags"),
    [("tokens", "ner_tags"), ("words", "NER"), ("Tokens", "labels"), ("text", "bio"), ("zzz", "yyy")],
)
def test_keys_are_found_by_their_content(tokens, tags):
    row = {"id": 1, tokens: FINE["tokens"], tags: FINE["ner_tags"]}
    assert surfaces([row]) == [[("Ana Tarn", "PER"), ("Cork", "LOC")]]


@pytest.mark.parametrize(
    "row",
    [
        {"text": "Ana left", "spans": [{"start": 0, "end": 3, "label": "PER"}]},
        {"text": "Ana", "tokens": [{"text": "Ana", "start": 0, "end": 3}], "spans": []},
        {"text": "Ana", "tokens": ["Ana"], "spans": []},
        {"text": "Ana left", "tokens": ["Ana", "left"], "labels": ["PER"]},
        {"tokens": ["Ana", "left"], "pos_tags": ["NNP", "VBD"], "chunk_tags": ["B-NP", "B-VP"]},
        {"tokens": ["Ana", "left"], "is_title": [True, False]},
        {"tokens": ["Ana", "left"], "lemmas": ["Ana", "leave"]},
        {"tokens": ["Ana", "left"], "heads": [1, 1]},
        {"tokens": [["Ana"], ["left"]], "ner_tags": [["B-PER"], ["O"]]},
        {},
    ],
)
def test_rows_without_tagged_tokens_are_something_else(row):
    assert find_tagged([row], PATH, ReadOptions()) is None


@pytest.mark.parametrize(
    "beside",
    [
        {"pos_tags": ["NNP", "NNP", "VBD", "NNP"], "chunk_tags": ["B-NP", "I-NP", "B-VP", "B-NP"]},
        {"pos": [1, 1, 2, 1], "chunk": [3, 4, 5, 3], "head_ids": [0, 1, 2, 3]},
        {
            "lemmas": ["Ana", "Tarn", "leave", "Cork"],
            "deps": ["nsubj", "flat", "ROOT", "obj"],
            "space_after": [True] * 4,
        },
    ],
)
def test_other_lists_beside_the_tags_are_not_used(beside):
    layout = find_tagged([{**beside, **FINE}], PATH, ReadOptions())
    assert (layout.tokens, layout.tags) == ("tokens", "ner_tags")


@pytest.mark.parametrize(
    "tags",
    [
        ["B-PER", "I-PER", "O", "B-LOC"],
        ["I-PER", "I-PER", "O", "I-LOC"],
        ["B-PER", "L-PER", "O", "U-LOC"],
        ["B-PER", "E-PER", "O", "S-LOC"],
        ["b-PER", "i-PER", "O", "b-LOC"],
        ["B_PER", "I_PER", "O", "B_LOC"],
        ["B-PER", "I-PER", "_", "B-LOC"],
        ["PER", "PER", "O", "LOC"],
    ],
)
def test_every_scheme_gives_the_same_entities(tags):
    assert surfaces([{**FINE, "ner_tags": tags}]) == [[("Ana Tarn", "PER"), ("Cork", "LOC")]]


NUMBERS = {"tokens": FINE["tokens"], "ner_tags": [1, 2, 0, 3]}
WANTED = [[("Ana Tarn", "PER"), ("Cork", "LOC")]]


def test_numbers_without_names_are_an_error_that_asks_for_them():
    message = fails([NUMBERS])
    assert "holds 4 different numbers in the first 1 rows (0, 1, 2, 3)" in message
    assert "--label-names=O,B-PER,I-PER" in message


def test_numbers_are_named_on_the_command_line():
    assert surfaces([NUMBERS], label_names=NAMES) == WANTED


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("features.json", {"tokens": {}, "ner_tags": FEATURE}),
        (
            "features.json",
            {"ner_tags": {"feature": {"class_label": {"names": {str(i): n for i, n in enumerate(NAMES)}}}}},
        ),
        ("dataset_info.json", {"features": {"pos_tags": {"feature": {"names": ["X"]}}, "ner_tags": FEATURE}}),
        ("dataset_infos.json", {"default": {"features": {"ner_tags": FEATURE}}}),
        ("config.json", {"model_type": "bert", "id2label": {str(i): name for i, name in enumerate(NAMES)}}),
        ("config.json", {"label2id": {name: i for i, name in enumerate(NAMES)}}),
        ("id2label.json", {str(i): name for i, name in enumerate(NAMES)}),
        ("label.json", {name: i for i, name in enumerate(NAMES)}),
    ],
)
def test_numbers_are_named_by_a_file_beside(tmp_path, file, content):
    (tmp_path / file).write_text(json.dumps(content), encoding="utf-8")
    assert surfaces([NUMBERS], tmp_path / "train.jsonl") == WANTED
    said = describe_tagged(find_tagged([NUMBERS], tmp_path / "train.jsonl", ReadOptions()))
    assert f"numbers named by {(tmp_path / file).as_posix()}" in said


def test_files_that_name_numbers_differently_are_an_error(tmp_path):
    (tmp_path / "features.json").write_text(json.dumps({"ner_tags": FEATURE}), encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps({"label2id": {"O": 0, "B-X": 1}}), encoding="utf-8")
    message = fails([NUMBERS], tmp_path / "train.jsonl")
    assert "features.json" in message
    assert "config.json" in message


@pytest.mark.parametrize("content", ["{", "[1", "\ufffe"])
def test_a_file_of_names_that_cannot_be_read_is_an_error(tmp_path, content):
    (tmp_path / "features.json").write_text(content, encoding="utf-8")
    assert "features.json: cannot be read" in fails([NUMBERS], tmp_path / "train.jsonl")


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"features": null}', '{"ner_tags": {"feature": {"dtype": "int64"}}}']
)
def test_a_file_that_names_nothing_does_not_help(tmp_path, content):
    (tmp_path / "features.json").write_text(content, encoding="utf-8")
    assert "--label-names" in fails([NUMBERS], tmp_path / "train.jsonl")


@pytest.mark.parametrize("tag", [-1, 4, 100])
def test_a_number_beyond_the_names_is_an_error_with_its_row(tag):
    message = fails([NUMBERS, {"tokens": ["a"], "ner_tags": [tag]}], label_names=NAMES)
    assert message.startswith(f"a:2: {tag} in ner_tags is none of the 4 names that --label-names gives")


TWO = {**FINE, "fine_ner_tags": ["B-actor", "I-actor", "O", "B-city"]}


def test_two_keys_of_tags_that_differ_are_an_error_until_one_is_chosen():
    assert "choose --spans-field=ner_tags or --spans-field=fine_ner_tags" in fails([FINE, TWO])
    assert surfaces([TWO], spans_field="fine_ner_tags") == [[("Ana Tarn", "actor"), ("Cork", "city")]]
    assert surfaces([TWO], spans_field="ner_tags") == WANTED


def test_two_keys_of_tags_that_agree_are_one_reading():
    assert surfaces([{**FINE, "tags": FINE["ner_tags"]}]) == WANTED


def test_numbers_beside_the_strings_that_name_them_are_one_reading():
    assert surfaces([{**NUMBERS, "labels": FINE["ner_tags"]}]) == WANTED


def test_numbers_that_do_not_follow_the_strings_beside_them_are_another_reading():
    assert "--spans-field" in fails([{**NUMBERS, "ner_tags": [1, 1, 0, 1], "labels": FINE["ner_tags"]}])


def test_two_keys_of_tokens_that_differ_are_an_error_until_one_is_chosen():
    row = {**FINE, "words": ["ana", "tarn", "left", "cork"]}
    assert "choose --text-field=tokens or --text-field=words" in fails([row])
    assert surfaces([row], text_field="words") == [[("ana tarn", "PER"), ("cork", "LOC")]]


SPANS = {**FINE, "spans": [{"start": 0, "end": 8, "label": "NAME"}]}


def test_spans_beside_tags_are_an_error_with_both_readings():
    assert "choose --spans-field=ner_tags or --spans-field=spans" in fails([SPANS])


@pytest.mark.parametrize("options", [{"spans_field": "ner_tags"}, {"accept": ("other-spans",)}])
def test_spans_beside_tags_may_be_left_out_and_are_counted(options):
    options = ReadOptions(**options)
    layout = find_tagged([SPANS], PATH, options)
    record = read_tagged(SPANS, layout, Source("a", 1), lang=options.lang)
    assert [(unread.reason, unread.labels) for unread in record.unread] == [("other-spans", ("NAME",))]
    assert count_tagged(SPANS, layout).entities == 3


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"tokens": ["a", "b"], "ner_tags": ["O"]}, "lists of one length"),
        ({"tokens": ["a"]}, "lists of one length"),
        ({"ner_tags": ["O"]}, "lists of one length"),
        ({"tokens": "a b", "ner_tags": ["O", "O"]}, "lists of one length"),
        ({"tokens": ["a", 1], "ner_tags": ["O", "O"]}, "strings the first"),
        ({"tokens": ["a", None], "ner_tags": ["O", "O"]}, "strings the first"),
        ({"tokens": ["a", float("nan")], "ner_tags": ["O", "O"]}, "strings the first"),
        ({"tokens": ["a", ""], "ner_tags": ["O", "O"]}, "an empty token"),
        ({"tokens": ["a\0"], "ner_tags": ["O"]}, "NUL"),
        ({"tokens": ["\ud800"], "ner_tags": ["O"]}, "surrogate"),
        ({"tokens": ["a"], "ner_tags": ["PER"]}, "'PER' in ner_tags is none of tags such as O"),
        ({"tokens": ["a"], "ner_tags": [1]}, "1 in ner_tags is none of tags such as O"),
        ({"tokens": ["a"], "ner_tags": [True]}, "True in ner_tags is none of tags such as O"),
        ({"tokens": ["a"], "ner_tags": [None]}, "None in ner_tags is none of tags such as O"),
    ],
)
def test_a_bad_row_is_an_error_with_its_place(row, words):
    layout = find_tagged([FINE], PATH, ReadOptions())
    with pytest.raises(AnnotationError, match=r"^a\.jsonl:7: ") as error:
        read_tagged(row, layout, Source("a.jsonl", 7), lang="en")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("tags", "entities", "lost"),
    [
        (["O", "B-PER", "I-PER", "O"], [("Ana", "PER")], []),
        (["B-PER", "I-PER", "I-PER", "O"], [("a Ana", "PER")], []),
        (["O", "B-PER", "O", "O"], [], ["PER"]),
    ],
)
def test_white_space_is_no_token_and_entities_around_it_stay(tags, entities, lost):
    row = {"tokens": ["a", "\u3000", "Ana", "b"], "ner_tags": tags}
    layout = find_tagged([FINE], PATH, ReadOptions())
    record = read_tagged(row, layout, Source("a", 1), lang="en")
    assert [(record.text[span.start : span.end], span.label) for span in record.spans] == entities
    assert [label for unread in record.unread for label in unread.labels] == lost
    assert record.words == ("a", "Ana", "b")


def test_an_empty_row_is_an_empty_document():
    layout = find_tagged([FINE], PATH, ReadOptions())
    record = read_tagged({"tokens": [], "ner_tags": []}, layout, Source("a", 1), lang="en")
    assert (record.text, record.words) == ("", ())


def test_a_forbidden_tag_is_a_fault_and_its_entity_counts():
    row = {"tokens": ["in", "Cork"], "ner_tags": ["O", "I-LOC"]}
    layout = find_tagged([FINE], PATH, ReadOptions())
    record = read_tagged(row, layout, Source("a", 2), lang="en")
    assert [(fault.code, fault.span) for fault in record.faults] == [("i-without-b", None)]
    assert count_tagged(row, layout).entities == len(record.spans) == 1


def test_what_the_rows_are_understood_as_is_said():
    said = describe_tagged(find_tagged([FINE], PATH, ReadOptions()))
    assert said == "tokens = `tokens`, tags = `ner_tags` (IOB2: LOC, PER)"


PARTS = [
    None,
    True,
    0,
    1,
    7,
    -1,
    1.5,
    float("nan"),
    "",
    "O",
    "B-PER",
    "I-LOC",
    "PER",
    "Ana",
    " ",
    "\ud800",
    "\0",
    [],
    {},
    ["O"],
]
PARTS += [{"start": 0, "end": 3, "label": "PER"}, [0, 3, "PER"]]


@pytest.mark.parametrize("seed", range(400))
def test_rows_of_anything_are_read_or_an_annotation_error(seed):
    draw = random.Random(seed)

    def row() -> dict:
        keys = draw.sample(
            ["tokens", "words", "ner_tags", "tags", "pos_tags", "text", "spans", "x"], draw.randint(1, 4)
        )
        length = draw.randint(0, 3)
        few = draw.sample(PARTS, draw.randint(1, 4))
        lists = ([draw.choice(few) for _ in range(draw.choice([length, length, 2]))] for _ in keys)
        return dict(zip(keys, [draw.choice([one, one, one, *PARTS]) for one in lists], strict=True))

    with contextlib.suppress(AnnotationError):
        rows = [row() for _ in range(draw.randint(1, 3))]
        options = ReadOptions(
            label_names=draw.choice([(), NAMES]), accept=draw.choice([(), ("other-spans",)])
        )
        layout = find_tagged([FINE, *rows] if draw.random() < 0.5 else rows, PATH, options)
        for one in rows if layout else ():
            with contextlib.suppress(AnnotationError):
                record = read_tagged(one, layout, Source("a", 1), lang=options.lang)
                found = count_tagged(one, layout)
                assert found.tokens == len(record.words) + sum(unread.tokens for unread in record.unread)
                assert found.entities == len(record.spans) + sum(
                    len(unread.labels) for unread in record.unread
                )
