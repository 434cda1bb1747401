import pytest

from scripts.corpus.convert import to_doc
from scripts.corpus.tokenizer import load_tokenizer
from tests.make import record

TOKENIZER = load_tokenizer("en")


def convert(record):
    doc, losses = to_doc(record, TOKENIZER)
    return [(ent.text, ent.label_) for ent in doc.ents], [(loss.code, record.text[loss.span.start : loss.span.end]) for loss in losses]


def test_spans_become_entities():
    assert convert(record("Ana saw Yip! Inc. today", (0, 3, "PER"), (8, 17, "ORG"))) == ([("Ana", "PER"), ("Yip! Inc.", "ORG")], [])


@pytest.mark.parametrize(
    ("span", "code", "detail"),
    [
        ((0, 2, "PER"), "misaligned", "['Ana']"),
        ((0, 4, "PER"), "whitespace-edge", "white space"),
        ((0, 99, "PER"), "bad-offsets", "≤ 7"),
        ((3, 3, "PER"), "bad-offsets", "start < end"),
        ((3, 0, "PER"), "bad-offsets", "start < end"),
        ((-3, 3, "PER"), "bad-offsets", "0 ≤ start"),
        ((0, 3, " "), "empty-label", "empty"),
    ],
)
def test_what_cannot_be_kept_is_a_loss_with_its_reason(span, code, detail):
    (loss,) = to_doc(record("Ana ran", span), TOKENIZER)[1]
    assert loss.code == code
    assert detail in loss.detail


def test_of_spans_that_overlap_the_longest_stays():
    made = record("University of Leeds", (14, 19, "LOC"), (0, 19, "ORG"))
    assert convert(made) == ([("University of Leeds", "ORG")], [("overlap", "Leeds")])


def test_a_span_given_twice_is_kept_once():
    assert convert(record("Ana ran", (0, 3, "PER"), (0, 3, "PER"))) == ([("Ana", "PER")], [("overlap", "Ana")])


def test_token_level_records_keep_their_tokens_and_sentences():
    made = record('say (" Ana ") now', (7, 10, "PER"), words=("say", '("', "Ana", '")', "now"), sent_starts=(True, False, True, False, False))
    doc, losses = to_doc(made, TOKENIZER)
    assert [token.text for token in doc] == list(made.words)
    assert [token.is_sent_start for token in doc] == list(made.sent_starts)
    assert doc.has_unknown_spaces
    assert not losses


@pytest.mark.parametrize("text", ["Ana\r\nran 🎉 to José", "אנה ran", "e\u0301 \u200fAna\u00a0x", "\n\n Ana"])
def test_text_comes_back_as_it_was(text):
    doc, _ = to_doc(record(text), TOKENIZER)
    assert doc.text == text


def test_documents_know_where_they_come_from():
    doc, _ = to_doc(record("Ana", id="x7"), TOKENIZER)
    assert doc.user_data == {"id": "x7", "source": "a.jsonl:1"}


@pytest.mark.parametrize("lang", ["en", "de", "fr"])
def test_tokeniser_is_spacys(lang):
    import spacy

    text = "L'été, z.B. don't 10km https://a.b/c (x)!"
    assert [t.text for t in load_tokenizer(lang)(text)] == [t.text for t in spacy.blank(lang)(text)]
