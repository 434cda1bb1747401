"""Every token has its wordpieces, whatever its length, and no window is longer than the transformer reads."""

import numpy
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from spacy.tokens import Doc
from spacy_transformers.align import get_alignment_via_offset_mapping
from spacy_transformers.layers.transformer_model import huggingface_tokenize

from scripts.training.fast.wordpieces import KEY, WordpieceReader, Wordpieces
from tests.tiny import KINDS, make_transformer

VOCAB = spacy.blank("en").vocab
NARROW = 32


class Windows:
    """As much of a TransformerModel as a reader sees, without weights."""

    def __init__(self, name: str, *, window: int, stride: int, **settings) -> None:
        from spacy_transformers.span_getters import configure_strided_spans
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True, **settings)
        self.transformer = AutoModel.from_config(AutoConfig.from_pretrained(name))
        self.attrs = {"get_spans": configure_strided_spans(window, stride)}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    made = {kind: make_transformer(kind, folder) for kind in ("bert", "roberta")}
    return made | {"narrow": str(KINDS["bert"](folder / "narrow", positions=NARROW))}


@pytest.fixture(scope="module")
def models(names):
    return {name: Windows(path, window=128, stride=96) for name, path in names.items()}


def doc_of(*words: str, spaces: list[bool] | None = None, vocab=VOCAB) -> Doc:
    return Doc(vocab, words=list(words), spaces=spaces)


def strings(model, pieces: Wordpieces) -> list[list[str]]:
    """Each token's pieces, as they stand in the vocabulary."""
    names = model.tokenizer.convert_ids_to_tokens(pieces.ids.tolist())
    ends = numpy.cumsum(pieces.counts)
    return [
        [names[place].removeprefix("##") for place in pieces.places[end - count : end]]
        for end, count in zip(ends, pieces.counts, strict=True)
    ]


def windows(pieces: Wordpieces) -> list[list[int]]:
    return [own.tolist() for own in numpy.split(pieces.ids, numpy.cumsum(pieces.lengths)[:-1])]


def assert_whole(model, limit: int, doc: Doc) -> Wordpieces:
    """All windows can be read, and each token has all of its letters, once in each window that it is in."""
    (pieces,) = WordpieceReader(model)([doc])
    assert pieces.longest <= limit
    assert pieces.lengths.sum() == len(pieces.ids)
    assert len(pieces.counts) == len(doc)
    assert pieces.counts.sum() == len(pieces.places)
    first, last = model.tokenizer.cls_token_id, model.tokenizer.sep_token_id
    assert all(
        (own[0], own[-1]) == (first, last) and not {first, last} & {*own[1:-1]} for own in windows(pieces)
    )
    for token, own in zip(doc, strings(model, pieces), strict=True):
        times, rest = divmod(len("".join(own)), len(token.text))
        assert (times >= 1, rest, "".join(own)) == (True, 0, token.text.lower() * times), token.text
    return pieces


