"""Which column is what: each layout gives the same entities, or is an error that names the option for each
reading.
"""

import pytest

from scripts.formats.record import AnnotationError
from scripts.formats.registry import read_records
from tests.make import described, fails, read

SENTENCES = [
    [
        ("Ana", "NNP", "B-PER"),
        ("Pilar", "NNP", "I-PER"),
        ("left", "VBD", "O"),
        ("Cork", "NNP", "B-LOC"),
        (".", ".", "O"),
    ],
    [
        ("The", "DT", "O"),
        ("Acme", "NNP", "B-ORG"),
        ("shop", "NN", "O"),
        ("in", "IN", "O"),
        ("Leeds", "NNP", "B-LOC"),
    ],
    [("Bo", "NNP", "B-PER"), ("ran", "VBD", "O"), ("home", "RB", "O")],
]
ENTITIES = [("Ana Pilar", "PER"), ("Cork", "LOC"), ("Acme", "ORG"), ("Leeds", "LOC"), ("Bo", "PER")]
CHUNKS = {"NNP": "B-NP", "VBD": "B-VP", ".": "O", "DT": "B-NP", "NN": "I-NP", "IN": "B-PP", "RB": "B-ADVP"}


def table(cells, *, separator="\t", header="", before="", end="\n") -> str:
    """Write SENTENCES; `cells` gives a row's cells from word, part of speech, tag, and the numbers of word,
    sentence and row.
    """
    lines, row = [header] if header else [], 0
    for number, sentence in enumerate(SENTENCES):
        lines += [before.format(number)] if before else []
        for i, (word, pos, tag) in enumerate(sentence):
            lines.append(separator.join(cells(word, pos, tag, i, number, row)))
            row += 1
        lines.append("")
    return end.join(lines) + end


def entities(records):
    return [(record.text[start:end], label) for record in records for start, end, label in record.spans]


LAYOUTS = {
    "token first": lambda w, p, t, i, s, n: [w, t],
    "tag first": lambda w, p, t, i, s, n: [t, w],
    "number in the sentence": lambda w, p, t, i, s, n: [str(i), w, t],
    "number in the sentence from 1": lambda w, p, t, i, s, n: [str(i + 1), w, t],
    "number in the file": lambda w, p, t, i, s, n: [str(n), w, t],
    "number last": lambda w, p, t, i, s, n: [w, t, str(n)],
    "sentence's number": lambda w, p, t, i, s, n: [str(s), w, t],
    "sentence's name": lambda w, p, t, i, s, n: [f"Sentence: {s + 1}", w, p, t],
    "document's name": lambda w, p, t, i, s, n: ["wsj/front", w, t],
    "names by sentence": lambda w, p, t, i, s, n: [["front", "sports", "arts"][s], w, t],
    "numbered names": lambda w, p, t, i, s, n: [f"s{s}.t{i}", w, t],
    "offsets": lambda w, p, t, i, s, n: [f"{9 * n}-{9 * n + len(w)}", w, t],
    "offsets in two columns": lambda w, p, t, i, s, n: [w, str(9 * n), str(9 * n + len(w)), t],
    "confidence": lambda w, p, t, i, s, n: [w, t, f"0.9{n % 7}"],
    "part of speech first": lambda w, p, t, i, s, n: [p, w, t],
    "lemma and part of speech": lambda w, p, t, i, s, n: [w, w.lower(), p, t],
    "CoNLL-2003": lambda w, p, t, i, s, n: [w, p, CHUNKS[p], t],
    "a column of O before": lambda w, p, t, i, s, n: [w, p, "O", t],
    "empty columns": lambda w, p, t, i, s, n: [w, "_", "-", t],
    "links": lambda w, p, t, i, s, n: [w, t, "_" if t == "O" else f"Q{n}"],
    "lower-case prefixes": lambda w, p, t, i, s, n: [w, t[0].lower() + t[1:]],
    "underscores": lambda w, p, t, i, s, n: [w, t.replace("-", "_")],
    "prefix last": lambda w, p, t, i, s, n: [w, "-".join(reversed(t.split("-")))],
    "O as 0": lambda w, p, t, i, s, n: [w, t.replace("O", "0") if t == "O" else t],
    "O as _": lambda w, p, t, i, s, n: [w, "_" if t == "O" else t],
    "O as -": lambda w, p, t, i, s, n: [w, "-" if t == "O" else t],
    "no prefix": lambda w, p, t, i, s, n: [w, t[2:] or "O"],
    "no prefix, beside other columns": lambda w, p, t, i, s, n: [w, p, CHUNKS[p], t[2:] or "O"],
    "no prefix, O as _": lambda w, p, t, i, s, n: [w, t[2:] or "_"],
    "trailing cells": lambda w, p, t, i, s, n: [w, t, ""],
    "trailing cells in some rows": lambda w, p, t, i, s, n: [w, t, *[""] * (n % 3)],
}


