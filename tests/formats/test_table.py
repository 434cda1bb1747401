import contextlib
import csv
import io
import json
import random
from functools import partial

import pytest

from scripts.formats.record import AnnotationError
from scripts.formats.registry import ReadOptions, choose_format, formats, read_records
from tests.make import described, refusal

SENTENCES = [
    [("Ana", "B-PER"), ("left", "O"), ("Curaçao", "B-LOC"), (".", "O")],
    [("Bo", "B-PER"), ("Tarn", "I-PER"), (",", "O"), ("nan", "O"), ('"', "O")],
    [("NULL", "O"), ("None", "B-ORG"), ("NA", "I-ORG"), ("人", "B-LOC")],
]
SURFACES = [[("Ana", "PER"), ("Curaçao", "LOC")], [("Bo Tarn", "PER")], [("None NA", "ORG"), ("人", "LOC")]]
LEFT_AND_RAN = "Sentence #,Word,Tag\nSentence: 1,Ana,B-PER\n,left,O\nSentence: 2,Bo,B-PER\n,ran,O\n"


def found(path, **options) -> list[list[tuple[str, str]]]:
    records = read_records(path, options=ReadOptions(**options))
    return [[(record.text[span.start : span.end], span.label) for span in record.spans] for record in records]


fails = partial(refusal, found)


def table(rows, delimiter=",", quoting=csv.QUOTE_MINIMAL, end="\n") -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    return buffer.getvalue()


