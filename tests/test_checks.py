import json
from collections import Counter

import pytest
import spacy
import typer
from spacy.tokens import DocBin
from typer.testing import CliRunner

from scripts import validate
from scripts.annotations.record import AnnotationError, Fault, Source, Span
from scripts.checks.catalogue import CHECKS
from scripts.checks.raw import check_labels, check_records
from scripts.checks.shards import check_split
from scripts.corpus.ledger import Count
from scripts.corpus.settings import OnError, Overlaps, Settings
from tests.make import broken_docbin, make_corpus, record


def found(*pairs, labels=frozenset(), **settings):
    return list(check_records(((split, made.source, made) for split, made in pairs), Settings(**settings), labels))


def codes(findings):
    return {finding.check.slug for finding in findings}


def test_the_planted_docbin_is_what_spacy_stumbles_over(tmp_path):
    broken_docbin(tmp_path / "a.spacy")
    with pytest.raises(ValueError, match="E093"):
        [doc.ents for doc in DocBin().from_disk(tmp_path / "a.spacy").get_docs(spacy.blank("en").vocab)]


def test_i_without_b_in_a_shard_is_found_and_placed(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    broken_docbin(corpus / "train" / "99999.spacy")
    _, findings = check_split(corpus / "train", split="train", lang="en", labels=frozenset())
    (finding,) = [finding for finding in findings if finding.check.slug == "i-without-b"]
    assert finding.place.endswith("train/99999.spacy#0")
    assert "E093" in finding.check.consequence
    assert "token 2 'Cork' is I-LOC after O" in finding.detail
    assert finding.excerpt == "She saw 【Cork】 harbour ."


@pytest.mark.parametrize(
    ("span", "slug", "excerpt"),
    [
        ((9, 11, "LOC"), "misaligned", "Ana went 【to】gether home"),
        ((3, 8, "ACT"), "whitespace-edge", "Ana【 went】 together home"),
        ((9, 99, "LOC"), "bad-offsets", "Ana went 【together home】"),
        ((0, 3, ""), "empty-label", "【Ana】 went together home"),
        ((0, 3, "PRESON"), "unknown-label", "【Ana】 went together home"),
    ],
)
def test_a_bad_span_is_found_with_the_text_around_it(span, slug, excerpt):
    (finding,) = found(("train", record("Ana went together home", span)), labels=frozenset({"LOC", "ACT"}))
    assert (finding.check.slug, finding.excerpt, finding.place, finding.document) == (slug, excerpt, "a.jsonl:1", "r1")


def test_overlapping_spans_are_found():
    assert codes(found(("train", record("University of Leeds", (0, 19, "ORG"), (14, 19, "ORG"))))) == {"overlap"}


def test_an_entity_across_sentences_is_a_warning():
    (finding,) = found(("train", record("They sued Yip! Inc. last week", (10, 19, "ORG"))))
    assert (finding.check.slug, str(finding.check.severity)) == ("across-sentences", "warning")


def test_the_same_text_in_two_splits_is_found():
    (finding,) = found(("train", record("Some text here")), ("test", record("Some  text here\n", id="r2")))
    assert (finding.check.slug, finding.document) == ("text-in-two-splits", "r2")
    assert "train" in finding.detail


def test_labels_on_one_side_only_are_found():
    counts = {split: Count(labels=Counter(label)) for split, label in (("train", ["PER"]), ("dev", ["PERSON"]), ("test", ["PER"]))}
    findings = list(check_labels(counts))
    assert {(finding.check.slug, finding.split) for finding in findings} == {("label-not-in-train", "dev"), ("label-not-held-out", "dev")}


def test_a_record_that_cannot_be_read_is_found():
    source = Source("a.jsonl", 7)
    (finding,) = check_records([("train", source, AnnotationError("a.jsonl:7: not JSON"))], Settings(), frozenset())
    assert (finding.check.slug, finding.place, finding.detail, str(finding.severity)) == ("unreadable", "a.jsonl:7", "not JSON", "error")


@pytest.mark.parametrize("code", ["other-text", "discontinuous"])
def test_what_a_reader_could_not_keep_is_found(code):
    fault = Fault(code, Source("a.jsonl", 1), "why", Span(0, 3, "PER"))
    assert codes(found(("train", record("Ana ran", faults=(fault,))))) == {code}


def test_what_the_settings_accept_is_a_warning():
    pair = ("train", record("University of Leeds", (0, 19, "ORG"), (14, 19, "ORG"), (0, 3, "ORG")))
    severities = {
        name: {finding.check.slug: str(finding.severity) for finding in found(pair, **settings)}
        for name, settings in (("stop", {}), ("longest", {"overlaps": Overlaps.longest}), ("reject", {"on_error": OnError.reject}))
    }
    assert severities["stop"] == {"overlap": "error", "misaligned": "error"}
    assert severities["longest"] == {"overlap": "warning", "misaligned": "error"}
    assert severities["reject"] == {"overlap": "warning", "misaligned": "warning"}


def test_every_check_has_its_own_code_and_slug_in_order():
    assert [check.code for check in CHECKS] == sorted({check.code for check in CHECKS})
    assert len({check.slug for check in CHECKS}) == len(CHECKS)


def test_clean_data_has_no_findings(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    count, findings = check_split(corpus / "train", split="train", lang="en", labels=frozenset())
    assert (count.documents, findings) == (40, [])


def test_a_damaged_shard_is_a_finding_not_a_crash(tmp_path, write_jsonl):
    corpus = make_corpus(tmp_path, write_jsonl)
    (corpus / "train" / "00000-00.spacy").write_bytes(b"rubbish")
    _, findings = check_split(corpus / "train", split="train", lang="en", labels=frozenset())
    assert codes(findings) == {"damaged-shard", "ledger"}


def test_validate_names_all_three_places_and_fails(tmp_path, write_jsonl):
    """A planted I-without-B DocBin, a misaligned span and an overlap: each is named by its place."""
    planted = [
        {"id": "mis", "text": "Ana went together", "spans": [[9, 11, "LOC"]]},
        {"id": "over", "text": "Leeds United", "spans": [[0, 12, "LOC"], [0, 5, "LOC"]]},
    ]
    corpus = make_corpus(tmp_path, write_jsonl, planted=planted)
    broken_docbin(corpus / "dev" / "99999.spacy")
    app = typer.Typer()
    app.command()(validate.main)
    result = CliRunner().invoke(app, [f"--corpus={corpus}"])
    assert result.exit_code == 1
    report = json.loads((corpus / "validation.json").read_text(encoding="utf-8"))
    places = {finding["slug"]: finding["place"] for finding in report["findings"] if finding["severity"] == "error"}
    assert places["misaligned"].endswith("train.jsonl:41")
    assert places["overlap"].endswith("train.jsonl:42")
    assert places["i-without-b"].endswith("dev/99999.spacy#0")
