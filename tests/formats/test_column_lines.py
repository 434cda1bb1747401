"""What each line of a column file is: a row, a comment, a mark or a separator."""

import pytest

from scripts.formats.registry import ReadOptions, items, open_file, records_of
from tests.formats.test_layout import ENTITIES, entities, fails, read, table


@pytest.mark.parametrize("mark", ["SpaceAfter=No", "NoSpaceAfter", "Gloss=x|SpaceAfter=No"])
def test_spaces_come_from_whichever_column_has_them(write_text, mark):
    text = f"Ana\t_\tB-PER\nran\t{mark}\tO\n.\t_\tO\n(\t{mark}\tO\nBo\t_\tB-PER\n"
    (record,) = read(write_text("a.tsv", text))
    assert (record.text.rstrip(), record.spaces_given) == ("Ana ran. (Bo", True)


@pytest.mark.parametrize(
    "mark",
    [
        "-DOCSTART- O",
        "-DOCSTART- -X- O O",
        "-DOCSTART-\tO",
        "-DOCSTART- (x)",
        "#DOCSTART$",
        "# newdoc",
        "# hipe2022:document_id = d1",
    ],
)
def test_every_mark_begins_a_document(write_text, mark):
    path = write_text("a.tsv", f"{mark}\n\nAna\tB-PER\n\nran\tO\n\n{mark}\nBo\tB-PER\n")
    assert [record.words for record in read(path)] == [("Ana", "ran"), ("Bo",)]


@pytest.mark.parametrize(
    "comment",
    [
        "# sent_id = {}",
        "#\thttp://example.org/{}\t[2010-07-01]",
        "## sentence {}",
        "#id {}",
        "#",
        "# text = x | y",
    ],
)
@pytest.mark.parametrize("separator", ["\t", " "])
def test_comments_before_a_sentence_are_no_rows(write_text, comment, separator):
    text = table(lambda w, p, t, i, s, n: [w, t], separator=separator, before=comment)
    assert entities(read(write_text("a.tsv", text))) == ENTITIES


def test_comments_inside_a_sentence_do_not_end_it(write_text):
    text = "TOKEN\tNE-COARSE-LIT\nAna\tB-PER\n# segment_iiif_link = _\nPilar\tI-PER\n# page = 2\nran\tO\n"
    (record,) = read(write_text("a.tsv", text))
    assert (record.words, entities([record]), record.lines) == (
        ("Ana", "Pilar", "ran"),
        [("Ana Pilar", "PER")],
        (2,),
    )


@pytest.mark.parametrize(
    "text",
    [
        "#\tO\n#sea\tB-X\n",
        "#sea B-X\n# O\n",
        "1\t#\tO\n2\t#sea\tB-X\n",
        "ran\tO\n#\tO\n#sea\tB-X\n",
        "a\tO\n\n#1\tO\n#sea\tB-X\n",
    ],
)
def test_a_hash_or_hashtag_is_a_token(write_text, text):
    records = read(write_text("a.tsv", text))
    assert entities(records) == [("#sea", "X")]
    assert sum(len(record.words) for record in records) == text.count("\n") - text.count("\n\n")


@pytest.mark.parametrize(
    "text", ["Ana\tB-PER\n\n#sea\tX-PER\nran\tO\n", "Ana B-PER\n#sea X-PER\n", "Ana B-PER\n\n# B-\nran O\n"]
)
def test_a_hashtag_with_a_wrong_tag_is_an_error_and_no_comment(write_text, text):
    assert "is no tag" in fails(write_text("a.tsv", text))


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u3000 "])
def test_tokens_of_white_space_are_left_out_and_counted(write_text, space):
    rows = [
        f"{space}\tB-PER",
        "Ana\tI-PER",
        f"{space}\tO",
        "saw\tO",
        f"{space}\tB-LOC",
        "Bo\tB-PER",
        f"{space}\tI-PER",
        "Tarn\tI-PER",
    ]
    (record,) = read(write_text("a.tsv", "\n".join(rows) + "\n"))
    assert (record.text, entities([record])) == ("Ana saw Bo Tarn", [("Ana", "PER"), ("Bo Tarn", "PER")])
    assert [(one.tokens, one.labels) for one in record.unread] == [
        (1, ()),
        (1, ()),
        (1, ()),
        (1, ()),
        (0, ("LOC",)),
    ]


@pytest.mark.parametrize(
    "text",
    ["Ana\tB-PER\nran\tO", "Ana B-PER", "-DOCSTART- O\n\nAna O\n\nBo O\nran O", "Ana\tO\n\n\n \nBo\tO\t"],
)
def test_every_row_is_counted_and_read_without_a_newline_at_the_end(write_text, text):
    opened = open_file(write_text("a.tsv", text), "columns", ReadOptions())
    found = [(item, opened.format.found(item).tokens) for item, _ in items(opened, ReadOptions())]
    rows = [line for line in text.split("\n") if line.strip() and not line.startswith("-DOC")]
    assert sum(tokens for _, tokens in found) == len(rows)
    assert sum(len(record.words) for item, _ in found for record in records_of(item, opened.format)) == len(
        rows
    )


@pytest.mark.parametrize("text", ["Bo\tO\n-DOCSTART-\tO\n\n", "\n-DOCSTART-\tB-PER\nran\tO\n"])
def test_a_mark_that_may_be_a_token_is_an_error(write_text, text):
    assert "-DOCSTART-" in fails(write_text("a.conll", "Ana\tB-PER\n\n" + text))


def test_marks_without_blank_lines_begin_documents(write_text):
    path = write_text("a.conll", "-DOCSTART- O\nAna B-PER\n-DOCSTART- O\nran O\n")
    assert [record.words for record in read(path)] == [("Ana",), ("ran",)]


def test_a_hashtag_may_be_the_only_entity_of_its_label(write_text):
    path = write_text("a.tsv", "#\turl\nran\tO\nAna\tperson\n\n#yolo\tevent\nran\tO\n")
    assert entities(read(path)) == [("Ana", "person"), ("#yolo", "event")]