def token_rows(sentences, *, first=True, name="Sentence: {}") -> list[list[str]]:
    return [
        [name.format(number) if i == 0 or not first else "", word, tag]
        for number, sentence in enumerate(sentences, start=1)
        for i, (word, tag) in enumerate(sentence)
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("first", [True, False], ids=["number first", "number always"])
def test_tokens_in_rows_are_read_however_they_are_separated(write_text, delimiter, end, first):
    text = table([["Sentence #", "Word", "Tag"], *token_rows(SENTENCES, first=first)], delimiter, end=end)
    path = write_text("a.csv", text)
    assert found(path) == SURFACES
    records = list(read_records(path))
    assert [record.words for record in records] == [tuple(word for word, _ in one) for one in SENTENCES]
    assert [record.lines for record in records] == [(2, 4), (6,), (12, 14)]
    assert [record.id for record in records] == ["Sentence: 1", "Sentence: 2", "Sentence: 3"]


@pytest.mark.parametrize(
    "header",
    [
        "sentence_id,words,labels",
        "SENTENCE_ID,TOKEN,NER",
        "sent_id,form,ner_tags",
        "Sentence Id,Word,BIO",
        "sentence,text,Named Entity Tag",
    ],
)
def test_headers_have_many_names(write_text, header):
    path = write_text("a.csv", f"{header}\n0,Ana,B-PER\n0,left,O\n1,Bo,B-PER\n")
    assert (choose_format(path).name, found(path)) == ("table", [[("Ana", "PER")], [("Bo", "PER")]])


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_a_running_number_without_a_name_is_not_used(write_text, name):
    rows = [
        [name, "Sentence #", "Word", "Tag"],
        *([str(i), *row] for i, row in enumerate(token_rows(SENTENCES))),
    ]
    assert found(write_text("a.csv", table(rows))) == SURFACES


def test_rows_that_hold_a_running_number_alone_part_sentences(write_text):
    path = write_text("a.csv", ",word,tag\n0,Ana,B-PER\n1,left,O\n2,,\n3,Bo,B-PER\n")
    assert found(path) == [[("Ana", "PER")], [("Bo", "PER")]]


def test_names_of_rows_may_have_no_column_in_the_header(write_text):
    path = write_text(
        "a.csv", '"sentence","word","tag"\n"1",1,"Ana","B-PER"\n"2",1,"left","O"\n"3",2,"Bo","B-PER"\n'
    )
    assert found(path) == [[("Ana", "PER")], [("Bo", "PER")]]


@pytest.mark.parametrize("blank", ["\n", ",\n", " , \n", "\r\n"])
def test_blank_rows_part_sentences(write_text, blank):
    path = write_text("a.csv", f"word,tag\nAna,B-PER\nleft,O\n{blank}{blank}Bo,B-PER\n{blank}")
    assert found(path) == [[("Ana", "PER")], [("Bo", "PER")]]
    assert [record.source.line for record in read_records(path)] == [2, 6]


def test_a_last_row_without_a_line_end_counts(write_text):
    assert found(write_text("a.csv", "word,tag\nleft,O\nAna,B-PER")) == [[("Ana", "PER")]]


def test_sentences_of_one_document_stay_together(write_text):
    path = write_text("a.csv", "doc_id,sentence,word,tag\na,1,Ana,B-PER\na,2,left,O\nb,1,Bo,B-PER\n")
    records = list(read_records(path))
    assert [(record.id, record.group, len(record.words)) for record in records] == [
        ("a", "a", 2),
        ("b", "b", 1),
    ]


def test_documents_may_be_cut_into_so_many_sentences(write_text):
    path = write_text("a.csv", "doc_id,sentence,word,tag\na,1,Ana,B-PER\na,2,left,O\nb,1,Bo,B-PER\n")
    records = list(read_records(path, options=ReadOptions(sentences_per_doc=1)))
    assert [(record.id, record.group) for record in records] == [("a 1", "a"), ("a 2", "a"), ("b 1", "b")]


def test_sentences_may_be_joined(write_text):
    path = write_text("a.csv", table([["sentence_id", "word", "tag"], *token_rows(SENTENCES, name="{}")]))
    assert [len(record.words) for record in read_records(path, options=ReadOptions(sentences_per_doc=2))] == [
        9,
        4,
    ]


def test_quotes_may_be_text(write_text):
    path = write_text("a.tsv", 'sentence_id\tword\ttag\n1\t"\tO\n1\tAna\tB-PER\n1\t"\tO\n2\t"Bo"\tB-PER\n')
    assert [record.words for record in read_records(path)] == [('"', "Ana", '"'), ('"Bo"',)]
    assert "quotes are text" in described(path)


def test_a_lone_quote_that_swallows_rows_is_an_error(write_text):
    path = write_text("a.csv", 'sentence_id,word,tag\n1,Ana,B-PER\n1,"x,y",O\n1,",O\n1,Bo,B-PER\n1,",O\n')
    assert f"{path.as_posix()}:4: " in fails(path)


def test_quoted_white_space_is_no_token_and_is_counted(write_text):
    path = write_text("a.csv", 'sentence_id,word,tag\n1,Ana,B-PER\n1,"\n",O\n1, ,O\n1,left,O\n')
    (record,) = read_records(path)
    assert record.words == ("Ana", "left")
    assert [(unread.reason, unread.tokens) for unread in record.unread] == [("white-space-token", 1)] * 2


def test_an_entity_of_white_space_alone_is_lost_with_its_label(write_text):
    path = write_text("a.csv", "sentence_id,word,tag\n1,Ana,O\n1, ,B-PER\n1, ,B-LOC\n1,Cork,I-LOC\n")
    (record,) = read_records(path)
    assert [unread.labels for unread in record.unread if unread.labels] == [("PER",)]
    assert found(path) == [[("Cork", "LOC")]]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("sentence_id,word,tag\n1,Ana,B-PER\n1,,O\n", 3, "an empty token"),
        ("sentence_id,word,tag\n1,Ana,B-PER\n1,left,\n1,Cork,O\n", 3, "'' is no tag"),
        ("sentence_id,word,tag\n1,Ana,B-PER\n1,left,X-O\n1,Cork,O\n", 3, "'X-O' is no tag"),
        ("sentence_id,word,tag\n1,Ana,B-PER\n1,left\n", 3, "2 cells instead of 3"),
        ("sentence_id,word,tag\n1,Ana,B-PER\n1,a,b,O\n", 3, "4 cells instead of 3"),
        ('sentence_id,word,tag\n1,Ana,B-PER\n1,"a"b,O\n1,"x,y",O\n', 3, "is no row of a table"),
    ],
)
def test_a_row_that_cannot_be_read_is_an_error_with_its_line(write_text, text, line, words):
    path = write_text("a.csv", text)
    message = fails(path)
    assert message.startswith(f"{path.as_posix()}:{line}: ")
    assert words in message


def test_bytes_that_are_not_utf8_are_an_error_with_their_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(LEFT_AND_RAN.replace("left", "Curaçao").encode("latin-1"))
    assert f"{path.as_posix()}:3: byte 6" in fails(path)


def test_o_may_be_written_as_nothing(write_text):
    path = write_text("a.csv", "sentence_id,word,tag\n1,Ana,B-PER\n1,left,\n2,Bo,B-PER\n2,ran,\n")
    assert found(path) == [[("Ana", "PER")], [("Bo", "PER")]]
    assert "O written as an empty cell" in described(path)


