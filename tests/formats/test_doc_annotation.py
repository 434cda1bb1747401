"""What a DocBin says for other components than the ner comes to the shards."""

import pytest
import spacy
from spacy.cli.init_config import init_config
from spacy.cli.train import train as spacy_train
from spacy.tokens import Doc, DocBin, Span, SpanGroup

from scripts.corpus.shards import read_manifest, read_shard
from scripts.corpus.stream import ShardStream
from scripts.formats.doc_annotation import ATTRS, describe_counts
from scripts.formats.record import AnnotationError
from tests.make import NAMES, build, described, read_rejects, read_split, vocab

SENTENCE = {
    "words": ["Ana", "saw", "Cork", "."],
    "tags": ["NNP", "VBD", "NNP", "."],
    "pos": ["PROPN", "VERB", "PROPN", "PUNCT"],
    "morphs": ["Number=Sing", "Tense=Past", "Number=Sing", ""],
    "lemmas": ["Ana", "see", "Cork", "."],
    "deps": ["nsubj", "ROOT", "dobj", "punct"],
}
HEADS = [1, 1, 1, 1]
ENTS = ["B-PERSON", "O", "B-LOC", "O"]
SPACES = [True, True, False, True]


def annotated(
    sentences: int = 1, *, name: str = "Ana", spaces: bool = True, ents: list[str] | None = ENTS
) -> Doc:
    """A document with annotation of every kind, for each of its equal sentences."""
    values = {key: list(value) * sentences for key, value in SENTENCE.items()}
    values["words"] = [name if word == "Ana" else word for word in values["words"]]
    heads = [head + 4 * i for i in range(sentences) for head in HEADS]
    doc = Doc(
        vocab(),
        **values,
        heads=heads,
        spaces=SPACES * sentences if spaces else None,
        ents=ents and ents * sentences,
    )
    if ents is not None:
        doc.ents = [
            Span(doc, ent.start, ent.end, ent.label_, kb_id="Q36647") if ent.text == "Cork" else ent
            for ent in doc.ents
        ]
    doc.cats = {"TRAVEL": 1.0, "OTHER": 0.0}
    doc.spans["sc"] = SpanGroup(
        doc,
        name="sc",
        attrs={"by": "Bo"},
        spans=[Span(doc, 0, 3, "EVENT", span_id="e1"), Span(doc, 0, 1, "PERSON")],
    )
    doc.spans["empty"] = []
    doc.user_data["author"] = "Di"
    return doc


def carried(doc: Doc) -> dict:
    """All that is compared of a document."""
    columns = doc.to_array([*ATTRS, "ORTH", "ENT_IOB", "ENT_TYPE"]).tolist()
    return {
        "columns": columns,
        "cats": doc.cats,
        "spans": doc.spans.to_bytes(),
        "unknown spaces": doc.has_unknown_spaces,
    }


@pytest.fixture
def convert(tmp_path):
    """Write documents to a DocBin, build a corpus of it, and return that and train's ledger."""

    def convert(*docs: Doc, **settings):
        path = tmp_path / "a.spacy"
        DocBin(docs=docs, store_user_data=True).to_disk(path)
        return tmp_path / "corpus", build(tmp_path / "corpus", path, path, path, **settings)["train"]

    return convert


@pytest.mark.parametrize("spaces", [True, False], ids=["spaces known", "spaces unknown"])
def test_all_annotation_comes_to_the_shards(convert, spaces):
    doc = annotated(2, spaces=spaces)
    corpus, _ = convert(doc)
    assert [carried(doc) for doc in read_split(corpus)] == [carried(doc)]


def test_the_strings_of_the_annotation_are_in_the_shard(convert):
    corpus, _ = convert(annotated())
    (shard,) = (corpus / "train").glob("*.spacy")
    (doc,) = read_shard(shard, spacy.vocab.Vocab())
    assert [token.tag_ for token in doc] == SENTENCE["tags"]
    assert [str(token.morph) for token in doc] == SENTENCE["morphs"]
    assert (doc.ents[1].kb_id_, doc.spans["sc"][0].id_, doc.spans["sc"][0].label_) == (
        "Q36647",
        "e1",
        "EVENT",
    )


