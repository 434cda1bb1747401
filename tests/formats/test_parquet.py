import gzip
from functools import partial

import pyarrow
import pyarrow.parquet
import pytest

from scripts.formats.record import Span
from scripts.formats.registry import ReadOptions, choose_format, read_records
from tests import make
from tests.make import build, described, read_split
from tests.samples import class_labels, hugging_face

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
ANA = Span(0, 3, "PER")

fails = partial(make.fails, format="parquet")


@pytest.fixture
def write_parquet(tmp_path):
    """Write columns to tmp_path/a.parquet."""

    def write(columns: dict, **options):
        path = tmp_path / "a.parquet"
        pyarrow.parquet.write_table(pyarrow.table(columns), path, **options)
        return path

    return write


@pytest.mark.parametrize("kind", ["Sequence", "List"])
def test_class_labels_are_read_from_the_schema(tmp_path, kind):
    path = tmp_path / "a.parquet"
    hugging_face(
        path, {"tokens": [["Ana", "Tarn", "ran"]], "ner_tags": [[1, 2, 0]]}, class_labels(NAMES, kind=kind)
    )
    (record,) = read_records(path)
    assert (record.words, record.spans, record.spaces_given) == (
        ("Ana", "Tarn", "ran"),
        (Span(0, 8, "PER"),),
        False,
    )


def test_class_labels_of_the_old_layout_are_read(tmp_path):
    path = tmp_path / "a.parquet"
    features = class_labels(NAMES) | {"ner_tags": [{"names": NAMES, "_type": "ClassLabel"}]}
    hugging_face(path, {"tokens": [["Ana", "ran"]], "ner_tags": [[1, 0]]}, features)
    assert [record.spans for record in read_records(path)] == [(ANA,)]


def test_names_of_another_columns_class_labels_do_not_count(tmp_path):
    path = tmp_path / "a.parquet"
    features = class_labels(NAMES) | {
        "pos_tags": {"feature": {"names": ["NNP", "VBD"], "_type": "ClassLabel"}, "_type": "Sequence"}
    }
    hugging_face(
        path,
        {"tokens": [["Ana", "ran"]], "pos_tags": [[0, 1]], "ner_tags": [[1, 0]]},
        dict(reversed(features.items())),
    )
    assert [record.spans for record in read_records(path)] == [(ANA,)]


@pytest.mark.parametrize(
    ("tokens", "tags"), [("tokens", "ner_tags"), ("words", "ner"), ("tokens", "tags"), ("tokens", "labels")]
)
def test_tags_may_be_strings_and_columns_have_several_names(write_parquet, tokens, tags):
    path = write_parquet({tokens: [["Ana", "ran"]], tags: [["B-PER", "O"]]})
    assert [(record.words, record.spans) for record in read_records(path)] == [(("Ana", "ran"), (ANA,))]


@pytest.mark.parametrize(
    "tags",
    [
        ["B-PER", "I-PER", "B-LOC"],
        ["B-PER", "L-PER", "U-LOC"],
        ["B-PER", "E-PER", "S-LOC"],
        ["I-PER", "I-PER", "I-LOC"],
    ],
)
def test_every_scheme_gives_the_same_entities(write_parquet, tags):
    (record,) = read_records(write_parquet({"tokens": [["Ana", "Tarn", "Cork"]], "ner_tags": [tags]}))
    assert (record.spans, record.faults) == ((Span(0, 8, "PER"), Span(9, 13, "LOC")), ())


def test_a_forbidden_tag_is_a_fault_with_its_row(write_parquet):
    path = write_parquet(
        {"tokens": [["Ana", "ran"], ["in", "Cork"]], "ner_tags": [["B-PER", "O"], ["O", "I-LOC"]]}
    )
    (fault,) = [fault for record in read_records(path) for fault in record.faults]
    assert (fault.code, str(fault.source), fault.span) == ("i-without-b", f"{path.as_posix()}:2", None)
    assert "'Cork'" in fault.detail


def test_texts_with_spans_are_read(write_parquet):
    spans = [[{"start": 0, "end": 3, "label": "PER"}], []]
    first, second = read_records(write_parquet({"text": ["Ana ran", "So did Bo"], "spans": spans}))
    assert (first.text, first.spans, first.words) == ("Ana ran", (ANA,), None)
    assert (second.text, second.spans) == ("So did Bo", ())


def test_texts_in_another_spelling_are_read(write_parquet):
    entities = [[{"start_offset": 0, "end_offset": 3, "label": "PER"}]]
    assert [
        record.spans for record in read_records(write_parquet({"text": ["Ana ran"], "entities": entities}))
    ] == [(ANA,)]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_parquet_is_told_whatever_its_text_looks_like(write_parquet, compression):
    path = write_parquet(
        {"text": ["Please E-mail us from Tollan."], "spans": [[{"start": 22, "end": 28, "label": "LOC"}]]},
        compression=compression,
    )
    assert choose_format(path).name == "parquet"


