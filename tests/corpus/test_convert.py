import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Span

from scripts.corpus.convert import align, cut, make_doc, sentence_starts
from scripts.corpus.settings import Settings
from scripts.corpus.tokenizer import load_tokenizer
from scripts.formats.record import Fault, Source
from scripts.formats.record import Span as CharSpan
from tests.make import record

TOKENIZER = load_tokenizer("en")
ALIGNMENTS = ("strict", "contract", "expand")
OVERLAPS = ("error", "longest", "first")


def aligned(record, **choices):
    """A record's document, losses and repairs."""
    doc = make_doc(record, TOKENIZER)
    _, losses, repairs = align(record, doc, Settings(**choices))
    return doc, losses, repairs


def ents(doc):
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def surface(record, span):
    return record.text[span.start : span.end]


def convert(record, **choices):
    """Texts and labels of the entities; codes and texts of the losses."""
    doc, losses, _ = aligned(record, **choices)
    return [(ent.text, ent.label_) for ent in doc.ents], [
        (loss.code, surface(record, loss.span)) for loss in losses
    ]


def parts(record, max_tokens):
    doc, _, _ = aligned(record)
    return [
        " ".join(token.text for token in doc[start:end])
        for start, end in cut(doc, max_tokens, record.sent_starts)[0]
    ]


def test_spans_become_entities():
    assert convert(record("Ana saw Yip! Inc. today", (0, 3, "PER"), (8, 17, "ORG"))) == (
        [("Ana", "PER"), ("Yip! Inc.", "ORG")],
        [],
    )


def test_entities_come_in_the_texts_order():
    assert convert(record("Ana saw Bo", (8, 10, "PER"), (0, 3, "PER")))[0] == [("Ana", "PER"), ("Bo", "PER")]


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
    doc, (loss,), repairs = aligned(record("Ana ran", span))
    assert (loss.code, loss.span, ents(doc), repairs) == (code, span, [], [])
    assert detail in loss.detail


def test_a_span_that_the_reader_could_not_keep_is_a_loss():
    fault = Fault("other-text", Source("a.jsonl", 1), "the row says 'Bo'", CharSpan(0, 3, "PER"))
    assert convert(record("Ana ran", faults=(fault,))) == ([], [("other-text", "Ana")])


@pytest.mark.parametrize(
    ("span", "alignment", "entity"),
    [
        ("bridge", "strict", None),
        ("bridge", "contract", None),
        ("bridge", "expand", "Kirkbridge"),
        ("land Moo", "strict", None),
        ("land Moo", "contract", None),
        ("land Moo", "expand", "Kirkland Moore"),
        ("land Moore", "strict", None),
        ("land Moore", "contract", "Moore"),
        ("land Moore", "expand", "Kirkland Moore"),
        ("Kirkland Moo", "contract", "Kirkland"),
        ("Kirkland Moo", "expand", "Kirkland Moore"),
        ("left Kirk", "contract", "left"),
        ("d Moore left K", "contract", "Moore left"),
        ("d Moore left K", "expand", "Kirkland Moore left Kirkbridge"),
    ],
)
def test_a_span_that_cuts_tokens_snaps_as_the_user_says(span, alignment, entity):
    text = "Kirkland Moore left Kirkbridge ."
    made = record(text, (text.index(span), text.index(span) + len(span), "X"))
    _, losses, repairs = aligned(made, align=alignment)
    assert convert(made, align=alignment)[0] == ([(entity, "X")] if entity else [])
    assert [note.code for note in losses] == ([] if entity else ["misaligned"])
    assert [note.code for note in repairs] == (["snapped"] if entity else [])


def test_a_snapped_span_says_what_it_became_and_which_tokens_are_there():
    _, _, (repair,) = aligned(record("Kirkland left", (4, 13, "X")), align="contract")
    assert "to 'left'" in repair.detail
    assert "['Kirkland', 'left']" in repair.detail


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_a_span_on_whole_tokens_is_never_moved(alignment):
    made = record("Kirkland Moore left", (0, 14, "X"))
    doc, losses, repairs = aligned(made, align=alignment)
    assert (ents(doc), losses, repairs) == ([(0, 2, "X")], [], [])


