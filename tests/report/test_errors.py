"""The places of errors, and what the page gets of each."""

import pytest
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from scripts.corpus.shards import Document, write_shards
from scripts.report.errors import CHARACTERS_AROUND, MOST_CHARACTERS, TOKENS_AROUND, find_places, within
from scripts.report.matching import KINDS
from scripts.report.predictions import INPUTS, Run
from tests.report.drawn_entities import browse_errors

ORG, LOC = (0, 4, "ORG"), (10, 14, "LOC")


def places_of(gold, *predictions):
    """The places of a document, by what each run predicts."""
    runs = [Run({}, [dict.fromkeys(INPUTS, predicted) | {"gold": gold}]) for predicted in predictions]
    return [*find_places(runs)]


def test_a_document_without_an_error_has_no_place():
    assert places_of([ORG, LOC], [ORG, LOC], [ORG, LOC]) == []


def test_a_place_has_the_pairs_of_all_variants_and_those_right_everywhere_are_none():
    (place,) = places_of([ORG, LOC], [ORG], [ORG, LOC])
    assert (place.start, place.end) == (10, 14)
    assert place.pairs == [(0, (LOC, None)), (1, (LOC, LOC))]


def test_entities_that_overlap_through_another_are_one_place():
    """One variant's prediction joins two gold entities."""
    places = places_of([ORG, (5, 9, "LOC")], [(2, 7, "ORG")], [ORG])
    assert [(place.start, place.end, len(place.pairs)) for place in places] == [(0, 9, 4)]


def test_neighbours_that_touch_are_two_places():
    places = places_of([(0, 4, "ORG"), (4, 8, "ORG")], [])
    assert [(place.start, place.end) for place in places] == [(0, 4), (4, 8)]


def test_entities_are_cut_to_the_text_that_is_shown():
    entities = [(0, 3, "A"), (4, 8, "B"), (9, 12, "C"), (14, 15, "D")]
    assert within(entities, 3, 9) == [[1, 5, "B"]]
    assert within(entities, 5, 10) == [[0, 3, "B"], [4, 5, "C"]]


@pytest.fixture
def make_corpus(tmp_path):
    """Write train, which knows Cork as LOC, and a test split of documents of words and entities by tokens."""

    def write(split, contents):
        documents, vocab = [], Vocab()
        for number, (words, entities) in enumerate(contents):
            doc = Doc(vocab, words=words)
            doc.ents = [Span(doc, *entity) for entity in entities]
            documents.append(Document(doc, 0, len(doc), f"{number}", f"t.jsonl:{number + 1}"))
        write_shards(tmp_path / split, 0, documents)

    def make(contents):
        write("train", [(["Cork"], [(0, 1, "LOC")])])
        write("test", contents)
        return tmp_path

    return make


def row(number, gold, predicted):
    return {"source": f"t.jsonl:{number}", "gold": gold} | dict.fromkeys(INPUTS, predicted)


def test_each_place_has_text_file_and_line_kinds_and_whether_train_shows_it(make_corpus):
    corpus = make_corpus([(["all", "right"], []), (["in", "Cork", "Ana"], [(1, 2, "LOC"), (2, 3, "PER")])])
    gold = [[3, 7, "LOC"], [8, 11, "PER"]]
    one = [row(1, [], []), row(2, gold, [[3, 7, "ORG"]])]
    two = [row(1, [], []), row(2, gold, [[0, 2, "LOC"], *gold])]
    found = browse_errors({"cpu": one, "gpu": two}, corpus)
    assert found["variants"] == ["cpu", "gpu"]
    assert found["total"] == len(found["places"]) == 3
    assert {place["source"] for place in found["places"]} == {"t.jsonl:2"}
    spurious, cork, ana = found["places"]
    assert cork["text"] == "in Cork Ana"
    assert (cork["at"], cork["cut"]) == ([3, 7], [False, False])
    assert cork["gold"] == gold
    assert cork["predicted"] == [[[3, 7, "ORG"]], [[0, 2, "LOC"], *gold]]

    def said(place):
        return [
            (found["variants"][variant], found["kinds"][found["types"][number][0]], found["seen"][seen])
            for variant, number, seen, _ in place["pairs"]
        ]

    assert said(spurious) == [("gpu", "spurious", "never seen")]
    assert said(cork) == [
        ("cpu", "boundary_only", "seen with this label"),
        ("gpu", "exact", "seen with this label"),
    ]
    assert said(ana) == [("cpu", "missed", "never seen"), ("gpu", "exact", "never seen")]


def test_pairs_have_the_confidence_of_the_prediction(make_corpus):
    corpus = make_corpus([(["in", "Cork", "Ana"], [(1, 2, "LOC"), (2, 3, "PER")])])
    gold = [[3, 7, "LOC"], [8, 11, "PER"]]
    sure = row(1, gold, [[0, 2, "LOC"], [3, 7, "ORG"]]) | {"confidence": {"gold_tokens": [None, 0.75]}}
    found = browse_errors({"cpu": [sure], "gpu": [row(1, gold, gold)]}, corpus)
    assert [[pair[3] for pair in place["pairs"]] for place in found["places"]] == [
        [None],
        [0.75, None],
        [None, None],
    ]


def test_kinds_of_errors_are_counted_for_each_variant(make_corpus):
    corpus = make_corpus([(["Ana"], [(0, 1, "PER")])] * 3)
    gold = [[0, 3, "PER"]]
    one, two = [row(i, gold, []) for i in range(3)], [row(i, gold, [] if i else gold) for i in range(3)]
    found = browse_errors({"cpu": one, "gpu": two}, corpus)
    exact, missed = KINDS.index("exact"), KINDS.index("missed")
    assert found["types"] == [[exact, "PER", "PER", [0, 1]], [missed, "PER", "", [3, 2]]]


def test_of_too_many_places_a_sample_is_kept_but_all_are_counted(make_corpus):
    corpus = make_corpus([(["Ana"], [(0, 1, "PER")])] * 50)
    rows = [row(number, [[0, 3, "PER"]], []) for number in range(50)]
    found = browse_errors({"cpu": rows}, corpus, most=7)
    assert (found["total"], len(found["places"])) == (50, 7)
    assert found["types"][0][3] == [50]
    assert found == browse_errors({"cpu": rows}, corpus, most=7)


def test_long_documents_and_long_words_are_cut(make_corpus):
    words = ["a"] * 100 + ["Ana"] + ["a"] * 100 + ["b" * 5000, "c" * 5000]
    corpus = make_corpus([(words, [])])
    spurious = [[200, 203, "PER"], [404, 404 + 10_001, "PER"]]
    found = browse_errors({"cpu": [row(1, [], spurious)]}, corpus)
    ana, long = found["places"]
    assert ana["text"] == "a " * TOKENS_AROUND + "Ana" + " a" * TOKENS_AROUND
    assert (ana["cut"], ana["at"]) == ([True, True], [2 * TOKENS_AROUND, 2 * TOKENS_AROUND + 3])
    assert len(long["text"]) == MOST_CHARACTERS
    assert long["at"][1] == MOST_CHARACTERS >= 2 * CHARACTERS_AROUND
