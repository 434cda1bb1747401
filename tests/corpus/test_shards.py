import zlib

import pytest
import spacy
import srsly
from spacy.tokens import DocBin

from scripts.corpus.convert import align, make_doc
from scripts.corpus.files import read_json, replace_folder, write_text
from scripts.corpus.settings import Settings
from scripts.corpus.shards import (
    MANIFEST,
    Document,
    ShardError,
    check_shards,
    encode,
    read_manifest,
    read_shard,
    write_shards,
)
from scripts.corpus.tokenizer import load_tokenizer
from tests.make import record

TOKENIZER = load_tokenizer("en")


@pytest.fixture
def vocab():
    return spacy.blank("en").vocab


def document(text, *spans, id="x", source="a.jsonl:1", **further):
    made = record(text, *spans, **further)
    doc = make_doc(made, TOKENIZER)
    align(made, doc, Settings())
    further = {"keep_tokens": made.words is not None, "group": made.group, "sent_starts": made.sent_starts}
    return Document(doc, 0, len(doc), id, source, **further)


def words(*given, **further):
    return document(" ".join(given), words=given, spaces=(*[True] * (len(given) - 1), False), **further)


def write(folder, count, *, chunk=0):
    """Write one chunk; return a manifest of it."""
    shards, _ = write_shards(folder, chunk, [document(f"w{i} x", id=f"d{i}") for i in range(count)])
    return {"shards": shards}


def decoded(tmp_path, vocab, *documents):
    """What a shard of these documents gives back."""
    (tmp_path / "a.spacy").write_bytes(encode(list(documents))[0])
    return list(read_shard(tmp_path / "a.spacy", vocab))


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
def test_shards_hold_a_hundred_documents_but_the_last(tmp_path, vocab, count, sizes):
    shards = write(tmp_path / "train", count)["shards"]
    assert [shard["documents"] for shard in shards] == sizes
    assert [shard["name"] for shard in shards] == [f"00000-{i:02d}.spacy" for i in range(len(sizes))]
    found = [doc[0].text for shard in shards for doc in read_shard(tmp_path / "train" / shard["name"], vocab)]
    assert found == [f"w{i}" for i in range(count)]


def test_what_was_written_is_counted(tmp_path):
    documents = [document("Ana saw Cork", (0, 3, "PER"), (8, 12, "LOC")) for _ in range(120)]
    shards, count = write_shards(tmp_path, 0, documents)
    assert count.as_json() == {
        "documents": 120,
        "tokens": 360,
        "entities": 240,
        "labels": {"LOC": 120, "PER": 120},
    }
    assert [shard["entities"] for shard in shards] == [200, 40]


def test_spacys_corpus_reader_reads_the_shards_in_order(tmp_path):
    from spacy.training import Corpus

    for chunk in (11, 2):  # written in another order
        write(tmp_path / "train", 120, chunk=chunk)
    nlp = spacy.blank("en")
    found = [example.reference[0].text for example in Corpus(tmp_path / "train")(nlp)]
    assert found == [f"w{i}" for i in range(120)] * 2


def test_spacys_corpus_reader_sees_text_entities_and_the_datas_own_tokens(tmp_path):
    from spacy.training import Corpus

    made = [document("Ana saw Yip! Inc. today", (8, 17, "ORG")), words("Ana", "went", "to-day.")]
    (tmp_path / "a.spacy").write_bytes(encode(made)[0])
    first, second = Corpus(tmp_path)(spacy.blank("en"))
    assert first.reference.text == first.predicted.text == "Ana saw Yip! Inc. today"
    assert [(ent.text, ent.label_) for ent in first.reference.ents] == [("Yip! Inc.", "ORG")]
    assert [token.text for token in second.predicted] == ["Ana", "went", "to-day."]


def test_documents_know_where_they_come_from(tmp_path, vocab):
    (doc,) = decoded(tmp_path, vocab, document("Ana", id="x7", source="a.jsonl:12"))
    assert doc.user_data == {"id": "x7", "source": "a.jsonl:12"}
    (doc,) = decoded(tmp_path, vocab, document("Ana", id="x7", source="a.jsonl:12", group="mail"))
    assert doc.user_data == {"id": "x7", "source": "a.jsonl:12", "group": "mail"}


@pytest.mark.parametrize(
    "text", ["Ana\r\nran 🎉 to José", "e\u0301 \u200fAna\u00a0x ", "\n\n Ana", "don't, U.S. z.B."]
)
def test_a_text_comes_back_as_it_was(tmp_path, vocab, text):
    (doc,) = decoded(tmp_path, vocab, document(text))
    assert (doc.text, doc.has_unknown_spaces) == (text, False)


