import json
from pathlib import Path

import pytest

from scripts.corpus.tokenizer import load_tokenizer
from scripts.formats.record import Source, Span
from scripts.formats.words import rebuild_spaces, words_record

DEMO = Path(__file__).parent.parent.parent / "assets" / "demo"
HERE = Source("a.conll", 3)


def joined(words: list[str], lang: str) -> str:
    spaces = rebuild_spaces(words, lang)
    assert len(spaces) == len(words)
    assert not spaces[-1]
    return "".join(word + " " * space for word, space in zip(words, spaces, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "Ana left , and Bo stayed .|Ana left, and Bo stayed.",
        "Who ? Me ! Well ; so : yes …|Who? Me! Well; so: yes…",
        "do n't|don't",
        "ca n’t|can’t",
        "I 'm sure they 'll say we 've seen it 's Ana 's|I'm sure they'll say we've seen it's Ana's",
        "DO N'T SAY HE 'D|DON'T SAY HE'D",
        "I ’m sure they ’re Ana ’s|I’m sure they’re Ana’s",
        'She said " yes " and " no " .|She said "yes" and "no".',
        '" Yes , " she said .|"Yes," she said.',
        "“ Yes , ” she said ‘ softly ’ .|“Yes,” she said ‘softly’.",
        "the ( old ) pier [ north ] { sic }|the (old) pier [north] {sic}",
        '( " a " )|("a")',
        "It cost $ 5 , £ 6 or € 7 , not US$ 8 .|It cost $5, £6 or €7, not US$8.",
        "up 5 % in May|up 5% in May",
        "# tollan @ odalys|#tollan @odalys",
        "3.5 and .5 and ... so ...|3.5 and .5 and... so...",
        "well - known - ish|well - known - ish",
        "Ana|Ana",
    ],
)
def test_english_habits(text):
    words, wanted = text.split("|")
    assert joined(words.split(), "en") == wanted


@pytest.mark.parametrize(
    "smiley", [":)", ":-)", ";)", ":D", ":(", ":-(", ":[", ";(", ":P", "<3", "=)", "=(", "😀", ":'("]
)
def test_a_smiley_stands_alone(smiley):
    assert joined(["We", "saw", smiley, "today", "."], "en") == f"We saw {smiley} today."


@pytest.mark.parametrize(
    "text",
    [
        "Il dit « oui » .|Il dit « oui ».",
        "Quoi ? Non ! Si ; voilà : rien , merci .|Quoi ? Non ! Si ; voilà : rien, merci.",
        "l' été d' Émile n' est qu' un jeu|l'été d'Émile n'est qu'un jeu",
        "l’ été s’ achève|l’été s’achève",
        "jusqu' ici|jusqu'ici",
        "lorsqu' il vint , quelqu' un dit puisqu' elle|lorsqu'il vint, quelqu'un dit puisqu'elle",
        "( le quai )|(le quai)",
        "aujourd'hui|aujourd'hui",
    ],
)
def test_french_habits(text):
    words, wanted = text.split("|")
    assert joined(words.split(), "fr") == wanted


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("¿ Y el muelle ? ¡ Sí !|¿Y el muelle? ¡Sí!", "es"),
        ("« Sí » , dijo|«Sí», dijo", "es"),
        ("l' acqua dell' isola|l'acqua dell'isola", "it"),
        ("Das kostet 5 € im Monat .|Das kostet 5 € im Monat.", "de"),
        ("Hafen ( Nord )|Hafen (Nord)", "de"),
    ],
)
def test_habits_of_other_languages(text, lang):
    words, wanted = text.split("|")
    assert joined(words.split(), lang) == wanted


def test_an_apostrophe_at_a_words_end_joins_only_in_languages_that_elide():
    assert joined(["the", "dogs'", "bowl"], "en") == "the dogs' bowl"


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("我 在 北京 ， 他 在 上海 。|我在北京，他在上海。", "zh"),
        ("买 了 iPhone 15 手机|买了iPhone 15手机", "zh"),
        ("「 港 」 と 書い た 。|「港」と書いた。", "ja"),
    ],
)
def test_languages_without_spaces(text, lang):
    words, wanted = text.split("|")
    assert joined(words.split(), lang) == wanted


def test_the_demo_corpuss_own_tokens_get_their_spaces_back():
    tokenizer = load_tokenizer("en")
    right = total = 0
    for line in (DEMO / "dev.jsonl").read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["text"]
        tokens = [token for token in tokenizer(text) if not token.is_space]
        followed = [text[token.idx + len(token) : token.idx + len(token) + 1].isspace() for token in tokens]
        rebuilt = rebuild_spaces([token.text for token in tokens], "en")
        pairs = list(zip(rebuilt, followed, strict=True))[:-1]  # no space follows the last
        right += sum(one == other for one, other in pairs)
        total += len(pairs)
    assert total > 5000
    assert right / total >= 0.95


def test_spans_lie_on_their_words():
    record = words_record(
        HERE,
        [(["Ana", "Tarn", "ran"], None, [(0, 2, "PER")]), (["(", "Cork", ")"], None, [(1, 2, "LOC")])],
        lang="en",
    )
    assert record.text == "Ana Tarn ran (Cork)"
    assert record.spans == (Span(0, 8, "PER"), Span(14, 18, "LOC"))
    assert record.sent_starts == (True, False, False, True, False, False)


def test_spaces_that_are_given_are_taken():
    record = words_record(HERE, [(["a", ".", "b"], [True, False, True], [])], lang="en")
    assert (record.text, record.spaces, record.spaces_given) == ("a .b ", (True, False, True), True)


def test_sentences_that_are_not_known_are_not_claimed():
    assert words_record(HERE, [(["a"], None, [])], lang="en", sentences_known=False).sent_starts is None


def test_a_record_without_words_is_empty():
    record = words_record(HERE, [], lang="en")
    assert (record.text, record.words, record.spaces) == ("", (), ())


@pytest.mark.parametrize(("id", "wanted"), [(None, "a-3"), ("x", "x")])
def test_the_id_is_the_given_one_or_made_of_the_place(id, wanted):
    assert words_record(HERE, [(["a"], None, [])], lang="en", id=id).id == wanted
