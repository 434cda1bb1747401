"""Suspected annotation errors: where all agree against gold, in which order, and how they are written."""

import json

import pytest
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from scripts.corpus.shards import Document, write_shards
from scripts.report.errors import read_texts
from scripts.report.predictions import INPUTS, Run
from scripts.report.slices import count_forms
from scripts.report.suspects import find_suspects, forms_of, rank_suspects, write_suspects
from tests.report.test_page import HOSTILE, Parsed, found, make_page, make_rows


def write_split(folder, contents):
    """Shards of documents of words, entities by tokens, and (for train) whether annotation is known."""
    documents, vocab = [], Vocab()
    for number, (words, entities) in enumerate(contents, 1):
        doc = Doc(vocab, words=words)
        doc.ents = [Span(doc, *entity) for entity in entities]
        documents.append(Document(doc, 0, len(doc), f"d{number}", f"t.jsonl:{number}"))
    write_shards(folder, 0, documents)


def ranked(runs, corpus):
    """What is suspected, in order, and the texts."""
    suspects = find_suspects(runs)
    texts = read_texts(corpus, {one.place.document for one in suspects})
    uses = count_forms(corpus / "train", forms_of(suspects, texts))
    return rank_suspects(suspects, texts, uses), texts


@pytest.fixture
def suspects_of(tmp_path):
    """Return what is suspected, and its rows, of test documents and predictions by variant and seed."""

    def suspects(train, test, **variants):
        write_split(tmp_path / "train", train)
        write_split(tmp_path / "test", test)
        gold = [by_characters(*document) for document in test]
        runs = {
            name: [
                Run({}, [{"gold": g} | dict.fromkeys(INPUTS, e) for g, e in zip(gold, seed, strict=True)])
                for seed in seeds
            ]
            for name, seeds in variants.items()
        }
        suspects, texts = ranked(runs, tmp_path)
        shown = write_suspects(tmp_path / "suspects.jsonl", suspects, texts)
        lines = (tmp_path / "suspects.jsonl").read_text(encoding="utf-8").splitlines()
        return suspects, [json.loads(line) for line in lines], shown

    return suspects


def by_characters(words, entities):
    """Entities by characters, of words with a space behind each."""
    starts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
    return [[starts[i], starts[j - 1] + len(words[j - 1]), label] for i, j, label in entities]


ANA_IN_CORK = ["Ana", "in", "Cork"]
ANA, CORK = [0, 3, "PER"], [7, 11, "LOC"]
CORK_ORG = [7, 11, "ORG"]
TRAIN = [(["Cork"], [(0, 1, "LOC")])] * 3
GOLD = [(ANA_IN_CORK, [(0, 1, "PER"), (2, 3, "ORG")])]


def test_a_place_where_all_agree_against_gold_is_suspected(suspects_of):
    _, rows, shown = suspects_of(TRAIN, GOLD, cpu=[[[ANA, CORK]]], gpu=[[[ANA, CORK]]])
    assert rows == [
        {
            "rank": 1,
            "score": 0.8,
            "reason": "100 % predict Cork as LOC (3 × in train), gold has Cork as ORG (0 × in train)",
            "source": "t.jsonl:1",
            "id": "d1",
            "text": "Ana in Cork ",
            "spans": [{"start": 0, "end": 3, "label": "PER"}, {"start": 7, "end": 11, "label": "ORG"}],
            "meta": {"source": "t.jsonl:1"},
            "suggested": [{"start": 0, "end": 3, "label": "PER"}, {"start": 7, "end": 11, "label": "LOC"}],
            "places": [{key: shown[0][key] for key in ("rank", "score", "reason", "source")}],
        }
    ]
    assert (shown[0]["text"], shown[0]["at"]) == ("Ana in Cork", [7, 11])
    assert (shown[0]["gold"], shown[0]["predicted"]) == ([ANA, CORK_ORG], [[ANA, CORK]])


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ([ANA, CORK], [ANA, CORK_ORG]),  # one has what gold has
        ([ANA, CORK], [ANA]),
        ([ANA, CORK], [ANA, [7, 11, "WORK"]]),
        ([ANA, CORK], [ANA, [4, 11, "LOC"]]),
        ([ANA], [ANA, [4, 11, "ORG"]]),  # one finds the entity in another form
        ([ANA, CORK_ORG], [ANA, CORK_ORG]),
    ],
)
def test_where_variants_disagree_or_are_right_nothing_is_suspected(suspects_of, one, two):
    assert suspects_of(TRAIN, GOLD, cpu=[[one]], gpu=[[two]]) == ([], [], [])


def test_an_entity_that_none_predicts_and_one_that_gold_lacks_are_suspected(suspects_of):
    train = [(["in", "Cork"], [])] * 2
    both = [[4, 6, "LOC"]]
    _, rows, _ = suspects_of(train, GOLD, cpu=[[[ANA, *both]]], gpu=[[[ANA, *both]]])
    assert [(place["score"], place["reason"]) for place in rows[0]["places"]] == [
        (0.75, "100 % predict Cork as no entity (2 × in train), gold has Cork as ORG (0 × in train)"),
        (0.25, "100 % predict in as LOC (0 × in train), gold has in as no entity (2 × in train)"),
    ]
    assert [span["label"] for span in rows[0]["suggested"]] == ["PER", "LOC"]


