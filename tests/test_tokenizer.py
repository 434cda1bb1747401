import json
from functools import cache

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spacy.attrs import ORTH, SPACY

from scripts.cli import UserError
from scripts.corpus import tokenizer
from scripts.corpus.tokenizer import Tokeniser, load_tokenizer
from tests.closure import ROOT

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
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=6)), max_size=25).map(" ".join),
)
ours = cache(Tokeniser)  # one for all examples, so that what it remembers matters
theirs = cache(load_tokenizer)


def tokens(doc):
    return doc.to_array([ORTH, SPACY]).tolist()


def demo_texts():
    lines = [
        line
        for path in sorted((ROOT / "assets" / "demo").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [json.loads(line)["text"] for line in lines]


@pytest.mark.parametrize("lang", LANGS)
def test_the_remembering_tokeniser_gives_the_same_tokens_on_the_demo(lang):
    remembering, plain = Tokeniser(lang), load_tokenizer(lang)
    texts = demo_texts()
    assert len(texts) > 100
    for text in texts:
        assert tokens(remembering(text)) == tokens(plain(text)), text


@pytest.mark.parametrize("lang", LANGS)
@given(text=TEXTS)
@settings(derandomize=True, deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_the_remembering_tokeniser_gives_the_same_tokens_on_any_text(lang, text):
    assert tokens(ours(lang)(text)) == tokens(theirs(lang)(text))


@pytest.mark.parametrize("lang", LANGS)
def test_the_tokeniser_is_spacys(lang):
    text = "L'été, z.B. don't 10km https://a.example/c (x)! " + " ".join(FRAGMENTS)
    assert tokens(load_tokenizer(lang)(text)) == tokens(spacy.blank(lang)(text))


def test_strings_that_are_no_longer_remembered_give_the_same_tokens(monkeypatch):
    monkeypatch.setattr(tokenizer, "CACHE", 5)
    remembering = Tokeniser("en")
    for text in demo_texts()[:20]:
        assert tokens(remembering(text)) == tokens(theirs("en")(text))
    assert len(remembering._seen) < 200


def test_a_tokeniser_is_full_when_it_holds_too_many_strings(monkeypatch):
    tokeniser = Tokeniser("en")
    assert not tokeniser.is_full
    monkeypatch.setattr(tokenizer, "MAX_STRINGS", len(tokeniser.vocab.strings))
    tokeniser("anunheardofword")
    assert tokeniser.is_full


@pytest.mark.parametrize("lang", ["qq", "", "en/../de"])
def test_an_unknown_language_is_an_error_that_names_it(lang):
    with pytest.raises(UserError, match=rf"language {lang!r}.*vars\.lang"):
        load_tokenizer(lang)
