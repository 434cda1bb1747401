"""What is exported and preprocessed again is the same corpus."""

import json

import pytest
import spacy
from spacy.tokens import DocBin

from scripts import export
from scripts.cli import UserError
from scripts.corpus.exports import as_conll
from tests.make import build, make_corpus, read_split, rows
from tests.verbs.test_commands import call

CONLL = """-DOCSTART- O

Ana B-PER
Pilar I-PER
left O
. O

Bo B-PER
Cy B-PER
( O
Cork B-LOC
) O

-DOCSTART- O

# O
1 O
Cork B-LOC
"""


def content(docs):
    return [
        (
            [(token.text, token.is_sent_start) for token in doc],
            [(ent.start, ent.end, ent.label_) for ent in doc.ents],
            doc.user_data.get("spaces"),
            doc.user_data.get("group"),
        )
        for doc in docs
    ]


def again(tmp_path, corpus, format, **settings):
    """The train split of a corpus that is made of another's exports."""
    paths = []
    for split in ("train", "dev", "test"):
        paths.append(tmp_path / f"{split}-again.{format}")
        result = call(export.main, corpus / split, f"--format={format}", f"--output={paths[-1]}")
        assert result.exit_code == 0, result.output
    build(tmp_path / "again", *paths, **settings)
    return read_split(tmp_path / "again")


def test_texts_come_back_from_jsonl(tmp_path, write_jsonl):
    odd = [
        {
            "id": "x",
            "text": " Ana\r\nran 🎉 to  José ",
            "spans": [[1, 4, "PER"], [16, 20, "PER"]],
            "group": "mail",
        },
        {
            "id": 7,
            "text": "Bo sat still. " * 9,
            "spans": [[0, 2, "PER"], [14, 16, "PER"]],
            "meta": {"group": 3},
        },
    ]
    corpus = make_corpus(tmp_path, write_jsonl, planted=odd)
    found = read_split(corpus)
    assert content(again(tmp_path, corpus, "jsonl")) == content(found)
    assert [doc.user_data["id"] for doc in read_split(tmp_path / "again")] == [
        doc.user_data["id"] for doc in found
    ]


def test_tokens_and_sentences_come_back_from_conll(tmp_path, write_text):
    parts = {name: write_text(f"{name}.conll", CONLL.replace("Ana", name)) for name in ("a", "b", "c")}
    build(tmp_path / "c", *parts.values())
    assert content(again(tmp_path, tmp_path / "c", "conll")) == content(read_split(tmp_path / "c"))


def test_parts_of_a_cut_document_are_documents(tmp_path, write_jsonl):
    long = {"id": "x", "text": "Ana ran. Bo sat still. Cy ate.", "spans": [[9, 11, "PER"]]}
    paths = [
        write_jsonl(f"{i}.jsonl", [*rows(2, offset=9 * i), long | {"text": f"{long['text']} {i}"}])
        for i in range(3)
    ]
    build(tmp_path / "c", *paths, max_tokens=11)
    assert content(again(tmp_path, tmp_path / "c", "jsonl")) == content(read_split(tmp_path / "c"))


def test_a_row_says_where_it_comes_from_and_which_tokens_are_the_datas_own(tmp_path, write_text):
    parts = {name: write_text(f"{name}.conll", CONLL.replace("Ana", name)) for name in ("a", "b", "c")}
    build(tmp_path / "c", *parts.values())
    (first, _) = map(json.loads, call(export.main, tmp_path / "c" / "train").stdout.splitlines())
    assert first["text"] == "a Pilar left. Bo Cy (Cork)"
    assert first["meta"]["source"].endswith("a.conll:3")
    assert [span["label"] for span in first["spans"]] == ["PER", "PER", "PER", "LOC"]
    assert first["tokens"][1] == {"text": "Pilar", "start": 2, "end": 7, "id": 1, "ws": True}


def test_what_an_export_cannot_hold_is_told(tmp_path, write_jsonl):
    nlp = spacy.blank("en")
    doc = nlp("Ana saw Cork")
    doc.cats = {"TRAVEL": 1.0}
    doc.set_ents([doc.char_span(8, 12, label="LOC")], missing=[doc[0:1]], default="outside")
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    build(
        tmp_path / "c", tmp_path / "a.spacy", *(write_jsonl(f"{i}.jsonl", rows(1, offset=i)) for i in (1, 2))
    )
    result = call(export.main, tmp_path / "c" / "train", f"--output={tmp_path / 'a.jsonl'}")
    assert "cats of 1 documents" in result.output
    assert "1 tokens whose entities are unknown" in result.output


def test_a_token_that_cannot_stand_on_a_line_is_named(tmp_path):
    doc = spacy.blank("en")("Ana")
    doc.user_data = {"id": "a", "source": "a.jsonl:1"}
    assert as_conll(doc) == "# newdoc id = a\nAna\tO\n\n"
    odd = spacy.tokens.Doc(doc.vocab, words=["A\tb"])
    odd.user_data = doc.user_data
    with pytest.raises(UserError, match=r"a\.jsonl:1: the token 'A\\tb' fits no line"):
        as_conll(odd)


def test_a_line_break_is_no_token_of_a_line(tmp_path, write_jsonl):
    texts = [{"id": str(i), "text": f"Ana\n\nsaw Bo {i}.", "spans": [[9, 11, "PER"]]} for i in range(3)]
    build(tmp_path / "c", *(write_jsonl(f"{text['id']}.jsonl", [text]) for text in texts))
    result = call(export.main, tmp_path / "c" / "train", "--format=conll")
    assert "Ana\tO\nsaw\tO\nBo\tB-PER\n0\tO\n.\tO\n" in result.stdout


def test_nothing_is_written_over(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    (tmp_path / "mine.jsonl").write_text("mine", encoding="utf-8")
    assert isinstance(
        call(export.main, corpus / "dev", f"--output={tmp_path / 'mine.jsonl'}").exception, FileExistsError
    )
    assert (tmp_path / "mine.jsonl").read_text(encoding="utf-8") == "mine"