def test_tags_without_prefixes_are_read(write_text):
    path = write_text("a.csv", "sentence_id,word,tag\n1,Ana,PER\n1,Tarn,PER\n1,left,O\n2,Cork,LOC\n")
    assert found(path) == [[("Ana Tarn", "PER")], [("Cork", "LOC")]]


def test_a_column_of_parts_of_speech_that_is_called_tag_is_no_rival(write_text):
    path = write_text("a.csv", "sentence_id,word,tag,ner\n1,Ana,NNP,B-PER\n1,left,VBD,O\n")
    assert found(path) == [[("Ana", "PER")]]


def test_two_columns_of_tags_that_differ_are_an_error_until_one_is_named(write_text):
    path = write_text("a.csv", "sentence_id,word,tag,ner\n1,Ana,B-PER,B-ACTOR\n1,left,O,O\n")
    message = fails(path)
    first, second = "sentence,token,tag,_", "sentence,token,_,tag"
    assert all(f"--columns={one}\n" in f"{message}\n" for one in (first, second))
    assert [
        [
            span.label
            for record in read_records(path, "table", ReadOptions(columns=one))
            for span in record.spans
        ]
        for one in (first, second)
    ] == [["PER"], ["ACTOR"]]


def test_two_columns_of_tokens_that_differ_are_an_error(write_text):
    path = write_text("a.csv", "sentence_id,word,token,tag\n1,Ana,ana,B-PER\n1,left,left,O\n")
    message = fails(path)
    assert all(f"--columns=sentence,{one}\n" in f"{message}\n" for one in ("token,_,tag", "_,token,tag"))


@pytest.mark.parametrize("header", ["a,b,c\n", ""])
def test_columns_can_be_named(write_text, header):
    path = write_text("a.csv", f"{header}1,Ana,B-PER\n1,left,O\n2,Bo,B-PER\n")
    options = ReadOptions(columns="sentence,token,tag")
    assert [len(record.words) for record in read_records(path, "table", options)] == [2, 1]


@pytest.mark.parametrize(
    ("tag", "other", "first"), [("PER", "O", "Ana"), ("", "", "Ana"), ("Etikett", "B-PER", "ran")]
)
def test_a_first_row_is_data_if_it_has_a_tag(write_text, tag, other, first):
    path = write_text("a.csv", f"Ana,x,{tag}\nran,x,{other}\nBo,x,{'B-PER' if tag == 'Etikett' else 'PER'}\n")
    record = next(read_records(path, options=ReadOptions(columns="token,_,tag")))
    assert record.words[0] == first


def test_a_first_row_that_may_be_a_header_or_data_is_an_error(write_text):
    path = write_text("a.csv", "Ana,x,LOC\nran,x,O\nBo,x,PER\n")
    assert ":1: may be a header or a row" in fails(path, columns="token,_,tag")


def test_another_number_of_names_than_columns_is_an_error(write_text):
    path = write_text("a.csv", LEFT_AND_RAN)
    with pytest.raises(AnnotationError, match=r":1: 3 columns, but --columns names 2"):
        list(read_records(path, "table", ReadOptions(columns="token,tag")))


