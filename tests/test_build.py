import pytest

from scripts.annotations.record import AnnotationError
from scripts.corpus.build import build_corpus
from scripts.corpus.ledger import Ledger, LedgerError
from scripts.corpus.shards import read_manifest
from scripts.corpus.splits import raw_corpus
from tests.make import make_corpus, rows


def build(folder, *paths, seed=0):
    raw = raw_corpus(*(str(path) for path in paths), *("" for _ in range(3 - len(paths))), format="auto", sentences_per_doc=0, seed=seed)
    return build_corpus(raw, raw.read(), folder, lang="en")


def split_of(ledgers_folder):
    import spacy

    from scripts.corpus.shards import read_shard

    vocab = spacy.blank("en").vocab
    return {
        doc.user_data["id"]: split
        for split in ("train", "dev", "test")
        for shard in read_manifest(ledgers_folder / split)["shards"]
        for doc in read_shard(ledgers_folder / split / shard["name"], vocab)
    }


def test_manifest_counts_what_the_shards_hold(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl, train=120)
    manifest = read_manifest(corpus / "train")
    assert (manifest["documents"], manifest["entities"], len(manifest["shards"])) == (120, {"LOC": 120, "PERSON": 120}, 2)
    assert manifest["ledger"]["stages"]["raw"] == {"documents": 120, "tokens": None, "entities": 240}
    assert manifest["ledger"]["stages"]["corpus"]["entities"] == 240


def test_every_loss_has_a_reason_and_a_place(tmp_path, write_jsonl):
    bad = [
        {"id": "m", "text": "Ana ran", "spans": [[0, 2, "PER"], [4, 7, "ACT"]]},
        {"id": "r", "text": "Bo ran", "spans": [[0, 2, "PER"]], "answer": "reject"},
        {"id": "e", "text": "", "spans": []},
    ]
    ledger = build(tmp_path / "c", write_jsonl("t.jsonl", rows(3) + bad), write_jsonl("d.jsonl", rows(1)), write_jsonl("e.jsonl", rows(1)))["train"]
    assert ledger.lost_entities == {"misaligned": 1, "answer=reject": 0, "empty text": 0}
    assert ledger.lost_documents == {"misaligned": 0, "answer=reject": 1, "empty text": 1}
    assert "t.jsonl:4 (m): 'An' PER" in ledger.places["misaligned"][0]
    assert (ledger.stages["raw"].documents, ledger.stages["corpus"].documents) == (6, 4)


def test_a_ledger_that_does_not_balance_is_an_error():
    ledger = Ledger()
    ledger.stage("raw").add(tokens=3, entities=2)
    ledger.stage("corpus").add(tokens=3, entities=1)
    with pytest.raises(LedgerError, match="does not balance"):
        ledger.check("raw", "corpus")
    ledger.lose("misaligned", "here", entities=1)
    ledger.check("raw", "corpus")


def test_dev_and_test_are_held_out_of_train(tmp_path, write_jsonl):
    build(tmp_path / "c", write_jsonl("t.jsonl", rows(300)))
    splits = list(split_of(tmp_path / "c").values())
    assert len(splits) == 300
    assert 15 <= splits.count("dev") <= 45
    assert 15 <= splits.count("test") <= 45


def test_a_document_stays_in_its_split_when_others_are_added(tmp_path, write_jsonl):
    build(tmp_path / "a", write_jsonl("a.jsonl", rows(200)))
    build(tmp_path / "b", write_jsonl("b.jsonl", rows(300)))
    before, after = split_of(tmp_path / "a"), split_of(tmp_path / "b")
    assert all(after[id] == split for id, split in before.items())


def test_the_seed_decides_what_is_held_out(tmp_path, write_jsonl):
    path = write_jsonl("a.jsonl", rows(200))
    build(tmp_path / "a", path, seed=0)
    build(tmp_path / "b", path, seed=1)
    assert split_of(tmp_path / "a") != split_of(tmp_path / "b")


def test_three_documents_are_enough_to_hold_two_out(tmp_path, write_jsonl):
    build(tmp_path / "c", write_jsonl("t.jsonl", rows(3)))
    assert sorted(split_of(tmp_path / "c").values()) == ["dev", "test", "train"]


def test_two_documents_are_too_few(tmp_path, write_jsonl):
    with pytest.raises(AnnotationError, match="split has no document"):
        build(tmp_path / "c", write_jsonl("t.jsonl", rows(2)))


def test_an_error_leaves_the_old_corpus_whole(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    before = {path: path.read_bytes() for path in corpus.rglob("*") if path.is_file()}
    broken = write_jsonl("broken.jsonl", [*rows(150), '{"text": '])
    with pytest.raises(AnnotationError, match=r"broken\.jsonl:151"):
        build(corpus, broken)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_an_id_used_twice_is_an_error_with_both_places(tmp_path, write_jsonl):
    path = write_jsonl("t.jsonl", [*rows(2), {**rows(1)[0], "text": "Other text", "spans": []}])
    with pytest.raises(AnnotationError, match=r"t\.jsonl:3 \(d0\): the id is used at .*t\.jsonl:1"):
        build(tmp_path / "c", path)


def test_the_same_input_gives_the_same_bytes(tmp_path, write_jsonl):
    path = write_jsonl("t.jsonl", rows(150))
    for name in ("a", "b"):
        build(tmp_path / name, path)
    files = [sorted((p.relative_to(tmp_path / name), p.read_bytes()) for p in (tmp_path / name).rglob("*") if p.is_file()) for name in ("a", "b")]
    assert files[0] == files[1]