def test_spans_that_expand_to_one_token_overlap():
    made = record("Kirkbridge", (0, 4, "A"), (4, 10, "B"))
    assert convert(made, align="expand") == ([("Kirkbridge", "B")], [("overlap", "Kirk")])


@pytest.mark.parametrize(
    ("span", "inner"),
    [((3, 8), "went"), ((4, 9), "went"), ((3, 9), "went"), ((8, 15), "home"), ((15, 19), None)],
)
def test_white_space_at_a_spans_edges_is_trimmed_where_the_user_says_so(span, inner):
    made = record("Ana went \t home\n \n ", (*span, "X"))
    assert convert(made)[1] == [("whitespace-edge", surface(made, CharSpan(*span, "X")))]
    entities, losses = convert(made, trim=True)
    assert entities == ([(inner, "X")] if inner else [])
    assert bool(losses) is (inner is None)
    assert [note.code for note in aligned(made, trim=True)[2]] == (["trimmed"] if inner else [])


def test_a_trimmed_span_still_has_to_fit_the_tokens():
    assert convert(record("Ana went home", (3, 7, "X")), trim=True) == ([], [("misaligned", " wen")])


def test_a_trimmed_span_can_snap_too():
    _, _, repairs = aligned(record("Ana went home", (3, 7, "X")), trim=True, align="expand")
    assert [note.code for note in repairs] == ["trimmed", "snapped"]


UNIVERSITY = record("University of Leeds", (14, 19, "LOC"), (0, 19, "ORG"))


@pytest.mark.parametrize(
    ("rule", "kept", "lost"),
    [
        ("error", ("University of Leeds", "ORG"), "Leeds"),
        ("longest", ("University of Leeds", "ORG"), "Leeds"),
        ("first", ("Leeds", "LOC"), "University of Leeds"),
    ],
)
def test_of_spans_that_overlap_one_stays(rule, kept, lost):
    assert convert(UNIVERSITY, overlaps=rule) == ([kept], [("nested", lost)])


@pytest.mark.parametrize("rule", OVERLAPS)
def test_of_equally_long_spans_that_overlap_the_first_stays(rule):
    made = record("Ana Bo Cy", (4, 9, "B"), (0, 6, "A"))
    assert convert(made, overlaps="first")[0] == [("Bo Cy", "B")]
    twice = record("Ana ran", (0, 3, "A"), (0, 3, "B"))
    assert convert(twice, overlaps=rule) == ([("Ana", "A")], [("overlap", "Ana")])


def test_a_span_between_two_that_overlap_it_goes_and_these_stay():
    made = record("Ana Bo Cy Di", (0, 6, "A"), (4, 9, "B"), (7, 12, "C"))
    assert convert(made, overlaps="first") == (
        [("Ana Bo", "A"), ("Cy Di", "C")],
        [("overlap", "Bo Cy")],
    )


def test_an_overlap_names_the_span_that_stayed():
    _, (loss,), _ = aligned(UNIVERSITY)
    assert "'University of Leeds' ORG (0–19)" in loss.detail


def test_spans_that_touch_do_not_overlap():
    assert convert(record("Ana Bo", (0, 3, "A"), (4, 6, "B"))) == ([("Ana", "A"), ("Bo", "B")], [])


def words(*given, spaces=None, sent_starts=None, spans=()):
    spaces = spaces or [True] * (len(given) - 1) + [False]
    text = "".join(word + " " * space for word, space in zip(given, spaces, strict=True))
    return record(text, *spans, words=given, spaces=tuple(spaces), sent_starts=sent_starts)