def test_user_data_comes_to_the_shards(convert):
    doc = annotated()
    corpus, _ = convert(doc)
    (shard,) = (corpus / "train").glob("*.spacy")
    (read,) = DocBin().from_disk(shard).get_docs(vocab())
    assert read.user_data == doc.user_data


def test_a_document_without_other_annotation_is_tokenised_as_before(convert):
    plain = Doc(
        vocab(), words=["Ana", "didn't", "."], spaces=[True, False, False], ents=["B-PERSON", "O", "O"]
    )
    corpus, ledger = convert(plain, annotated(name="Bo"))
    first, second = read_split(corpus)
    assert [token.text for token in first] == ["Ana", "did", "n't", "."]
    assert (first.cats, dict(first.spans), first.has_annotation("TAG")) == ({}, {}, False)
    assert second.has_annotation("TAG")
    assert ledger.stages["sharded"].other["TAG"] == 4


def test_tokens_that_are_annotated_are_kept(convert):
    doc = Doc(
        vocab(),
        words=["Ana", "didn't", "."],
        spaces=[True, False, False],
        ents=["B-PERSON", "O", "O"],
        tags=["NNP", "VBD", "."],
    )
    corpus, _ = convert(doc)
    assert [[token.text for token in doc] for doc in read_split(corpus)] == [["Ana", "didn't", "."]]


def test_sentences_alone_are_annotation(convert):
    doc = Doc(
        vocab(),
        words=["Ana", "ran", "Bo", "sat"],
        spaces=[True] * 4,
        ents=["O"] * 4,
        sent_starts=[True, False, True, False],
    )
    corpus, _ = convert(doc)
    assert [[token.is_sent_start for token in doc] for doc in read_split(corpus)] == [
        [True, False, True, False]
    ]


def test_tokens_that_say_nothing_of_entities_stay_so_where_they_are_annotated_otherwise(convert):
    corpus, _ = convert(annotated(ents=None), annotated(name="Bo"))
    first, second = read_split(corpus)
    assert [token.ent_iob for token in first] == [0, 0, 0, 0]
    assert [token.ent_iob for token in second] == [3, 2, 3, 2]


def test_manifest_and_ledger_count_what_is_carried(convert):
    corpus, ledger = convert(annotated(), annotated(2, name="Bo"))
    wanted = {kind: 12 for kind in ("TAG", "POS", "MORPH", "LEMMA", "DEP", "SENT_START")}
    wanted |= {"ENT_KB_ID": 3, "cats": 2, "spans": 4, "user_data": 2}
    assert read_manifest(corpus / "train")["other_annotation"] == wanted
    assert {stage: dict(count.other) for stage, count in ledger.stages.items()} == dict.fromkeys(
        ("read", "aligned", "sharded"), wanted
    )


def test_a_manifest_of_entities_alone_has_no_other_annotation(convert):
    corpus, _ = convert(Doc(vocab(), words=["Ana"], ents=["B-PERSON"]))
    assert "other_annotation" not in read_manifest(corpus / "train")


def test_a_document_that_is_cut_keeps_its_annotation_part_by_part(convert):
    whole = annotated(3)
    corpus, ledger = convert(whole, max_tokens=4)
    parts = read_split(corpus)
    assert [[token.dep_ for token in part] for part in parts] == [SENTENCE["deps"]] * 3
    assert [[token.head.i for token in part] for part in parts] == [HEADS] * 3
    assert [part.cats for part in parts] == [whole.cats] * 3
    assert [
        [(span.start, span.end, span.label_, span.id_) for span in part.spans["sc"]] for part in parts
    ] == [[(0, 3, "EVENT", "e1"), (0, 1, "PERSON", "")], [], []]
    assert parts[0].spans["sc"].attrs == {"by": "Bo"}
    assert ledger.additions["sharded", "cut"].count.other == {"cats": 2}


def test_a_span_that_a_cut_crosses_is_lost_and_told(convert):
    doc = annotated(2)
    doc.spans["sc"].append(Span(doc, 2, 6, "LONG"))
    corpus, ledger = convert(doc, max_tokens=4)
    assert ledger.losses["sharded", "span-cut"].count.other == {"spans": 1}
    assert [span.label_ for part in read_split(corpus) for span in part.spans["sc"]] == ["EVENT", "PERSON"]
    assert [row["detail"] for row in read_rejects(corpus) if row["reason"] == "span-cut"] == [
        "1 spans: the span reaches into another part of the document"
    ] * 3


