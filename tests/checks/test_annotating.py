"""What components before the ner set, and what validation says of it, beside what spaCy does."""

import pytest
import spacy
from spacy.cli.init_config import init_config
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Corpus, Example

from scripts.checks.catalogue import Severity
from scripts.checks.examine import Report, examine
from scripts.checks.inputs import Inputs
from scripts.checks.training_config import ConfigFile
from tests.planted import base, write_docbin

CROSSING = "They/O sued/O Yip/B-ORG !/I-ORG Inc./I-ORG yesterday/O"
SLUGS = ("forbidden-entity", "unknown-annotation", "untrainable")


@Language.component("test_sentences_at_marks")
def sentences_at_marks(doc):
    for token in doc[1:]:
        token.is_sent_start = token.text == "!"
    return doc


@Language.component("test_wants_tags")
def wants_tags(doc):
    if not doc.has_annotation("TAG"):
        raise ValueError("no tags")
    return doc


@spacy.registry.readers("test_annotating_reader.v1")
def reader(path: str):
    """Read as spaCy's Corpus does, without being one."""
    return lambda nlp: Corpus(path)(nlp)


def config_of(pipeline, *, annotating=(), components=None, initialize=None, frozen=()):
    config = init_config(lang="en", pipeline=["ner"])
    config["nlp"]["pipeline"] = list(pipeline)
    for name in pipeline:
        config["components"].setdefault(name, {"factory": name})
    config["components"].update(components or {})
    config["initialize"]["components"].update(initialize or {})
    config["training"]["annotating_components"] = list(annotating)
    config["training"]["frozen_components"] = list(frozen)
    return config


def findings_of(config, folder, *, line=CROSSING):
    """Return what is found of components before the ner: slug, severity, split and detail."""
    data = {split: folder / f"{split}.spacy" for split in ("train", "dev")}
    for split, path in data.items():
        write_docbin(path, [*base(split), line])
        config["paths"][split] = path.as_posix()
    path = folder / "own.cfg"
    path.write_text(config.to_str(), encoding="utf-8")
    inputs = Inputs(data, (ConfigFile("own", path),))
    report = examine(inputs.files(), Report(places=0), configs=inputs.configs)
    return [finding for finding in report.findings if finding.slug in SLUGS]


def update(name, settings, words, ents):
    """Train on one long document as spaCy does, with a component that annotates before the ner."""
    nlp = spacy.blank("en")
    nlp.add_pipe(name, config=settings)
    nlp.add_pipe("ner")
    doc = Doc(nlp.vocab, words=words * 60)
    doc.set_ents(
        [
            Span(doc, i * len(words) + start, i * len(words) + end, label)
            for i in range(60)
            for start, end, label in ents
        ]
    )
    example = Example(Doc(nlp.vocab, words=words * 60), doc)
    optimizer = nlp.initialize(lambda: [example])
    nlp.update([example], sgd=optimizer, annotates=[name])


WORDS = ["They", "sued", "Yip", "!", "Inc.", "yesterday"]


def test_an_entity_that_an_annotating_sentencizer_cuts_is_an_error_that_names_its_place(tmp_path):
    found = findings_of(config_of(["sentencizer", "tok2vec", "ner"], annotating=["sentencizer"]), tmp_path)
    (train,) = [finding for finding in found if finding.split == "train"]
    assert (train.slug, train.severity, train.tokens) == ("forbidden-entity", Severity.error, (2, 5))
    assert train.shard.endswith("train.spacy#12")
    assert train.detail == "sentencizer begins a sentence at 'Inc.', inside 'Yip ! Inc.' ORG"
    with pytest.raises(ValueError, match="E024"):
        update("sentencizer", {}, WORDS, [(2, 5, "ORG")])


def test_the_settings_of_a_sentencizer_decide(tmp_path):
    settings = {"punct_chars": ["?"]}
    component = {"sentencizer": {"factory": "sentencizer", **settings}}
    assert (
        findings_of(
            config_of(["sentencizer", "tok2vec", "ner"], annotating=["sentencizer"], components=component),
            tmp_path,
        )
        == []
    )
    update("sentencizer", settings, WORDS, [(2, 5, "ORG")])


