import pytest
import spacy
from spacy.attrs import ORTH, SPACY

from scripts.cli import UserError
from scripts.corpus import tokenizer
from scripts.corpus.tokenizer import cached_tokenizer, load_tokenizer

LANGS = ("en", "de", "fr")
WORDS = """
don't Don’t U.S. z.B. l'été L’été aujourd'hui qu' 10km 3.5m/s a.m. Mr. bzw. cannot we'll've y'all 'tis rock'n'roll C++ e.g. i.e., Straße Haus-Tür
https://a.example/c?d=e ana@post.example #tag @ana :-) :) ... … -- (x)! "quoted," «oui» $5 £3.50 50% 1,000.5 12:30pm 🎉 👩‍🚀 אנה 東京 - ' ’ . , / ( )
"""
FRAGMENTS = (
    *WORDS.split(),
    "e\u0301",
    " ",
    "  ",
    "\n",
    "\r\n",
    "\t",
    "\u00a0",
    "\u2009",
    "\u3000",
    "\u2028",
    "\u200f",
    "\ufeff",
)


def tokens(doc):
    return doc.to_array([ORTH, SPACY]).tolist()


@pytest.mark.parametrize("lang", LANGS)
def test_the_tokeniser_is_spacys(lang):
    text = "L'été, z.B. don't 10km https://a.example/c (x)! " + " ".join(FRAGMENTS)
    assert tokens(load_tokenizer(lang)(text)) == tokens(spacy.blank(lang)(text))


def test_a_tokeniser_whose_vocabulary_is_large_is_replaced(monkeypatch):
    first = cached_tokenizer("en")
    assert cached_tokenizer("en") is first
    monkeypatch.setattr(tokenizer, "MAX_STRINGS", len(first.vocab.strings))
    first("anunheardofword")
    assert cached_tokenizer("en") is not first


@pytest.mark.parametrize("lang", ["qq", "", "en/../de"])
def test_an_unknown_language_is_an_error_that_names_it(lang):
    with pytest.raises(UserError, match=rf"language {lang!r}.*vars\.lang"):
        load_tokenizer(lang)