DOCUMENTS = {
    "one window": doc_of("Ana", "saw", "New", "York", ".", spaces=[True, True, True, False, False]),
    "no token": doc_of(),
    "one token": doc_of("Ana"),
    "whitespace": doc_of("Ana", "\n\n", "saw", "  ", "Bo", "\t"),
    "nothing but whitespace": doc_of("\n", " "),
    "two tokens of one piece": doc_of(
        "Ana", "did", "n't", "see", "Bo", ".", spaces=[True, False, True, True, False, False]
    ),
    "accents, ligatures, other scripts": doc_of(
        "Zoë", "naïve", "ﬁne", "Ελλάδα", "北京市", "مرحبا", "e\u0301te\u0301"
    ),
    "emoji and signs without width": doc_of(
        "👩‍👩‍👧", "a\u200bb", "\u200b", "\ufeffBo", "🇮🇪", "x\u0000y", "\u00ad", "Bo"
    ),
    "special pieces in the text": doc_of("[SEP]", "and", "</s>", "[CLS]"),
    "several windows": doc_of(*["Ana", "saw", "New", "York", "."] * 60),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_windows_and_alignment_are_those_of_spacy_transformers(models, kind, name):
    model, doc = models[kind], DOCUMENTS[name]
    doc.user_data.pop(KEY, None)
    (found,) = WordpieceReader(model)([doc])
    (spans,) = model.attrs["get_spans"]([doc])
    if not len(doc):
        assert (len(found.ids), len(found.lengths), len(found.counts), found.longest) == (0, 0, 0, 0)
        return
    encoded = huggingface_tokenize(model.tokenizer, [span.text for span in spans])
    is_real = encoded["attention_mask"].astype(bool)
    assert_array_equal(found.lengths, is_real.sum(axis=1))
    assert_array_equal(found.ids, encoded["input_ids"][is_real])
    align = get_alignment_via_offset_mapping(spans, encoded["offset_mapping"])
    unpadded = numpy.cumsum(is_real.reshape(-1)) - 1  # they count padding, too
    assert_array_equal(found.counts, align.lengths)
    assert_array_equal(found.places, unpadded[align.dataXd.reshape(-1)])


@pytest.mark.parametrize("kind", ["bert", "narrow"])
def test_a_document_of_3000_tokens_is_read_to_its_end(models, kind):
    doc = doc_of(*(f"word{i}" for i in range(3_000)))
    pieces = assert_whole(models[kind], NARROW if kind == "narrow" else 512, doc)
    assert len(pieces.lengths) > 30


@pytest.mark.parametrize("count", [200, 512, 1_300])
@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize("kind", ["bert", "narrow"])
def test_a_word_of_more_pieces_than_are_read_at_once_takes_several_windows(models, kind, place, count):
    words = ["Ana", "saw", "Bo", "."]
    words.insert(place, "7-" * (count // 2))
    limit = NARROW if kind == "narrow" else 512
    pieces = assert_whole(models[kind], limit, doc_of(*words))
    assert len(pieces.lengths) >= count / limit


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.text("ab7-.", min_size=1, max_size=70), min_size=1, max_size=60))
def test_any_document_is_narrowed_without_loss(models, words):
    assert_whole(models["narrow"], NARROW, doc_of(*words))


def test_only_the_document_that_needs_it_is_narrowed(models):
    short, long = doc_of("Ana", "saw", "Bo"), doc_of(*["long"] * 40)
    together = WordpieceReader(models["narrow"])([short, long])
    assert_array_equal(together[0].lengths, [2 + len("AnasawBo")])
    assert len(together[1].lengths) > 1


def test_positions_bound_a_window_where_the_tokeniser_does_not(names):
    """Many tokenisers name no maximum, and RoBERTa's first positions are taken."""
    assert WordpieceReader(Windows(names["roberta"], window=128, stride=96)).limit == 512
    assert (
        WordpieceReader(Windows(names["narrow"], window=128, stride=96, model_max_length=10**30)).limit
        == NARROW
    )
    assert WordpieceReader(Windows(names["bert"], window=128, stride=96, model_max_length=20)).limit == 20


def test_a_transformer_without_a_longest_window_reads_any(names):
    model = Windows(names["bert"], window=128, stride=96, model_max_length=10**30)
    model.transformer.config.max_position_embeddings = -1  # XLNet's
    assert WordpieceReader(model).limit == 10**30


def test_a_document_is_read_once_and_its_copies_know(models, monkeypatch):
    reader, doc = WordpieceReader(models["bert"]), doc_of("Ana", "saw", "Bo")
    (pieces,) = reader([doc])
    monkeypatch.setattr(reader, "_get_spans", None)
    assert reader([doc])[0] is pieces
    (copied,) = reader([doc.copy()])
    assert_array_equal(copied.ids, pieces.ids)


def test_whoever_else_uses_the_tokeniser_changes_nothing(models):
    """spacy-transformers lets it pad, and others let it truncate."""
    model = models["bert"]
    before = model.tokenizer.backend_tokenizer.to_str()
    reader = WordpieceReader(model)
    assert model.tokenizer.backend_tokenizer.to_str() == before
    model.tokenizer(["a b c d e", "a"], padding="longest", truncation=True, max_length=4)
    found = reader([doc_of("a"), doc_of(*"abcdef")])
    assert [own.lengths.tolist() for own in found] == [[3], [8]]
