"""A record is mended by the stated rules, and mending it again changes nothing."""

import unicodedata
from collections import Counter
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.checks.mending import cleaned, mend
from scripts.checks.texts import MARKS_SEEN
from scripts.corpus.convert import align, tokenise
from scripts.corpus.settings import Settings
from scripts.corpus.tokenizer import Tokeniser
from scripts.formats.json_spans import row_record
from scripts.formats.offsets import Offsets, settle
from scripts.formats.record import Fault, Source, Span
from scripts.formats.registry import ReadOptions
from scripts.formats.words import words_record
from tests.make import record

LETTERS = "aeB \n.!?(-'\u00e9e\u0301\u0327\u1100\u1161\u11a8\uac00\u200b\u200d\u00ad\ufeff\u202e👩🔬\ufe0f\u0344\u09c7\u09be"
"""With accents apart and together, Hangul in parts, emoji with joiners, marks of no width and of direction."""
quick = settings(max_examples=120, derandomize=True, deadline=None, database=None)
texts = st.text(st.sampled_from(LETTERS), max_size=30)
spans_in_texts = st.lists(
    st.tuples(st.integers(-2, 32), st.integers(-2, 32), st.sampled_from(["LOC", "PER", "", " "])), max_size=6
)


@cache
def tokeniser():
    return Tokeniser("en")


def mended(one, *, unsafe=False, max_tokens=0):
    return mend(one, tokeniser(), max_tokens=max_tokens, unsafe=unsafe)


@quick
@given(texts, spans_in_texts)
def test_safe_mending_only_trims_and_drops_what_stands_twice(text, spans):
    wanted = []
    for start, end, label in spans:
        if 0 <= start < end <= len(text) and label.strip():
            inner = text[start:end].strip()
            start += len(text[start:end]) - len(text[start:end].lstrip())
            end = start + len(inner)
            if not inner:
                continue
        if (start, end, label) not in wanted:
            wanted.append((start, end, label))
    result = mended(record(text, *spans), max_tokens=4)
    if len(result.records) == 1:
        assert (result.records[0].text, list(result.records[0].spans)) == (text, wanted)
    assert sum(len(one.spans) for one in result.records) == (len(wanted) if text.strip() else 0)


@quick
@given(texts, spans_in_texts)
def test_unsafe_mending_leaves_what_aligns_and_mends_nothing_twice(text, spans):
    for one in mended(record(text, *spans), unsafe=True, max_tokens=4).records:
        assert align(one, tokenise(one, tokeniser()), Settings()) == ([], [])
        again = mended(one, unsafe=True, max_tokens=4)
        assert (again.changes, [other[:3] for other in again.records]) == ([], [one[:3]])


@quick
@given(texts, texts, texts)
def test_cleaned_text_is_normal_and_spans_mark_the_same(before, inside, after):
    text, places = cleaned(before + inside + after)
    bare = [MARKS_SEEN.sub("", part) for part in (before, inside, after)]
    assert text == unicodedata.normalize("NFC", "".join(bare))
    assert len(places) == len(before + inside + after) + 1
    start, end = places[len(before)][0], places[len(before + inside)][1]
    assert not Counter(unicodedata.normalize("NFD", bare[1])) - Counter(
        unicodedata.normalize("NFD", text[start:end])
    )
    parts = [unicodedata.normalize("NFC", part) for part in bare]
    if "".join(parts) == text:
        assert text[start:end] == parts[1]


@pytest.mark.parametrize(
    ("text", "span", "new", "marked"),
    [
        ("x e\u200b\u0301 y", (2, 5), "x \u00e9 y", "\u00e9"),
        ("e\u0301a", (1, 3), "\u00e9a", "\u00e9a"),
        ("e\u0301a", (0, 1), "\u00e9a", "\u00e9"),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8 x", (0, 6), "\ud55c\uad6d x", "\ud55c\uad6d"),
        ("👩\u200d🔬 Ana\u200b", (4, 8), "👩\u200d🔬 Ana", "Ana"),
        ("\ufeffAna", (0, 4), "Ana", "Ana"),
    ],
)
def test_spans_move_with_characters_that_join_or_go(text, span, new, marked):
    (one,) = mended(record(text, (*span, "X")), unsafe=True).records
    assert one.text == new
    assert marked in one.text[one.spans[0].start : one.spans[0].end]


@quick
@given(
    st.lists(
        st.sampled_from(["Ana", "ran", "don't", "x/y", "home.", "Home", "!", "\n\n", "(U.S.)", "10km"]),
        min_size=1,
        max_size=30,
    ),
    st.data(),
)
def test_pieces_join_up_and_keep_every_entity(parts, data):
    text = " ".join(parts)
    tokens = tokenise(record(text), tokeniser())
    spans = []
    for first in range(0, len(tokens), 6):
        size = data.draw(st.integers(1, min(6, len(tokens) - first)))
        surface = text[tokens.starts[first] : tokens.ends[first + size - 1]]
        if surface == surface.strip():
            spans.append((tokens.starts[first], tokens.ends[first + size - 1], "X"))
    result = mended(record(text, *spans), max_tokens=4)
    pieces = result.records
    assert "".join("".join(one.text for one in pieces).split()) == "".join(text.split())
    assert [one.text[s:e] for one in pieces for s, e, _ in one.spans] == (
        [text[s:e] for s, e, _ in spans] if text.strip() else []
    )
    assert len({one.id for one in pieces}) == len(pieces)
    assert [change for one in pieces for change in mended(one, max_tokens=4).changes] == []


