import pytest

from scripts.checks.inputs import find_inputs
from scripts.checks.preprocessed import check_files, scored_elsewhere
from scripts.checks.training_config import ConfigFile
from scripts.corpus.files import write_json
from scripts.corpus.shards import documents_sha256, read_manifest
from tests.make import build, make_corpus, read_split, rows


def warned(folder, corpus, scores):
    """What is told of a config whose pipeline was scored so."""
    recipe = ConfigFile("cpu", folder / "cpu" / "config.cfg")
    if isinstance(scores, dict):
        write_json(folder / "cpu" / "scores.json", scores)
    elif scores is not None:
        (folder / "cpu").mkdir()
        (folder / "cpu" / "scores.json").write_bytes(scores)
    return [
        found.detail for found in scored_elsewhere(corpus / "test", read_manifest(corpus / "test"), [recipe])
    ]


def scored_on(corpus):
    """The part of scores.json that says on which test split."""
    docs = read_split(corpus, "test")
    return {"test_sha256": documents_sha256(docs), "test": {"documents": len(docs)}}


def test_another_test_split_than_the_scored_one_is_told(tmp_path, write_jsonl):
    before = make_corpus(tmp_path, write_jsonl)
    scores = scored_on(before)
    now = tmp_path / "now"
    build(now, write_jsonl("t.jsonl", rows(20)), "", write_jsonl("e.jsonl", rows(12, offset=2000)))
    assert warned(tmp_path, now, scores) == ["scored on 10 documents, not on the 12 of now"]


def test_other_entities_make_another_test_split(tmp_path, write_jsonl):
    scores = scored_on(make_corpus(tmp_path, write_jsonl))
    changed = rows(10, offset=2000)
    changed[3]["spans"].pop()
    now = tmp_path / "now"
    build(now, write_jsonl("t.jsonl", rows(20)), "", write_jsonl("e.jsonl", changed))
    assert warned(tmp_path, now, scores)


def test_the_same_documents_from_elsewhere_in_another_order_are_the_same_test(tmp_path, write_jsonl):
    scores = scored_on(make_corpus(tmp_path, write_jsonl))
    now = tmp_path / "now"
    build(
        now, write_jsonl("t.jsonl", rows(20)), "", write_jsonl("elsewhere.jsonl", rows(10, offset=2000)[::-1])
    )
    assert not warned(tmp_path, now, scores)


@pytest.mark.parametrize("scores", [None, {}, {"test": {"documents": 3}}, b"{"])
def test_what_was_never_scored_is_passed_over(tmp_path, write_jsonl, scores):
    assert not warned(tmp_path, make_corpus(tmp_path, write_jsonl), scores)


def test_a_damaged_test_split_is_told_as_such_alone(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    scores = scored_on(corpus)
    next((corpus / "test").glob("*.spacy")).write_bytes(b"")
    assert not warned(tmp_path, corpus, scores | {"test_sha256": "another"})
    assert {found.slug for found in check_files(corpus, find_inputs([], {}, corpus, []).manifests, [])} == {
        "damaged-shard"
    }
