import collections
import errno
import gzip
import json
import os
from functools import partial

import pytest

from scripts.formats import raw_file
from scripts.formats.raw_file import RawFile
from scripts.formats.record import AnnotationError
from scripts.formats.registry import choose_format, read_records
from tests.make import lines, refusal

ROW = b'{"text": "Ana ran", "spans": [[0, 3, "PER"]]}\n'

fails = partial(refusal, lines)


def test_lines_are_numbered_and_keep_their_ends(write_text):
    assert lines(write_text("a", "a\n\nb\r\nc")) == [(1, b"a\n"), (2, b"\n"), (3, b"b\r\n"), (4, b"c")]


def test_only_a_line_feed_ends_a_line(write_text):
    text = "a\rb\x0bc\x0cd\x1ce\x85f\u2028g\u2029h"
    assert lines(write_text("a", text + "\n")) == [(1, text.encode() + b"\n")]


def test_a_byte_order_mark_is_skipped_at_the_beginning_only(write_text):
    assert lines(write_text("a", "\ufeffa\n\ufeffb\n")) == [(1, b"a\n"), (2, "\ufeffb\n".encode())]


def test_a_file_of_a_byte_order_mark_alone_has_no_lines(write_text):
    assert lines(write_text("a", "\ufeff")) == []


@pytest.mark.parametrize("length", [10, 11, 12, 21, 22, 23, 100])
def test_of_a_line_that_is_too_long_only_the_beginning_comes(write_text, monkeypatch, length):
    monkeypatch.setattr(raw_file, "MAX_DOCUMENT_BYTES", 10)
    first, second, third = lines(write_text("a", "x" * length + "\n" + "y" * 5 + "\n" + "z" * 40))
    assert first == (1, ("x" * length + "\n").encode()[:11])
    assert second == (2, b"yyyyy\n")
    assert third == (3, b"z" * 11)