def test_ids_and_groups_are_the_datas_own(write_parquet):
    path = write_parquet(
        {"id": ["x", None], "author": ["Wim", None], "tokens": [["a"], ["b"]], "tags": [["O"], ["O"]]}
    )
    records = read_records(path, options=ReadOptions(group_by="author"))
    assert [(record.id, record.group) for record in records] == [("x", "Wim"), ("a-2", None)]


def test_the_file_can_be_the_group(write_parquet):
    path = write_parquet({"tokens": [["a"]], "tags": [["O"]]})
    assert [record.group for record in read_records(path, options=ReadOptions(group_by="file"))] == [
        path.as_posix()
    ]


def test_rows_are_numbered_across_batches(write_parquet):
    path = write_parquet(
        {"tokens": [[f"a{i}"] for i in range(2500)], "tags": [["O"]] * 2500}, row_group_size=700
    )
    assert [(record.source.line, record.words) for record in read_records(path)] == [
        (i + 1, (f"a{i}",)) for i in range(2500)
    ]


def test_a_row_without_tokens_is_left_out_and_told(write_parquet, tmp_path):
    path = write_parquet({"tokens": [["Ana", "ran"], []], "tags": [["B-PER", "O"], []]})
    ledgers = build(tmp_path / "corpus", path, path, path)
    assert ledgers["train"].losses["aligned", "empty text"].count.documents == 1
    assert len(read_split(tmp_path / "corpus")) == 1


@pytest.mark.parametrize("label", ["creative-work", "Music Group/Band", "人物"])
def test_labels_of_any_kind_survive(write_parquet, tmp_path, label):
    path = write_parquet({"tokens": [["Ana", "Tarn", "ran"]], "tags": [[f"B-{label}", f"I-{label}", "O"]]})
    build(tmp_path / "corpus", path, path, path)
    assert [(ent.text, ent.label_) for doc in read_split(tmp_path / "corpus") for ent in doc.ents] == [
        ("Ana Tarn", label)
    ]


@pytest.mark.parametrize(
    ("tokens", "tags", "words"),
    [
        (["a", "b"], ["O"], "must be lists of one length"),
        (None, ["O"], "must be lists of one length"),
        (["a"], None, "must be lists of one length"),
        (["a", None], ["O", "O"], "strings the first"),
        (["a", ""], ["O", "O"], "an empty token"),
        (["a", "b\0"], ["O", "O"], "NUL"),
        (["a"], ["PER"], "'PER' in ner_tags is none of tags such as O"),
        (["a"], [None], "None in ner_tags is none of tags such as O"),
    ],
)
def test_a_bad_row_is_an_error_with_its_number(write_parquet, tokens, tags, words):
    path = write_parquet({"tokens": [["Ana", "ran"], tokens], "ner_tags": [["B-PER", "O"], tags]})
    message = fails(path)
    assert message.startswith(f"{path.as_posix()}:2: ")
    assert words in message


def test_numbers_without_names_are_an_error(write_parquet):
    message = fails(write_parquet({"tokens": [["Ana", "ran"], ["Bo"]], "ner_tags": [[1, 0], [3]]}))
    assert "`ner_tags` holds 3 different numbers in the first 2 rows (0, 1, 3)" in message
    assert "--label-names=O,B-PER,I-PER" in message


@pytest.mark.parametrize("tag", [-1, -100, 5])
def test_a_number_that_has_no_name_is_an_error(tmp_path, tag):
    path = tmp_path / "a.parquet"
    hugging_face(path, {"tokens": [["a"], ["b"]], "ner_tags": [[0], [tag]]}, class_labels(NAMES))
    assert f":2: {tag} in ner_tags is none of the 5 names that the file's ClassLabel gives" in fails(path)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"words": [["a"]], "x": [["O"]]}, "none of the keys spans"),
        ({"text": ["a"]}, "none of the keys spans"),
        (
            {"text": pyarrow.array([None], pyarrow.string()), "spans": [[]]},
            "text must be a string, not NoneType",
        ),
        ({"text": ["a"], "spans": [None]}, "spans must be a list, not NoneType"),
        ({"text": ["a"], "spans": [[{"start": 0.0, "end": 1.0, "label": "X"}]]}, "whole numbers"),
    ],
)
def test_columns_that_do_not_fit_are_an_error_with_the_row(write_parquet, columns, words):
    path = write_parquet(columns)
    message = fails(path)
    assert message.startswith(f"{path.as_posix()}:1: ")
    assert words in message


