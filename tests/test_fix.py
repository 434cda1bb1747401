"""Mending keeps what was annotated, tells what it does, and leaves nothing that it could mend."""

import gzip
import json
from functools import cache

import pytest
import spacy
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.tokens import Doc, DocBin, Span
from typer.testing import CliRunner

from scripts import fix as command
from scripts import validate
from scripts.checks import fixing
from scripts.checks.catalogue import BY_SLUG
from scripts.checks.examples import write_docbin
from scripts.checks.registry import DOCUMENT_CHECKS
from scripts.checks.shard import Shard
from scripts.cli import UserError
from scripts.corpus.build import RawCorpus
from scripts.corpus.settings import Settings
from scripts.formats.record import AnnotationError
from scripts.formats.registry import ReadOptions, read_records
from tests.make import build, contents, make_corpus, rows

VOCAB = spacy.blank("en").vocab
quick = settings(max_examples=40, derandomize=True, deadline=None, database=None)
ODD = [
    "Ana",
    "#",
    "# newdoc",
    "-DOCSTART-",
    "#begin document",
    '"',
    ",",
    "O",
    "B-PER",
    "token",
    "SpaceAfter=No",
    "New York",
    "e\u0301",
]
words = st.sampled_from(ODD) | st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=5
)


@pytest.fixture(autouse=True, scope="module")
def one_tokeniser():
    """Make a tokeniser once for all files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixing, "Tokeniser", cache(fixing.Tokeniser))
        yield


def fixed(folder, train, dev="", test="", *, unsafe=False, **own):
    """Mend files; return the folders and what was told."""
    changes = []
    folders = fixing.fix(
        RawCorpus.find(str(train), str(dev), str(test)),
        folder,
        Settings(**own),
        unsafe=unsafe,
        tell=changes.append,
    )
    return folders, changes


def told(changes):
    return sorted(change.slug for change in changes)


def read(path, **options):
    """Return the records of a file, or of the only one in a folder."""
    return list(read_records(next(path.iterdir()) if path.is_dir() else path, options=ReadOptions(**options)))


def found(folder, folders, **own):
    """Preprocess and validate; return the names of what is found."""
    build(folder, **folders, on_error="reject", max_reject_rate=1.0, **own)
    run(validate, "--corpus", folder, "--output", folder / "found.json")
    return {
        one["slug"] for one in json.loads((folder / "found.json").read_text(encoding="utf-8"))["findings"]
    }


def run(module, *arguments):
    app = typer.Typer()
    app.command()(module.main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def faulty(spans, text="Ana went together to New York City Hall", **further):
    return {"id": "x", "text": text, "spans": spans} | further


SAFE = {
    "whitespace-edge": faulty([[3, 8, "LOC"], [0, 3, "PER"]]),
    "duplicate-span": faulty([[0, 3, "PER"], [0, 3, "PER"]]),
    "empty-document": faulty([], text=" \n "),
}
UNSAFE = {
    "misaligned": faulty([[9, 11, "LOC"], [0, 3, "PER"]]),
    "overlap": faulty([[21, 34, "LOC"], [30, 39, "ORG"]]),
    "nested": faulty([[21, 39, "ORG"], [21, 29, "LOC"]]),
    "bad-offsets": faulty([[9, 99, "LOC"], [5, 5, "LOC"], [5, 4, "LOC"], [-3, 2, "LOC"]]),
    "empty-label": faulty([[0, 3, ""], [4, 8, " "]]),
    "other-text": faulty([{"start": 4, "end": 8, "label": "PER", "text": "Ana's"}]),
    "invisible-characters": faulty([[0, 4, "PER"]], text="A\u200bna went"),
    "not-nfc": faulty([[0, 8, "LOC"]], text="Curac\u0327ao"),
}


@pytest.mark.parametrize("slug", SAFE)
def test_safe_faults_are_gone_and_told(slug, tmp_path, write_jsonl):
    path = write_jsonl("a.jsonl", [*rows(40), SAFE[slug]])
    folders, changes = fixed(tmp_path / "fixed", path)
    assert told(changes) == [slug]
    assert changes[0].place == f"{path.as_posix()}:41 x"
    assert slug not in found(tmp_path / "corpus", folders)


@pytest.mark.parametrize("slug", UNSAFE)
def test_safe_mending_leaves_what_takes_a_decision_to_be_told_again(slug, tmp_path, write_jsonl):
    path = write_jsonl("a.jsonl", [*rows(40), UNSAFE[slug]])
    folders, changes = fixed(tmp_path / "fixed", path)
    assert changes == []
    assert [one[:3] for one in read(folders["train"])] == [one[:3] for one in read(path)]
    assert slug in found(tmp_path / "corpus", folders)


@pytest.mark.parametrize("slug", UNSAFE)
def test_unsafe_mending_leaves_no_fault_and_tells_each(slug, tmp_path, write_jsonl):
    folders, changes = fixed(
        tmp_path / "fixed", write_jsonl("a.jsonl", [*rows(40), UNSAFE[slug]]), unsafe=True
    )
    assert set(told(changes)) == {slug}
    assert not {name for name in found(tmp_path / "corpus", folders) if BY_SLUG[name].fix} - {
        "near-duplicate"
    }


@pytest.mark.parametrize("unsafe", [False, True])
def test_mending_twice_changes_nothing(unsafe, tmp_path, write_jsonl):
    planted = [
        row | {"id": slug, "text": row["text"] + " ".join(slug)}
        for slug, row in (SAFE | UNSAFE).items()
        if slug != "empty-document"
    ]
    first, changes = fixed(
        tmp_path / "1", write_jsonl("a.jsonl", [*rows(3), *planted, *rows(3)]), unsafe=unsafe
    )
    second, again = fixed(tmp_path / "2", first["train"], unsafe=unsafe)
    assert (bool(changes), again) == (True, [])
    assert contents(first["train"]) == contents(second["train"])


def test_a_span_that_quotes_other_text_stays_with_its_quote(tmp_path, write_jsonl):
    path = write_jsonl("a.jsonl", [faulty([{"start": 4, "end": 8, "label": "PER", "text": 'O\'Brien "x"'}])])
    folders, _ = fixed(tmp_path / "1", path)
    (was,), (now,) = read(path), read(folders["train"])
    assert [fault.detail for fault in now.faults] == [fault.detail for fault in was.faults]


def test_only_duplicates_with_the_same_annotation_go(tmp_path, write_jsonl):
    one = {"text": "Ana left Cork", "spans": [[0, 3, "PER"]]}
    quoting = [
        {"text": "Ana left Cork", "spans": [{"start": 0, "end": 3, "label": "PER", "text": name}]}
        for name in ("Bo", "Cy")
    ]
    path = write_jsonl("a.jsonl", [one, one, one | {"spans": []}, one | {"text": "Ana left  Cork"}, *quoting])
    folders, changes = fixed(tmp_path / "fixed", path)
    assert told(changes) == ["duplicate-text", "duplicate-text"]
    assert [change.place[-5:] for change in changes] == ["2 a-2", "4 a-4"]
    assert len(read(folders["train"])) == 4


@pytest.mark.parametrize(
    ("unsafe", "left"), [(True, ["Ana", "Bo", "Cy Di"]), (False, ["Ana Bo Di", "Bo Cy", "Cy Di"])]
)
def test_a_text_in_two_splits_stays_in_the_first_of_test_dev_train(unsafe, left, tmp_path, write_jsonl):
    texts = {"train": ["Ana", "Bo", "Di"], "dev": ["Bo", "Cy"], "test": ["Cy", "Di"]}
    paths = [
        write_jsonl(f"{split}.jsonl", [{"text": text, "spans": []} for text in own])
        for split, own in texts.items()
    ]
    folders, changes = fixed(tmp_path / "fixed", *paths, unsafe=unsafe)
    assert [" ".join(one.text for one in read(folders[split])) for split in texts] == left
    assert told(changes) == ["text-in-two-splits"] * 3 * unsafe


def test_ids_and_groups_stay_those_that_the_data_gave(tmp_path, write_jsonl):
    path = write_jsonl(
        "a.jsonl",
        [{"text": "Ana left", "spans": []}, {"id": 7, "author": "Bo", "text": "Bo left", "spans": []}],
    )
    folders, _ = fixed(tmp_path / "fixed", path, group_by="author")
    assert [one.key for one in read(folders["train"], group_by="author")] == ["text Ana left", "group Bo"]
    assert read(folders["train"])[1].id == "7"


tags = st.sampled_from(["O", "B-PER", "I-PER", "B-a b", "I-a b"])
sentences = st.lists(
    st.lists(st.tuples(words, st.sampled_from(["SpaceAfter=No", "_"]), tags), min_size=1, max_size=6),
    min_size=1,
    max_size=3,
)


def known(path, **options):
    return [(*one[4:8], one.text, one.spans) for one in read(path, **options)]


@pytest.mark.parametrize("misc", [False, True])
def test_tokens_come_back_as_columns_whatever_they_are(misc, tmp_path_factory):
    @quick
    @given(st.lists(sentences, min_size=1, max_size=4))
    def check(documents):
        folder = tmp_path_factory.mktemp("columns")
        lines = []
        for i, document in enumerate(documents):
            lines += ["# newdoc", f"1\tdoc{i}\t_\tO"]
            lines += [
                line for sentence in document for line in ("", *("\t".join(["1", *row]) for row in sentence))
            ]
        path, options = folder / "a.conll", {"columns": "id,token,misc,tag" if misc else "id,token,_,tag"}
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
        folders, _ = fixed(folder / "1", path, **options)
        assert known(folders["train"]) == known(path, **options)
        assert not any(one.faults for one in read(folders["train"]))
        again, changes = fixed(folder / "2", folders["train"])
        assert (changes, contents(again["train"])) == ([], contents(folders["train"]))

    check()


@pytest.mark.parametrize(
    ("rows", "codes", "entities"),
    [
        ("B-PER O I-LOC I-LOC B-ORG", ["i-without-b"], ["w0", "w2 w3", "w4"]),
        ("U-PER O L-LOC B-ORG O", ["i-without-b", "illegal-sequence"], ["w0", "w2", "w3"]),
        (
            "B-PER L-PER I-LOC O B-ORG",
            ["i-without-b", "illegal-sequence", "illegal-sequence"],
            ["w0 w1", "w2", "w4"],
        ),
        ("S-PER O B-LOC E-LOC O", [], ["w0", "w2 w3"]),
        ("I-PER B-PER O I-LOC I-LOC", [], ["w0", "w1", "w3 w4"]),
    ],
)
def test_illegal_tags_are_read_by_the_rule_and_told(rows, codes, entities, tmp_path, write_text):
    path = write_text("a.conll", "".join(f"w{i} {tag}\n" for i, tag in enumerate(rows.split())))
    folders, changes = fixed(tmp_path / "fixed", path)
    (one,) = read(folders["train"])
    assert ([one.text[start:end] for start, end, _ in one.spans], one.faults) == (entities, ())
    assert told(changes) == codes
    assert all(change.place.startswith(f"{path.as_posix()}:") for change in changes)


def test_brackets_come_back(tmp_path, write_text):
    cells = ["(PER*", "*)", "*", "(LOC)", "*)"]
    lines = [f"a/b 0 {i} w{i} NN * - - - spk {cell} -" for i, cell in enumerate(cells)]
    path = write_text(
        "a.conll", "\n".join(["#begin document (a/b); part 000", *lines, "", lines[3], "", "#end document\n"])
    )
    folders, changes = fixed(tmp_path / "fixed", path)
    assert known(folders["train"]) == known(path)
    assert [change[:2] for change in changes] == [("illegal-sequence", f"{path.as_posix()}:6")]


def test_tokens_of_parquet_stay_parquet_with_id_and_group(tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [
        {"id": "x", "group": "g", "tokens": ["-DOCSTART-", "A\tb", "#"], "ner_tags": ["O", "I-PER", "B-LOC"]},
        {"id": None, "group": None, "tokens": ["Bo", "ran"], "ner_tags": ["B-PER", "O"]},
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    folders, changes = fixed(tmp_path / "fixed", tmp_path / "a.parquet")
    was, now = read(tmp_path / "a.parquet"), read(folders["train"])
    assert [one[1:3] + one[4:9] + (one.key,) for one in now] == [
        one[1:3] + one[4:9] + (one.key,) for one in was
    ]
    assert (told(changes), now[0].faults) == (["i-without-b"], ())


def test_a_docbin_without_faults_comes_back_the_same(tmp_path):
    doc = Doc(
        VOCAB,
        words=["Ana", "left", "Cork"],
        spaces=[True, True, False],
        ents=["B-PER", "O", "B-LOC"],
        lemmas=["Ana", "leave", "Cork"],
    )
    doc.cats, doc.user_data["id"] = {"news": 0.5}, "x"
    doc.spans["all"] = [Span(doc, 0, 3, label="ALL", span_id="s")]
    path = tmp_path / "a.spacy"
    DocBin(docs=[doc, Doc(VOCAB, words=["Bo", "ran"], pos=["PROPN", "VERB"])], store_user_data=True).to_disk(
        path
    )
    folders, changes = fixed(tmp_path / "fixed", path)
    assert changes == []
    assert contents(folders["train"]) == {"00000-a.spacy": path.read_bytes()}


def test_only_tags_of_a_docbin_change(tmp_path):
    docs = (
        Doc(VOCAB, words=["She", " ", "Cork", "\n"], pos=["PRON", "SPACE", "PROPN", "SPACE"]),
        Doc(VOCAB, words=["Bo"], ents=["B-PER"]),
    )
    docs[0].cats, docs[1].user_data["id"] = {"news": 1.0}, 7
    whole = DocBin(docs=[*docs, docs[1], Doc(VOCAB), Doc(VOCAB, words=[" "])], store_user_data=True)
    iob, types = whole.attrs.index(ENT_IOB), whole.attrs.index(ENT_TYPE)
    whole.tokens[0][1:, iob], whole.tokens[0][1:, types] = 1, whole.tokens[1][0, types]
    path = tmp_path / "a.spacy"
    whole.to_disk(path)
    folders, changes = fixed(tmp_path / "fixed", path)
    assert told(changes) == [
        "duplicate-text",
        "empty-document",
        "empty-document",
        "i-without-b",
        "whitespace-edge",
    ]
    assert ("i-without-b", f"{path.as_posix()}#0:1", "' ' I-PER", "B-PER") in changes
    first, second = list(DocBin().from_disk(next(folders["train"].iterdir())).get_docs(VOCAB))
    assert [(ent.start, ent.end, ent.label_) for ent in first.ents] == [(2, 3, "PER")]
    assert ([token.pos_ for token in first], first.cats) == ([token.pos_ for token in docs[0]], {"news": 1.0})
    assert (second.to_json(), second.user_data, second.has_unknown_spaces) == (
        docs[1].to_json(),
        {"id": 7},
        True,
    )


@pytest.mark.parametrize("unsafe", [False, True])
def test_no_tag_of_a_docbin_stays_that_can_be_mended(unsafe, tmp_path_factory):
    token = st.tuples(
        st.sampled_from(["Ana", "left", "\\n"]),
        st.sampled_from(["O", "B-X", "I-X", "I-Y", "B-", "I-", "-", "O-X"]),
    ).map("/".join)

    @quick
    @given(st.lists(st.lists(token, min_size=1, max_size=7).map(" ".join), min_size=1, max_size=4))
    def check(lines):
        folder = tmp_path_factory.mktemp("docbin")
        write_docbin(folder / "a.spacy", ["Bo/O", *lines])
        folders, _ = fixed(folder / "1", folder / "a.spacy", unsafe=unsafe)
        shard = Shard(folders["train"] / "00000-a.spacy")
        checks = [check for check in DOCUMENT_CHECKS["tags"] if check.fix in ("safe", "unsafe" * unsafe)]
        assert not [
            hit
            for i in range(len(shard))
            for check in checks
            if check.fix
            for hit in check.function(shard.view(i))
        ]
        again, changes = fixed(folder / "2", folders["train"], unsafe=unsafe)
        assert (changes, contents(again["train"])) == ([], contents(folders["train"]))

    check()


def test_tags_of_a_docbin_that_take_a_decision_need_unsafe(tmp_path):
    write_docbin(tmp_path / "a.spacy", ["Ana/B- saw/O-LOC Cork/- ./O Bo/B-PER"])
    assert fixed(tmp_path / "1", tmp_path / "a.spacy")[1] == []
    assert told(fixed(tmp_path / "2", tmp_path / "a.spacy", unsafe=True)[1]) == [
        "empty-label",
        "missing-annotation",
        "outside-with-label",
    ]


def test_a_shard_or_a_docbin_without_entities_is_refused(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    with pytest.raises(UserError, match="preprocessing made; mend the raw files"):
        fixed(tmp_path / "fixed", corpus / "train" / "00000-00.spacy")
    DocBin(docs=[Doc(VOCAB, words=["Ana"])], attrs=["LEMMA"]).to_disk(tmp_path / "b.spacy")
    with pytest.raises(UserError, match="holds no entities"):
        fixed(tmp_path / "fixed", tmp_path / "b.spacy")


def test_an_unreadable_record_stops_without_leaving_files_or_is_left_out(tmp_path, write_jsonl):
    path, test = (
        write_jsonl("a.jsonl", [*rows(2), '{"text": "Ana"', *rows(1, offset=9)]),
        write_jsonl("t.jsonl", rows(1, offset=50)),
    )
    with pytest.raises(AnnotationError, match=r"a\.jsonl:3: .*--unsafe leaves the record out"):
        fixed(tmp_path / "fixed", path, "", test)
    assert not any((tmp_path / "fixed").iterdir())
    folders, changes = fixed(tmp_path / "fixed", path, "", test, unsafe=True)
    assert [change[:2] for change in changes] == [("unreadable", f"{path.as_posix()}:3")]
    assert [one.id for one in read(folders["train"])] == ["d0", "d1", "d9"]


def test_a_file_of_which_nothing_is_left_is_not_written(tmp_path, write_jsonl):
    paths = f"{write_jsonl('a.jsonl', [faulty([], text=' ')])},{write_jsonl('b.jsonl', rows(1))}"
    folders, _ = fixed(tmp_path / "fixed", paths, write_jsonl("dev.jsonl", [faulty([], text="")]))
    assert (list(folders), list(contents(tmp_path / "fixed"))) == (["train"], ["train/00001-b.jsonl"])


def test_packed_files_are_mended(tmp_path):
    path = tmp_path / "a.b.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(SAFE["whitespace-edge"]).encode()))
    folders, changes = fixed(tmp_path / "fixed", path)
    assert (told(changes), list(contents(folders["train"]))) == (["whitespace-edge"], ["00000-a.b.jsonl"])


def test_the_command_takes_the_corpus_and_lists_every_change(tmp_path, write_jsonl, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build(
        tmp_path / "corpus",
        write_jsonl("a.jsonl", [*rows(40), SAFE["whitespace-edge"]]),
        trim=True,
        group_by="author",
        max_tokens=5,
    )
    raw = (tmp_path / "a.jsonl").read_bytes()
    assert run(command).exit_code == 0
    listed = (tmp_path / "assets/fixed/changes.diff").read_text(encoding="utf-8")
    assert (
        "a.jsonl:41 x: NER113 whitespace-edge\n- Ana【 went】 together to New York City Hall LOC\n+ Ana 【went】"
        in listed
    )
    assert listed.count("NER124 text-too-long") == 41
    assert sorted(contents(tmp_path / "assets/fixed")) == ["changes.diff", "train/00000-a.jsonl"]
    assert (tmp_path / "a.jsonl").read_bytes() == raw


def test_a_folder_in_use_is_written_over_by_force_alone(tmp_path, write_jsonl):
    (tmp_path / "out" / "train").mkdir(parents=True)
    for name in ("mine.txt", "train/00007-old.jsonl", "train/notes.md"):
        (tmp_path / "out" / name).write_text("x", encoding="utf-8")
    arguments = "--train", write_jsonl("a.jsonl", rows(1)), "--output", tmp_path / "out", "--format", "json"
    assert "is not empty" in str(run(command, *arguments).exception)
    assert '--vars.dev "" --vars.test "" --vars.format auto' in run(command, *arguments, "--force").output
    assert sorted(contents(tmp_path / "out")) == [
        "changes.diff",
        "mine.txt",
        "train/00000-a.jsonl",
        "train/notes.md",
    ]


def test_raw_files_in_the_output_folder_are_refused(tmp_path, write_jsonl):
    path = write_jsonl("00000-a.jsonl", rows(1)).rename(tmp_path / "a.jsonl")
    folders, _ = fixed(tmp_path / "fixed", path)
    before = contents(folders["train"])
    result = run(command, "--train", folders["train"], "--output", tmp_path / "fixed", "--force")
    assert isinstance(result.exception, UserError)
    assert contents(folders["train"]) == before


def test_dev_without_train_is_refused(tmp_path):
    assert "--dev is given without --train" in str(run(command, "--dev", tmp_path).exception)
