"""Offsets in other units are read right when named, told when not, and never seen where there are none."""

import random
from collections import Counter

import pytest

from scripts.formats.offsets import OFFSETS, UNITS, edges, settle, to_characters, undecided, verdict, weigh
from scripts.formats.record import Record, Source, Span

_WORDS = {
    "English": "the river near old Maria went to Cork with Dr. Smith-Jones and I'm on C3PO's 3rd U.S. tour",
    "German": "Größe über Müller ging nach Köln für 20€ – „Straße“ und Jürgens Äpfel",
    "accents apart": "e\u0301cole Jose\u0301 nai\u0308ve Zu\u0308rich Ñandú",
    "emoji": "the 👩\u200d👩\u200d👧 went 🎉 to Cork 😀 with Ana🇮🇪 and Bo",
    "Arabic": "ذهبت آنا إلى المدينة القديمة",
    "Hindi": "अना कॉर्क गई थी और बो",
    "Thai": "กรุงเทพ ไป บ้าน มาลี ที่ ทำงาน",
}
WORDS = {name: words.split() for name, words in _WORDS.items()}
WORDS["Chinese"] = list("北京大学的学生去上海旅行𠮷野家先生")
SPACED = [name for name in WORDS if name not in ("Chinese", "Thai")]
LINES = {"crlf-as-one": "\r\n", "lf-as-two": "\n"}


def counted(text: str, start: int, end: int, unit: str) -> tuple[int, int]:
    """Write offsets in a unit."""
    if unit == "characters":
        return start, end
    counts = edges(text, unit)
    return counts[start] - UNITS[unit].start, counts[end] - UNITS[unit].end


def a_text(draw: random.Random, kind: str, line_end: str) -> tuple[str, list[tuple[int, int]]]:
    """Draw a text, and words of it that are entities."""
    text, places = "", []
    for _ in range(draw.randint(4, 30)):
        word = draw.choice(WORDS[kind])
        if draw.random() < 0.3:
            places.append((len(text), len(text) + len(word)))
        text += word + (line_end if draw.random() < 0.2 else " " if kind in SPACED else "")
    return text, places


def evidence_of(
    draw: random.Random, kind: str, unit: str, *, documents: int, quoted: bool, wrong: float = 0
) -> tuple[Counter, int]:
    """Write a file of documents in a unit; return what its spans say, and how many of them the unit moves."""
    evidence: Counter[str] = Counter()
    spans, spoiled, moved = 0, 0, 0
    for _ in range(documents):
        text, places = a_text(draw, kind, LINES.get(unit, draw.choice([" ", "\n", "\r\n"])))
        written = []
        for start, end in places:
            place = counted(text, start, end, unit)
            moved += place != (start, end)
            spans += 1
            if spoiled + 1 <= wrong * spans:
                spoiled += 1
                place = draw.choice(
                    [
                        (place[0], place[1] - 1),
                        (place[0] + 1, place[1] + 1),
                        (place[0], place[1] + 1),
                        (place[0] - 1, place[1]),
                    ]
                )
            written.append(Span(*place, "X"))
        quotes = tuple(text[start:end] for start, end in places) if quoted else ()
        if written:
            weigh(Record("a", text, tuple(written), Source("a", 1), quotes=quotes), evidence)
    return evidence, moved


@pytest.mark.parametrize("unit", OFFSETS[1:])
def test_what_is_written_in_a_unit_is_read_back(unit):
    draw = random.Random(unit)
    for kind in list(WORDS) * 5:
        text, places = a_text(draw, kind, draw.choice(["\n", "\r\n", " "]))
        assert [to_characters(text, *counted(text, *place, unit), unit) for place in places] == places


@pytest.mark.parametrize("quoted", [True, False])
def test_right_files_with_a_tenth_of_wrong_spans_are_never_taken_for_shifted(quoted):
    draw = random.Random(1)
    for _ in range(25):
        for kind in WORDS:
            documents = draw.choice([1, 2, 3, 5, 20])
            evidence, _ = evidence_of(
                draw,
                kind,
                "characters",
                documents=documents,
                quoted=quoted,
                wrong=draw.choice([0, 0.05, 0.1]),
            )
            assert verdict(evidence) is None


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("unit", UNITS)
def test_shifted_files_that_quote_are_refused_even_of_one_span(kind, unit):
    draw = random.Random(2)
    for documents in (1, 1, 1, 3, 20):
        evidence, moved = evidence_of(draw, kind, unit, documents=documents, quoted=True)
        assert not moved or verdict(evidence) or 0 < evidence["misfits"] < evidence["spans"] < 5


@pytest.mark.parametrize("kind", SPACED)
@pytest.mark.parametrize("unit", UNITS)
def test_shifted_files_that_quote_nothing_are_refused_or_in_doubt(kind, unit):
    draw = random.Random(3)
    evidence, moved = evidence_of(draw, kind, unit, documents=30, quoted=False)
    assert not moved or (verdict(evidence) or (unit,))[0] == unit
    assert not moved or verdict(evidence) or undecided(evidence)


def test_an_accent_or_a_part_of_an_emoji_is_no_edge_of_a_word():
    evidence = Counter()
    for text, end in (("Jose\u0301 ran", 4), ("กรุงเทพ", 2), ("👩\u200d👧 ran", 1)):
        weigh(Record("a", text, (Span(0, end, "X"),), Source("a", 1)), evidence)
    assert evidence["misfits"] == 3


def test_units_that_fit_alike_are_all_named():
    evidence = Counter()
    weigh(Record("a", "x\nAna ran", (Span(3, 6, "PER"),), Source("a", 1), quotes=("Ana",)), evidence)
    unit, why = verdict(evidence)
    other = {"lf-as-two": "from-1", "from-1": "lf-as-two"}[unit]
    assert f": {other})" in why


def test_a_span_that_quotes_another_text_is_told_the_unit_in_which_it_does_not():
    record = Record("a", "🎉 Ana ran", (Span(3, 6, "PER"),), Source("a", 1), quotes=("Ana",))
    (fault,) = settle(record, "auto").faults
    assert fault.detail.endswith("it fits with --offsets=utf-16 or from-1")


@pytest.mark.parametrize("unit", OFFSETS[1:])
def test_settled_spans_in_a_unit_are_complete(unit):
    draw = random.Random(4)
    text, places = a_text(draw, "emoji", "\r\n")
    spans = tuple(Span(*counted(text, *place, unit), "X") for place in places)
    record = Record("a", text, spans, Source("a", 1), quotes=tuple(text[start:end] for start, end in places))
    read = settle(record, unit)
    assert [span[:2] for span in read.spans] == places
    assert read.faults == ()
