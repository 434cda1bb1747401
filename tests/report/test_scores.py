import pytest
import spacy
from spacy.tokens import Doc, Span

from scripts.corpus.exports import with_spaces
from scripts.corpus.files import sha256
from scripts.report.predictions import write_predictions
from scripts.report.scores import predict
from scripts.report.templates import render


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
    (row,) = predict(nlp, [gold_doc(nlp, ["in", "Cork", "_harbour"], [True, False, False])])
    assert row["gold"] == row["gold_tokens"] == [(3, 7, "LOC")]
    assert row["raw_text"] == []


def test_gold_annotation_is_not_shown_to_the_pipeline(nlp):
    gold = [gold_doc(nlp, ["in", "Cork"])]
    nlp.remove_pipe("entity_ruler")
    assert predict(nlp, gold)[0]["gold_tokens"] == []


def test_a_row_says_where_a_document_is_from(nlp):
    doc = gold_doc(nlp, ["in", "Cork"])
    doc.user_data |= {"id": "a", "source": "t.jsonl:1", "group": "g", "spaces": bytes([1, 0])}
    rows = predict(nlp, [doc, gold_doc(nlp, ["Cork"])])
    entities = {"gold": [(3, 7, "LOC")], "gold_tokens": [(3, 7, "LOC")], "raw_text": [(3, 7, "LOC")]}
    assert rows[0] == {"id": "a", "source": "t.jsonl:1", "group": "g", "tokens": 2} | entities
    assert [*rows[1]] == ["tokens", "gold", "gold_tokens", "raw_text"]


def test_predictions_are_a_row_a_document(tmp_path):
    rows = [{"id": "ä", "gold": [(0, 3, "LOC")]}, {"id": "b", "gold": []}]
    assert write_predictions(tmp_path, rows) == sha256(tmp_path / "predictions.jsonl")
    lines = (tmp_path / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines == ['{"id": "ä", "gold": [[0, 3, "LOC"]]}', '{"id": "b", "gold": []}']


def test_predictions_are_whole_or_as_they_were(tmp_path):
    def broken():
        yield {"id": "a"}
        raise OSError("full")

    write_predictions(tmp_path, [])
    with pytest.raises(OSError, match="full"):
        write_predictions(tmp_path, broken())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("predictions.jsonl", b"")]


def test_markdown_keeps_the_indent_and_escapes_bars():
    assert (
        render("table.md", columns=("", "a|b"), rows=[("  x", "1")])
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


def test_tokens_without_annotation_stay_without():
    doc = Doc(spacy.blank("en").vocab, words=["Ana", "left"], user_data={"spaces": bytes([1, 0])})
    doc.set_ents([Span(doc, 0, 1, label="PER")], missing=[doc[1:2]])
    assert [token.ent_iob for token in with_spaces(doc)] == [3, 0]
