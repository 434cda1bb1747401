"""Which files a name stands for: paths with commas, patterns, folders, links; and what is refused."""

import errno
import os
from functools import partial
from pathlib import Path

import pytest

from scripts.corpus.raw import RawCorpus
from scripts.formats.find import FoundFiles, find_files
from scripts.formats.record import AnnotationError
from scripts.formats.registry import find_raw_files
from tests.make import refusal

ENDINGS = (".jsonl", ".conll")
ROW = b'{"text": "Ana ran", "spans": [[0, 3, "PER"]]}\n'

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


def touch(*paths) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ROW)


def found(names) -> list[Path]:
    return find_files(str(names), ENDINGS).files


fails = partial(refusal, found)


@pytest.fixture
def refused(monkeypatch):
    """Let the system refuse to open files, or to list folders, of some names."""
    scandir, open_file = os.scandir, Path.open

    def refuse(*names: str):
        def guarded(call):
            def called(path, *args, **kwargs):
                if Path(path).name in names:
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
                return call(path, *args, **kwargs)

            return called

        monkeypatch.setattr(os, "scandir", guarded(scandir))
        monkeypatch.setattr(Path, "open", guarded(open_file))

    return refuse


def test_several_files_are_named_with_commas(tmp_path):
    b, a = tmp_path / "b.jsonl", tmp_path / "a.other"
    touch(a, b)
    assert find_files(f"{b}, {a} ,", ENDINGS).files == [b, a]


def test_a_folder_stands_for_its_files_at_every_depth_sorted(tmp_path):
    wanted = [tmp_path / name for name in ("a.jsonl", "b/1.conll", "b/10.jsonl.gz", "b/2.jsonl", "c.jsonl")]
    touch(*wanted[::-1], tmp_path / "notes.md", tmp_path / "b" / "jsonl")
    assert find_files(str(tmp_path), ENDINGS).files == wanted


def test_hidden_files_and_folders_do_not_count(tmp_path):
    touch(
        tmp_path / "a.jsonl",
        tmp_path / ".b.jsonl",
        tmp_path / ".git" / "c.jsonl",
        tmp_path / "d" / ".e" / "f.jsonl",
    )
    assert find_files(str(tmp_path), ENDINGS).files == [tmp_path / "a.jsonl"]


def test_a_folder_inside_a_hidden_one_may_be_named(tmp_path):
    touch(tmp_path / ".hidden" / "a.jsonl")
    assert find_files(str(tmp_path / ".hidden"), ENDINGS).files == [tmp_path / ".hidden" / "a.jsonl"]


def test_a_folder_that_is_called_like_a_file_is_searched(tmp_path):
    touch(tmp_path / "a.jsonl" / "b.conll")
    assert find_files(str(tmp_path), ENDINGS).files == [tmp_path / "a.jsonl" / "b.conll"]


def test_a_folder_without_a_known_file_is_an_error_that_lists_the_endings(tmp_path):
    touch(tmp_path / "notes.md")
    with pytest.raises(AnnotationError) as error:
        find_files(str(tmp_path), ENDINGS)
    assert str(error.value).startswith(f"{tmp_path}: the folder holds no file that ends in .conll, .jsonl")


def test_a_missing_path_is_an_error_that_names_it(tmp_path):
    touch(tmp_path / "a.jsonl")
    with pytest.raises(AnnotationError) as error:
        find_files(f"{tmp_path / 'a.jsonl'},{tmp_path / 'b.jsonl'}", ENDINGS)
    assert str(error.value).startswith(f"{tmp_path / 'b.jsonl'}: no such file")


def test_a_file_that_is_named_twice_is_read_once(tmp_path):
    touch(tmp_path / "a.jsonl")
    assert find_files(f"{tmp_path},{tmp_path / 'a.jsonl'}", ENDINGS).files == [tmp_path / "a.jsonl"]


@pytest.mark.parametrize("train", ["", " ", ",", " , "])
def test_a_corpus_without_a_training_file_is_an_error(train):
    with pytest.raises(AnnotationError, match="no training file is named"):
        RawCorpus.find(train, "", "")


def test_the_texts_of_brat_are_not_read_by_themselves(tmp_path):
    touch(*(tmp_path / name for name in ("a.ann", "a.txt", "b.txt", "c/a.txt")))
    assert find_raw_files(str(tmp_path)).files == [tmp_path / name for name in ("a.ann", "b.txt", "c/a.txt")]


