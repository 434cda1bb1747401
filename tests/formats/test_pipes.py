from functools import partial

import pytest

from scripts.formats.record import AnnotationError
from scripts.formats.registry import choose_format
from tests import make
from tests.make import entities, read

SENTENCES = {
    "pipes": "Ana|B-PER Pilar|I-PER left|O Cork|B-LOC .|O\nBo|B-PER ran|O\n",
    "slashes": "Ana/B-PER Pilar/I-PER left/O Cork/B-LOC ./O\nBo/B-PER ran/O\n",
    "parts of speech": "Ana|NNP|B-PER Pilar|NNP|I-PER left|VBD|O Cork|NNP|B-LOC .|.|O\n"
    "Bo|NNP|B-PER ran|VBD|O\n",
    "tabs and CRLF": "Ana|B-PER\tPilar|I-PER left|O Cork|B-LOC .|O\r\nBo|B-PER ran|O\r\n",
    "blank lines": "\nAna|B-PER Pilar|I-PER left|O Cork|B-LOC .|O\n\n\nBo|B-PER ran|O",
    "IOBES": "Ana|B-PER Pilar|E-PER left|O Cork|S-LOC .|O\nBo|S-PER ran|O\n",
}

fails = partial(make.fails, format="pipes")


@pytest.mark.parametrize("text", SENTENCES.values(), ids=SENTENCES)
def test_each_line_is_a_sentence(write_text, text):
    path = write_text("a.txt", text)
    assert choose_format(path).name == "pipes"
    first, second = read(path)
    assert (first.text, entities(first)) == ("Ana Pilar left Cork.", [("Ana Pilar", "PER"), ("Cork", "LOC")])
    assert (second.text, entities(second)) == ("Bo ran", [("Bo", "PER")])


def test_sentences_can_be_joined_but_not_across_a_mark(write_text):
    text = "-DOCSTART- -X- O O\n\na|O b|B-X\nc|O\n\n-DOCSTART- -X- O O\nd|O\n"
    path = write_text("a.txt", text)
    assert [record.text for record in read(path)] == ["a b c", "d"]
    assert [record.text for record in read(path, sentences_per_doc=1)] == ["a b", "c", "d"]


@pytest.mark.parametrize("token", ["|", "a|b", "||"])
def test_a_token_may_hold_pipes(write_text, token):
    (record,) = read(write_text("a.txt", f"Ana|B-PER {token}|O\n"))
    assert record.words == ("Ana", token)


def test_a_forbidden_tag_is_a_fault_with_its_line(write_text):
    _, second = read(write_text("a.txt", "Ana|B-PER ran|O\nBo|O Cork|I-LOC\n"))
    ((code, source),) = [(fault.code, fault.source.line) for fault in second.faults]
    assert (code, source) == ("i-without-b", 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ana|B-PER left\n", ":1: 'left' has no tag behind '|'"),
        ("Ana|B-PER left|O\nBo|X-PER\n", ":2: 'X-PER' is no tag"),
        ("Ana|B-PER |O\n", ":1: '|O' has not the 2 parts"),
        ("Ana|B-PER\nleft|O\n\nBo|O\n", ":1: each line holds one token"),
    ],
)
def test_a_bad_word_is_an_error_with_its_line(write_text, text, words):
    assert words in fails(write_text("a.txt", text))


@pytest.mark.parametrize(
    "text", ["and/or we saw 1/2 of it\n", "a|b c|d\n", "x | y | z\n", "http://x/O is/O\nfine\n"]
)
def test_prose_is_not_taken_for_it(write_text, text):
    with pytest.raises(AnnotationError, match="none of the formats"):
        choose_format(write_text("a.txt", text))
