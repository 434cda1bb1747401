from functools import partial

import pytest

from scripts.formats import rows
from scripts.formats.record import Span
from scripts.formats.registry import ReadOptions, items, open_file
from tests import make
from tests.make import build, read_split

HEADER = "# global.columns = ID FORM MISC NER\n"

fails = partial(make.fails, format="columns")
read = partial(make.read, format="columns")


def test_sentences_become_documents(write_text):
    path = write_text("a.conll", "Ana\tB-PER\nran\tO\n\nCork\tB-LOC\n")
    first, second = read(path)
    assert (first.text, first.spans) == ("Ana ran", (Span(0, 3, "PER"),))
    assert (second.words, str(second.source)) == (("Cork",), f"{path.as_posix()}:4")


def test_a_line_of_white_space_ends_a_sentence(write_text):
    path = write_text("a.conll", "Ana\tO\n\t\nran\tO\n  \noff\tO\n")
    assert [record.text for record in read(path)] == ["Ana", "ran", "off"]


def test_several_blank_lines_end_one_sentence(write_text):
    path = write_text("a.conll", "\n\nAna\tO\n\n\n\nran\tO\n\n\n")
    assert [(record.text, record.source.line) for record in read(path)] == [("Ana", 3), ("ran", 7)]


@pytest.mark.parametrize(
    "mark",
    [
        "-DOCSTART- -X- O O",
        "-DOCSTART-",
        "-DOCSTART- (12)",
        "#begin document (a/b); part 000",
        "# newdoc",
        "# newdoc id = 7",
    ],
)
def test_any_mark_starts_a_document(write_text, mark):
    path = write_text("a.conll", f"{mark}\n\nAna X O\n\nran X O\n\n{mark}\n\noff X O\n")
    first, second = read(path)
    assert (first.words, first.sent_starts) == (("Ana", "ran"), (True, True))
    assert second.words == ("off",)


def test_an_end_mark_ends_a_document(write_text):
    path = write_text("a.conll", "#begin document a\nAna O\n#end document\nran O\n#end document\n")
    assert [record.text for record in read(path)] == ["Ana", "ran"]


def test_sentences_are_grouped_where_the_file_has_no_marks(write_text):
    path = write_text("a.conll", "a O\n\nb O\n\nc O\n")
    assert [record.text for record in read(path, sentences_per_doc=2)] == ["a b", "c"]


def test_groups_of_sentences_do_not_cross_a_mark(write_text):
    path = write_text("a.conll", "-DOCSTART- O\n\na O\n\nb O\n\nc O\n\n-DOCSTART- O\n\nd O\n")
    assert [record.text for record in read(path, sentences_per_doc=2)] == ["a b", "c", "d"]


def test_tag_is_the_last_column_and_iob1_is_read(write_text):
    path = write_text("a.txt", "Ana NNP - I-PER\nPilar NNP - I-PER\n\nYip! NNP - I-ORG\nKiru NNP - B-ORG\n")
    first, second = read(path)
    assert first.spans == (Span(0, 9, "PER"),)
    assert second.spans == (Span(0, 4, "ORG"), Span(5, 9, "ORG"))


@pytest.mark.parametrize(
    "rows",
    [
        "Ana B-PER|Pilar I-PER|Cork B-LOC",
        "Ana B-PER|Pilar L-PER|Cork U-LOC",
        "Ana B-PER|Pilar E-PER|Cork S-LOC",
        "Ana I-PER|Pilar I-PER|Cork I-LOC",
    ],
    ids=["IOB2", "BILUO", "IOBES", "IOB1"],
)
def test_every_scheme_gives_the_same_entities(write_text, rows):
    (record,) = read(write_text("a.conll", rows.replace("|", "\n") + "\n"))
    assert (record.spans, record.faults) == ((Span(0, 9, "PER"), Span(10, 14, "LOC")), ())


def test_the_scheme_is_told_from_the_whole_file_not_from_one_sentence(write_text):
    first, second = read(write_text("a.conll", "x O\nAna I-PER\n\nx O\nBo B-PER\n"))
    assert [fault.code for fault in first.faults] == ["i-without-b"]
    assert second.faults == ()


