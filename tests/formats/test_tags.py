import pytest

from scripts.formats.tags import (
    Spelling,
    decode,
    find_scheme,
    find_spelling,
    from_brackets,
    parse_tag,
    tag_parser,
)


def tags(text: str):
    return [parse_tag(tag) for tag in text.split()]


def scheme_of(*sentences: str) -> str:
    return find_scheme(map(tags, sentences))


@pytest.mark.parametrize(
    ("sentences", "name"),
    [
        (["O I-PER I-PER O", "I-ORG B-ORG O"], "IOB1"),
        (["O B-PER I-PER O"], "IOB2"),
        (["B-PER O", "O I-PER"], "IOB2"),
        (["O B-PER L-PER U-ORG"], "BILUO"),
        (["O B-PER E-PER S-ORG"], "BILUO"),
        (["I-PER B-ORG"], "IOB2"),
    ],
)
def test_scheme_is_told_by_looking(sentences, name):
    assert scheme_of(*sentences) == name


@pytest.mark.parametrize(
    ("scheme", "sentence", "entities"),
    [
        ("IOB1", "I-PER I-PER O I-ORG B-ORG", [(0, 2, "PER"), (3, 4, "ORG"), (4, 5, "ORG")]),
        ("IOB1", "I-PER I-ORG", [(0, 1, "PER"), (1, 2, "ORG")]),
        ("IOB2", "B-PER I-PER B-PER O", [(0, 2, "PER"), (2, 3, "PER")]),
        ("BILUO", "B-PER I-PER L-PER U-ORG", [(0, 3, "PER"), (3, 4, "ORG")]),
        ("BILUO", "S-ORG B-PER E-PER", [(0, 1, "ORG"), (1, 3, "PER")]),
    ],
)
def test_entities_are_decoded(scheme, sentence, entities):
    assert decode(tags(sentence), scheme) == (entities, [])


@pytest.mark.parametrize(
    ("scheme", "sentence", "token", "words"),
    [
        ("IOB2", "O I-PER", 1, "I-PER without B-PER"),
        ("IOB2", "B-ORG I-PER", 1, "I-PER without B-PER"),
        ("BILUO", "L-PER O", 0, "L-PER without B-PER"),
        ("BILUO", "B-PER O", 1, "unfinished PER"),
        ("BILUO", "O B-PER", 1, "unfinished at the sentence's end"),
    ],
)
def test_forbidden_tags_are_faults(scheme, sentence, token, words):
    _, faults = decode(tags(sentence), scheme)
    assert faults[0][0] == token
    assert words in faults[0][2]


def test_labels_may_hold_hyphens():
    assert parse_tag("B-creative-work").label == "creative-work"


@pytest.mark.parametrize("text", ["", "PER", "X-PER", "B-", "B- PER", "o"])
def test_what_is_no_tag_is_none(text):
    assert parse_tag(text) is None


@pytest.mark.parametrize("label", ["Music Group", "Music Group/Band", "a|b", "人物", "-", "B-PER"])
def test_labels_may_hold_anything_inside(label):
    assert parse_tag(f"B-{label}").label == label


@pytest.mark.parametrize(
    ("text", "prefix"),
    [("B-X", "B"), ("I-X", "I"), ("L-X", "L"), ("E-X", "L"), ("U-X", "U"), ("S-X", "U"), ("O", "O")],
)
def test_both_spellings_of_last_and_unit_are_read(text, prefix):
    assert parse_tag(text).prefix == prefix


def test_a_forbidden_tags_entity_is_kept():
    assert decode(tags("O I-PER I-PER O"), "IOB2")[0] == [(1, 3, "PER")]


def test_an_unfinished_entity_ends_where_the_next_begins():
    assert decode(tags("B-PER B-LOC L-LOC"), "BILUO")[0] == [(0, 1, "PER"), (1, 3, "LOC")]


def test_a_sentence_without_tags_has_no_entities():
    assert decode([], "IOB2") == ([], [])


@pytest.mark.parametrize(
    ("cells", "entities"),
    [
        ("* (PER* *) *", [(1, 3, "PER")]),
        ("(PER) (LOC)", [(0, 1, "PER"), (1, 2, "LOC")]),
        ("(PER*) *", [(0, 1, "PER")]),
        ("(WORK_OF_ART* * * *)", [(0, 4, "WORK_OF_ART")]),
        ("* *", []),
    ],
)
def test_brackets_are_decoded(cells, entities):
    assert from_brackets(cells.split()) == (entities, [])


@pytest.mark.parametrize(
    ("cells", "token", "words"),
    [
        ("* *)", 1, "'*)' is no bracket that can stand here"),
        ("(PER* (LOC* *)", 1, "'(LOC*' is no bracket"),
        ("O *", 0, "'O' is no bracket"),
        ("(PER* *", 1, "PER entity is unfinished"),
    ],
)
def test_forbidden_brackets_are_faults(cells, token, words):
    _, faults = from_brackets(cells.split())
    assert faults[0][0] == token
    assert words in faults[0][2]


@pytest.mark.parametrize(
    ("values", "spelling"),
    [
        ("O B-PER I-PER", ("B-PER", "O")),
        ("_ B-PER I-PER", ("B-PER", "_")),
        ("0 B-PER", ("B-PER", "0")),
        ("o b-per i-per", ("b-per", "o")),
        ("O B_PER I_LOC", ("B_PER", "O")),
        ("O PER-B LOC-I", ("PER-B", "O")),
        ("O B-LOC M-LOC E-LOC S-PER", ("B-PER", "O")),
        ("O B-PER LOC", None),
        ("O B-PER b-loc", None),
        ("PER LOC", None),
        ("O B-", None),
    ],
)
def test_the_spelling_of_tags_is_told_from_their_values(values, spelling):
    assert find_spelling(values.split()) == spelling


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ("O PER LOC", True),
        ("_ PER", True),
        ("PER LOC", False),
        ("O NN VB", False),
        ("O X-PER", False),
        ("O B-PER LOC", False),
    ],
)
def test_tags_without_prefixes_are_told_where_they_may_be(values, found):
    spelling = find_spelling(values.split(), plain=True)
    assert (spelling is not None and spelling.style == "PER") == found


@pytest.mark.parametrize(
    ("spelling", "text", "entities"),
    [
        (Spelling("PER", "O"), "PER PER O LOC PER", [(0, 2, "PER"), (3, 4, "LOC"), (4, 5, "PER")]),
        (Spelling("b-per", "o"), "b-per i-per o", [(0, 2, "per")]),
        (Spelling("PER-B", "_"), "PER-B PER-I _", [(0, 2, "PER")]),
        (Spelling("B-PER", "0"), "B-LOC M-LOC E-LOC 0 W-X", [(0, 3, "LOC"), (4, 5, "X")]),
    ],
)
def test_every_spelling_gives_entities(spelling, text, entities):
    parsed = [tag_parser(spelling)(tag) for tag in text.split()]
    assert decode(parsed, find_scheme([parsed])) == (entities, [])


@pytest.mark.parametrize("tag", ["B PER", "B-PER O O", "b-per o i-per", "B-PER I-PER"])
def test_tags_behind_blanks_are_no_label(tag):
    assert find_spelling(["O", tag], plain=True) is None
