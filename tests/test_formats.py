import pytest

from scripts.annotations.formats import Format, detect_format, read_records
from scripts.annotations.record import AnnotationError


@pytest.mark.parametrize(
    ("text", "format"),
    [('\n{"text": "a", "spans": []}\n', Format.jsonl), ("Ana\tO\n", Format.columns), ("-DOCSTART- -X- O O\n", Format.columns)],
)
def test_format_is_told_by_looking(write_text, text, format):
    assert detect_format(write_text("data", text)) is format


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_an_empty_file_is_an_error(write_text, text):
    path = write_text("data", text)
    with pytest.raises(AnnotationError, match="is empty"):
        list(read_records(path))


def test_a_file_without_documents_is_an_error(write_text):
    path = write_text("data", "-DOCSTART- -X- O O\n\n")
    with pytest.raises(AnnotationError, match="holds no document"):
        list(read_records(path))


def test_a_folder_and_a_missing_file_are_errors(tmp_path):
    with pytest.raises(AnnotationError, match="is a folder"):
        list(read_records(tmp_path))
    with pytest.raises(AnnotationError, match="no such file"):
        list(read_records(tmp_path / "none.jsonl"))
