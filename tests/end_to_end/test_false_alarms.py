"""What checks leave alone, beside what they must tell: names in quotes, systems of labels, scripts without
spaces, small talk.
"""

import pytest

from scripts.checks.characters import odd_edge
from scripts.checks.corpus_checks import is_one_edit
from scripts.checks.stats import Stats
from scripts.checks.wordpieces import unknown_words
from tests.benchmarks.trainings import write_quickstarts
from tests.planted import examined

WORDS = ["She", "Met", "Flo", "On", "A", "Fine", "May", "Day", "In", "Cork"]


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    return write_quickstarts(tmp_path_factory.mktemp("quickstart"))


@pytest.fixture
def details(tmp_path, quickstart):
    """What a check says of an example."""

    def run(slug, text):
        return [
            finding.detail
            for finding in examined(text, tmp_path, quickstart).findings
            if finding.slug == slug
        ]

    return run


@pytest.mark.parametrize(
    "name",
    [
        "Section 14(3)(c)",
        "IBS(Irritable Bowel Syndrome)",
        "”Walking in the Air”",
        "„Der Berg“",
        "»Der Berg«",
        "« La Mer »",
        "‘The Sea’",
        "``The Sea''",
        '"Cork" Ltd',
        "Firma S…",
        "Amtsgerichts…",
        "‘s-Gravenhage",
        "'s-Hertogenbosch",
        "Auld Reekin'",
        "《红楼梦》",
        "Article 6 a)",
        'MacBook Pro 13"',
    ],
)
def test_marks_that_belong_to_a_name_are_left_alone(name):
    assert not odd_edge(name, "the", "was")


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("Ann,", "met", "yesterday"),
        ("(Cork", "in", ")"),
        ("Cork)", "(", "."),
        ("Vitamin C)", "(", "."),
        ('"Cork', "in", '"'),
        ("Cork”", "“", "."),
        ("'Cork", "in", "'"),
        ("SML Movie:", "", "Princess"),
        ("《红楼梦", "读", "》"),
        ("Cork (", "in", "Ireland"),
    ],
)
def test_marks_of_the_text_around_a_name_are_told(name, before, after):
    assert odd_edge(name, before, after)


def test_a_list_s_mark_before_a_bracket_that_closes_another_is_left_alone():
    assert not odd_edge("Article 6 a)", "(", ")")


@pytest.mark.parametrize(
    ("one", "two"),
    [("小+/O 明/B-PER", "😀+/O 小+/B-PER 明/I-PER"), ("ไป+/O กรุงเทพ+/B-LOC มา/O", "東京+/B-LOC で/O")],
)
def test_neighbours_in_scripts_without_spaces_are_other_words(one, two, details):
    assert not details("inside-word", f"{one}\n{two}")


def labelled(labels):
    """Return an example in which each label stands for another name, as often as is said behind it."""
    return "\n".join(
        f"Ana{i}/B-{line.replace(' *', ' went/O *')}" for i, line in enumerate(labels.split("\n"))
    )


@pytest.mark.parametrize(
    "labels",
    [
        "PER.NAM *20\nPER.NOM",
        "Organ *20\nOrganism_subdivision",
        "ORDINAL *20\nCARDINAL",
        "LOC *20\nLOCATION_TYPE",
        "ARG0 *20\nARG1",
        "DATE *20\nDATETIME",
        "Plant *5\nPlanet *5",
    ],
)
def test_labels_of_a_system_are_no_typing_errors(labels, details):
    assert not details("label-typo", labelled(labels))


@pytest.mark.parametrize(
    "labels",
    [
        "WORK_OF_ART *2\nWORK-OF-ART",
        "Person *2\nPERSON",
        "FACILITY *20\nFACILTY",
        "PER.NAME *20\nPER.NMAE",
        "ORG *3\nORGANISATION",
    ],
)
def test_labels_that_are_one_are_told(labels, details):
    assert any("looks like" in detail for detail in details("label-typo", labelled(labels)))


def test_a_short_form_is_told_where_both_stand_for_the_same_names(details):
    assert details("label-typo", "The/O Lusitania/B-VEH sank/O\nThe/O Lusitania/B-VEHICLE sank/O")
    assert not details("label-typo", "The/O Lusitania/B-VEH sank/O\nThe/O Titanic/B-VEHICLE sank/O")


@pytest.mark.parametrize(
    ("one", "two"),
    [("person", "persn"), ("persn", "person"), ("person", "persom"), ("person", "perosn"), ("a", "")],
)
def test_one_edit_is_recognised(one, two):
    assert is_one_edit(one, two)
    assert not is_one_edit(one + "xy", two)


NAMED = "The/O Open/B-MISC began/O *4\nHe/O saw/O New/B-LOC York/I-LOC *4\nAt/O IT/B-ORG *4\nIn/O 2010/B-MISC *4\n"