@pytest.mark.parametrize("name", ["a.CONLL", "a.Jsonl", "a.jsonl.GZ", "a.JSONL.zip"])
def test_endings_count_in_any_case_and_packed(tmp_path, name):
    touch(tmp_path / name)
    assert found(tmp_path) == [tmp_path / name]


def test_a_linked_folder_is_searched(tmp_path):
    touch(tmp_path / "elsewhere" / "a.jsonl")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "elsewhere")
    assert found(tmp_path / "data") == [tmp_path / "data" / "linked" / "a.jsonl"]


def test_links_in_a_circle_end(tmp_path):
    touch(tmp_path / "b" / "a.jsonl")
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    assert found(tmp_path) == [tmp_path / "b" / "a.jsonl"]


def test_a_file_that_is_reached_by_two_names_is_read_once(tmp_path):
    touch(tmp_path / "b.jsonl")
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "b.jsonl")
    assert found(f"{tmp_path},{tmp_path}/./b.jsonl") == [tmp_path / "a.jsonl"]


def test_a_link_that_leads_nowhere_is_an_error_that_names_it(tmp_path):
    touch(tmp_path / "a.jsonl")
    (tmp_path / "b").symlink_to(tmp_path / "gone")
    assert fails(tmp_path).startswith(f"{tmp_path / 'b'}: a link to {tmp_path / 'gone'}, which leads nowhere")


def test_a_link_to_itself_is_an_error_that_names_it(tmp_path):
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "b.jsonl")
    assert fails(tmp_path / "b.jsonl").startswith(f"{tmp_path / 'b.jsonl'}: a link to ")


def test_a_folder_that_may_not_be_read_is_an_error_that_names_it(tmp_path, refused):
    touch(tmp_path / "a.jsonl", tmp_path / "closed" / "b.jsonl")
    refused("closed")
    assert fails(tmp_path).startswith(f"{tmp_path / 'closed'}: the folder cannot be read: Permission denied")