def test_token_level_records_keep_their_tokens_and_sentences():
    made = words(
        "say",
        '("',
        "Ana",
        '")',
        "now",
        spaces=[1, 0, 0, 1, 0],
        sent_starts=(True, False, True, False, False),
        spans=[(6, 9, "PER")],
    )
    doc, losses, _ = aligned(made)
    assert [token.text for token in doc] == list(made.words)
    assert [bool(token.whitespace_) for token in doc] == list(made.spaces)
    assert sentence_starts(made) == made.sent_starts
    assert (ents(doc), losses) == ([(2, 3, "PER")], [])


@pytest.mark.parametrize(
    "text",
    ["Ana\r\nran 🎉 to José", "אנה ran", "e\u0301 \u200fAna\u00a0x", "\n\n Ana", "Ana ", " ", "  Ana  ran  "],
)
def test_text_comes_back_as_it_was(text):
    assert make_doc(record(text), TOKENIZER).text == text


@pytest.mark.parametrize(("max_tokens", "wanted"), [(0, 1), (9, 1), (8, 2), (6, 2), (5, 3), (3, 3)])
def test_a_long_document_is_cut_at_sentence_starts(max_tokens, wanted):
    found = parts(record("Ana ran. Bo sat. Cy ate."), max_tokens)
    assert len(found) == wanted
    assert all(part.endswith(".") for part in found)


def test_a_document_without_sentences_is_cut_at_any_token():
    assert parts(record("a1 b2 c3 d4 e5 f6 g7"), 3) == ["a1 b2 c3", "d4 e5 f6", "g7"]


def test_a_sentence_that_is_too_long_is_cut_where_it_must_be():
    assert parts(record("Bo sat. Ana ran on and on. Cy ate."), 4) == [
        "Bo sat .",
        "Ana ran on and",
        "on .",
        "Cy ate .",
    ]


def test_no_cut_is_inside_an_entity():
    made = record("a1 b2 c3 d4 e5 f6", (6, 14, "X"))
    assert parts(made, 3) == ["a1 b2", "c3 d4 e5", "f6"]


def test_no_cut_is_at_a_sentence_start_inside_an_entity():
    made = record("Then Yip! Inc. came home", (5, 14, "ORG"))
    assert parts(made, 4) == ["Then Yip ! Inc.", "came home"]
    assert parts(record(made.text), 4) == ["Then Yip !", "Inc. came home"]


def test_an_entity_longer_than_the_maximum_stays_whole():
    assert parts(record("a1 b2 c3 d4 e5 f6 g7 h8", (3, 17, "X")), 3) == ["a1", "b2 c3 d4 e5 f6", "g7 h8"]


def test_the_datas_own_sentences_are_cut_at():
    assert parts(words("a1", "b2", "c3", "d4", "e5", sent_starts=(True, False, True, False, False)), 4) == [
        "a1 b2",
        "c3 d4 e5",
    ]


@given(
    lengths=st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=12),
    breaks=st.sets(st.integers(1, 60)),
    max_tokens=st.integers(1, 9),
)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_parts_join_up_to_the_document_and_no_entity_is_cut(lengths, breaks, max_tokens):
    total = sum(length for length, _ in lengths)
    made = words(
        *(f"w{i}" for i in range(total)), sent_starts=tuple(i == 0 or i in breaks for i in range(total))
    )
    doc = make_doc(made, TOKENIZER)
    at, spans = 0, []
    for length, is_entity in lengths:
        if is_entity:
            spans.append(Span(doc, at, at + length, "X"))
        at += length
    doc.ents = spans
    found, inside = cut(doc, max_tokens, made.sent_starts)
    assert [start for start, _ in found] == [0, *[end for _, end in found[:-1]]]
    assert found[-1][1] == total
    assert inside == [start for start, _ in found[1:] if start not in breaks]
    assert all(any(first <= ent.start and ent.end <= last for first, last in found) for ent in doc.ents)
    longest = max(map(len, doc.ents), default=0)
    assert all(0 < end - start <= max(max_tokens, longest) for start, end in found)