@pytest.mark.parametrize(
    "line",
    [
        "Open/O questions/O remain/O",
        "We/O left/O ./O Open/O questions/O remain/O",
        "The/O New/O York/O Times/O said/O so/O",
        "From/O New/O York+/O -/O based/O firms/O",
        "From/O New/O York/O -based/O firms/O",
        "In/O New/O York/O 2140/O it/O rains/O",
        "In/O 2010/O they/O left/O",
        "Call/O IT/O please/O",
        "see/O //O r/O //O New/O York/O",
    ],
)
def test_places_where_a_name_may_be_none_are_left_alone(line, details):
    assert not details("labelled-elsewhere", NAMED + line)


@pytest.mark.parametrize(
    "line",
    ["They/O like/O New/O York/O too/O", "In/O New/O York/O it/O rains/O", "The/O new/O Open/O is/O here/O"],
)
def test_names_that_were_overlooked_are_told(line, details):
    (detail,) = details("labelled-elsewhere", NAMED + line)
    assert detail.endswith("is labelled in 4 places and not in 1")


def test_characters_of_a_longer_word_are_not_looked_for(details):
    text = "我+/O 到+/O ，+/O 中+/B-LOC 国+/I-LOC 。/O *4\n"
    assert not details("labelled-elsewhere", text + "他+/O 是+/O 中+/O 国+/O 人/O")
    assert details("labelled-elsewhere", text + "他+/O 到+/O ，+/O 中+/O 国+/O 。/O")


def test_small_talk_that_comes_again_is_not_told(details):
    assert not details("duplicate-text", "Yes+/O ./O *3\nThank/O you+/O !/O *2")
    assert not details("text-in-two-splits", "Yes+/O ./O\ndev: Yes+/O ./O")


@pytest.mark.parametrize(
    "text",
    [
        "Ana/B-B-PER Pilar/B-I-PER left/O",
        "Ana/B-B-PER left/O Cork/B-B-LOC\nBo/B-PER saw/O Leeds/B-LOC",
        "train: Ana/B-B-PER left/O\ndev: Bo/B-B-PER left/O",
    ],
)
def test_tags_that_were_taken_for_labels_are_told(text, details):
    (detail,) = details("tag-as-label", text)
    assert "B-PER" in detail


def test_a_label_that_merely_begins_with_a_letter_and_a_hyphen_is_none_of_them(details):
    assert not details("tag-as-label", "the/O B/B-B-CELL died/O\nthe/O T/B-T-CELL died/O")


def test_an_entity_of_few_tokens_and_many_characters_is_told(details):
    assert details("long-entity", f"She/O sent/O {'x' * 150}/B-KEY {'y' * 150}/I-KEY") == [
        "301 characters KEY"
    ]


@pytest.mark.parametrize("word", ["=" * 300, f"https://example.org/{'a' * 300}", "中" * 30, "x" * 100])
def test_tokens_that_are_long_for_a_reason_are_left_alone(word, details):
    assert not details("giant-token", f"She/O sent/O {word}/O home/O")


def test_a_line_in_one_token_is_told_in_a_script_without_spaces(details):
    assert details("giant-token", f"{'中' * 60}/O")


def test_what_a_transformer_does_not_know_is_told_once_for_each_split(details):
    text = "小/O 喵/O 嘎/O 龘/O 鼒/O 靐/O *40\ndev: 喵/O 嘎/O 龘/O 鼒/O 靐/O *40"
    found = details("unknown-script", f"[components.transformer]\n\n{text}")
    assert len(found) == 2
    assert all("of the words are unknown to the transformer" in detail for detail in found)


@pytest.mark.parametrize(
    ("known", "slugs"),
    [
        (WORDS, []),
        (WORDS[-7:], ["few-vectors"]),
        (WORDS[:-1], ["few-vectors"]),
        (WORDS[-4:], ["unknown-script"]),
        ([word.lower() for word in WORDS], ["lowercase-vectors", "unknown-script"]),
    ],
)
def test_a_share_decides_what_is_said_of_vectors(tmp_path, quickstart, known, slugs):
    tokens = " ".join(f"{word}/O" for word in WORDS[:-1])
    report = examined(f"vectors: {' '.join(known)}\n\ntrain: {tokens} Cork/B-LOC", tmp_path, quickstart)
    of_vectors = {"few-vectors", "unknown-script", "lowercase-vectors"}
    assert sorted({finding.slug for finding in report.findings} & of_vectors) == slugs
    assert report.count("vector-coverage", "train", tmp_path.name) == 1


@pytest.mark.parametrize(("unknown", "slugs"), [(4, []), (5, ["unknown-words"]), (50, ["unknown-script"])])
def test_a_share_decides_what_is_said_of_unknown_words(unknown, slugs):
    found = unknown_words(unknown, 100)
    assert ([found[0]] if found else []) == slugs


def test_counts_of_unknown_words_keep_the_first_place():
    whole, part = Stats(), Stats(unknown={"gpu": (2, 3, 1, 2)})
    part.words["gpu"] = 7
    part.lengths.extend([5] * 10)
    for stats in (Stats(), part, part):
        whole.add(stats)
    assert whole.unknown == {"gpu": (4, 3, 1, 2)}
    assert whole.words == {"gpu": 14}