def test_a_head_that_a_cut_takes_away_is_no_annotation(convert):
    corpus, ledger = convert(annotated(), max_tokens=2)
    first, second = read_split(corpus)
    assert [token.dep_ for token in first] == ["nsubj", "ROOT"]
    assert [(token.dep_, token.has_head()) for token in second] == [("", False), ("", False)]
    assert ledger.losses["sharded", "head-cut"].count.other == {"DEP": 2}


def test_user_data_of_a_document_that_is_cut_is_lost_and_told(convert):
    _, ledger = convert(annotated(2), max_tokens=4)
    assert ledger.losses["sharded", "user-data-cut"].count.other == {"user_data": 1}


def test_an_empty_document_takes_its_categories_along(convert):
    empty = Doc(vocab(), words=[])
    empty.cats = {"TRAVEL": 1.0}
    _, ledger = convert(empty, annotated())
    assert ledger.losses["aligned", "empty text"].count.other == {"cats": 1}


def test_a_group_that_is_read_for_the_entities_stays_a_group(convert):
    corpus, ledger = convert(annotated(ents=["O", "O", "B-LOC", "O"]), spans_field="sc", overlaps="longest")
    (doc,) = read_split(corpus)
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Ana saw Cork", "EVENT")]
    assert [span.label_ for span in doc.spans["sc"]] == ["EVENT", "PERSON"]
    assert ledger.losses["read", "other-spans"].count.labels == {"LOC": 1}


def test_spans_in_a_file_without_entities_are_a_doubt(convert):
    with pytest.raises(
        AnnotationError,
        match=r"the file has no entities, but doc\.spans holds spans: 'sc' \(2 spans\).*--spans-field=sc",
    ):
        convert(annotated(ents=["O"] * 4))


def test_spans_can_be_accepted_for_no_entities(convert):
    corpus, _ = convert(annotated(ents=["O"] * 4), accept="other-spans")
    (doc,) = read_split(corpus)
    assert (doc.ents, len(doc.spans["sc"])) == ((), 2)


def test_what_is_carried_is_told_of_the_file(tmp_path):
    path = tmp_path / "a.spacy"
    DocBin(docs=[annotated()]).to_disk(path)
    told = described(path)
    assert told == "also carried: TAG, POS, MORPH, LEMMA, DEP, HEAD, SENT_START, ENT_KB_ID, cats, spans"


def test_counts_are_described_in_one_order():
    assert (
        describe_counts({"spans": 1200, "cats": 3, "TAG": 12, "user_data": 0})
        == "TAG of 12 tokens, cats of 3 documents, 1,200 spans"
    )


def test_the_stream_of_shards_has_the_annotation(convert):
    doc = annotated()
    corpus, _ = convert(doc)
    (example,) = ShardStream(corpus / "train", shuffle=False)(spacy.blank("en"))
    assert [token.tag_ for token in example.reference] == SENTENCE["tags"]
    assert (example.reference.cats, example.reference.spans["sc"][0].label_) == (doc.cats, "EVENT")


def test_several_components_learn_from_a_corpus(convert, tmp_path):
    corpus, _ = convert(*(annotated(2, name=f"{name}{i}") for i in range(6) for name in NAMES))
    components = [
        "tagger",
        "morphologizer",
        "trainable_lemmatizer",
        "parser",
        "senter",
        "textcat",
        "spancat",
        "ner",
    ]
    config = init_config(lang="en", pipeline=components, optimize="efficiency")
    config["training"] |= {
        "max_steps": 5,
        "eval_frequency": 5,
        "logger": {"@loggers": "spacy.ConsoleLogger.v1", "progress_bar": False},
    }
    config.to_disk(tmp_path / "a.cfg")
    paths = {f"paths.{split}": (corpus / split).as_posix() for split in ("train", "dev")}
    spacy_train(tmp_path / "a.cfg", tmp_path / "out", overrides=paths)
    scores = spacy.load(tmp_path / "out" / "model-last").meta["performance"]
    assert all(
        scores[name] > 0
        for name in ("tag_acc", "pos_acc", "morph_acc", "lemma_acc", "dep_uas", "sents_f", "cats_score")
    )