@pytest.mark.parametrize("cells", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_columns_are_told_by_what_they_hold(write_text, cells, end):
    assert entities(read(write_text("a.txt", table(cells, end=end)))) == ENTITIES


@pytest.mark.parametrize("cells", list(LAYOUTS.values())[:4], ids=list(LAYOUTS)[:4])
def test_runs_of_spaces_do_as_well_as_tabs(write_text, cells):
    assert entities(read(write_text("a.txt", table(cells, separator="  ")))) == ENTITIES


@pytest.mark.parametrize(
    ("cells", "options"),
    [
        (lambda w, p, t, i, s, n: [w, t, "B-LOC" if t == "B-ORG" else "O"], ["token,tag,_", "token,_,tag"]),
        (lambda w, p, t, i, s, n: [w, t, "O"], ["token,tag,_", "token,_,tag"]),
        (
            lambda w, p, t, i, s, n: [str(i + 1), w, t, "B-X" if n == 7 else "O"],
            ["_,token,tag,_", "_,token,_,tag"],
        ),
        (lambda w, p, t, i, s, n: [w.lower(), w, t], ["token,_,tag", "_,token,tag"]),
    ],
    ids=["nested", "nested without any", "GermEval", "lemma first"],
)
def test_two_readings_are_an_error_that_names_the_option_for_each(write_text, cells, options):
    path = write_text("a.txt", table(cells))
    message = fails(path)
    assert all(f"--columns={option}\n" in f"{message}\n" for option in options)
    assert f"1: {' | '.join(cells(*SENTENCES[0][0], 0, 0, 0))}" in message
    assert ENTITIES in [entities(read(path, columns=option)) for option in options]


@pytest.mark.parametrize(
    ("header", "columns", "cells"),
    [
        ("word\tpos\tner", "token,_,tag", lambda w, p, t, i, s, n: [w, p, t]),
        ("ner\tword", "tag,token", lambda w, p, t, i, s, n: [t, w]),
        ("Wort\tEtikett", "token,tag", lambda w, p, t, i, s, n: [w, t]),
        ("", "tag,_,token", lambda w, p, t, i, s, n: [t, p, w]),
        ("token\tpos\ttag", "", lambda w, p, t, i, s, n: [w, p, t]),
        ("TOKEN\tNE-COARSE-LIT\tNE-COARSE-METO\tNEL-LIT", "", lambda w, p, t, i, s, n: [w, t, "O", "_"]),
        ("# global.columns = ID FORM CONLL:NER", "", lambda w, p, t, i, s, n: [str(i + 1), w, t]),
        ("\ttokens\tner_tags", "", lambda w, p, t, i, s, n: [str(n), w, t]),
    ],
)
def test_names_of_columns_come_from_a_header_or_the_user(write_text, header, columns, cells):
    assert entities(read(write_text("a.tsv", table(cells, header=header)), columns=columns)) == ENTITIES


@pytest.mark.parametrize("row", ["Word\tB-ORG", "Text\tO", "Ana\tPER"])
def test_a_first_row_that_is_tagged_is_no_header(write_text, row):
    path = write_text("a.tsv", f"{row}\nBo\t{row.partition(chr(9))[2]}\nran\tO\n")
    assert read(path, columns="token,tag")[0].words[0] == row.partition("\t")[0]


@pytest.mark.parametrize("columns", ["token", "_,token,tag", "token,tag,_"])
def test_names_for_more_or_fewer_columns_are_an_error_with_a_line(write_text, columns):
    assert ":1: 2 columns, but --columns names" in fails(write_text("a.tsv", "Ana\tB-PER\n"), columns=columns)


@pytest.mark.parametrize(
    "cells",
    [
        lambda w, p, t, i, s, n: [str(i), t],
        lambda w, p, t, i, s, n: [f"{n}-{n + 1}", t],
        lambda w, p, t, i, s, n: [t, "_"],
    ],
    ids=["numbers", "offsets", "empty"],
)
def test_no_column_of_words_is_an_error(write_text, cells):
    assert "no column holds words" in fails(write_text("a.tsv", table(cells)))


@pytest.mark.parametrize("other", ["_", "0", "o"])
def test_several_marks_for_no_entity_are_an_error_with_the_line(write_text, other):
    message = fails(write_text("a.tsv", f"Ana\tB-PER\nran\tO\noff\t{other}\n"))
    assert f":3: {other!r} is no tag such as O" in message


@pytest.mark.parametrize("tag", ["LOC", "X-LOC", "B-", "b-LOC"])
def test_a_tag_of_another_kind_is_an_error_with_its_line(write_text, tag):
    message = fails(write_text("a.tsv", f"Ana\tB-PER\nran\tO\nto\tO\nCork\t{tag}\n"))
    assert f":4: {tag!r} is no tag" in message


def test_tags_in_a_column_that_held_none_are_an_error(write_text):
    rows = "Ana\tO\tB-PER\nran\tO\tO\n\n" * 20_000 + "Bo\tB-PER\tO\n"
    assert ":60001: column 2 holds 'B-PER'" in fails(write_text("a.tsv", rows))


def conllu(misc) -> str:
    return table(lambda w, p, t, i, s, n: [str(i + 1), w, w.lower(), p, p, "_", "0", "dep", "_", misc(t, n)])


@pytest.mark.parametrize(
    "misc",
    [
        lambda t, n: f"NER={t}",
        lambda t, n: f"name={t}|start_char={n}",
        lambda t, n: "_" if t == "O" else f"Tag={t}|Gloss=x",
        lambda t, n: t,
        lambda t, n: "_" if t == "O" else t,
        lambda t, n: f"NER={t}|Copy={t}",
        lambda t, n: f"ner={t[2:] or 'O'}",
    ],
    ids=["NER", "name", "absent", "bare", "bare or empty", "twice the same", "without prefix"],
)
def test_tags_of_conllu_stand_in_misc(write_text, misc):
    assert entities(read(write_text("a.conllu", conllu(misc)))) == ENTITIES


def test_two_keys_of_tags_are_an_error_with_an_option_for_each(write_text):
    path = write_text("a.conllu", conllu(lambda t, n: f"NER={t}|Fine={'B-X' if n == 1 else 'O'}"))
    named = "_,token,_,_,_,_,_,_,_,tag="
    assert all(f"--columns={named}{key}" in fails(path) for key in ("NER", "Fine"))
    assert entities(read(path, columns=named + "NER")) == ENTITIES
    assert entities(read(path, columns=named + "Fine")) == [("Pilar", "X")]
    assert "has no key 'None'" in fails(path, columns=named + "None")


def test_surface_forms_and_empty_nodes_are_not_read_and_counted(write_text):
    rows = ["1\tIl", "2-3\tau", "2\tà", "3\tle", "3.1\tva", "4\tCork"]
    text = "".join(f"{row}\t_\tX\t_\t_\t_\t_\t_\t{'NER=B-LOC' if 'Cork' in row else '_'}\n" for row in rows)
    (record,) = read(write_text("a.conllu", text))
    assert record.words == ("Il", "à", "le", "Cork")
    assert [(one.reason, one.tokens) for one in record.unread] == [("surface-form", 1), ("empty-node", 1)]


def test_a_file_of_sentences_that_only_a_column_tells_apart_is_refused(write_text):
    path = write_text("a.tsv", "sentence_id\ttoken\ttag\n0\tAna\tB-PER\n1\tran\tO\n")
    with pytest.raises(AnnotationError, match="no blank line ends a sentence"):
        list(read_records(path, "columns"))


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (
            lambda w, p, t, i, s, n: [str(i), w, p, t],
            ["token = column 2 of 4", "tag = column 4 (IOB2: LOC, ORG, PER)", "column 1 (numbers)"],
        ),
        (
            lambda w, p, t, i, s, n: [w, "O", CHUNKS[p], t[2:] or "O"],
            ["(no prefixes: LOC, ORG, PER)", "column 2 (all O)", "(chunks)"],
        ),
        (lambda w, p, t, i, s, n: [w, t.replace("O", "0") if t == "O" else t], ["O written as '0'"]),
    ],
)
def test_the_reading_is_described(write_text, cells, words):
    description = described(write_text("a.tsv", table(cells)))
    assert all(word in description for word in words)