def test_brackets_of_an_ontonotes_file_are_read(write_text):
    cells = "d 0 {} {} NN * - - - - {} -\n".format
    path = write_text(
        "a",
        "#begin document (d); part 000\n"
        + cells(0, "Ana", "(PER*")
        + cells(1, "Pilar", "*)")
        + cells(2, "ran", "*")
        + "\n#end document\n",
    )
    (record,) = read(path)
    assert (record.text, record.spans) == ("Ana Pilar ran", (Span(0, 9, "PER"),))


@pytest.mark.parametrize(
    ("bracket", "words"),
    [("*)", "no bracket that can stand here"), ("(PER*", "unfinished at the sentence's end")],
)
def test_a_bracket_out_of_place_is_a_fault_with_its_line(write_text, bracket, words):
    row = "d 0 0 {} NN * - - - - {} -\n"
    path = write_text(
        "a",
        "#begin document (d); part 000\n"
        + row.format("x", "(GPE)")
        + row.format("Ana", bracket)
        + "\n#end document\n",
    )
    ((fault,),) = [record.faults for record in read(path)]
    assert (fault.code, fault.source.line) == ("illegal-sequence", 3)
    assert words in fault.detail


def test_rows_of_an_ontonotes_file_may_vary_in_width(write_text):
    path = write_text(
        "a",
        "#begin document (d); part 000\nd 0 0 Ana NN * - - - - (PER) -\n\n"
        "d 0 0 ran NN * - - - - * (V*) * -\n\n#end document\n",
    )
    (record,) = read(path)
    assert (record.words, record.spans) == (("Ana", "ran"), (Span(0, 3, "PER"),))


def test_tokens_may_hold_spaces_between_tabs(write_text):
    (record,) = read(write_text("a.conll", "1 000\tO\nkm\tO\n"))
    assert record.words == ("1 000", "km")


def test_a_comment_does_not_decide_what_separates_cells(write_text):
    (record,) = read(
        write_text("a.conllup", HEADER + "# sent_id = 1\n1\t10 000\t_\tO\n2\tkm\tSpaceAfter=No\tO\n")
    )
    assert record.words == ("10 000", "km")


def test_runs_of_blanks_separate_cells(write_text):
    (record,) = read(write_text("a.conll", "Ana   NNP    B-PER \nran VBD O\n"))
    assert (record.words, record.spans) == (("Ana", "ran"), (Span(0, 3, "PER"),))


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(write_text):
    first, second = read(write_text("a.conll", "\ufeffAna\tB-PER\r\nran\tO\r\n\r\noff\tO\r\n"))
    assert (first.words, first.spans, first.source.line) == (("Ana", "ran"), (Span(0, 3, "PER"),), 1)
    assert (second.words, second.source.line) == (("off",), 4)


def test_line_separators_inside_a_token_do_not_split_it(write_text):
    (record,) = read(write_text("a.conll", "a\u2028b\u0085c\tO\nran\tO\n"))
    assert record.words == ("a\u2028b\u0085c", "ran")


def test_comments_between_sentences_do_not_count(write_text):
    path = write_text(
        "a.conll", "# id 5f3c\tdomain=en\nAna _ _ B-PER\nTarn _ _ I-PER\n\n# id 77aa\tdomain=en\nran _ _ O\n"
    )
    assert [(record.words, record.source.line) for record in read(path)] == [
        (("Ana", "Tarn"), 2),
        (("ran",), 6),
    ]


def test_a_token_may_be_a_hash(write_text):
    (record,) = read(write_text("a.conll", "# O\n1 O\n# O\n#sea O\n"))
    assert record.words == ("#", "1", "#", "#sea")


def test_space_after_no_is_read_from_misc(write_text):
    (record,) = read(
        write_text(
            "a.conllup",
            HEADER
            + "1\t(\tSpaceAfter=No\tO\n2\tAna\tGloss=x|SpaceAfter=No\tB-PER\n3\t)\t_\tO\n"
            + "4\t!\tSpaceAfter=No\tO\n",
        )
    )
    assert (record.text, record.spaces_given, record.spans) == ("(Ana) !", True, (Span(1, 4, "PER"),))


def test_spaces_that_the_file_does_not_give_are_rebuilt(write_text):
    (record,) = read(write_text("a.conll", "( O\nAna B-PER\n) O\n! O\n"))
    assert (record.text, record.spaces_given, record.spans) == ("(Ana)!", False, (Span(1, 4, "PER"),))


