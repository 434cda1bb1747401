"""Small files as people's tools write them, and what must come of each (`tests/cases/expected.json`).

`docs`, `counts`, `entities`, `some_entities`: what the corpus holds. `refuse`: an error that names this.
`warn`: this must be said. `silent`: this must not be said, where the check that it names is asked.
"""

import json
import re
from pathlib import Path

import pytest

from scripts import preprocess, validate
from scripts.cli import UserError
from tests.make import read_split, split_of
from tests.verbs.test_commands import call

CASES = Path(__file__).parent.parent / "cases"
EXPECTED = json.loads((CASES / "expected.json").read_text(encoding="utf-8"))


def run(main, *arguments):
    """Run a command; return its exit code and all that it says."""
    result = call(main, *arguments)
    if isinstance(result.exception, UserError):
        return 1, f"{result.output}\nError: {result.exception}"
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.output


@pytest.fixture
def process(tmp_path, write_jsonl):
    """Preprocess a file as train, beside small dev and test sets, and validate it: return what was said."""

    def both(path, *options, select=""):
        others = [
            write_jsonl(f"{split}.jsonl", [{"text": f"Zed went {split} home.", "spans": [[0, 3, "PER"]]}])
            for split in ("dev", "test")
        ]
        arguments = [
            f"--train={path}",
            f"--dev={others[0]}",
            f"--test={others[1]}",
            f"--output={tmp_path / 'c'}",
            *options,
        ]
        code, said = run(preprocess.main, *arguments)
        if code:
            return code, said
        found, findings = run(validate.main, f"--corpus={tmp_path / 'c'}", f"--select={select}")
        return found, said + findings

    return both


def entities(corpus):
    """The entities of each document of train."""
    return [[[ent.text, ent.label_] for ent in doc.ents] for doc in read_split(corpus)]


@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: case["file"])
def test_a_file_gives_what_it_holds_or_says_why_not(case, process, tmp_path):
    check = re.match(r"NER\d+", case.get("silent", ""))
    code, said = process(CASES / case["file"], *case.get("options", []), select=check[0] if check else "")
    if "refuse" in case:
        assert code
        assert re.search(case["refuse"], said), said
    elif "warn" in case:
        assert re.search(case["warn"], said), said
    elif "silent" in case:
        told = [line for line in said.splitlines() if re.search(rf": {check[0]} ", line)]
        assert not re.search(case["silent"], "\n".join(told)), told
    else:
        docs = entities(tmp_path / "c")
        counts = [len(docs), sum(len(doc) for doc in read_split(tmp_path / "c")), sum(map(len, docs))]
        assert docs == case.get("docs", docs)
        assert counts == case.get("counts", counts)
        assert counts[2] == case.get("entities", counts[2])
        assert counts[2]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("01-utf16/a_word_shift1.jsonl", "utf-16"),
        ("02-crlf/a.jsonl", "crlf-as-one"),
        ("04-dataturks/b_inclusive.jsonl", "inclusive"),
    ],
)
def test_a_unit_that_is_named_in_a_refusal_reads_the_file_right(process, tmp_path, name, unit):
    code, said = process(CASES / name)
    assert code
    assert f"--offsets={unit}" in said
    process(CASES / name, f"--offsets={unit}")
    assert {text for doc in entities(tmp_path / "c") for text, _ in doc} <= {
        "Ana",
        "Bo",
        "Cork",
        "Leeds",
        "Yipco",
        "7",
    }


@pytest.mark.parametrize(
    "name", ["19-germeval/b_no_comment.tsv", "layouts/03_germeval.tsv", "layouts/04_nested_last.tsv"]
)
def test_columns_that_are_named_in_a_refusal_read_the_file(process, tmp_path, name):
    code, said = process(CASES / name)
    assert code
    options = re.findall(r"--columns=\S+?(?=[\s;)]|$)", said)
    assert len(options) == 2
    readings = []
    for option in options:
        process(CASES / name, option)
        readings.append(entities(tmp_path / "c"))
    assert readings[0] != readings[1]


@pytest.mark.parametrize("seed", range(4))
def test_train_stays_the_largest_split_though_most_documents_are_of_one_group(tmp_path, seed):
    code, said = run(
        preprocess.main,
        f"--train={CASES / 'corpora/21_one_big_group.jsonl'}",
        f"--output={tmp_path / 'c'}",
        f"--seed={seed}",
    )
    assert not code, said
    splits = list(split_of(tmp_path / "c").values())
    assert splits.count("train") > max(splits.count("dev"), splits.count("test")) > 0


@pytest.mark.parametrize("seed", range(2))
def test_no_near_duplicate_crosses_drawn_splits(tmp_path, seed):
    path = CASES / "corpora/23_templates_at_the_threshold.jsonl"
    assert run(preprocess.main, f"--train={path}", f"--output={tmp_path / 'c'}", f"--seed={seed}")[0] == 0
    code, said = run(validate.main, f"--corpus={tmp_path / 'c'}", "--select=NER201,NER207")
    assert not code
    assert "0 errors, 0 warnings" in said


@pytest.mark.parametrize(
    ("name", "check"),
    [("25_label_typo_false.conll", "NER211"), ("26_labelled_elsewhere_sentence_start.conll", "NER209")],
)
def test_what_only_looks_wrong_is_not_told(process, name, check):
    code, said = process(CASES / "corpora" / name, select=check)
    assert not code, said
    assert "0 errors, 0 warnings" in said


def test_a_cut_inside_a_sentence_is_told_with_its_place(process):
    code, said = process(CASES / "corpora" / "27_one_sentence_of_1300_tokens.conll", select="NER127")
    assert not code, said
    assert re.search(r"27_one_sentence_of_1300_tokens\.conll:\d+: NER127 cut-in-sentence", said)