def test_a_file_that_may_not_be_read_is_an_error_that_names_it(tmp_path, refused):
    touch(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    refused("b.jsonl")
    assert fails(tmp_path).startswith(f"{tmp_path / 'b.jsonl'}: cannot be read: Permission denied")


def test_what_may_not_be_read_is_an_error_for_a_pattern_too(tmp_path, refused):
    touch(tmp_path / "a" / "a.jsonl", tmp_path / "closed" / "b.jsonl")
    refused("closed")
    assert fails(tmp_path / "*" / "*.jsonl").startswith(f"{tmp_path / 'closed'}: the folder cannot be read")


def test_what_is_passed_over_is_returned(tmp_path):
    touch(*(tmp_path / name for name in ("a.jsonl", "notes.docx", "b/README.md", ".DS_Store", ".git/config")))
    passed_over = find_files(str(tmp_path), ENDINGS).passed_over
    assert [path.relative_to(tmp_path).as_posix() for path in passed_over] == [
        ".DS_Store",
        ".git",
        "b/README.md",
        "notes.docx",
    ]


def test_what_is_named_by_itself_is_not_passed_over(tmp_path):
    touch(tmp_path / "a.jsonl", tmp_path / "b.other")
    both = find_files(f"{tmp_path},{tmp_path / 'b.other'}", ENDINGS)
    assert both == FoundFiles([tmp_path / "a.jsonl", tmp_path / "b.other"], [])


def test_what_was_found_is_said_in_a_line():
    passed_over = [Path("a") / name for name in ("b.md", "c.md", "d.md", "e.md", "f.md", "g.md", "h.md")]
    assert (
        str(FoundFiles([Path("a")] * 1200, passed_over))
        == "1,200 files read; passed over: 7 (b.md, c.md, d.md, e.md, f.md and 2 more)"
    )
    assert str(FoundFiles([Path("a")])) == "1 file read"


def test_texts_beside_annotations_are_neither_read_nor_passed_over(tmp_path):
    touch(*(tmp_path / name for name in ("a.ANN", "a.TXT.gz", "A.txt", "notes.md")))
    assert find_raw_files(str(tmp_path)) == FoundFiles(
        [tmp_path / "A.txt", tmp_path / "a.ANN"], [tmp_path / "notes.md"]
    )


@pytest.mark.parametrize(
    "name",
    ["a,b.jsonl", "a, b.jsonl", "a,b,c.jsonl", " a.jsonl", "a.jsonl ", "a*.jsonl", "~a.jsonl", "[a].jsonl"],
)
def test_a_name_that_exists_is_taken_as_it_stands(tmp_path, name):
    touch(tmp_path / name, tmp_path / "other.jsonl")
    assert found(tmp_path / name) == [tmp_path / name]
    if "," not in name:
        both = [tmp_path / "other.jsonl", tmp_path / name]
        assert found(f"{both[0]},{both[1]}") == both


def test_a_pattern_stands_for_what_it_matches(tmp_path):
    touch(*(tmp_path / name for name in ("b.jsonl", "a.jsonl", ".c.jsonl", "d.conll", "e/f.jsonl")))
    assert found(tmp_path / "*.jsonl") == [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    assert found(tmp_path / "[ab].jsonl") == [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    assert found(tmp_path / "?" / "*.jsonl") == [tmp_path / "e" / "f.jsonl"]


def test_two_stars_stand_for_folders_at_every_depth(tmp_path):
    touch(tmp_path / "a.jsonl", tmp_path / "b" / "c" / "d.jsonl", tmp_path / "b" / "e.conll")
    assert found(tmp_path / "**" / "*.jsonl") == [tmp_path / "a.jsonl", tmp_path / "b" / "c" / "d.jsonl"]
    assert len(found(tmp_path / "**")) == 3


def test_a_pattern_is_relative_to_the_working_folder(tmp_path, monkeypatch):
    touch(tmp_path / "data" / "a.jsonl")
    monkeypatch.chdir(tmp_path)
    assert found("data/*.jsonl") == found("d*/a.jsonl") == [Path("data") / "a.jsonl"]


def test_a_pattern_without_a_match_is_an_error(tmp_path):
    assert fails(tmp_path / "*.jsonl").startswith(f"{tmp_path / '*.jsonl'}: the pattern matches no file")


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    touch(tmp_path / "a.jsonl")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert found("~/a.jsonl") == found("~/*.jsonl") == [tmp_path / "a.jsonl"]
    assert fails("~nobody-is-called-so/a.jsonl").startswith("~nobody-is-called-so/a.jsonl: no such file")


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_is_refused(name):
    assert fails(name).startswith(f"{name}: files are read several times")


@posix
def test_a_pipe_is_refused_by_name(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    touch(tmp_path / "b.jsonl")
    for name in (tmp_path / "a.jsonl", tmp_path):
        assert fails(name).startswith(f"{tmp_path / 'a.jsonl'}: a pipe or device")


@posix
def test_a_device_is_refused_by_name():
    assert fails("/dev/zero").startswith("/dev/zero: a pipe or device")


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    touch(tmp_path / "a.jsonl")
    message = fails(tmp_path / "a.jsonl" / "b.jsonl")
    assert f"no such file: {tmp_path / 'a.jsonl'} is a file, not a folder" in message


def test_a_missing_file_is_told_with_what_is_called_alike(tmp_path):
    touch(tmp_path / "data" / "train.jsonl")
    assert f"{tmp_path / 'data'} is there" in fails(tmp_path / "dta" / "train.jsonl")
    assert f"{tmp_path / 'data' / 'train.jsonl'} is there" in fails(tmp_path / "data" / "train.json")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", ",".join(["x"] * 300)])
def test_an_impossible_name_is_an_error_of_one_line(name):
    assert "no such file" in fails(name)


def test_an_empty_folder_says_so(tmp_path):
    assert "it is empty" in fails(tmp_path)


def test_a_folder_of_other_files_names_them(tmp_path):
    touch(tmp_path / "report.docx")
    assert "passed over: report.docx" in fails(tmp_path)


def test_a_file_belongs_to_one_split(tmp_path):
    touch(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    with pytest.raises(
        AnnotationError, match=r"a\.jsonl: is named for train and for test; leave vars\.test empty"
    ):
        RawCorpus.find(str(tmp_path), "", f"{tmp_path}/./a.jsonl")


def test_a_corpus_tells_what_is_passed_over(tmp_path):
    touch(tmp_path / "a.jsonl", tmp_path / "b.md")
    assert RawCorpus.find(str(tmp_path), "", "").passed_over["train"] == [tmp_path / "b.md"]
