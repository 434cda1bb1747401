import random
from itertools import combinations

import numpy
import pytest

from scripts.corpus.duplicates import BEGINS, SHINGLE, equal, first_of_group, near, shingles
from tests.make import invented


def grouped(tmp_path, texts, *, chunk=7):
    """The first document of each one's group."""
    path = tmp_path / "shingles"
    path.write_bytes(b"".join(shingles(texts[i : i + chunk]).tobytes() for i in range(0, len(texts), chunk)))
    return first_of_group(len(texts), near(path, numpy.arange(len(texts)))).tolist()


def grouped_by_definition(texts):
    """The same, by comparing all pairs."""
    runs = [set(zip(*(words[i:] for i in range(SHINGLE)), strict=False)) for words in map(str.split, texts)]
    pairs = [
        (i, j)
        for i, j in combinations(range(len(texts)), 2)
        if 5 * len(runs[i] & runs[j]) >= 4 * len(runs[i] | runs[j])
    ]
    return first_of_group(len(texts), numpy.array(pairs, dtype=int).reshape(-1, 2).T).tolist()


def test_texts_are_sets_of_three_word_runs():
    found = shingles(["a b c d", "a b c a b c a", "", "Ana"])
    assert found.dtype == numpy.uint32
    assert ((found & BEGINS) > 0).tolist() == [True, False, True, False, False, True, True]
    assert len(set((found & ~BEGINS).tolist())) == 6  # a b c is in two


@pytest.mark.parametrize(
    "other", [str.upper, lambda text: text.replace(" ", " \n"), lambda text: f"  {text}\n"]
)
def test_case_and_white_space_do_not_count(other):
    text = invented(1)
    assert (shingles([text]) == shingles([other(text)])).all()


def test_the_order_of_words_counts():
    text = invented(1)
    other = " ".join(reversed(text.split()))
    assert not set((shingles([text]) & ~BEGINS).tolist()) & set((shingles([other]) & ~BEGINS).tolist())


@pytest.mark.parametrize("seed", range(8))
def test_near_duplicates_are_those_of_the_definition(tmp_path, seed):
    """Among texts of a few templates, many of them about as alike as is just near, or just not."""
    draw = random.Random(seed)
    words = [f"w{i}" for i in range(60)]
    templates = [[draw.choice([*words, None]) for _ in range(draw.randint(3, 40))] for _ in range(6)]
    texts = [
        " ".join(
            draw.choice(words[:4]) if word is None or draw.random() < 0.03 else word for word in template
        )
        for template in draw.choices(templates, k=150)
    ]
    expected = grouped_by_definition(texts)
    assert 10 < len(set(expected)) < 140
    assert grouped(tmp_path, texts) == expected


def test_the_order_of_documents_changes_no_group(tmp_path):
    texts = [f"{invented(i % 9, 30)} {invented(i % 4, 5)} {i % 3}" for i in range(80)]
    order = random.Random(1).sample(range(80), 80)
    first, second = grouped(tmp_path, texts), grouped(tmp_path, [texts[i] for i in order])
    at = {document: place for place, document in enumerate(order)}
    assert all(
        (first[i] == first[j]) == (second[at[i]] == second[at[j]]) for i, j in combinations(range(80), 2)
    )


def test_a_row_of_near_duplicates_is_one_group(tmp_path):
    words = invented(1, 60).split()
    texts = [" ".join([*words[i:], *invented(2, 60).split()[:i]]) for i in range(0, 30, 3)]
    assert grouped_by_definition([texts[0], texts[-1]]) == [0, 1]
    assert grouped(tmp_path, texts) == [0] * 10


def test_a_share_of_four_fifths_is_near_and_less_is_not(tmp_path):
    words = invented(1, 102).split()  # 100 runs
    near, less = (
        " ".join([*words[:count], *invented(2, 102).split()[count:]]) for count in (91, 90)
    )  # 89 and 88 of 111 and 112
    assert grouped(tmp_path, [" ".join(words), near]) == [0, 0]
    assert grouped(tmp_path, [" ".join(words), less]) == [0, 1]


def test_more_runs_than_are_handled_at_once_change_nothing(tmp_path, monkeypatch):
    texts = [f"{invented(i % 7)} {i}" for i in range(40)]
    expected = grouped(tmp_path, texts)
    monkeypatch.setattr("scripts.corpus.duplicates.AT_ONCE", 500)
    assert grouped(tmp_path, texts) == expected


def test_only_the_rows_asked_for_are_joined(tmp_path):
    path = tmp_path / "shingles"
    path.write_bytes(
        shingles([invented(1), invented(1), f"{invented(1)} besides", invented(1).upper()]).tobytes()
    )
    assert first_of_group(4, near(path, numpy.array([1, 2]))).tolist() == [0, 1, 1, 3]


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
    pairs = numpy.array([(5, 3), (4, 5), (2, 1)]).T
    assert first_of_group(6, pairs).tolist() == [0, 1, 1, 3, 3, 3]
    assert first_of_group(6, pairs, numpy.array([(4,), (1,)])).tolist() == [0, 1, 1, 1, 1, 1]
    assert first_of_group(3).tolist() == [0, 1, 2]


def test_documents_of_equal_keys_are_joined_and_those_without_a_key_stay_alone():
    keys = numpy.array([7, 9, 0, 7, 8, 9, 0, 7], dtype=numpy.uint64)
    assert first_of_group(8, equal(keys)).tolist() == [0, 1, 2, 0, 4, 1, 6, 0]


@pytest.mark.parametrize("block", [1, 40, 300])
def test_blocks_change_nothing(tmp_path, monkeypatch, block):
    texts = [f"{invented(i % 7, 12)} {i % 11}" for i in range(60)] + ["one", "one", "two words"]
    expected = grouped(tmp_path, texts)
    monkeypatch.setattr("scripts.corpus.duplicates.BLOCK", block)
    assert grouped(tmp_path, texts) == expected


@pytest.mark.slow
def test_very_many_documents_of_one_run_are_compared(tmp_path):
    texts = [f"Berth {i}" for i in range(70_000)] * 2
    assert grouped(tmp_path, texts, chunk=10_000) == list(range(70_000)) * 2
