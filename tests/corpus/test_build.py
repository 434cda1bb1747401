import errno
import gzip
import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from scripts.corpus.build import build_corpus
from scripts.corpus.files import write_bytes
from scripts.corpus.raw import RawCorpus
from scripts.corpus.settings import Settings
from scripts.corpus.shards import check_shards, read_manifest
from scripts.corpus.splits import SPLITS
from scripts.formats.record import AnnotationError
from tests.make import build, contents, make_corpus, read_rejects, read_split, rows


@pytest.fixture
def held_out(write_jsonl):
    """Dev and test files of one good row each."""
    return write_jsonl("dev.jsonl", rows(1, offset=1000)), write_jsonl("test.jsonl", rows(1, offset=2000))


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 20 documents, which several of are in small inputs."""
    monkeypatch.setattr("scripts.corpus.chunks.CHUNK_DOCUMENTS", 20)


def ids(corpus, split="train"):
    return [doc.user_data["id"] for doc in read_split(corpus, split)]


def test_manifest_counts_what_the_shards_hold(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl, train=120)
    manifest = read_manifest(corpus / "train")
    assert (manifest["documents"], manifest["entities"], len(manifest["shards"])) == (
        120,
        {"LOC": 120, "PERSON": 120},
        2,
    )
    assert manifest["ledger"]["stages"]["read"] == {
        "documents": 120,
        "tokens": None,
        "entities": 240,
        "labels": {"LOC": 120, "PERSON": 120},
    }
    assert manifest["ledger"]["stages"]["sharded"]["entities"] == 240
    assert manifest["tokens"] == sum(len(doc) for doc in read_split(corpus))


def test_each_split_holds_its_own_files_documents_in_order(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    assert ids(corpus) == [f"d{i}" for i in range(40)]
    assert ids(corpus, "dev") == [f"d{i}" for i in range(1000, 1010)]
    assert ids(corpus, "test") == [f"d{i}" for i in range(2000, 2010)]
    for split in ("train", "dev", "test"):
        check_shards(corpus / split, read_manifest(corpus / split))


def test_the_manifest_says_what_the_corpus_was_made_from(tmp_path, write_jsonl, held_out):
    build(tmp_path / "c", write_jsonl("train.jsonl", rows(30)), "", held_out[1], seed=5)
    manifests = {split: read_manifest(tmp_path / "c" / split) for split in ("train", "dev", "test")}
    assert {split: manifest["drawn_from_train"] for split, manifest in manifests.items()} == {
        "train": False,
        "dev": True,
        "test": False,
    }
    assert {split: Path(manifest["sources"][0]["path"]).name for split, manifest in manifests.items()} == {
        "train": "train.jsonl",
        "dev": "train.jsonl",
        "test": "test.jsonl",
    }
    assert manifests["dev"]["settings"]["seed"] == 5


def test_every_loss_has_a_reason_and_a_place(tmp_path, write_jsonl, held_out):
    bad = [
        {"id": "m", "text": "Ana ran", "spans": [[0, 2, "PER"], [4, 7, "ACT"]]},
        {"id": "r", "text": "Bo ran", "spans": [[0, 2, "PER"]], "answer": "reject"},
        {"id": "e", "text": "", "spans": []},
    ]
    ledger = build(tmp_path / "c", write_jsonl("t.jsonl", rows(3) + bad), *held_out)["train"]
    lost = {
        reason: (change.count.documents, dict(change.count.labels))
        for (stage, reason), change in ledger.losses.items()
        if stage != "read"
    }
    assert lost == {"misaligned": (0, {"PER": 1}), "answer=reject": (1, {}), "empty text": (1, {})}
    assert "t.jsonl:4 (m): 'An' PER" in ledger.losses["aligned", "misaligned"].places[0]
    assert (ledger.stages["read"].documents, ledger.stages["sharded"].documents) == (6, 4)


def test_two_documents_are_too_few_to_hold_some_out(tmp_path, write_jsonl):
    with pytest.raises(AnnotationError, match=r"split has no document; too few .*vars\.dev, vars\.test"):
        build(tmp_path / "c", write_jsonl("t.jsonl", rows(2)))


def test_a_split_whose_documents_are_all_left_out_is_an_error(tmp_path, write_jsonl, held_out):
    path = write_jsonl("t.jsonl", [{**row, "answer": "ignore"} for row in rows(2)])
    with pytest.raises(
        AnnotationError, match=r"the train split has no document; every document of .*t\.jsonl was left out"
    ):
        build(tmp_path / "c", path, *held_out)


@pytest.mark.parametrize("train", ["", "  "])
def test_no_training_file_is_an_error(train):
    with pytest.raises(AnnotationError, match=r"vars\.train"):
        RawCorpus.find(train, "", "")


def test_a_file_without_documents_is_an_error(tmp_path, write_jsonl, write_text, held_out):
    with pytest.raises(AnnotationError, match=r"t\.conll: holds no document"):
        build(tmp_path / "c", write_text("t.conll", "-DOCSTART- -X- O O\n\n"), *held_out)


def test_an_error_leaves_the_old_corpus_whole(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    before = contents(corpus)
    with pytest.raises(AnnotationError, match=r"broken\.jsonl:151"):
        build(corpus, write_jsonl("broken.jsonl", [*rows(150), '{"text": ']))
    after = contents(corpus)
    assert {path: after.get(path) for path in before} == before


def test_a_new_corpus_takes_the_old_ones_place(tmp_path, write_jsonl, held_out):
    build(tmp_path / "c", write_jsonl("t.jsonl", [*rows(250), {"text": "", "spans": []}]), *held_out)
    build(tmp_path / "c", write_jsonl("t.jsonl", rows(5)), *held_out)
    build(tmp_path / "d", write_jsonl("t.jsonl", rows(5)), *held_out)
    assert contents(tmp_path / "c") == contents(tmp_path / "d")


# ids


def test_an_id_used_twice_is_an_error_with_both_places(tmp_path, write_jsonl):
    path = write_jsonl("t.jsonl", [*rows(2), {**rows(1)[0], "text": "Other text", "spans": []}])
    with pytest.raises(AnnotationError, match=r"t\.jsonl:3 \(d0\): the id is used at .*t\.jsonl:1"):
        build(tmp_path / "c", path)


@pytest.mark.parametrize("before", [[], ["{"]])
def test_an_id_used_twice_far_apart_is_an_error_with_both_places(
    tmp_path, write_jsonl, held_out, small_chunks, before
):
    path = write_jsonl(
        "t.jsonl", [*before, *rows(50), {**rows(1, offset=7)[0], "text": "Other text", "spans": []}]
    )
    first, second = len(before) + 8, len(before) + 51
    with pytest.raises(
        AnnotationError, match=rf"t\.jsonl:{second} \(d7\): the id is used at .*t\.jsonl:{first} too"
    ):
        build(tmp_path / "c", path, *held_out, on_error="reject", max_reject_rate=1.0)


def test_files_may_have_the_same_ids(tmp_path, write_jsonl):
    names = ("a.jsonl", "b.jsonl", "d.jsonl", "e.jsonl")
    first, second, dev, test = (
        write_jsonl(name, [{"id": 1, "text": f"Text {name}", "spans": []}]) for name in names
    )
    build(tmp_path / "c", f"{first},{second}", dev, test)
    assert ids(tmp_path / "c") == ["1", "1"]


def test_documents_on_one_line_need_no_ids(tmp_path, write_text, held_out):
    """An array as `json.dump` writes it is one long line."""
    array = [{"text": row["text"], "spans": row["spans"]} for row in rows(5)]
    build(tmp_path / "c", write_text("t.json", json.dumps(array)), *held_out)
    assert len(set(ids(tmp_path / "c"))) == 5


def test_documents_on_one_line_with_one_id_are_an_error(tmp_path, write_text, held_out):
    with pytest.raises(AnnotationError, match=r"\(d0\): the id is used"):
        build(tmp_path / "c", write_text("t.json", json.dumps(rows(3) + rows(1))), *held_out)


# always the same


def test_the_same_input_gives_the_same_bytes(tmp_path, write_jsonl):
    path = write_jsonl("t.jsonl", rows(150))
    for name in ("a", "b"):
        build(tmp_path / name, path)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize("drawn", [False, True])
def test_the_number_of_workers_changes_nothing(tmp_path, write_jsonl, held_out, small_chunks, drawn):
    path = write_jsonl("t.jsonl", [*rows(90), "[broken", {"text": "Ana ran", "spans": [[0, 2, "X"]]}])
    for workers in (1, 2):
        build(tmp_path / f"{workers}", path, *(() if drawn else held_out), workers=workers, on_error="reject")
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_a_packed_file_gives_the_documents_of_the_plain_one(tmp_path, write_jsonl, held_out):
    path = write_jsonl("t.jsonl", rows(30))
    (tmp_path / "p.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    build(tmp_path / "a", path, *held_out)
    build(tmp_path / "b", tmp_path / "p.jsonl.gz", *held_out)
    plain, packed = (
        [(doc.text, [(ent.text, ent.label_) for ent in doc.ents]) for doc in read_split(tmp_path / name)]
        for name in "ab"
    )
    assert plain == packed


def test_files_of_several_formats_make_one_split(tmp_path, write_jsonl, write_text, held_out):
    columns = write_text("t.conll", "Ana B-PERSON\nleft O\n\nBo B-PERSON\n\n")
    ledger = build(tmp_path / "c", f"{write_jsonl('t.jsonl', rows(3))},{columns}", *held_out)["train"]
    assert [doc.text.rstrip() for doc in read_split(tmp_path / "c")][2:] == [
        "Cy2 went to Cork on day 2, they say.",
        "Ana left",
        "Bo",
    ]
    assert (ledger.stages["read"].tokens, ledger.stages["sharded"].labels["PERSON"]) == (None, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux alone")
@pytest.mark.skipif(sys.platform != "linux", reason="other systems' file names are Unicode")
def test_a_file_name_that_is_not_utf_8_is_an_error(tmp_path, write_jsonl, held_out):
    odd = tmp_path / os.fsdecode(b"caf\xe9.jsonl")
    write_jsonl("t.jsonl", rows(2)).rename(odd)
    with pytest.raises(AnnotationError, match="the file's name is not UTF-8; rename it"):
        build(tmp_path / "c", odd, *held_out)


# long documents


def test_a_long_document_becomes_parts_with_ids_of_their_own(tmp_path, write_jsonl, held_out):
    text = "Ana ran. Bo sat still. Cy ate. Di left for Cork."
    long = {
        "id": "x",
        "text": text,
        "spans": [
            [text.index(name), text.index(name) + len(name), "PER"] for name in ("Ana", "Bo", "Cy", "Di")
        ],
    }
    ledger = build(tmp_path / "c", write_jsonl("t.jsonl", [*rows(1), long]), *held_out, max_tokens=11)[
        "train"
    ]
    first, second = read_split(tmp_path / "c")[1:]
    assert [first.user_data["id"], second.user_data["id"]] == ["x#1", "x#2"]
    assert first.user_data["source"] == second.user_data["source"]
    assert (first.text, second.text) == ("Ana ran. Bo sat still. Cy ate. ", "Di left for Cork.")
    assert [[ent.text for ent in doc.ents] for doc in (first, second)] == [["Ana", "Bo", "Cy"], ["Di"]]
    addition = ledger.additions["sharded", "cut"]
    assert addition.count.documents == 1
    assert "t.jsonl:2 (x): 15 tokens in 2 parts" in addition.places[0]
    assert (ledger.stages["aligned"].documents, ledger.stages["sharded"].documents) == (2, 3)


def test_parts_join_up_to_the_whole_text(tmp_path, write_jsonl, held_out):
    text = " \n".join(f"Nobody at pier {i} saw  Ana Berg come (or go)" + "." * (i % 3) for i in range(40))
    build(
        tmp_path / "c",
        write_jsonl("t.jsonl", [{"id": "x", "text": text, "spans": []}]),
        *held_out,
        max_tokens=7,
    )
    assert "".join(doc.text for doc in read_split(tmp_path / "c")) == text
    assert max(len(doc) for doc in read_split(tmp_path / "c")) == 7


def test_a_document_of_just_the_maximum_is_not_cut(tmp_path, write_jsonl, held_out):
    for max_tokens in (0, 3):
        ledger = build(
            tmp_path / "c",
            write_jsonl("t.jsonl", [{"id": "x", "text": "Ana ran off", "spans": []}]),
            *held_out,
            max_tokens=max_tokens,
        )
        assert ids(tmp_path / "c") == ["x"]
        assert not ledger["train"].additions


# what cannot be used


def test_a_record_that_cannot_be_read_stops_the_build(tmp_path, write_jsonl, held_out):
    path = write_jsonl("t.jsonl", [*rows(3), "{", "[]", "{}"])
    with pytest.raises(AnnotationError, match=r"t\.jsonl:4: not JSON.*and 2 more near it.*--on-error=reject"):
        build(tmp_path / "c", path, *held_out)


def test_a_record_that_cannot_be_read_stops_the_build_in_a_worker_too(tmp_path, write_jsonl, held_out):
    with pytest.raises(AnnotationError, match=r"t\.jsonl:4: not JSON"):
        build(tmp_path / "c", write_jsonl("t.jsonl", [*rows(3), "{"]), *held_out, workers=2)


@pytest.mark.parametrize("drawn", [False, True])
def test_a_record_that_cannot_be_read_is_rejected_where_the_user_says_so(
    tmp_path, write_jsonl, held_out, drawn
):
    path = write_jsonl("t.jsonl", [*rows(9), '{"text": "Ana', *rows(9, offset=9)])
    ledgers = build(
        tmp_path / "c", path, *(() if drawn else held_out), on_error="reject", max_reject_rate=0.1
    )
    (reject,) = read_rejects(tmp_path / "c")
    assert (reject["reason"], reject["text"]) == ("unreadable", '{"text": "Ana\n')
    assert reject["source"].endswith("t.jsonl:10")
    assert "not JSON" in reject["detail"]
    change = ledgers[reject["split"]].losses["aligned", "unreadable"]
    assert (change.count.documents, change.places) == (1, [reject["source"]])


def test_bytes_that_are_no_text_are_shown_in_the_rejects(tmp_path, write_jsonl, held_out):
    path = write_jsonl("t.jsonl", rows(9))
    path.write_bytes(path.read_bytes() + b'{"text": "caf\xe9", "spans": []}\n')
    build(tmp_path / "c", path, *held_out, on_error="reject", max_reject_rate=0.5)
    (reject,) = read_rejects(tmp_path / "c")
    assert reject["text"] == '{"text": "caf\\xe9", "spans": []}\n'
    assert "not UTF-8" in reject["detail"]


@pytest.mark.parametrize(("rate", "fails"), [(0.5, False), (0.25, False), (0.24, True), (0.0, True)])
def test_too_many_rejected_documents_are_an_error_with_the_numbers(
    tmp_path, write_jsonl, held_out, rate, fails
):
    path = write_jsonl("t.jsonl", [*rows(4), "{", "{"])  # with dev and test: 2 of 8
    if fails:
        with pytest.raises(
            AnnotationError,
            match=rf"2 of 8 documents \(25\.0 %\).*\({100 * rate:g} %\).*rejects\.jsonl.*--max-reject-rate",
        ):
            build(tmp_path / "c", path, *held_out, on_error="reject", max_reject_rate=rate)
    else:
        build(tmp_path / "c", path, *held_out, on_error="reject", max_reject_rate=rate)
        assert len(read_split(tmp_path / "c")) == 4


def test_too_many_rejected_entities_are_an_error_with_the_numbers(tmp_path, write_jsonl, held_out):
    bad = {"text": "Ana ran", "spans": [[0, 2, "X"], [5, 7, "X"]]}
    path = write_jsonl("t.jsonl", [*rows(2), bad])  # with dev and test: 2 of 10
    with pytest.raises(AnnotationError, match=r"2 of 10 entities \(20\.0 %\).*\(10 %\)"):
        build(tmp_path / "c", path, *held_out, on_error="reject", max_reject_rate=0.1)
    build(tmp_path / "c", path, *held_out, on_error="reject", max_reject_rate=0.2)


def test_the_rejects_of_a_build_that_failed_can_be_looked_at(tmp_path, write_jsonl, held_out):
    with pytest.raises(AnnotationError) as error:
        build(tmp_path / "c", write_jsonl("t.jsonl", [*rows(2), "{"]), *held_out, on_error="reject")
    path = (
        str(error.value).split("; ")[1].removesuffix(" says why: repair the data, or raise --max-reject-rate")
    )
    assert '"unreadable"' in Path(path).read_text(encoding="utf-8")


def test_what_the_user_chose_to_leave_out_counts_against_no_rate(tmp_path, write_jsonl, held_out):
    overlap = {"text": "University of Leeds", "spans": [[0, 19, "ORG"], [14, 19, "LOC"]]}
    path = write_jsonl(
        "t.jsonl",
        [*rows(1), overlap, {"text": "Bo", "spans": [], "answer": "reject"}, {"text": "", "spans": []}],
    )
    build(tmp_path / "c", path, *held_out, on_error="reject", max_reject_rate=0.0, overlaps="longest")
    with pytest.raises(AnnotationError, match="1 of 8 entities"):
        build(tmp_path / "c", path, *held_out, on_error="reject", max_reject_rate=0.0)


def test_a_lost_span_stands_in_the_rejects_with_its_reason_and_the_text_around_it(
    tmp_path, write_jsonl, held_out
):
    text = f"{'a' * 300} Ana went together {'b' * 300}"
    start = text.index("gether")
    build(
        tmp_path / "c",
        write_jsonl("t.jsonl", [{"id": "x", "text": text, "spans": [[start, start + 6, "LOC"]]}]),
        *held_out,
    )
    (reject,) = read_rejects(tmp_path / "c")
    assert reject["span"] == {"start": start, "end": start + 6, "label": "LOC", "text": "gether"}
    assert (reject["split"], reject["id"], reject["reason"]) == ("train", "x", "misaligned")
    assert reject["source"].endswith("t.jsonl:1")
    assert "['together']" in reject["detail"]
    assert reject["text"] == text[start - 100 : start + 106]


MIXED = [
    *rows(3),
    {"id": "mis", "text": "Ana went together", "spans": [[0, 3, "PER"], [9, 11, "LOC"]]},
    {"id": "over", "text": "Leeds United won", "spans": [[0, 12, "ORG"], [0, 5, "LOC"], [6, 12, "ORG"]]},
    {"id": "far", "text": "Ana ran", "spans": [[0, 3, "PER"], [4, 99, "ACT"], [-2, 3, "PER"], [5, 5, "ACT"]]},
    {"id": "other", "text": "Ana ran", "spans": [{"start": 0, "end": 3, "label": "PER", "text": "Bob"}]},
    {"id": "white", "text": "Ana ran", "spans": [[3, 7, "ACT"], [0, 3, " "]]},
    {"id": "rejected", "text": "Bo ran", "spans": [[0, 2, "PER"]], "answer": "reject"},
    {"id": "empty", "text": "", "spans": []},
    {
        "id": "long",
        "text": "Ana ran. " * 9,
        "spans": [[i, i + 3, "PER"] for i in range(0, 81, 9)] + [[7, 10, "X"]],
    },
    '{"id": "broken", "text": "Ana"',
    '{"id": "spanless", "text": "Ana"}',
]


@pytest.mark.parametrize("drawn", [False, True])
def test_corpus_and_rejects_account_for_everything(tmp_path, write_jsonl, held_out, drawn):
    path = write_jsonl("t.jsonl", MIXED)
    ledgers = build(
        tmp_path / "c",
        path,
        *(() if drawn else held_out),
        on_error="reject",
        max_reject_rate=1.0,
        max_tokens=10,
    )
    docs = [
        doc
        for split in ("train", "dev", "test")
        for doc in read_split(tmp_path / "c", split)
        if "/t.jsonl" in doc.user_data["source"]
    ]
    rejects = read_rejects(tmp_path / "c")
    left_out = [reject["source"].rsplit(":", 1)[1] for reject in rejects if "span" not in reject]
    lines = Counter(left_out) + Counter({doc.user_data["source"].rsplit(":", 1)[1]: 1 for doc in docs})
    assert lines == Counter(str(line) for line in range(1, len(MIXED) + 1))

    wanted = Counter(
        row["id"] for row in MIXED if isinstance(row, dict) and "answer" not in row for _ in row["spans"]
    )
    kept = Counter(doc.user_data["id"].split("#")[0] for doc in docs for _ in doc.ents)
    lost = Counter(reject["id"] for reject in rejects if "span" in reject)
    assert kept + lost == wanted
    assert sum(ledger.stages["read"].documents for ledger in ledgers.values()) == len(MIXED) + (
        0 if drawn else 2
    )
    losses = [
        change.count
        for ledger in ledgers.values()
        for (stage, _), change in ledger.losses.items()
        if stage != "read"
    ]
    assert sum(count.entities for count in losses) == lost.total()
    assert sum(count.documents for count in losses) == len(left_out)


# stopped


def stop(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "at", ["cut_into_chunks", "convert_chunk", "draw_splits", "write_json", "_Build.replace"]
)
def test_a_build_that_is_stopped_leaves_the_old_corpus_and_the_next_starts_anew(
    tmp_path, write_jsonl, monkeypatch, at
):
    corpus = make_corpus(tmp_path, write_jsonl)
    before = contents(corpus)
    path = write_jsonl("t.jsonl", rows(60))
    with monkeypatch.context() as patch:
        patch.setattr(f"scripts.corpus.build.{at}", stop)
        with pytest.raises(KeyboardInterrupt):
            build(corpus, path)
    after = contents(corpus)
    assert {path: after.get(path) for path in before} == before
    build(corpus, path)
    build(tmp_path / "d", path)
    assert contents(corpus) == contents(tmp_path / "d")


@pytest.mark.parametrize("renames", range(10))
def test_no_old_split_ever_stands_beside_a_new_one(tmp_path, write_jsonl, monkeypatch, renames):
    corpus = make_corpus(tmp_path, write_jsonl)
    path = write_jsonl("t.jsonl", rows(60))
    rename, done = Path.rename, []

    def stops_at(self, target):
        done.append(target)
        return stop() if len(done) > renames else rename(self, target)

    old = {split: read_manifest(corpus / split)["sources"] for split in SPLITS}
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stops_at)
        with pytest.raises(KeyboardInterrupt):
            build(corpus, path)
    found = {split: read_manifest(corpus / split)["sources"] for split in SPLITS if (corpus / split).exists()}
    assert len({sources == old[split] for split, sources in found.items()}) <= 1
    build(corpus, path)
    build(tmp_path / "d", path)
    assert contents(corpus) == contents(tmp_path / "d")


# the disk is full


@pytest.mark.parametrize("kept", range(0, 8, 2))
@pytest.mark.parametrize("drawn", [False, True])
def test_a_disk_that_fills_up_is_an_error_and_the_old_corpus_stays(
    tmp_path, write_jsonl, held_out, small_chunks, monkeypatch, kept, drawn
):
    corpus = make_corpus(tmp_path, write_jsonl)
    before = contents(corpus)
    paths = write_jsonl("t.jsonl", rows(60)), *(() if drawn else held_out)
    written = []

    def fills_up(path, *rest, **options):
        written.append(path)
        if len(written) > kept:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_bytes(path, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr("scripts.corpus.files.write_bytes", fills_up)
        patch.setattr("scripts.corpus.shards.write_bytes", fills_up)
        with pytest.raises(OSError, match="No space left"):
            build(corpus, *paths)
    after = contents(corpus)
    assert {path: after.get(path) for path in before} == before
    build(corpus, *paths)
    build(tmp_path / "d", *paths)
    assert contents(corpus) == contents(tmp_path / "d")


# progress and workers


@pytest.mark.parametrize("drawn", [False, True])
def test_progress_ends_with_all_bytes(tmp_path, write_jsonl, held_out, small_chunks, drawn):
    raw = RawCorpus.find(str(write_jsonl("t.jsonl", rows(70))), *(("", "") if drawn else map(str, held_out)))
    told = {}

    def progress(doing, done):
        told.setdefault(doing, []).append(done)

    build_corpus(raw, tmp_path / "c", Settings(), progress=progress)
    assert told.pop("looking at the raw files") == [0]
    assert set(told) == {"converting", "looking through train"} if drawn else {"converting"}
    for done in told.values():
        assert done == sorted(done)
        assert done[-1] == raw.bytes


def test_a_doubt_on_offsets_belongs_to_the_split_of_its_file(tmp_path, write_jsonl):
    doubtful = [{"text": "🚢🚢 I A B C D met", "spans": [[7, 8, "PER"], [9, 10, "PER"]]}]
    paths = (
        write_jsonl("a.jsonl", rows(3)),
        write_jsonl("a", doubtful),
        write_jsonl("test.jsonl", rows(3, offset=9)),
    )
    ledgers = build(tmp_path / "c", *paths)
    assert [split for split, ledger in ledgers.items() if ("aligned", "offset-units") in ledger.repairs] == [
        "dev"
    ]