LISTS = {
    "Python": "\"['Ana', 'Tarn', \"\"it's\"\"]\",\"['B-PER', 'I-PER', 'O']\"",
    "numpy": "\"['Ana' 'Tarn'\n \"\"it's\"\"]\",\"['B-PER' 'I-PER' 'O']\"",
    "JSON": '"[""Ana"", ""Tarn"", ""it\'s""]","[""B-PER"", ""I-PER"", ""O""]"',
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("names", ["tokens,ner_tags", "words,labels", "Tokens,NER"])
def test_lists_in_cells_are_read(write_text, kind, names):
    path = write_text("a.csv", f"{names}\n{LISTS[kind]}\n{LISTS[kind]}\n")
    assert [record.words for record in read_records(path)] == [("Ana", "Tarn", "it's")] * 2
    assert found(path) == [[("Ana Tarn", "PER")]] * 2


@pytest.mark.parametrize("tags", ['"[1, 2, 0]"', "[1 2 0]"])
def test_numbers_in_lists_need_names(write_text, tags):
    path = write_text("a.csv", f"tokens,ner_tags\n\"['Ana', 'Tarn', 'left']\",{tags}\n")
    assert "--label-names" in fails(path)
    assert found(path, label_names=("O", "B-PER", "I-PER")) == [[("Ana Tarn", "PER")]]


@pytest.mark.parametrize("tags", ["B-PER O B-LOC", '"B-PER,O,B-LOC"', "\"['B-PER', 'O', 'B-LOC']\""])
@pytest.mark.parametrize("name", ["Sentence", "text", "tokens"])
def test_texts_are_split_where_their_words_have_a_tag_each(write_text, name, tags):
    path = write_text("a.csv", f"Sentence #,{name},Tag\nSentence: 1,Ana left Cork,{tags}\n")
    assert found(path) == [[("Ana", "PER"), ("Cork", "LOC")]]


def test_parts_of_speech_beside_lists_are_not_used(write_text):
    path = write_text(
        "a.csv", "Sentence #,Sentence,POS,Tag\nSentence: 1,Ana left,\"['NNP', 'VBD']\",\"['B-PER', 'O']\"\n"
    )
    assert found(path) == [[("Ana", "PER")]]


@pytest.mark.parametrize(
    "row",
    [
        "\"['Ana', 'left']\",\"['O']\"",
        "\"['Ana' 'left', 'x']\",\"['O', 'O', 'O']\"",
        "\"['Ana', ...\",\"['O']\"",
        ",\"['O']\"",
    ],
)
def test_a_list_that_cannot_be_read_is_an_error_with_its_line(write_text, row):
    path = write_text("a.csv", f"tokens,ner_tags\n\"['Bo']\",\"['B-PER']\"\n{row}\n")
    assert f"{path.as_posix()}:3: " in fails(path)


@pytest.mark.parametrize(
    "spans",
    [
        '"[{""start"": 0, ""end"": 3, ""label"": ""PER""}]"',
        "\"[{'start': 0, 'end': 3, 'label': 'PER'}]\"",
        "\"[(0, 3, 'PER')]\"",
    ],
)
@pytest.mark.parametrize("name", ["spans", "entities", "label"])
def test_texts_with_spans_are_read(write_text, spans, name):
    path = write_text("a.csv", f'id,text,{name}\nx,"Ana left,\nthen Bo",{spans}\ny,Nobody,[]\n')
    records = list(read_records(path))
    assert [(record.id, record.source.line, len(record.spans)) for record in records] == [
        ("x", 2, 1),
        ("y", 4, 0),
    ]
    assert records[0].text == "Ana left,\nthen Bo"


def test_what_the_columns_are_understood_as_is_said(write_text):
    path = write_text("a.csv", "Sentence #,Word,POS,Tag\nSentence: 1,Ana,NNP,B-PER\n,left,VBD,O\n")
    assert described(path) == (
        "token = column 2 `Word` of 4, tag = column 4 `Tag` (IOB2: PER), sentence = column 1 `Sentence #`; "
        "not used: column 3 `POS` (parts of speech); commas between cells"
    )


@pytest.mark.parametrize(
    "text",
    [
        "a,b,c\n1,2,3\n",
        "Word, a tag\n",
        "Ana,B-PER\nleft,O\n",
        "date,text,price\n",
        "word\ttag\nAna\tB-PER\n",
    ],
)
def test_what_has_no_such_header_is_no_table(write_text, text):
    path = write_text("a.csv", text)
    assert not formats()["table"].recognise(path.read_bytes())


def test_a_long_file_without_sentences_is_an_error(write_text):
    path = write_text("a.csv", "word,tag\n" + "Ana,B-PER\nleft,O\n" * 6000)
    assert "write a blank line after each" in fails(path)


WORDS = [
    "Ana",
    "left",
    '"',
    '""',
    "'",
    ",",
    ";",
    "|",
    "nan",
    "NULL",
    "None",
    "NA",
    "#",
    "-",
    "O",
    "B-PER",
    "1",
    "naïve",
    "人",
    "a b",
    "[",
]


@pytest.mark.parametrize("seed", range(150))
def test_what_was_written_is_read_or_an_error(write_text, seed):
    draw = random.Random(seed)
    sentences = [
        [(draw.choice(WORDS), draw.choice(["O", "O", "B-PER", "B-LOC"])) for _ in range(draw.randint(1, 6))]
        for _ in range(draw.randint(1, 5))
    ]
    sentences[0][0] = ("Ana", "B-PER")
    delimiter, quoting = (
        draw.choice(",;\t|"),
        draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    )
    rows = [["Sentence #", "Word", "Tag"], *token_rows(sentences, first=draw.random() < 0.5)]
    if draw.random() < 0.5:
        rows = [[str(i) if i else "", *row] for i, row in enumerate(rows)]
    if draw.random() < 0.5:
        rows = [[*row, "POS" if i == 0 else "NNP"] for i, row in enumerate(rows)]
    path = write_text(
        "a.csv", draw.choice(["", "\ufeff"]) + table(rows, delimiter, quoting, draw.choice(["\n", "\r\n"]))
    )
    wanted = [
        (tuple(word for word, _ in one), [(word, tag[2:]) for word, tag in one if tag != "O"])
        for one in sentences
    ]
    assert [
        (record.words, one) for record, one in zip(read_records(path), found(path), strict=True)
    ] == wanted


def test_columns_of_the_tokens_around_are_no_rivals(write_text):
    path = write_text(
        "a.csv", "sentence_idx,prev-word,word,pos,prev-iob,tag\n1,,Ana,NNP,,B-per\n1,Ana,left,VBD,B-per,O\n"
    )
    assert found(path) == [[("Ana", "per")]]


def test_spans_may_stand_inside_an_object(write_text):
    path = write_text("a.csv", "text,label\nAna left,\"{'entities': [(0, 3, 'PER')]}\"\n")
    assert found(path) == [[("Ana", "PER")]]


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("text,start,end,label\nAna left,0,3,PER\n", "write a row a text, and its spans as JSON"),
        ("text,label\nWhat a day,good\n", "one must be the token and one its tag"),
        ("document,content,labels\na,What a day,good\n", "--columns=token,_,tag"),
    ],
)
def test_a_table_of_something_else_is_an_error_with_a_remedy(write_text, text, remedy):
    assert remedy in fails(write_text("a.csv", text))