def test_a_sentencizer_that_does_not_annotate_in_training_is_a_warning_for_dev(tmp_path):
    (dev,) = findings_of(config_of(["sentencizer", "tok2vec", "ner"]), tmp_path)
    assert (dev.slug, dev.severity, dev.split) == ("forbidden-entity", Severity.warning, "dev")


@pytest.mark.parametrize("pipeline", [["tok2vec", "ner", "sentencizer"], ["tok2vec", "sentencizer", "ner"]])
def test_nothing_is_told_of_what_comes_too_late_or_is_disabled(pipeline, tmp_path):
    config = config_of(pipeline, annotating=["sentencizer"])
    if pipeline[-1] == "ner":
        config["nlp"]["disabled"] = ["sentencizer"]
    assert findings_of(config, tmp_path) == []


def test_an_entity_of_a_ruler_must_be_the_data_s(tmp_path):
    pipeline = ["entity_ruler", "tok2vec", "ner"]
    for label, errors in (("GPE", 4), ("LOC", 0)):
        patterns = {"entity_ruler": {"patterns": [{"label": label, "pattern": "Leeds"}]}}
        found = findings_of(config_of(pipeline, annotating=["entity_ruler"], initialize=patterns), tmp_path)
        assert sum(finding.severity is Severity.error for finding in found) == errors
        assert {finding.detail for finding in found} <= {
            "entity_ruler sets 'Leeds' GPE; the data has LOC there"
        }


def test_a_component_of_one_s_own_is_run(tmp_path):
    found = findings_of(
        config_of(["test_sentences_at_marks", "tok2vec", "ner"], annotating=["test_sentences_at_marks"]),
        tmp_path,
    )
    assert [finding.severity for finding in found if finding.split == "train"] == [Severity.error]
    with pytest.raises(ValueError, match="E024"):
        update("test_sentences_at_marks", {}, WORDS, [(2, 5, "ORG")])


def test_a_component_that_dies_in_training_dies_before(tmp_path):
    found = findings_of(
        config_of(["test_wants_tags", "tok2vec", "ner"], annotating=["test_wants_tags"]), tmp_path
    )
    assert {(finding.slug, finding.detail) for finding in found} == {("untrainable", "ValueError: no tags")}


def test_what_needs_predictions_is_not_run_but_doubted(tmp_path):
    pipeline = ["tok2vec", "tagger", "test_wants_tags", "ner"]
    (doubt,) = findings_of(config_of(pipeline, annotating=["tagger", "test_wants_tags"]), tmp_path)
    assert (doubt.slug, doubt.severity) == ("unknown-annotation", Severity.warning)
    assert doubt.detail.startswith("test_wants_tags: what it does may depend on what tagger will predict")


def test_a_trained_senter_is_doubted_once_with_the_entities_that_are_at_risk(tmp_path):
    line = CROSSING.replace("Inc.", "| Inc.")
    (doubt,) = findings_of(
        config_of(["tok2vec", "senter", "ner"], annotating=["senter"]), tmp_path, line=line
    )
    assert (
        doubt.detail
        == "senter: what it will predict is not known here; 1 entities of train hold a sentence's end"
    )


def test_a_sourced_sentencizer_is_run_with_its_own_settings(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer", config={"punct_chars": ["§"]})
    nlp.to_disk(tmp_path / "source")
    component = {"sentencizer": {"source": (tmp_path / "source").as_posix()}}
    config = config_of(["sentencizer", "tok2vec", "ner"], annotating=["sentencizer"], components=component)
    found = findings_of(config, tmp_path, line=CROSSING.replace("!", "§"))
    assert {finding.detail for finding in found} == {
        "sentencizer begins a sentence at 'Inc.', inside 'Yip § Inc.' ORG"
    }
    assert {finding.severity for finding in found} == {Severity.error, Severity.warning}


def test_what_a_reader_of_one_s_own_yields_is_annotated_too(tmp_path):
    config = config_of(["sentencizer", "tok2vec", "ner"], annotating=["sentencizer"])
    for split in ("train", "dev"):
        config["corpora"][split] = {"@readers": "test_annotating_reader.v1", "path": f"${{paths.{split}}}"}
    (train,) = findings_of(config, tmp_path)
    assert train.severity is Severity.error
    assert train.detail.startswith("example 12 of [corpora.train], 'They sued Yip ! Inc. yesterday")
