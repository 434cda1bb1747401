"""Raw files in a zip: one is read, whatever else is refused by what it is."""

import zipfile
from functools import partial

import pytest

from scripts.formats.raw_file import RawFile
from scripts.formats.registry import read_records
from tests.make import lines, refusal

ROW = b'{"text": "Ana ran", "spans": [[0, 3, "PER"]]}\n'

fails = partial(refusal, lines)


def zipped(path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_the_only_file_of_a_zip_is_read(tmp_path, compression):
    path = zipped(tmp_path / "export.zip", {"all.jsonl": ROW * 3}, compression)
    assert lines(path) == [(1, ROW), (2, ROW), (3, ROW)]
    assert len(list(read_records(path))) == 3


def test_folders_and_hidden_files_of_a_zip_do_not_count(tmp_path):
    others = {"data/": b"", "__MACOSX/data/._all.jsonl": b"x", "data/.DS_Store": b"x"}
    assert lines(zipped(tmp_path / "a.zip", {**others, "data/all.jsonl": ROW})) == [(1, ROW)]


def test_a_zip_can_be_rewound(tmp_path):
    with RawFile(zipped(tmp_path / "a.zip", {"a": ROW * 2})) as file:
        first = list(file.lines())
        file.rewind()
        assert list(file.lines()) == first
        assert 0 < file.position <= file.size


def test_a_zip_of_several_files_is_an_error_that_names_them(tmp_path):
    path = zipped(tmp_path / "a.zip", {f"{name}.jsonl": ROW for name in "fedcba"})
    shown = "a.jsonl, b.jsonl, c.jsonl, d.jsonl, e.jsonl and 1 more"
    assert fails(path) == f"{path}: holds 6 files ({shown}), but one is read; unpack it and name the folder"


def test_a_zip_without_a_file_is_an_error(tmp_path):
    assert "holds 0 files, but one is read" in fails(zipped(tmp_path / "a.zip", {}))


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["[Content_Types].xml", "xl/workbook.xml"], "a spreadsheet (Excel)"),
        (["[Content_Types].xml", "word/document.xml"], "a Word document"),
        (["[Content_Types].xml", "other"], "an office document"),
        (["mimetype", "content.xml", "styles.xml"], "an OpenDocument file"),
    ],
)
def test_office_documents_are_called_what_they_are(tmp_path, names, what):
    path = zipped(tmp_path / "a.xlsx", dict.fromkeys(names, b"<x/>"))
    assert fails(path) == f"{path}: is {what}; export it as CSV or plain text"


def test_an_encrypted_zip_is_an_error(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.jsonl": ROW})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    assert "a.jsonl is encrypted; unpack it with its password" in fails(path)


def test_a_zip_that_was_cut_off_is_an_error(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.jsonl": ROW * 1000})
    path.write_bytes(path.read_bytes()[:-30])
    assert "a damaged zip file" in fails(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_inside_a_zip_is_an_error(tmp_path, compression):
    path = zipped(tmp_path / "a.zip", {"a.jsonl": ROW * 10_000}, compression)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle] ^= 1
    path.write_bytes(data)
    assert "cannot be read on after" in fails(path)


def test_a_zip_packed_in_an_unknown_way_is_an_error(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.jsonl": ROW * 10})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(mark) + offset] = 77
    path.write_bytes(data)
    assert "cannot be unpacked" in fails(path)


def test_a_zip_bomb_is_an_error(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a", "w") as file,
    ):
        for _ in range(12):
            file.write(bytes(8 * 2**20))
    assert "grows to over 200 times" in fails(tmp_path / "a.zip")


def test_text_that_begins_like_a_zip_is_text(write_text):
    assert lines(write_text("a", "PK\tO\n")) == [(1, b"PK\tO\n")]