def test_a_file_that_was_cut_in_half_is_an_error(write_parquet):
    path = write_parquet({"tokens": [[f"a{i}"] for i in range(3000)], "ner_tags": [["O"]] * 3000})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert fails(path).startswith(f"{path}: cannot be read as Parquet")


@pytest.mark.parametrize("column", [0, 1], ids=["tokens", "tags"])
def test_a_file_with_damaged_data_is_an_error(write_parquet, column):
    path = write_parquet({"tokens": [[f"a{i}"] for i in range(3000)], "ner_tags": [["O"]] * 3000})
    chunk = pyarrow.parquet.ParquetFile(path).metadata.row_group(0).column(column)
    data = bytearray(path.read_bytes())
    data[chunk.dictionary_page_offset : chunk.dictionary_page_offset + chunk.total_compressed_size] = (
        b"\xff" * chunk.total_compressed_size
    )
    path.write_bytes(data)
    assert fails(path).startswith(f"{path}: cannot be read as Parquet")


@pytest.mark.parametrize("metadata", ["{", "[]", '{"info": null}', '{"info": {"features": null}}'])
def test_metadata_that_cannot_be_read_names_nothing(tmp_path, metadata):
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"tokens": [["Ana", "ran"]], "ner_tags": [["B-PER", "O"]]})
    pyarrow.parquet.write_table(table.replace_schema_metadata({"huggingface": metadata}), path)
    assert [record.spans for record in read_records(path)] == [(ANA,)]


def test_a_packed_file_is_an_error_that_says_so(write_parquet):
    path = write_parquet({"tokens": [["a"]], "ner_tags": [["O"]]})
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert fails(path).startswith(f"{path}: cannot be read as Parquet")


def test_names_of_numbers_can_be_given(write_parquet):
    path = write_parquet({"tokens": [["Ana", "ran"]], "ner_tags": [[1, 0]]})
    records = read_records(path, options=ReadOptions(label_names=("O", "B-PER")))
    assert [record.spans for record in records] == [(ANA,)]


def test_a_token_of_white_space_is_left_out_with_a_reason_and_the_sentence_stays(write_parquet):
    path = write_parquet({"tokens": [["Ana", "\u3000", "ran"]], "ner_tags": [["B-PER", "O", "O"]]})
    (record,) = read_records(path)
    assert (record.words, record.spans) == (("Ana", "ran"), (ANA,))
    assert [(unread.reason, unread.tokens) for unread in record.unread] == [("white-space-token", 1)]


def test_two_columns_of_tags_that_differ_are_an_error_that_names_both(tmp_path):
    path = tmp_path / "a.parquet"
    fine = ["O", "B-actor", "B-island"]
    features = class_labels(["O", "B-person", "B-location"])
    features["fine_ner_tags"] = class_labels(fine)["ner_tags"]
    hugging_face(
        path, {"tokens": [["Ana", "ran"]], "ner_tags": [[1, 0]], "fine_ner_tags": [[1, 0]]}, features
    )
    message = fails(path)
    assert "--spans-field=ner_tags or --spans-field=fine_ner_tags" in message
    (record,) = read_records(path, options=ReadOptions(spans_field="fine_ner_tags"))
    assert record.spans == (Span(0, 3, "actor"),)


def test_spans_beside_tags_are_an_error_until_one_is_chosen(write_parquet):
    columns = {"tokens": [["Ana", "ran"]], "ner_tags": [["B-PER", "O"]]}
    path = write_parquet({**columns, "spans": [[{"start": 0, "end": 3, "label": "NAME"}]]})
    assert "--spans-field=ner_tags or --spans-field=spans" in fails(path)
    for options in (ReadOptions(spans_field="ner_tags"), ReadOptions(accept=("other-spans",))):
        (record,) = read_records(path, options=options)
        assert (record.spans, [unread.labels for unread in record.unread]) == ((ANA,), [("NAME",)])


def test_columns_of_bytes_are_not_read(write_parquet):
    path = write_parquet({"image": [b"\xff"], "tokens": [["Ana", "ran"]], "ner_tags": [["B-PER", "O"]]})
    assert [record.spans for record in read_records(path)] == [(ANA,)]


def test_what_the_columns_are_understood_as_is_said(tmp_path):
    path = tmp_path / "a.parquet"
    features = class_labels(["O", "B-PER"])
    hugging_face(path, {"tokens": [["Ana"]], "pos_tags": [[3]], "ner_tags": [[1]]}, features)
    said = described(path)
    assert said == (
        "tokens = `tokens`, tags = `ner_tags` (IOB2: PER; numbers named by the file's ClassLabel); "
        "not used: `pos_tags`"
    )
