import pytest

from scripts.annotations.columns import read_columns
from scripts.annotations.record import AnnotationError, Span


def test_sentences_become_documents(write_text):
    path = write_text("a.conll", "Ana\tB-PER\nran\tO\n\nCork\tB-LOC\n")
    first, second = read_columns(path)
    assert (first.text, first.spans) == ("Ana ran", (Span(0, 3, "PER"),))
    assert (second.words, str(second.source)) == (("Cork",), f"{path.as_posix()}:4")


def test_a_line_of_white_space_ends_a_sentence(write_text):
    path = write_text("a.conll", "Ana\tO\n\t\nran\tO\n  \noff\tO\n")
    assert [record.text for record in read_columns(path)] == ["Ana", "ran", "off"]


@pytest.mark.parametrize("mark", ["-DOCSTART- -X- O O", "-DOCSTART-", "-DOCSTART- (12)"])
def test_any_docstart_line_starts_a_document(write_text, mark):
    path = write_text("a.conll", f"{mark}\n\nAna X O\n\nran X O\n\n{mark}\n\noff X O\n")
    first, second = read_columns(path)
    assert (first.words, first.sent_starts) == (("Ana", "ran"), (True, True))
    assert second.words == ("off",)


def test_sentences_are_grouped_where_the_file_has_no_marks(write_text):
    path = write_text("a.conll", "a O\n\nb O\n\nc O\n")
    assert [record.text for record in read_columns(path, sentences_per_doc=2)] == ["a b", "c"]


def test_groups_of_sentences_do_not_cross_a_mark(write_text):
    path = write_text("a.conll", "-DOCSTART- O\n\na O\n\nb O\n\nc O\n\n-DOCSTART- O\n\nd O\n")
    assert [record.text for record in read_columns(path, sentences_per_doc=2)] == ["a b", "c", "d"]


def test_tag_is_the_last_column_and_iob1_is_read(write_text):
    path = write_text("a.txt", "Ana NNP - I-PER\nPilar NNP - I-PER\n\nYip! NNP - I-ORG\nKiru NNP - B-ORG\n")
    first, second = read_columns(path)
    assert first.spans == (Span(0, 9, "PER"),)
    assert second.spans == (Span(0, 4, "ORG"), Span(5, 9, "ORG"))


def test_tokens_may_hold_spaces_between_tabs(write_text):
    (record,) = read_columns(write_text("a.conll", "1 000\tO\nkm\tO\n"))
    assert record.words == ("1 000", "km")


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(write_text):
    (record,) = read_columns(write_text("a.conll", "\ufeffAna\tB-PER\r\nran\tO\r\n"))
    assert (record.words, record.spans) == (("Ana", "ran"), (Span(0, 3, "PER"),))


def test_a_forbidden_tag_is_a_fault_with_its_line(write_text):
    path = write_text("a.conll", "Ana\tB-PER\n\nran\tO\nCork\tI-LOC\n")
    (fault,) = [fault for record in read_columns(path) for fault in record.faults]
    assert (fault.code, fault.source.line) == ("i-without-b", 4)
    assert "'Cork'" in fault.detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ana\tO\nran\n", [":2:", "1 columns instead of 2"]),
        ("Ana O\nran off O\n", [":2:", "3 columns instead of 2"]),
        ("Ana\n", [":1:", "at least 2"]),
        ("Ana\tPERSON\n", [":1:", "'PERSON' is no tag"]),
        ("\tO\n", [":1:", "empty token"]),
    ],
)
def test_a_bad_row_is_an_error_with_its_line(write_text, text, words):
    path = write_text("a.conll", text)
    with pytest.raises(AnnotationError) as error:
        list(read_columns(path))
    for word in words:
        assert word in str(error.value)