@pytest.mark.parametrize("cell", ["en:{}", "zh-classical:{}"])
def test_a_language_before_each_token_is_taken_off(write_text, cell):
    path = write_text("a.tsv", table(lambda w, p, t, i, s, n: [cell.format(w), t]))
    assert entities(read(path)) == ENTITIES
    assert "in the brackets" in described(path)


def test_a_place_behind_each_character_is_taken_off(write_text):
    text = "科0\tB-PER\n技1\tI-PER\n全0\tO\n方1\tO\na2\tO\n\n"
    (record,) = read(write_text("a.txt", text), lang="zh")
    assert record.words == ("科", "技", "全", "方", "a")


def test_a_token_without_the_language_of_the_others_is_an_error(write_text):
    text = "".join(f"en:w{i}\tO\n" for i in range(20)) + "fr:x\tB-PER\n"
    assert ":21: the token 'fr:x' is not like the others" in fails(write_text("a.tsv", text))


@pytest.mark.parametrize("word", ["SpaceAfter=No", "NER=B-PER", "B-PER", "Sentence: 1", "_", "2-3", "#"])
def test_a_token_that_looks_like_something_else_misleads_nobody(write_text, word):
    text = table(lambda w, p, t, i, s, n: [w, p, t]).replace("home\t", f"{word}\t")
    records = read(write_text("a.txt", text))
    assert (entities(records), records[2].words) == (ENTITIES, ("Bo", "ran", word))


@pytest.mark.parametrize("tag", ["B", "I"])
def test_a_prefix_without_a_label_is_an_error_that_says_how_to_write_one(write_text, tag):
    assert f"as in {tag}-PER" in fails(write_text("a.txt", f"Ana\t{tag}\nran\tO\n"))


def test_chunks_beside_an_empty_column_are_two_readings(write_text):
    text = table(lambda w, p, t, i, s, n: [w, p, CHUNKS[p], "_"])
    assert "could each be the tag" in fails(write_text("a.txt", text))
