import numpy
import pytest

from scripts.corpus.duplicates import PERMUTATIONS, Groups, join_equal, join_near, signatures
from tests.make import invented


def grouped(tmp_path, texts):
    """The first document of each one's group."""
    path = tmp_path / "signatures"
    path.write_bytes(signatures(texts).tobytes())
    groups = Groups(len(texts))
    join_near(groups, path, numpy.arange(len(texts)))
    return [groups.first(i) for i in range(len(texts))]


def test_a_signature_has_as_many_numbers_as_there_are_permutations():
    assert signatures([invented(1), "", "one"]).shape == (3, PERMUTATIONS)
    assert signatures([invented(1)]).dtype == numpy.uint32


@pytest.mark.parametrize("other", [str.upper, lambda text: text.replace(" ", " \n"), lambda text: f"  {text}\n"])
def test_case_and_white_space_do_not_count(other):
    text = invented(1)
    assert (signatures([text]) == signatures([other(text)])).all()


def test_the_order_of_words_counts():
    text = invented(1)
    assert (signatures([text]) == signatures([" ".join(reversed(text.split()))])).mean() < 0.2


def test_texts_that_differ_in_a_word_are_near(tmp_path):
    words = invented(1).split()
    other = " ".join([*words[:40], "besides", *words[40:]])
    assert grouped(tmp_path, [invented(2), " ".join(words), invented(3), other]) == [0, 1, 2, 1]


def test_texts_that_share_half_are_not_near(tmp_path):
    half = invented(1, 40)
    assert grouped(tmp_path, [f"{half} {invented(2, 40)}", f"{half} {invented(3, 40)}"]) == [0, 1]


def test_equal_texts_are_near_however_short(tmp_path):
    assert grouped(tmp_path, ["Ana", "Bo", "ana ", "Ana ran", "Bo"]) == [0, 1, 0, 3, 1]


def test_nothing_is_joined_where_there_is_nothing(tmp_path):
    assert grouped(tmp_path, []) == []
    assert grouped(tmp_path, ["one"]) == [0]


def test_a_great_many_equal_texts_are_one_group(tmp_path):
    assert grouped(tmp_path, ["the very same form letter, sent out daily"] * 500) == [0] * 500


def test_later_texts_leave_the_groups_of_earlier_ones(tmp_path):
    texts = [invented(i % 7) + f" {i}" for i in range(40)]
    before = grouped(tmp_path, texts)
    assert before != list(range(40))
    assert grouped(tmp_path, [*texts, *(invented(100 + i) for i in range(20))])[:40] == before


def test_a_group_is_known_by_its_first_document():
    groups = Groups(6)
    for pair in ((5, 3), (4, 5), (2, 1)):
        groups.join(*pair)
    assert [groups.first(i) for i in range(6)] == [0, 1, 1, 3, 3, 3]
    groups.join(4, 1)
    assert [groups.first(i) for i in range(6)] == [0, 1, 1, 1, 1, 1]


def test_documents_of_equal_keys_are_joined():
    groups = Groups(5)
    join_equal(groups, numpy.array([7, 9, 7, 8, 9], dtype=numpy.uint64))
    assert [groups.first(i) for i in range(5)] == [0, 1, 0, 3, 1]


def test_documents_without_a_key_stay_alone():
    groups = Groups(4)
    join_equal(groups, numpy.array([0, 5, 0, 5], dtype=numpy.uint64))
    assert [groups.first(i) for i in range(4)] == [0, 1, 2, 1]
