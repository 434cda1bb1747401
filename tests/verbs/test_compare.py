"""Any pipelines on any data: what may be named, what is told of labels, a report without training."""

import json

import pytest
import spacy
from spacy.util import import_file

from scripts import compare
from scripts.corpus.files import read_json
from scripts.report import models
from scripts.report.models import find_models, parse_labels
from tests.make import make_corpus, rows
from tests.runs import kept_ops
from tests.verbs.test_commands import call, failure

CODE = """from spacy.language import Language
from spacy.tokens import Span

@Language.component("first_token")
def first_token(doc):
    doc.ents = [Span(doc, 0, 1, label="PER")]
    return doc
"""


class SameProcess:
    """Stands for a pool: what is scored may be seen, and starts no process."""

    def __init__(self, *_, **__):
        self.result = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def submit(self, function, *arguments, **options):
        with kept_ops():
            outcome = function(*arguments, **options)
        self.result = lambda: outcome
        return self


@pytest.fixture
def in_this_process(monkeypatch):
    """Pipelines are scored in this process, whose threads stay as they are."""
    monkeypatch.setattr(models, "ProcessPoolExecutor", SameProcess)
    monkeypatch.setattr("scripts.report.scores.set_threads", lambda threads: None)


def make_model(
    folder, label="PER", *, lang="en", pattern=({"IS_TITLE": True, "TEXT": {"NOT_IN": ["Cork"]}},)
):
    """A pipeline that takes a title-cased token for an entity."""
    nlp = spacy.blank(lang)
    nlp.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": [*pattern]}])
    folder.parent.mkdir(exist_ok=True)
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def data(write_jsonl):
    return write_jsonl("mine.jsonl", rows(30))


@pytest.mark.slow
def test_pipelines_on_raw_data_make_a_whole_report(tmp_path, data):
    """In processes of their own; one in another language, one by somebody's own component."""
    (tmp_path / "own.py").write_text(CODE, encoding="utf-8")
    ruler = make_model(tmp_path / "cpu" / "model-best", lang="de")
    import_file("own", tmp_path / "own.py")
    nlp = spacy.blank("en")
    nlp.add_pipe("first_token")
    nlp.to_disk(tmp_path / "own")
    output = tmp_path / "out"
    found = call(
        compare.main,
        *(
            "--model",
            ruler,
            "--model",
            f"mine={tmp_path / 'own'}",
            "--data",
            data,
            "--code",
            tmp_path / "own.py",
        ),
        *("--map=PER=PERSON", "--map=NORP=", "--no-cost", "--device=cpu", f"--output={output}"),
    )
    assert found.exit_code == 0, found
    summary = read_json(output / "summary.json")
    assert [*summary["variants"]] == ["cpu", "mine"]
    cpu = summary["variants"]["cpu"]
    assert (cpu["gold_tokens"]["support"], cpu["gold_tokens"]["ents_per_type"]["PERSON"]["f"]) == (60, 1.0)
    assert cpu["renamed"] == {"PER": "PERSON", "NORP": ""}
    assert "surface form" not in cpu["gold_tokens"]["slices"]
    assert [*summary["ledger"]] == ["test"]
    text = (output / "summary.md").read_text("utf-8")
    assert "\n- cpu: 30 of gold have labels that are never predicted: LOC 30\n" in text
    assert "time to train" not in text
    page = (output / "index.html").read_text("utf-8")
    assert "in train" not in page.partition("errors-data")[0]
    (first, *_) = map(json.loads, (output / "suspects.jsonl").read_text("utf-8").splitlines())
    assert first["reason"] == "100 % predict Cork as no entity, gold has Cork as LOC"


