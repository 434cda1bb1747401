import pytest
import spacy
from spacy.tokens import Doc

from scripts.corpus.files import read_json, replace_folder, write_text
from scripts.corpus.shards import MANIFEST, ShardError, ShardWriter, check_shards, read_manifest, read_shard, shard_name


@pytest.fixture
def vocab():
    return spacy.blank("en").vocab


def write(folder, vocab, count):
    with ShardWriter(folder) as writer:
        for i in range(count):
            writer.add(Doc(vocab, words=[f"w{i}", "x"]))
        writer.write_manifest({"split": "train"})
    return read_manifest(folder)


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (100, [100]), (250, [100, 100, 50])])
def test_shards_hold_a_hundred_documents_but_the_last(tmp_path, vocab, count, sizes):
    manifest = write(tmp_path / "train", vocab, count)
    assert [shard["documents"] for shard in manifest["shards"]] == sizes
    assert [shard["name"] for shard in manifest["shards"]] == [shard_name(i) for i in range(len(sizes))]
    assert manifest["documents"] == count
    words = [doc[0].text for shard in manifest["shards"] for doc in read_shard(tmp_path / "train" / shard["name"], vocab)]
    assert words == [f"w{i}" for i in range(count)]


def test_spacy_reads_the_shards_in_order(tmp_path, vocab):
    write(tmp_path / "train", vocab, 120)
    from spacy.training import Corpus

    words = [eg.reference[0].text for eg in Corpus(tmp_path / "train")(spacy.blank("en"))]
    assert words == [f"w{i}" for i in range(120)]


def test_a_writer_left_without_a_manifest_is_an_error(tmp_path, vocab):
    with pytest.raises(RuntimeError, match="without a manifest"), ShardWriter(tmp_path / "train") as writer:
        writer.add(Doc(vocab, words=["x"]))


def test_a_folder_without_a_manifest_is_no_corpus(tmp_path):
    with pytest.raises(ShardError, match="not a complete corpus"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "00000.spacy").unlink(), "missing"),
        (lambda folder: (folder / "00001.spacy").write_bytes(b"x"), "not listed"),
        (lambda folder: (folder / "00000.spacy").write_bytes(b"x"), "SHA-256 differs"),
    ],
)
def test_damage_is_named(tmp_path, vocab, damage, words):
    manifest = write(tmp_path, vocab, 3)
    damage(tmp_path)
    with pytest.raises(ShardError, match=words):
        check_shards(tmp_path, manifest)


def test_a_file_that_is_no_docbin_is_an_error(tmp_path, vocab):
    (tmp_path / "a.spacy").write_bytes(b"not a DocBin")
    with pytest.raises(ShardError, match=r"a\.spacy: cannot be read"):
        list(read_shard(tmp_path / "a.spacy", vocab))


def test_the_same_documents_give_the_same_bytes(tmp_path, vocab):
    assert write(tmp_path / "a", vocab, 5) == write(tmp_path / "b", vocab, 5)


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
