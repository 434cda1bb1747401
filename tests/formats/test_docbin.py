import zlib
from functools import partial

import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin

from scripts.corpus.shards import read_manifest
from scripts.formats.record import AnnotationError, Span
from scripts.formats.registry import ReadOptions, choose_format, read_records
from tests import make
from tests.make import broken_docbin, build, entities, make_corpus, read_split

VOCAB = spacy.blank("en").vocab
WORDS = ["Ana", "Tarn", "left", "Cork", "."]
TAGS = ["B-PER", "I-PER", "O", "B-LOC", "O"]
ENTITIES = [("Ana Tarn", "PER"), ("Cork", "LOC")]
KNOWN = [True, True, True, False, False]

fails = partial(make.fails, format="docbin")


@pytest.fixture
def write_docs(tmp_path):
    """Write documents to tmp_path/a.spacy."""

    def write(*docs: Doc, **options):
        path = tmp_path / "a.spacy"
        DocBin(docs=docs, **options).to_disk(path)
        return path

    return write


def test_a_document_that_knows_its_spaces_is_a_text_with_spans(write_docs):
    path = write_docs(Doc(VOCAB, words=WORDS, spaces=KNOWN, ents=TAGS))
    (record,) = read_records(path)
    assert (record.text, entities(record), record.words) == ("Ana Tarn left Cork.", ENTITIES, None)
    assert (record.id, str(record.source)) == ("a-1", f"{path.as_posix()}:1")


def test_a_document_that_does_not_know_its_spaces_keeps_its_tokens(write_docs):
    (record,) = read_records(write_docs(Doc(VOCAB, words=WORDS, ents=TAGS)))
    assert (record.words, record.spaces_given) == (tuple(WORDS), False)
    assert (record.text, entities(record)) == ("Ana Tarn left Cork.", ENTITIES)


def test_spaces_that_are_not_known_are_rebuilt_for_the_language(write_docs):
    path = write_docs(Doc(VOCAB, words=["我", "在", "北京"], ents=["O", "O", "B-LOC"]))
    (record,) = read_records(path, options=ReadOptions(lang="zh"))
    assert (record.text, record.spans) == ("我在北京", (Span(2, 4, "LOC"),))


def test_sentences_are_kept_where_they_are_known(write_docs):
    told = Doc(
        VOCAB,
        words=["Ana", "ran", "Bo", "sat"],
        sent_starts=[True, False, True, False],
        ents=["O", "O", "B-PER", "O"],
    )
    first, second = read_records(
        write_docs(told, Doc(VOCAB, words=["Bo", "sat"]), attrs=["ENT_IOB", "ENT_TYPE", "SENT_START"])
    )
    assert (first.sent_starts, first.spans) == ((True, False, True, False), (Span(8, 10, "PER"),))
    assert second.sent_starts is None


def test_an_entity_may_go_over_a_sentence_start(write_docs):
    doc = Doc(
        VOCAB,
        words=["Yip", "!", "Kiru", "won"],
        sent_starts=[True, False, True, False],
        ents=["B-ORG", "I-ORG", "I-ORG", "O"],
    )
    (record,) = read_records(write_docs(doc, attrs=["ENT_IOB", "ENT_TYPE", "SENT_START"]))
    assert entities(record) == [("Yip! Kiru", "ORG")]


def test_i_without_b_is_a_fault_and_the_entity_is_kept(tmp_path):
    path = tmp_path / "a.spacy"
    broken_docbin(path)
    (record,) = read_records(path)
    assert entities(record) == [("Cork harbour", "LOC")]
    ((code, source, detail, span),) = [
        (fault.code, str(fault.source), fault.detail, fault.span) for fault in record.faults
    ]
    assert (code, source, span) == ("i-without-b", f"{path.as_posix()}:1", None)
    assert "token 2 'Cork'" in detail


def test_i_without_b_makes_a_corpus_that_spacy_accepts(tmp_path):
    path = tmp_path / "a.spacy"
    broken_docbin(path)
    ledgers = build(tmp_path / "corpus", path, path, path)
    assert [[(ent.text, ent.label_) for ent in doc.ents] for doc in read_split(tmp_path / "corpus")] == [
        [("Cork harbour", "LOC")]
    ]
    assert (
        ledgers["train"]
        .repairs["aligned", "i-without-b"]
        .places[0]
        .startswith(f"{path.as_posix()}:1 (a-1): token 2 'Cork'")
    )


def test_tokens_whose_entities_are_missing_are_outside(write_docs):
    doc = Doc(VOCAB, words=WORDS, spaces=KNOWN)
    assert doc[0].ent_iob == 0
    assert [record.spans for record in read_records(write_docs(doc))] == [()]