def test_a_split_of_a_corpus_is_taken_as_it_is(tmp_path, write_jsonl, in_this_process):
    corpus, output = make_corpus(tmp_path, write_jsonl), tmp_path / "out"
    model = make_model(tmp_path / "some")
    for split in (corpus / "dev", output / "corpus" / "test"):  # the second time what the first left
        options = ("--device=cpu", "--no-cost", f"--output={output}")
        assert call(compare.main, f"--model={model}", f"--data={split}", *options).exit_code == 0
        sizes = [read_json(place / "manifest.json")["documents"] for place in (corpus / "dev", split)]
        assert (
            read_json(output / "summary.json")["variants"]["some"]["test"]["documents"]
            == sizes[0]
            == sizes[1]
        )


def test_labels_that_gold_does_not_have_are_told(tmp_path, data, in_this_process):
    model, output = make_model(tmp_path / "some"), tmp_path / "out"
    options = ("--device=cpu", "--no-cost", f"--output={output}")
    assert call(compare.main, f"--model={model}", f"--data={data}", *options).exit_code == 0
    text = (output / "summary.md").read_text("utf-8")
    assert "\n- some: 30 predictions have labels that gold does not have: PER 30\n" in text
    assert "F of PER " not in text


def test_a_pipeline_that_predicts_no_entities_is_refused(tmp_path, data, in_this_process):
    spacy.blank("en").to_disk(tmp_path / "blank")
    given = (
        f"--model={tmp_path / 'blank'}",
        f"--data={data}",
        "--device=cpu",
        f"--output={tmp_path / 'out'}",
    )
    assert "blank: predicts no entities (it has nothing); name a pipeline with ner" in failure(
        compare.main, *given
    )


def test_a_pipeline_that_cannot_be_loaded_is_told_in_one_line(tmp_path, data, in_this_process):
    model = make_model(tmp_path / "broken")
    (model / "config.cfg").write_text('[nlp]\nlang = "xx"\npipeline = ["no"]\n', encoding="utf-8")
    given = (f"--model={model}", f"--data={data}", "--device=cpu", f"--output={tmp_path / 'out'}")
    message = failure(compare.main, *given)
    assert message.startswith(f"{model}: cannot be scored (")
    assert "\n" not in message


def test_pipelines_are_named_by_their_folders(tmp_path):
    folder = make_model(tmp_path / "lr=0.1" / "model-best")
    other = make_model(tmp_path / "other")
    found = find_models([str(folder), str(other), f"again={folder}"])
    assert found == {
        "lr=0.1": folder,
        "other": other,
        "again": folder,
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["no_such_pipeline"],
            "--model no_such_pipeline: neither a pipeline's folder nor an installed package",
        ),
        (["here", "here"], "--model here: called 'here', but another --model has that name, too"),
        (["a/b=here"], "--model a/b=here: called 'a/b', but it is to name a folder"),
    ],
)
def test_pipelines_that_are_not_there_or_share_a_name_are_refused(tmp_path, monkeypatch, values, message):
    make_model(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(models.UserError) as error:
        find_models(values)
    assert str(error.value).startswith(message)


def test_labels_are_renamed_or_left_out():
    assert parse_labels(["PERSON=PER", "DATE="]) == {"PERSON": "PER", "DATE": ""}
    with pytest.raises(models.UserError, match="--map PERSON: write PREDICTED=LABEL, or PREDICTED= to leave"):
        parse_labels(["PERSON"])


@pytest.mark.parametrize(
    "given", [[], ["--model=x"], ["--data=x"], ["cpu", "--model=x", "--data=y"], ["cpu", "--map=A=B"]]
)
def test_folders_and_pipelines_are_not_mixed(given):
    assert "name folders that were evaluated, or pipelines by --model" in failure(compare.main, *given)


def test_data_that_cannot_be_read_is_told_before_anything_is_loaded(tmp_path, write_jsonl):
    model = make_model(tmp_path / "some")
    empty = write_jsonl("empty.jsonl", [])
    for data in (empty, tmp_path / "none.jsonl"):
        given = (f"--model={model}", f"--data={data}", f"--output={tmp_path / 'out'}")
        assert data.name in failure(compare.main, *given)