def test_no_space_stands_between_sentences_in_chinese(write_text):
    path = write_text("a.conll", "-DOCSTART- O\n\n我 O\n。 O\n\n他 O\n")
    assert [record.text for record in read(path, lang="zh")] == ["我。他"]


def test_a_multiword_range_of_conllu_is_not_read_twice(write_text):
    rows = "1\tThey\t_\tO\n2-3\tdon't\t_\t_\n2\tdo\t_\tO\n3\tn't\t_\tO\n4\trow\tSpaceAfter=No\tO\n"
    (record,) = read(write_text("a.conllup", HEADER + rows))
    assert (record.words, record.text) == (("They", "do", "n't", "row"), "They don't row")


def test_an_error_below_a_multiword_range_names_its_own_line(write_text):
    rows = "1-2\tdon't\t_\t_\n1\tdo\t_\tO\n2\tn't\t_\tO\n2.1\t_\t_\t_\n3\trow\t_\tNOUN\n"
    assert ":6: 'NOUN' is no tag" in fails(write_text("a.conllup", HEADER + rows))


def test_a_forbidden_tag_below_a_multiword_range_names_its_own_line(write_text):
    rows = "1\tx\t_\tB-X\n2\ty\t_\tO\n3-4\tdon't\t_\t_\n3\tdo\t_\tO\n4\tn't\t_\tI-PER\n"
    ((fault,),) = [record.faults for record in read(write_text("a.conllup", HEADER + rows))]
    assert (fault.code, fault.source.line) == ("i-without-b", 6)


def test_a_sentence_of_an_empty_node_alone_has_no_words(write_text):
    path = write_text(
        "a.conllup", HEADER.replace("MISC ", "") + "# newdoc\n1\tAna\tB-PER\n\n1.1\t_\t_\n\n1\tran\tO\n"
    )
    assert [(record.words, record.spans) for record in read(path)] == [(("Ana", "ran"), (Span(0, 3, "PER"),))]


@pytest.mark.parametrize("id", ["s-{}", "2024-{}", "1.{}", "s1.{}", "{}"])
def test_rows_whose_id_is_no_word_number_are_kept(write_text, id):
    path = write_text("a.tsv", f"id\ttoken\ttag\n{id.format(1)}\tAna\tB-PER\n{id.format(2)}\tran\tO\n")
    assert [(record.words, record.spans) for record in read(path)] == [(("Ana", "ran"), (Span(0, 3, "PER"),))]


@pytest.mark.parametrize("header", ["pos\ttoken\tner_tag\tnote", "POS\tWord\tTag\tid", "x\tFORM\tNER\ty"])
def test_a_header_names_the_columns(write_text, header):
    (record,) = read(write_text("a.tsv", f"{header}\nNNP\tAna\tB-PER\tO\nVBD\tran\tO\tO\n"))
    assert (record.words, record.spans, record.source.line) == (("Ana", "ran"), (Span(0, 3, "PER"),), 2)


def test_a_first_row_whose_token_is_called_like_a_column_is_no_header(write_text):
    (record,) = read(write_text("a.tsv", "Text\tB-WORK\nran\tO\n"))
    assert (record.words, record.spans) == (("Text", "ran"), (Span(0, 4, "WORK"),))


@pytest.mark.parametrize("columns", ["token,ner,pos", " Token , NER ,_"])
def test_the_user_can_name_the_columns(write_text, columns):
    (record,) = read(write_text("a.tsv", "Ana\tB-PER\tO\nran\tO\tO\n"), columns=columns)
    assert record.spans == (Span(0, 3, "PER"),)


@pytest.mark.parametrize("columns", ["token,pos", "ner,pos", "a,b"])
def test_columns_without_token_or_tag_are_an_error(write_text, columns):
    path = write_text("a.tsv", "Ana\tB-PER\n")
    assert fails(path, columns=columns).startswith(
        f"{path}: the columns are called {columns.replace(',', ', ')}; one must be"
    )


def test_a_header_without_a_tag_is_an_error(write_text):
    message = fails(write_text("a.tsv", "token\tpos\nAna\tNNP\n"))
    assert ":2: 'NNP' is no tag" in message
    assert "--columns=token,tag" in message


def test_more_columns_named_than_the_file_has_are_an_error_with_the_line(write_text):
    assert ":1: 2 columns, but --columns names 4 (x, y, token, tag)" in fails(
        write_text("a.tsv", "Ana\tO\n"), columns="x,y,token,tag"
    )