def test_entities_come_back_with_their_labels(tmp_path, vocab):
    docs = decoded(
        tmp_path,
        vocab,
        document("Ana saw Bo", (0, 3, "PER"), (8, 10, "PER")),
        document("no one"),
        document("Ana Bo", (0, 3, "A"), (4, 6, "A")),
    )
    assert [[(ent.text, ent.label_) for ent in doc.ents] for doc in docs] == [
        [("Ana", "PER"), ("Bo", "PER")],
        [],
        [("Ana", "A"), ("Bo", "A")],
    ]


def test_a_token_outside_entities_is_known_to_be_outside(tmp_path, vocab):
    (doc,) = decoded(tmp_path, vocab, document("Ana saw Bo", (0, 3, "PER")))
    assert [token.ent_iob_ for token in doc] == ["B", "O", "O"]


def test_the_datas_own_tokens_come_with_unknown_spaces_and_their_spaces_beside(tmp_path, vocab):
    (doc,) = decoded(
        tmp_path, vocab, document("go,now ", words=("go", ",", "now"), spaces=(False, False, True))
    )
    assert [token.text for token in doc] == ["go", ",", "now"]
    assert doc.has_unknown_spaces
    assert doc.user_data["spaces"] == b"\0\0\1"


def test_sentences_come_back_where_the_data_has_them(tmp_path, vocab):
    known, unknown = words("a", "b", "c", sent_starts=(True, False, True)), document("Ana ran")
    docs = decoded(tmp_path, vocab, known, unknown)
    assert [token.is_sent_start for token in docs[0]] == [True, False, True]
    assert not any(token.is_sent_start is False for token in docs[1])
    assert not decoded(tmp_path, vocab, unknown)[0].has_annotation("SENT_START")


def test_a_part_of_a_document_holds_its_own_tokens_and_entities_alone(tmp_path, vocab):
    whole = document("Ana saw Bo and Cy", (0, 3, "A"), (8, 10, "B"), (15, 17, "C"))
    docs = decoded(tmp_path, vocab, whole._replace(end=2, id="x#1"), whole._replace(start=2, id="x#2"))
    assert [doc.text for doc in docs] == ["Ana saw ", "Bo and Cy"]
    assert [[(ent.text, ent.label_) for ent in doc.ents] for doc in docs] == [
        [("Ana", "A")],
        [("Bo", "B"), ("Cy", "C")],
    ]


def test_a_shard_is_what_docbin_itself_writes(tmp_path, vocab):
    """The same keys with the same types, so that any program that reads DocBin reads it."""
    (doc,) = decoded(tmp_path, vocab, document("Ana saw Bo", (0, 3, "PER")))
    doc.user_data = {}
    theirs = msgpack_of(DocBin(attrs=["ENT_IOB", "ENT_TYPE"], docs=[doc]).to_bytes())
    ours = msgpack_of(encode([document("Ana saw Bo", (0, 3, "PER"))])[0])
    for key in theirs.keys() - {"strings", "span_groups"}:
        assert ours[key] == theirs[key], key
    assert set(ours["strings"]) == {"Ana", "saw", "Bo", "PER"} <= set(theirs["strings"])


def msgpack_of(data):
    return srsly.msgpack_loads(zlib.decompress(data))


def test_a_folder_without_a_manifest_is_no_corpus(tmp_path):
    with pytest.raises(ShardError, match="not a complete corpus"):
        read_manifest(tmp_path)


def test_a_corpus_of_another_version_is_refused(tmp_path):
    write_text(tmp_path / MANIFEST, '{"documents": 3}')
    with pytest.raises(
        ShardError, match=r"manifest\.json: made by another version of this project; build the corpus"
    ):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "00000-00.spacy").unlink(), "00000-00.*missing"),
        (lambda folder: (folder / "00000-01.spacy").write_bytes(b"x"), "00000-01.*not listed"),
        (lambda folder: (folder / "00000-00.spacy").write_bytes(b"x"), "00000-00.*SHA-256 differs"),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    manifest = write(tmp_path, 3)
    check_shards(tmp_path, manifest)
    damage(tmp_path)
    with pytest.raises(ShardError, match=message):
        check_shards(tmp_path, manifest)


@pytest.mark.parametrize("cut", [0, 1, 10, 100])
def test_a_file_that_is_no_whole_docbin_is_an_error(tmp_path, vocab, cut):
    write(tmp_path, 3)
    path = tmp_path / "00000-00.spacy"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ShardError, match=r"00000-00\.spacy: cannot be read"):
        list(read_shard(path, vocab))


def test_the_same_documents_give_the_same_bytes(tmp_path):
    assert write(tmp_path / "a", 5) == write(tmp_path / "b", 5)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / MANIFEST
    write_text(path, '{"old": 1}')

    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_text(path, '{"new": 2}')
    assert read_json(path) == {"old": 1}


def test_a_new_folder_takes_the_old_ones_place(tmp_path):
    for name in ("new", "old"):
        write_text(tmp_path / name / "f", name)
    replace_folder(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old" / "f").read_text(encoding="utf-8") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