def test_rewinding_goes_back_to_the_beginning(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfa\nb\n"))
    with RawFile(path) as file:
        first = list(file.lines())
        file.rewind()
        assert list(file.lines()) == first == [(1, b"a\n"), (2, b"b\n")]


def test_gzip_is_told_by_its_content(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(ROW))
    assert lines(path) == [(1, ROW)]


def test_gzip_of_several_members_is_read_to_the_end(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(ROW) + gzip.compress(ROW))
    assert lines(path) == [(1, ROW), (2, ROW)]


def test_position_counts_bytes_on_disk(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(ROW * 1000))
    with RawFile(path) as file:
        list(file.lines())
        assert file.position == path.stat().st_size


def test_a_gzip_file_that_was_cut_off_is_an_error(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    data = gzip.compress(
        b"".join(json.dumps({"text": f"Ana {i * i}", "spans": []}).encode() + b"\n" for i in range(20_000))
    )
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(
        AnnotationError, match=r"a\.jsonl\.gz: cannot be read on after [\d,]+ bytes of content"
    ):
        list(read_records(path))


def test_a_gzip_file_that_is_damaged_is_an_error(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    data = bytearray(gzip.compress(ROW * 1000))
    data[12:20] = b"\xff" * 8
    path.write_bytes(bytes(data))
    with pytest.raises(AnnotationError, match=r"a\.jsonl\.gz: cannot be read on after 0 bytes of content"):
        choose_format(path)


def test_a_gzip_bomb_is_an_error(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    zeros = gzip.compress(bytes(8 * 2**20))
    with path.open("wb") as file:
        file.write(gzip.compress(ROW))
        for _ in range(12):
            file.write(zeros)
    with (
        RawFile(path) as file,
        pytest.raises(AnnotationError, match=r"a\.jsonl\.gz: grows to over 200 times its [\d,]+ bytes"),
    ):
        collections.deque(iter(lambda: file.read(2**20), b""), maxlen=0)


def test_a_gzip_bomb_of_one_endless_line_is_an_error(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    zeros = gzip.compress(bytes(8 * 2**20))
    with path.open("wb") as file:
        for _ in range(12):
            file.write(zeros)
    with pytest.raises(AnnotationError, match="grows to over 200 times"):
        lines(path)


def test_text_that_shrinks_well_is_no_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_file, "GZIP_CHECKED_FROM", 1000)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(
        gzip.compress(
            b"".join(json.dumps({"text": f"Ana {i * i}", "spans": []}).encode() + b"\n" for i in range(2000))
        )
    )
    assert len(list(read_records(path))) == 2000


def test_a_file_that_is_not_packed_is_no_bomb_however_large(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_file, "GZIP_CHECKED_FROM", 1000)
    path = tmp_path / "a.jsonl"
    path.write_bytes(ROW * 1000)
    assert len(lines(path)) == 1000


def test_what_was_read_before_rewinding_does_not_count_towards_a_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_file, "GZIP_CHECKED_FROM", 1000)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(
        gzip.compress(
            b"".join(json.dumps({"text": f"Ana {i * i}", "spans": []}).encode() + b"\n" for i in range(500))
        )
    )
    with RawFile(path) as file:
        for _ in range(raw_file.MAX_GZIP_RATIO):
            assert len(list(file.lines())) == 500
            file.rewind()


@pytest.mark.parametrize("name", ["", "none.jsonl"])
def test_what_cannot_be_opened_is_an_error_with_the_reason(tmp_path, name):
    with (
        pytest.raises(
            AnnotationError, match=r"cannot be read: (Is a directory|Permission denied|No such file)"
        ),
        RawFile(tmp_path / name),
    ):
        pass


@pytest.mark.parametrize(
    "text", ["Ana\tB-PER\rran\tO\r", "a\rb", '{"text": "a"}\r{"text": "b"}\r', "é\r" * 40_000]
)
def test_lines_that_end_in_cr_alone_are_an_error(write_text, text):
    assert "its lines end in CR alone, as on old Macs; save it with LF line ends" in fails(
        write_text("a", text)
    )


@pytest.mark.parametrize("text", ["a\r\nb\r\n", "a\rb\nc", "a\r", "\r\r", ""])
def test_other_cr_are_let_be(write_text, text):
    assert b"".join(line for _, line in lines(write_text("a", text))) == text.encode()


@pytest.mark.parametrize("change", ["grows", "shrinks", "is rewritten"])
def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path, change):
    path = tmp_path / "a.jsonl"
    path.write_bytes(ROW * 5000)
    with RawFile(path) as file:
        rows = file.lines()
        next(rows)
        with path.open("r+b") as other:
            if change == "grows":
                other.seek(0, 2)
                other.write(ROW)
            elif change == "shrinks":
                other.truncate(len(ROW) * 10)
            else:
                other.write(ROW)
        os.utime(path, ns=(1, 1))
        with pytest.raises(
            AnnotationError, match="was changed while it was read; run the same command again"
        ):
            list(rows)


def test_a_file_that_vanishes_between_two_passes_is_an_error(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(ROW)
    assert lines(path)
    path.unlink()
    assert fails(path).startswith(f"{path}: cannot be read: No such file")


def test_a_read_that_fails_is_an_error_that_says_how_far_it_came(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(ROW)
    with RawFile(path) as file:
        assert file.read(4)

        def fail(size):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        with pytest.raises(
            AnnotationError,
            match=r"a\.jsonl: cannot be read on after 4 bytes of content: .*Input/output error",
        ):
            file._take(fail, 1)


def test_lines_read_and_kinds_counted_start_anew_with_each_pass(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(ROW * 5)
    with RawFile(path) as file:
        for number, _ in file.lines():
            file.count["rows"] += 1
            assert file.lines_read == number
        assert file.count == {"rows": 5}
        file.rewind()
        assert (file.count, file.lines_read) == ({}, 0)
