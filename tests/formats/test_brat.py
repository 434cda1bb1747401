import gzip
from functools import partial

import pytest

from scripts.checks.doc_view import DocView, TaggedShard
from scripts.formats.record import AnnotationError, Span
from scripts.formats.registry import ReadOptions, read_records
from tests import make
from tests.make import build, read_rejects, read_split

TEXT = "Ana left Cork.\nBo ran."

fails = partial(make.fails, format="brat")


@pytest.fixture
def write_pair(tmp_path):
    """Write `name`.txt and `name`.ann to tmp_path; return the second."""

    def write(annotations: str, text: str | bytes = TEXT, name: str = "a"):
        (tmp_path / f"{name}.txt").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        path = tmp_path / f"{name}.ann"
        path.write_bytes(annotations.encode("utf-8"))
        return path

    return write


def test_a_pair_is_one_document(write_pair):
    path = write_pair("T1\tPER 0 3\tAna\nT2\tLOC 9 13\tCork\n")
    (record,) = read_records(path)
    assert (record.text, record.spans) == (TEXT, (Span(0, 3, "PER"), Span(9, 13, "LOC")))
    assert record.id == path.as_posix().removesuffix(".ann")


@pytest.mark.parametrize(
    "line",
    [
        "R1\tLives_in Arg1:T1 Arg2:T2\t",
        "E1\tLeave:T1 From:T2",
        "A1\tCertain T1",
        "M1\tCertain T1",
        "N1\tReference T1 Gazetteer:7\tAna",
        "#1\tAnnotatorNotes T1\tThe skipper",
        "*\tEquiv T1 T2",
        "",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_what_is_no_entity_does_not_count(write_pair, line, first):
    lines = [line, "T1\tPER 0 3\tAna"] if first else ["T1\tPER 0 3\tAna", line]
    (record,) = read_records(write_pair("\n".join(lines) + "\n"))
    assert (record.spans, record.faults) == ((Span(0, 3, "PER"),), ())


def test_offsets_count_characters_not_bytes_or_utf16_units(write_pair):
    (record,) = read_records(write_pair("T1\tPER 3 7\tÉmil\n", "🚢é Émil ran."))
    assert [record.text[start:end] for start, end, _ in record.spans] == ["Émil"]


def test_windows_line_ends_count_as_they_stand_in_the_file(write_pair):
    (record,) = read_records(
        write_pair("T1\tPER 0 3\tAna\r\nT2\tPER 10 12\tBo\r\n", "Ana ran.\r\nBo ran.\r\n")
    )
    assert record.text == "Ana ran.\r\nBo ran.\r\n"
    assert [record.text[start:end] for start, end, _ in record.spans] == ["Ana", "Bo"]


def test_an_entity_may_go_over_a_line_end(write_pair):
    (record,) = read_records(write_pair("T1\tPER 0 8\tAna Tarn\n", "Ana\nTarn ran."))
    assert (record.spans, record.faults) == ((Span(0, 8, "PER"),), ())


def test_an_entity_in_pieces_is_a_fault_with_its_line(write_pair):
    path = write_pair("T1\tPER 0 3\tAna\nT2\tPER 0 3;15 17\tAna Bo\n")
    (record,) = read_records(path)
    assert record.spans == (Span(0, 3, "PER"),)
    ((code, source, detail, span),) = [
        (fault.code, str(fault.source), fault.detail, fault.span) for fault in record.faults
    ]
    assert (code, source, span) == ("discontinuous", f"{path.as_posix()}:2", Span(0, 17, "PER"))
    assert "0 3;15 17" in detail


def test_an_entity_that_quotes_another_text_is_a_fault_with_its_line(write_pair):
    path = write_pair("T1\tPER 0 3\tAna\nT2\tPER 0 3\tBo\n")
    (record,) = read_records(path)
    ((code, source, detail, span),) = [
        (fault.code, str(fault.source), fault.detail, fault.span) for fault in record.faults
    ]
    assert (code, source, span) == ("other-text", f"{path.as_posix()}:2", Span(0, 3, "PER"))
    assert detail == "the data says 'Bo', but characters 0–3 are 'Ana'"


@pytest.mark.parametrize("offsets", ["20 99", "90 99", "5 5", "9 4"])
def test_offsets_that_mark_nothing_are_losses(write_pair, tmp_path, offsets):
    paths = [
        write_pair(f"T1\tPER 0 3\tAna\nT2\tLOC {offsets}\n", name=split) for split in ("train", "dev", "test")
    ]
    ledgers = build(tmp_path / "corpus", *paths)
    assert ledgers["train"].losses["aligned", "bad-offsets"].count.labels == {"LOC": 1}
    assert ledgers["train"].stages["sharded"].labels == {"PER": 1}
    assert [reject["reason"] for reject in read_rejects(tmp_path / "corpus")] == ["bad-offsets"] * 3


def test_an_entity_past_the_end_that_quotes_its_text_is_a_loss(write_pair, tmp_path):
    paths = [
        write_pair("T1\tPER 0 3\tAna\nT2\tLOC 90 94\tCork\n", name=split)
        for split in ("train", "dev", "test")
    ]
    ledgers = build(tmp_path / "corpus", *paths)
    assert ledgers["train"].losses["aligned", "bad-offsets"].count.labels == {"LOC": 1}


def test_a_folder_of_pairs_makes_a_corpus(write_pair, tmp_path):
    for split in ("train", "dev", "test"):
        (tmp_path / split).mkdir()
        for i in range(3):
            write_pair("T1\tPER 0 3\tAna\n", f"Ana left {split} {i}.", name=f"{split}/{i}")
    build(tmp_path / "corpus", *(tmp_path / split for split in ("train", "dev", "test")))
    assert [doc.text for doc in read_split(tmp_path / "corpus")] == [f"Ana left train {i}." for i in range(3)]


@pytest.mark.parametrize("annotations", ["", "\n"])
def test_a_text_without_annotations_is_a_document_without_entities(write_pair, annotations):
    (record,) = read_records(write_pair(annotations))
    assert (record.text, record.spans, record.excluded) == (TEXT, (), None)


def test_a_packed_pair_is_read(write_pair):
    path = write_pair("T1\tPER 0 3\tAna\n")
    packed = path.with_name("a.ann.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    (record,) = read_records(packed)
    assert (record.text, record.spans) == (TEXT, (Span(0, 3, "PER"),))


def test_the_file_can_be_the_group(write_pair):
    path = write_pair("T1\tPER 0 3\tAna\n")
    assert [record.group for record in read_records(path, options=ReadOptions(group_by="file"))] == [
        path.as_posix()
    ]


def test_a_byte_order_mark_is_no_character_of_the_text(write_pair):
    (record,) = read_records(write_pair("\ufeffT1\tPER 0 3\tAna\n", "\ufeffAna ran."))
    assert (record.text, record.spans) == ("Ana ran.", (Span(0, 3, "PER"),))


@pytest.mark.parametrize(
    "line",
    [
        "T1 PER 0 3 Ana",
        "T1\tPER 0\tAna",
        "T1\tPER a b\tAna",
        "T1\tPER -1 3\tAna",
        "T1\tPER 0 3;\tAna",
        "T1\t0 3\tAna",
        "T",
    ],
)
def test_an_entity_that_cannot_be_read_is_an_error_with_its_line(write_pair, line):
    path = write_pair(f"T9\tPER 0 3\tAna\n#1\tAnnotatorNotes T9\tx\n{line}\n")
    message = fails(path)
    assert message.startswith(f"{path.as_posix()}:3: {line!r} is no entity")


def test_a_missing_text_is_an_error_that_names_it(tmp_path, write_text):
    path = write_text("a.ann", "T1\tPER 0 3\tAna\n")
    assert f"{tmp_path / 'a.txt'}: no such file" in fails(path)


@pytest.mark.parametrize(
    ("annotations", "text", "place"),
    [
        ("T1\tPER 0 3\tAna\n", b"Ana\nran\nto \xff", "a.txt:3: byte 4 of the line is not UTF-8"),
        ("T1\tPER 0 3\tAna\n", b"Ana\nr\0n", "a.txt:2: holds a NUL character"),
        ("T1\tPER 0 3\tAna\nT2\tPER 4 7\tr\0n\n", b"Ana ran", "a.ann:2: holds a NUL character"),
        ("T1\tPER 0 3\tAna\n", b"Ana\n" * 2**21 + b"!", "a.txt:1: the document is over 8 MB"),
    ],
    ids=["not UTF-8", "NUL in the text", "NUL in the annotations", "too long"],
)
def test_a_file_that_is_no_text_is_an_error_with_its_line(write_pair, tmp_path, annotations, text, place):
    assert fails(write_pair(annotations, text)).startswith((tmp_path / place).as_posix())


def test_annotations_that_are_not_utf8_are_an_error_with_their_line(write_pair, tmp_path):
    path = write_pair("")
    path.write_bytes(b"T1\tPER 0 3\tAna\nT2\tPER 4 7\tr\xff\n")
    assert f"{path.as_posix()}:2: byte 13 of the line is not UTF-8" in fails(path)


def test_a_pair_that_cannot_be_read_is_rejected_with_its_text(write_pair, tmp_path):
    paths = [write_pair("T1\tPER 0 3\tAna\n", name=split) for split in ("train", "dev", "test")]
    broken = write_pair("T1\tPER 0 5\tÉmile\nT2\tPER 0\tÉmile\n", "Émile left 🚢.", name="broken")
    build(tmp_path / "corpus", f"{paths[0]},{broken}", *paths[1:], on_error="reject", max_reject_rate=1.0)
    (reject,) = read_rejects(tmp_path / "corpus")
    assert (reject["reason"], reject["source"]) == ("unreadable", f"{broken.as_posix()}:1")
    assert "Émile left 🚢." in reject["text"]


def test_an_error_in_the_text_names_the_text_whatever_the_annotations_ending(write_pair, tmp_path):
    path = write_pair("T1\tPER 0 3\tAna\n", b"Ana \xff")
    path.rename(path.with_suffix(".standoff"))
    assert fails(path.with_suffix(".standoff")).startswith(f"{(tmp_path / 'a.txt').as_posix()}:1: ")


def test_findings_name_the_line_of_the_annotation(write_pair, tmp_path):
    text = "Ana left Cork, then Ana met Bo."
    paths = [
        write_pair("T1\tPER 0 3\tAna\nR1\tx Arg1:T1 Arg2:T2\nT2\tLOC 9 14\tCork,\n", text, name=split)
        for split in ("train", "dev", "test")
    ]
    build(tmp_path / "corpus", *paths)
    (shard,) = (tmp_path / "corpus" / "train").glob("*.spacy")
    view = DocView(TaggedShard(shard), 0)
    assert [(view.place(start, end)["source"].rsplit(":", 1)[1]) for start, end, _ in view.ents] == ["1", "3"]


@pytest.mark.parametrize("line", [" T1\tPER 0 3\tAna", "t1\tPER 0 3\tAna", "PER 0 3 Ana", "1\tPER 0 3\tAna"])
def test_a_line_that_is_no_annotation_is_an_error(tmp_path, line):
    (tmp_path / "a.txt").write_text("Ana ran", encoding="utf-8")
    (tmp_path / "a.ann").write_text(f"T2\tX 4 7\tran\n{line}\n", encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"a\.ann:2: .* is no annotation"):
        list(read_records(tmp_path / "a.ann"))


def test_a_damaged_first_line_does_not_make_columns_of_annotations(tmp_path):
    (tmp_path / "a.txt").write_text("Ana ran", encoding="utf-8")
    (tmp_path / "a.ann").write_text("T1\tB-52\t0\t3\n", encoding="utf-8")
    with pytest.raises(AnnotationError, match="is no entity"):
        list(read_records(tmp_path / "a.ann"))
