import pytest
import spacy
from spacy.tokens import Doc, Span

from scripts.report.scores import score_entities, score_gold_tokens, score_raw_text, with_spaces
from scripts.report.tables import Row, as_markdown


def one(predicted, gold):
    return score_entities([(set(predicted), set(gold))])


@pytest.mark.parametrize(
    ("predicted", "gold", "p", "r"),
    [
        ([(0, 3, "PER")], [(0, 3, "PER")], 1.0, 1.0),
        ([(0, 3, "ORG")], [(0, 3, "PER")], 0.0, 0.0),
        ([(0, 2, "PER")], [(0, 3, "PER")], 0.0, 0.0),
        ([(0, 3, "PER"), (4, 5, "PER")], [(0, 3, "PER")], 0.5, 1.0),
        ([(0, 3, "PER")], [(0, 3, "PER"), (4, 5, "PER")], 1.0, 0.5),
        ([], [(0, 3, "PER")], 0.0, 0.0),
    ],
)
def test_only_the_very_characters_and_label_count(predicted, gold, p, r):
    scores = one(predicted, gold)
    assert scores["ents_p"] == pytest.approx(p)
    assert scores["ents_r"] == pytest.approx(r)


def test_each_label_is_scored_by_itself():
    per_type = one([(0, 3, "PER"), (4, 6, "LOC")], [(0, 3, "PER"), (4, 6, "ORG")])["ents_per_type"]
    assert {label: score["f"] for label, score in per_type.items()} == {
        "PER": pytest.approx(1.0),
        "LOC": 0.0,
        "ORG": 0.0,
    }


@pytest.fixture
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "LOC", "pattern": "Cork"}])
    return nlp


def gold_doc(nlp, words, spaces=None):
    doc = Doc(nlp.vocab, words=words, spaces=spaces)
    doc.ents = [Span(doc, words.index("Cork"), words.index("Cork") + 1, label="LOC")]
    return doc


def test_raw_text_is_tokenised_anew(nlp):
    """The gold tokens split `Cork_harbour`; the tokeniser does not, so only gold tokens find the name."""
    gold = [gold_doc(nlp, ["in", "Cork", "_harbour"], [True, False, False])]
    assert score_gold_tokens(nlp, gold)["ents_f"] == pytest.approx(1.0)
    assert score_raw_text(nlp, gold)["ents_f"] == 0.0


def test_gold_annotation_is_not_shown_to_the_pipeline(nlp):
    gold = [gold_doc(nlp, ["in", "Cork"])]
    nlp.remove_pipe("entity_ruler")
    assert score_gold_tokens(nlp, gold)["ents_r"] == 0.0


def test_markdown_keeps_the_indent_and_escapes_bars():
    assert (
        as_markdown(("", "a|b"), [Row("  x", ("1",))])
        == "|  | a\\|b |\n| --- | ---: |\n| &nbsp;&nbsp;x | 1 |\n"
    )


def test_raw_text_of_token_level_data_has_the_spaces_that_the_shard_knows():
    nlp = spacy.blank("en")
    doc = Doc(
        nlp.vocab,
        words=["Ana", "left", "(", "Cork", ")", "."],
        user_data={"spaces": bytes([1, 1, 0, 0, 0, 0])},
    )
    doc.ents = [Span(doc, 0, 1, label="PER"), Span(doc, 3, 4, label="LOC")]
    made = with_spaces(doc)
    assert made.text == "Ana left (Cork)."
    assert [(ent.text, ent.label_) for ent in made.ents] == [("Ana", "PER"), ("Cork", "LOC")]


def test_other_documents_stay_as_they_are():
    doc = spacy.blank("en")("Ana left.")
    assert with_spaces(doc) is doc