def test_a_forbidden_tag_is_a_fault_with_its_line(write_text):
    path = write_text("a.conll", "Ana\tB-PER\n\nran\tO\nCork\tI-LOC\n")
    (fault,) = [fault for record in read(path) for fault in record.faults]
    assert (fault.code, fault.source.line) == ("i-without-b", 4)
    assert "'Cork'" in fault.detail
    assert fault.span is None


def test_a_forbidden_tags_entity_is_kept_and_told_in_the_ledger(write_text, tmp_path):
    paths = [
        write_text(f"{split}.conll", "Ana\tB-PER\n\nran\tO\nCork\tI-LOC\n")
        for split in ("train", "dev", "test")
    ]
    ledgers = build(tmp_path / "corpus", *paths)
    assert [[(ent.text, ent.label_) for ent in doc.ents] for doc in read_split(tmp_path / "corpus")] == [
        [("Ana", "PER")],
        [("Cork", "LOC")],
    ]
    assert "train.conll:4" in ledgers["train"].repairs["aligned", "i-without-b"].places[0]


@pytest.mark.parametrize("label", ["creative-work", "Music Group/Band", "a|b", "人物"])
def test_labels_of_any_kind_survive(write_text, tmp_path, label):
    paths = [
        write_text(f"{split}.conll", f"Ana\tB-{label}\nTarn\tI-{label}\nran\tO\n")
        for split in ("train", "dev", "test")
    ]
    build(tmp_path / "corpus", *paths)
    assert [(ent.text, ent.label_) for doc in read_split(tmp_path / "corpus") for ent in doc.ents] == [
        ("Ana Tarn", label)
    ]


def test_the_file_can_be_the_group(write_text):
    path = write_text("a.conll", "Ana O\n\nran O\n")
    assert [record.group for record in read(path, group_by="file")] == [path.as_posix()] * 2
    assert [record.group for record in read(path)] == [None] * 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ana\tO\nran\n", [":2:", "1 columns instead of 2"]),
        ("Ana O\nran off O\n", [":2:", "3 columns instead of 2"]),
        ("Ana O\n\n# x\nran O\noff\n", [":5:", "1 columns instead of 2", "'off'"]),
        ("-DOCSTART- O\n\nAna O\n\n\nran O\noff out O\n", [":7:", "3 columns instead of 2"]),
        ("Ana\n", [":1:", "at least 2"]),
        ("Ana\tPERSON\n", [":1:", "'PERSON' is no tag"]),
        ("Ana\tO\nran\tX-PER\n", [":2:", "'X-PER' is no tag"]),
        ("Ana\tO\nran\t\n", [":2:", "'' is no tag"]),
        ("Ana\tO\n\tO\n", [":2:", "empty token"]),
        ("\tO\n", ["no column holds words", "1:  | O"]),
        ("Ana B-Music Group\nran O\n", [":2:", "2 columns instead of 3"]),
        ("Ana\tO\nran O\n", [":2:", "1 columns instead of 2", "tabs"]),
        ("Ana NNP O\nran\tO\n", [":2:", "1 columns instead of 3", "spaces"]),
    ],
)
def test_a_bad_row_is_an_error_with_its_line(write_text, text, words):
    message = fails(write_text("a.conll", text))
    for word in words:
        assert word in message


def test_a_ragged_row_past_the_first_lines_is_an_error_with_its_line(write_text):
    assert ":60001: 3 columns instead of 2" in fails(
        write_text("a.conll", "-DOCSTART- O\n" + "a O\n\n" * 29_999 + "b O\nb O O\n")
    )


def test_more_of_a_document_that_is_too_long_is_not_kept(write_text, monkeypatch):
    monkeypatch.setattr(rows, "MAX_DOCUMENT_BYTES", 1000)
    path = write_text("a.conll", "-DOCSTART- O\n\n" + "word O\n" * 10_000)
    ((item, _),) = items(open_file(path, "auto", ReadOptions()), ReadOptions())
    assert 1000 < len(item.data) <= 2000


def test_a_document_that_is_too_long_is_an_error(write_text):
    message = fails(write_text("a.conll", "-DOCSTART- O\n\n" + f"{'x' * 2**20} O\n" * 20))
    assert ":3: the document is over 8 MB" in message
    assert len(message) < 500