WRITERS = {"Python": repr, "JSON": json.dumps, "numpy": lambda items: f"[{' '.join(map(repr, items))}]"}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("seed", range(20))
def test_lists_that_were_written_are_read(write_text, writer, seed):
    draw = random.Random(seed)
    rows = [[draw.choice(WORDS) for _ in range(draw.randint(1, 6))] for _ in range(draw.randint(1, 5))]
    tags = [["B-PER", *(draw.choice(["O", "B-LOC"]) for _ in row[1:])] for row in rows]
    written = [[WRITERS[writer](row), WRITERS[writer](tag)] for row, tag in zip(rows, tags, strict=True)]
    path = write_text("a.csv", table([["tokens", "ner_tags"], *written], draw.choice(",;\t|")))
    records = list(read_records(path))
    assert [list(record.words) for record in records] == rows
    wanted = [[tag[2:] for tag in one if tag != "O"] for one in tags]
    assert [[span.label for span in record.spans] for record in records] == wanted


@pytest.mark.parametrize("seed", range(60))
def test_quotes_that_are_text_are_read_or_an_error(write_text, seed):
    draw = random.Random(seed)
    words = [word for word in WORDS if word not in (",", "\t")]
    sentences = [
        [(draw.choice(words), "O") for _ in range(draw.randint(1, 6))] for _ in range(draw.randint(1, 5))
    ]
    sentences[0][0] = ("Ana", "B-PER")
    rows = [["Sentence #", "Word", "Tag"], *token_rows(sentences)]
    delimiter = draw.choice(",\t")
    path = write_text("a.csv", "".join(delimiter.join(row) + "\n" for row in rows))
    with contextlib.suppress(AnnotationError):  # where \"\" is read as an empty cell
        assert [record.words for record in read_records(path)] == [
            tuple(word for word, _ in one) for one in sentences
        ]


@pytest.mark.parametrize("seed", range(100))
def test_a_damaged_table_is_read_or_an_annotation_error(tmp_path, seed):
    draw = random.Random(seed)
    rows = [["Sentence #", "Word", "Tag"], *token_rows(SENTENCES)]
    lists = [["tokens", "ner_tags"], *([repr(part) for part in zip(*one, strict=True)] for one in SENTENCES)]
    lists = [[cell.replace("(", "[").replace(")", "]") for cell in row] for row in lists]
    data = bytearray(table(draw.choice([rows, lists]), draw.choice(",\t")).encode())
    for _ in range(draw.randint(1, 4)):
        data[draw.randrange(len(data))] = draw.choice(b"\",\n\r\t;[]{}\0\xff'aO-B")
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(data))
    with contextlib.suppress(AnnotationError):
        list(read_records(path, "table"))
