"""Raw files of other encodings: told by a mark, named, suggested, refused."""

import codecs
import gzip
from functools import partial

import pytest

from scripts.formats import encoding
from scripts.formats.encoding import encoding_name, suggest_encoding
from scripts.formats.raw_file import RawFile
from scripts.formats.registry import choose_format, read_records
from tests.make import lines, refusal

TEXT = "Zoë\tB-PER\nmet\tO\n東京\tB-LOC\n😀\tO\n"
LATIN = "Zoë\tB-PER\nnaïve\tO\n"
MARKS = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}

fails = partial(refusal, lines)


@pytest.fixture
def write(tmp_path):
    def write_file(data: bytes, name: str = "a.conll"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write_file


def as_lines(text: str) -> list[tuple[int, bytes]]:
    return list(enumerate(text.encode("utf-8").splitlines(keepends=True), start=1))


@pytest.mark.parametrize("name", MARKS)
@pytest.mark.parametrize("named", ["utf-8", "cp1252"])
def test_a_byte_order_mark_outweighs_what_is_named(write, name, named):
    assert lines(write(MARKS[name] + TEXT.encode(name)), named) == as_lines(TEXT)


def test_a_mark_of_utf_8_outweighs_what_is_named(write):
    assert lines(write(codecs.BOM_UTF8 + LATIN.encode("utf-8")), "cp1252") == as_lines(LATIN)


@pytest.mark.parametrize("name", ["cp1252", "latin-1", "ISO-8859-15", "mac_roman", "cp500"])
def test_a_file_of_a_named_encoding_is_read_as_utf_8(write, name):
    assert lines(write(LATIN.encode(name)), name) == as_lines(LATIN)


def test_packed_files_may_have_any_encoding(write):
    assert lines(write(gzip.compress(TEXT.encode("utf-16")))) == as_lines(TEXT)


def test_format_and_records_of_utf_16_are_those_of_utf_8(write):
    wide, narrow = write(TEXT.encode("utf-16"), "wide.conll"), write(TEXT.encode("utf-8"), "narrow.conll")
    assert choose_format(wide).name == "columns"
    assert [record.spans for record in read_records(wide)] == [
        record.spans for record in read_records(narrow)
    ]


def test_characters_at_the_edges_of_chunks_are_whole(write, monkeypatch):
    monkeypatch.setattr(encoding, "CHUNK", 3)
    assert lines(write(TEXT.encode("utf-16"))) == as_lines(TEXT)


def test_reading_by_size_gives_the_same_bytes(write):
    with RawFile(write(TEXT.encode("utf-16"))) as file:
        assert b"".join(iter(lambda: file.read(5), b"")) == TEXT.encode("utf-8")


def test_rewinding_goes_back_to_the_beginning(write):
    path = write(TEXT.encode("utf-16"))
    with RawFile(path) as file:
        first = list(file.lines())
        assert file.position == path.stat().st_size
        file.rewind()
        assert list(file.lines()) == first


def test_what_ends_lines_elsewhere_ends_none_here(write):
    text = "a\x0bb\x0cc\x85d\u2028e\u2029f\rg\nh"
    assert lines(write(text.encode("utf-16"))) == [(1, text[:-1].encode()), (2, b"h")]


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ['{"text": "Ana", "spans": []}\n', "東京\tB-LOC\n", "中\tO\n国\tO\n人\tO\n"])
def test_utf_16_without_a_mark_is_an_error_that_names_it(write, name, text):
    assert f"every other byte is NUL, as in UTF-16 without a byte order mark; set encoding={name}" in fails(
        write(text.encode(name))
    )


def test_utf_16_without_a_mark_is_read_where_it_is_named(write):
    assert lines(write(TEXT.encode("utf-16-be")), "utf-16-be") == as_lines(TEXT)


@pytest.mark.parametrize("data", [b"a\0b\tO\n" * 1000, bytes(5000), b"a\0", b"PAR1" + bytes(range(8)) * 9])
def test_other_nul_bytes_are_not_taken_for_utf_16(write, data):
    assert lines(write(data))


def test_a_file_that_is_utf_8_is_not_read_as_something_else(write):
    assert "is UTF-8 already, not cp1252; leave encoding out" in fails(
        write((LATIN * 20).encode("utf-8")), "cp1252"
    )


def test_ascii_is_read_whatever_is_named(write):
    assert lines(write(b"Ana\tO\n"), "shift_jis") == [(1, b"Ana\tO\n")]


@pytest.mark.parametrize(
    ("name", "data"),
    [("cp1252", b"\x81"), ("ascii", b"\xe9"), ("utf-16-le", b"\0\xd8a\0"), ("shift_jis", b"\x81\n")],
)
def test_bytes_that_the_encoding_has_not_are_an_error_with_their_line(write, name, data):
    message = fails(write("one\ntwo\n".encode(name) + data), name)
    assert message.startswith(f"{write(b'')}:3: byte 0x{data[:1].hex()} is not {encoding_name(name)} (")


def test_a_file_that_ends_inside_a_character_is_an_error(write):
    assert ":2: " in fails(write("a\nb".encode("utf-16") + b"x"))


@pytest.mark.parametrize("name", ["utf-9", "base64", "rot13", "", "a\0b"])
def test_an_unknown_encoding_is_an_error_that_lists_some(write, name):
    assert f"no text encoding is called {name!r}; set encoding to a name such as utf-8" in fails(
        write(b"a"), name
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cp1252", "Das Café in der Müllerstraße kostet 5 € – „sehr gut“"),
        ("cp1252", '{"text": "Müller wohnt in Köln", "spans": [[0, 6, "PER"]]}'),
        ("cp1252", "São Paulo é grande, não é?"),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
        ("cp1251", "Анна живёт в Париже и работает в банке."),
        ("koi8_r", "Анна живёт в Париже и работает в банке."),
        ("shift_jis", "東京\tB-LOC\nに\tO\n住んでいます\tO\n"),
        ("gb18030", "北京是中国的首都,我们都很喜欢这里"),
        ("euc_kr", "서울은 한국의 수도이다"),
        ("utf-16-le", "Ana\tB-PER\n"),
    ],
)
def test_an_encoding_is_suggested(name, text):
    assert suggest_encoding(text.encode(name)) == name


def test_an_encoding_is_suggested_from_what_stands_around_the_first_odd_byte():
    assert (
        suggest_encoding(
            b"Ana ran.\n" * 20_000 + "Málaga está en España\n".encode("cp1252") + b"Ana ran.\n" * 20_000
        )
        == "cp1252"
    )


@pytest.mark.parametrize("text", ["", "Ana", TEXT])
def test_nothing_is_suggested_for_utf_8(text):
    assert suggest_encoding(text.encode("utf-8")) is None