def test_seeds_that_disagree_make_a_place_less_suspicious(suspects_of):
    agree, not_all = [[ANA, CORK]], [[ANA, CORK_ORG]]
    (one,), _, _ = suspects_of(TRAIN, GOLD, cpu=[agree, agree], gpu=[agree, not_all])
    assert one.score == 0.6
    assert one.reason.startswith("75 % predict")
    assert suspects_of(TRAIN, GOLD, cpu=[agree, agree], gpu=[not_all])[0] == []


def test_what_train_always_annotates_otherwise_is_most_suspicious(suspects_of):
    """Then what it never shows, with something to suggest first; last what it annotates as gold does."""
    names = ["Rarely", "Never", "Unseen", "Always"]
    train = [(["Always"], [(0, 1, "LOC")])] * 9 + [(["Rarely"], [(0, 1, "ORG")])] * 9
    test = [([name], [(0, 1, "ORG")]) for name in names]
    seed = [[] if name == "Never" else [[0, len(name), "LOC"]] for name in names]
    suspects, rows, shown = suspects_of(train, test, cpu=[seed], gpu=[seed])
    assert [row["text"].strip() for row in rows] == ["Always", "Unseen", "Never", "Rarely"]
    assert [row["rank"] for row in rows] == [one["rank"] for one in shown] == [1, 2, 3, 4]
    assert [one.score for one in suspects] == [0.9091, 0.5, 0.5, 0.0909]


def test_the_page_gets_the_first_places_alone(suspects_of):
    test = [(["Cork"], [(0, 1, "ORG")])] * 25
    seed = [[[0, 4, "LOC"]]] * len(test)
    _, rows, shown = suspects_of(TRAIN, test, cpu=[seed])
    assert (len(rows), len(shown)) == (25, 20)


def test_of_many_places_the_most_suspicious_are_written(suspects_of, tmp_path):
    test = [(["Unseen"], [(0, 1, "ORG")]), (["Cork"], [(0, 1, "ORG")])]
    seed = [[[0, 6, "LOC"]], [[0, 4, "LOC"]]]
    suspects, _, _ = suspects_of(TRAIN, test, cpu=[seed])
    shown = write_suspects(tmp_path / "first.jsonl", suspects, read_texts(tmp_path, {0, 1}), most=1)
    (row,) = map(json.loads, (tmp_path / "first.jsonl").read_text(encoding="utf-8").splitlines())
    assert row["source"] == shown[0]["source"] == "t.jsonl:2"


def test_forms_outside_entities_are_counted_by_tokens(tmp_path):
    """Not inside an entity, nor in another word, nor twice where white space follows."""
    contents = [
        (["New", "York", "\n", "New", "Yorks"], []),
        (["New", "York", "City"], [(0, 3, "LOC")]),
        (["New", "York"], [(1, 2, "LOC")]),
    ]
    write_split(tmp_path, contents)
    uses = count_forms(tmp_path, {"NewYork", "NewYorkNew"})
    outside, loc = {"": 1}, {"LOC": 1}
    assert uses == {"NewYork": outside, "NewYorkNew": outside, "NewYorkCity": loc, "York": loc}


def test_hostile_text_stays_text_in_the_file_and_the_page(tmp_path):
    one, two = make_rows(tmp_path, 2, name=HOSTILE, label=HOSTILE, source=HOSTILE)
    shown = write_suspects(tmp_path / "suspects.jsonl", *ranked({"cpu": [Run({}, one)]}, tmp_path))
    rows = [json.loads(line) for line in (tmp_path / "suspects.jsonl").open(encoding="utf-8", newline="\n")]
    assert [(row["source"], row["suggested"]) for row in rows] == [(f"{HOSTILE}:{i}", []) for i in (1, 2)]
    html = make_page({"cpu": one, "gpu": two}, tmp_path, suspects=shown)
    page = Parsed(html)
    visible = HOSTILE.replace("\u202e", "⟨U+202e⟩")
    assert page.texts["mark"] == [visible * 2] * 2
    assert page.texts["dt"] == ["gold", "suggested"] * 2
    assert page.texts["code"][-1] == f"{visible}:2"
    assert "<img" not in html


def test_without_a_suspect_the_file_is_empty_and_the_page_says_so(suspects_of, tmp_path):
    assert suspects_of(TRAIN, GOLD, cpu=[[[ANA, CORK_ORG]]]) == ([], [], [])
    one, two = make_rows(tmp_path, 2)
    page = Parsed(make_page({"cpu": [found(row, row["gold"]) for row in one], "gpu": two}, tmp_path))
    assert any("gold has something else: 0." in " ".join(text.split()) for text in page.texts["p"])
