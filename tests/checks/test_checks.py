"""Every check finds its bad example, says where it is, and keeps quiet about its good one."""

import json
import re
from functools import cache

import pytest
import spacy
import typer
from spacy.tokens import DocBin
from typer.testing import CliRunner

from scripts import validate
from scripts.checks.catalogue import BY_SLUG, CHECKS, Severity, as_markdown, choose, explain
from scripts.cli import UserError, takes_options
from tests.benchmarks.trainings import write_quickstarts
from tests.make import broken_docbin, make_corpus
from tests.planted import examined

WHOLE = frozenset(
    [
        "label-not-held-out",
        "seen-entities",
        "rare-label",
        "empty-split",
        "no-negatives",
        "few-documents",
        "larger-than-train",
        "no-score",
        "no-ner",
    ]
)
"""Checks that speak of a split or a config, and so have no document to name."""


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory):
    """The stock quickstart configs, cpu.cfg and gpu.cfg, with the packaged transformer."""
    return write_quickstarts(tmp_path_factory.mktemp("quickstart"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.slug)
def test_the_bad_example_is_found_and_placed(check, tmp_path, quickstart):
    findings = [
        finding
        for finding in examined(check.bad, tmp_path, quickstart).findings
        if finding.slug == check.slug
    ]
    assert findings
    assert {finding.severity for finding in findings} <= {check.severity, Severity.warning}
    if check.code < "NER42" and check.slug not in WHOLE | {"limit", "nothing-to-train"}:
        assert (
            findings[-1].source
            or "#" in findings[-1].shard
            or findings[-1].shard.endswith((".spacy", "train"))
        )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.slug)
def test_the_good_example_is_not_found(check, tmp_path, quickstart):
    assert check.slug not in {finding.slug for finding in examined(check.good, tmp_path, quickstart).findings}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.slug)
def test_every_check_explains_itself(check):
    assert re.fullmatch(r"NER\d{3}", check.code)
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", check.slug)
    assert check.summary.endswith(".")
    assert check.bad != check.good
    assert check.remedy
    assert not check.remedy.endswith(".")
    page = explain(check.slug)
    assert page.startswith(f"### {check.code} {check.slug}\n")
    assert check.summary in page


def test_codes_and_slugs_are_given_once():
    assert [check.code for check in CHECKS] == sorted({check.code for check in CHECKS})
    assert len(CHECKS) == len(BY_SLUG) >= 70


def test_checks_are_chosen_by_code_beginning_or_name():
    assert choose("NER101") == {"i-without-b"}
    assert choose("", "NER1,rare-label") == {
        check.slug for check in CHECKS if not check.code.startswith("NER1")
    } - {"rare-label"}
    assert choose("NER4", "ner42") == {
        check.slug for check in CHECKS if check.code.startswith("NER4") and not check.code.startswith("NER42")
    }
    with pytest.raises(UserError, match="no check is called 'NER9'"):
        choose("NER9")


def test_the_planted_docbin_is_what_spacy_stumbles_over(tmp_path):
    broken_docbin(tmp_path / "a.spacy")
    with pytest.raises(ValueError, match="E093"):
        [doc.ents for doc in DocBin().from_disk(tmp_path / "a.spacy").get_docs(spacy.blank("en").vocab)]


@cache
def app():
    made = typer.Typer()
    made.command()(takes_options(validate.main))
    return made


def run(*arguments, exit_code=0):
    result = CliRunner().invoke(app(), [str(argument) for argument in arguments])
    assert result.exit_code == exit_code, (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_the_crash_of_an_i_without_b_is_found_before_training(tmp_path, quickstart):
    """The story the project answers: this file trains for an hour, and then E093 names no document."""
    broken_docbin(tmp_path / "train.spacy")
    run(
        "--config",
        quickstart / "cpu.cfg",
        "--train",
        tmp_path / "train.spacy",
        "--output",
        tmp_path / "v.json",
        exit_code=1,
    )
    findings = json.loads((tmp_path / "v.json").read_text(encoding="utf-8"))["findings"]
    (tag,) = [finding for finding in findings if finding["slug"] == "i-without-b"]
    assert tag["shard"].endswith("train.spacy#0")
    assert tag["tokens"] == [2, 3]
    assert tag["detail"] == "token 2 'Cork' is I-LOC after O"
    assert tag["excerpt"] == "She saw 【Cork】 harbour ."
    (crash,) = [finding for finding in findings if finding["slug"] == "untrainable"]
    assert "[E093]" in crash["detail"]
    assert crash["tokens"] == [2, 3]


def test_an_entity_that_max_length_would_cut_is_found_before_training(tmp_path, quickstart):
    """The other form: 600 tokens, max_length = 500 as in spaCy 3.0's GPU quickstart, and an entity across a
    sentence boundary.
    """
    words = ["word/O"] * 299 + ["Yip/B-ORG", "!/I-ORG", "|", "Inc./I-ORG"] + ["word/O"] * 298
    report = examined("[corpora.train]\nmax_length = 500\n\n" + " ".join(words), tmp_path, quickstart)
    (cut,) = [finding for finding in report.findings if finding.slug == "entity-cut"]
    assert cut.shard.endswith("train.spacy#12")
    assert cut.tokens == (299, 302)
    assert (
        cut.detail
        == "tokens 299–302 'Yip ! Inc.' ORG cross a sentence boundary; max_length = 500 in [corpora.train]"
    )
    assert "【Yip ! Inc.】" in cut.excerpt
    assert "max_length = 0" in cut.check.remedy
    assert "E093" in cut.check.spacy
    arrived = report.trainers[tmp_path.name]["train"]
    assert report.counts["train"]["entities"] - arrived.entities == 1
    assert report.counts["train"]["tokens"] == arrived.tokens


def test_validate_names_all_places_and_fails(tmp_path, write_jsonl):
    planted = [
        {"id": "mis", "text": "Ana went together", "spans": [[9, 11, "LOC"]]},
        {"id": "over", "text": "New York City Hall", "spans": [[0, 13, "LOC"], [9, 18, "LOC"]]},
    ]
    corpus = make_corpus(tmp_path, write_jsonl, planted=planted)
    broken_docbin(corpus / "dev" / "99999.spacy")
    run("--corpus", corpus, exit_code=1)
    report = json.loads((corpus / "validation.json").read_text(encoding="utf-8"))
    places = {
        finding["slug"]: finding["source"] or finding["shard"]
        for finding in report["findings"]
        if finding["severity"] == "error"
    }
    assert places["misaligned"].endswith("train.jsonl:41")
    assert places["overlap"].endswith("train.jsonl:42")
    assert places["i-without-b"].endswith("dev/99999.spacy#0")
    assert report["errors"] == sum(finding["severity"] == "error" for finding in report["findings"])


def test_explain_prints_and_stops():
    assert run("--explain", "i-without-b").output == as_markdown(BY_SLUG["i-without-b"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--train", "missing.spacy"), "no such file"),
        (("--config", "missing.cfg"), "no such file"),
        (("--dev", "a.spacy"), "without --train"),
        (("--select", "XYZ"), "no check is called"),
        (("--corpus", "missing"), "run: python -m spacy project run corpus"),
    ],
)
def test_wrong_usage_is_told(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app(), arguments)
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)