def test_long_documents_are_cut_at_sentences_and_told():
    text = "Ana left. Bo of Cork stayed. Cy too."
    result = mended(record(text, (10, 20, "X")), max_tokens=7)
    assert [(one.id, one.text, one.group) for one in result.records] == [
        ("r1#1", "Ana left. ", "r1"),
        ("r1#2", "Bo of Cork stayed. ", "r1"),
        ("r1#3", "Cy too.", "r1"),
    ]
    assert result.changes == [("text-too-long", "a.jsonl:1 r1", "11 tokens", "3 documents")]


def test_an_entity_longer_than_the_limit_is_not_cut_again():
    (one,) = mended(record("Ana of the North", (0, 16, "X")), max_tokens=2).records
    assert (one.id, mended(one, max_tokens=2).changes) == ("r1", [])


@pytest.mark.parametrize("spans", [[(4, 4, "X")], [(10, 9, "X")], [(1, 3, "X")], [(0, 99, "X")]])
def test_a_document_with_doubtful_spans_is_not_cut(spans):
    (one,) = mended(record("home. Ana left. Bo stayed.", *spans), max_tokens=3).records
    assert one.spans == tuple(spans)


def test_a_fault_that_quotes_nothing_is_told_again_as_other_text():
    fault = Fault(
        "discontinuous", Source("a.ann", 1), "'North America' has pieces at 0 5;16 23", Span(0, 5, "LOC")
    )
    ((span, meant),) = mended(record("North and South", faults=(fault,))).doubtful
    assert (span, meant) == (fault.span, f"? {fault.detail}")


def test_a_long_quote_stays_another_text_though_it_is_not_told_whole():
    def read(quote):
        row = {"text": "a" * 61, "spans": [{"start": 0, "end": 60, "label": "X", "text": quote}]}
        return settle(row_record(row, Source("a.jsonl", 1), ReadOptions()), Offsets.auto)

    ((_, meant),) = mended(read("a" * 70)).doubtful
    assert mended(read(meant)).doubtful == [((0, 60, "X"), meant)]


@pytest.mark.parametrize(
    ("text", "codes"),
    [(" \n", ["empty-document"]), ("\u200b \ufeff", ["invisible-characters", "empty-document"])],
)
def test_a_document_of_nothing_that_is_seen_goes(text, codes):
    result = mended(record(text, (0, 1, "X")), unsafe=True)
    assert (result.records, [change.slug for change in result.changes]) == ([], codes)


def test_of_spans_that_overlap_the_longest_stays_and_each_other_is_told():
    spans = (0, 8, "LOC"), (4, 13, "ORG"), (0, 3, "A"), (9, 13, "B"), (4, 8, "C"), (5, 7, "C")
    result = mended(record("New York City", *spans), unsafe=True)
    assert result.records[0].spans == ((0, 3, "A"), (4, 13, "ORG"))
    assert [change.slug for change in result.changes] == [
        "misaligned",
        "overlap",
        "nested",
        "nested",
        "nested",
    ]


def of_tokens(*sentences):
    """A record from sentences of `word/label` tokens, each entity of one token."""
    parts = [[token.rsplit("/", 1) for token in sentence] for sentence in sentences]
    labelled = [
        ([word for word, _ in part], None, [(i, i + 1, label) for i, (_, label) in enumerate(part) if label])
        for part in parts
    ]
    return words_record(Source("a.conll", 1), labelled, lang="en")


def test_a_long_document_of_tokens_is_cut_between_sentences():
    result = mended(of_tokens(*([f"w{i}/X", "of/", "./"] for i in range(5))), max_tokens=7)
    assert [(one.words[0], len(one.words), len(one.spans)) for one in result.records] == [
        ("w0", 6, 2),
        ("w2", 6, 2),
        ("w4", 3, 1),
    ]
    assert [one.sent_starts[0] for one in result.records] == [True, True, True]
    assert [change.slug for change in result.changes] == ["text-too-long"]


def test_white_space_in_an_entitys_token_goes_and_the_entity_stays():
    result = mended(of_tokens([" Ana/PER", "Tarn /", "left/", "Cork\u00a0/LOC"]))
    assert result.records[0].words == ("Ana", "Tarn ", "left", "Cork")
    assert result.records[0].spans == ((0, 3, "PER"), (15, 19, "LOC"))
    assert [change.slug for change in result.changes] == ["whitespace-edge", "whitespace-edge"]


def test_invisible_characters_in_tokens_go_but_no_token_does():
    result = mended(
        of_tokens(["A\u200bna/PER", "e\u0301te\u0301/X", "\u200b/", "\ufeff /", "Cork/LOC"]), unsafe=True
    )
    assert result.records[0].words == ("Ana", "été", "\u200b", "\ufeff ", "Cork")
    assert result.records[0].spans == ((0, 3, "PER"), (4, 7, "X"), (13, 17, "LOC"))
    assert [change.slug for change in result.changes] == ["invisible-characters"]