@pytest.mark.parametrize("label", ["creative-work", "Music Group/Band", "人物"])
def test_labels_of_any_kind_survive(write_docs, tmp_path, label):
    path = write_docs(Doc(VOCAB, words=WORDS, spaces=KNOWN, ents=[f"B-{label}", f"I-{label}", "O", "O", "O"]))
    build(tmp_path / "corpus", path, path, path)
    assert [(ent.text, ent.label_) for doc in read_split(tmp_path / "corpus") for ent in doc.ents] == [
        ("Ana Tarn", label)
    ]


def test_an_id_in_user_data_is_the_documents_own(write_docs):
    doc = Doc(VOCAB, words=WORDS, user_data={"id": 7})
    assert [record.id for record in read_records(write_docs(doc, store_user_data=True))] == ["7"]


def test_the_file_can_be_the_group(write_docs):
    path = write_docs(Doc(VOCAB, words=WORDS))
    assert [record.group for record in read_records(path, options=ReadOptions(group_by="file"))] == [
        path.as_posix()
    ]


@pytest.mark.parametrize(
    "doc",
    [Doc(VOCAB), Doc(VOCAB, words=[]), Doc(VOCAB, words=[], spaces=[])],
    ids=["nothing", "no words", "no words or spaces"],
)
def test_an_empty_document_is_left_out_and_told(write_docs, tmp_path, doc):
    path = write_docs(doc, Doc(VOCAB, words=WORDS, ents=TAGS))
    ledgers = build(tmp_path / "corpus", path, path, path)
    assert ledgers["train"].losses["aligned", "empty text"].count.documents == 1
    assert ledgers["train"].stages["sharded"].labels == {"PER": 1, "LOC": 1}


def test_a_file_without_documents_is_an_error(write_docs, tmp_path):
    with pytest.raises(AnnotationError, match=r"a\.spacy: holds no document"):
        build(tmp_path / "corpus", write_docs())


def test_the_projects_own_shards_are_read(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl, train=5, dev=1, test=1)
    (shard,) = read_manifest(corpus / "train")["shards"]
    path = corpus / "train" / shard["name"]
    assert choose_format(path).name == "docbin"
    docs = read_split(corpus)
    assert [(record.text, entities(record)) for record in read_records(path)] == [
        (doc.text, [(ent.text, ent.label_) for ent in doc.ents]) for doc in docs
    ]


def test_a_file_that_was_cut_in_half_is_an_error(write_docs):
    path = write_docs(*[Doc(VOCAB, words=[f"a{i * i}", "ran"]) for i in range(200)])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert fails(path).startswith(f"{path}: cannot be read as a DocBin")


@pytest.mark.parametrize(
    "data",
    [
        b"no DocBin",
        b"",
        zlib.compress(b"no msgpack"),
        zlib.compress(srsly.msgpack_dumps({"version": "0.1", "attrs": [], "tokens": b""})[:-1]),
        zlib.compress(srsly.msgpack_dumps({"version": "0.1"})),
        zlib.compress(srsly.msgpack_dumps(["version"])),
        zlib.compress(
            srsly.msgpack_dumps(
                {
                    "version": "0.1",
                    "attrs": [65],
                    "tokens": b"abc",
                    "spaces": b"",
                    "lengths": b"123",
                    "strings": [],
                }
            )
        ),
    ],
    ids=["text", "nothing", "no msgpack", "cut msgpack", "no tokens", "a list", "odd sizes"],
)
def test_a_broken_file_is_an_error(tmp_path, data):
    path = tmp_path / "a.spacy"
    path.write_bytes(data)
    assert fails(path).startswith(f"{path}: cannot be read as a DocBin")


def test_a_broken_document_is_an_error(write_docs):
    path = write_docs(Doc(VOCAB, words=WORDS))
    message = srsly.msgpack_loads(zlib.decompress(path.read_bytes()))
    path.write_bytes(
        zlib.compress(
            srsly.msgpack_dumps(
                message | {"strings": [string for string in message["strings"] if string != "Cork"]}
            )
        )
    )
    assert fails(path).startswith(f"{path}: cannot be read as a DocBin")


def test_a_span_that_a_group_holds_twice_is_one(tmp_path):
    doc = spacy.blank("en").make_doc("Ana ran")
    doc.spans["sc"] = [spacy.tokens.Span(doc, 0, 1, "PER")] * 2
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    (record,) = read_records(tmp_path / "a.spacy", options=ReadOptions(spans_field="sc"))
    assert record.spans == ((0, 3, "PER"),)
