"""Scores of what train has shown and what it has not, of short and long, of groups."""

from collections import Counter

import spacy
from spacy.tokens import Doc, Span

from scripts.corpus.shards import Document, write_shards
from scripts.report.matching import pair_entities
from scripts.report.slices import GROUPS, count_forms, score_slices

USES = {"Cork": Counter(LOC=1), "NewYork": Counter(LOC=1, ORG=1)}


def make(*words, group=None):
    return Doc(spacy.blank("en").vocab, words=words, user_data={"group": group} if group else {})


def numbers(found):
    return {name: (each["tp"], each["fp"], each["fn"]) for name, each in found.items()}


def test_forms_of_train_are_told_by_label_and_without_white_space(tmp_path):
    doc = make("in", "New", "York", "Cork", "York")
    doc.ents = [Span(doc, 1, 3, label="LOC"), Span(doc, 3, 4, label="LOC")]
    other = make("New", "York")
    other.ents = [Span(other, 0, 2, label="ORG")]
    documents = [Document(each, 0, len(each), str(i), f"t:{i}") for i, each in enumerate((doc, other))]
    write_shards(tmp_path, 0, documents)
    assert count_forms(tmp_path) == USES


def test_seen_with_this_label_with_another_or_never():
    doc = make("Cork", "New", "York", "Ana")  # 0–4, 5–13, 14–17
    gold = [(0, 4, "LOC"), (5, 13, "PER"), (14, 17, "PER")]
    predicted = [(0, 4, "LOC"), (5, 13, "ORG"), (14, 17, "LOC")]
    found = score_slices([doc], [pair_entities(gold, predicted)], USES)["surface form"]
    assert numbers(found) == {
        "seen with this label": (1, 1, 0),
        "seen with another label": (0, 0, 1),
        "never seen": (0, 1, 1),
    }


def test_lengths_are_in_gold_tokens():
    """A prediction from raw text may end inside a gold token, which then counts."""
    doc = make("a", "b", "c", "d", "ee")
    found = score_slices([doc], [pair_entities([(0, 1, "X"), (2, 7, "X")], [(0, 1, "X"), (4, 9, "X")])], {})
    assert numbers(found["entity length"]) == {"1": (1, 0, 0), "3–4": (0, 1, 1)}
    assert numbers(found["document length"]) == {"5–8": (1, 1, 1)}
    assert "group" not in found


def test_the_groups_with_most_entities():
    docs = [make("a", "b", "c", group=f"g{number}") for number in range(GROUPS + 5)]
    gold = [[(0, 1, "X")] if number < 5 else [(0, 1, "X"), (2, 3, "X")] for number in range(len(docs))]
    found = score_slices(docs, [pair_entities(each, each[:1]) for each in gold], {})["group"]
    assert {*found} == {f"g{number}" for number in range(5, GROUPS + 5)}
    assert {*numbers(found).values()} == {(1, 0, 1)}
