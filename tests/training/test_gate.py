"""Training starts only on what passed validation, as it did; what did not yet is validated first."""

import json

import pytest
from spacy.tokens import DocBin

from scripts.checks.training_config import ConfigFile
from scripts.cli import UserError
from scripts.corpus.config_file import read_config
from scripts.corpus.files import read_json, write_json
from scripts.training import gate
from tests.make import read_split
from tests.runs import check, config_for

READER = """import spacy
from spacy.tokens import DocBin
from spacy.training import Example

@spacy.registry.readers("gate_test.reader.v1")
def make(where: str):
    def read(nlp):
        for doc in DocBin().from_disk(where).get_docs(nlp.vocab):
            yield Example(nlp.make_doc(doc.text), doc)
    return read
"""


def require(corpus, folder, *overrides, code=()):
    """Ask as `scripts.train` does."""
    file = ConfigFile("it", folder / "config.cfg", code, overrides=overrides)
    now = gate.hashes(read_config(file.path, overrides), file)
    return gate.require_validated(file, now, folder / "validated.json", corpus)


@pytest.fixture
def validations(monkeypatch):
    """The options of each validation; none is run."""
    asked = []

    def validate_it(file, stamp, corpus):
        asked.append(file.overrides)
        write_json(stamp, {"errors": 0, "reaches": {}})

    monkeypatch.setattr(gate, "_validate", validate_it)
    return asked


def test_what_passed_may_be_trained_on_and_is_counted(passed, validations):
    noted = require(*passed)
    assert noted["reaches"]["train"] == {"documents": 40, "tokens": 440, "entities": 80, "batches": 5}
    assert noted["reaches"]["dev"] == {"documents": 10, "tokens": 110, "entities": 20, "batches": 0}
    assert noted["counts"]["train"] == {"documents": 40, "tokens": 440, "entities": 80}
    assert validations == []


@pytest.mark.parametrize("content", [None, "", "[]", '{"errors": 0}'])
def test_what_was_not_validated_is_validated_first(passed, content, validations):
    corpus, folder = passed
    path = folder / "validated.json"
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    require(corpus, folder)
    assert validations == [()]


def test_a_changed_config_is_validated_again(passed, validations):
    corpus, folder = passed
    path = folder / "config.cfg"
    path.write_text(
        path.read_text(encoding="utf-8").replace("dropout = 0.1", "dropout = 0.2"), encoding="utf-8"
    )
    require(corpus, folder)
    assert validations == [()]


def test_another_setting_on_the_command_line_is_validated_again(passed, validations):
    require(*passed, "--training.dropout=0.2")
    assert validations == [("--training.dropout=0.2",)]


def test_the_same_setting_on_the_command_line_is_not(passed, validations):
    require(*passed, "--training.dropout", "0.1")
    assert validations == []


def test_changed_code_is_validated_again(passed, validations, tmp_path):
    path = tmp_path / "code.py"
    path.write_text("", encoding="utf-8")
    require(*passed, code=(path,))
    assert len(validations) == 1


def test_a_changed_corpus_is_validated_again(passed, validations):
    corpus, folder = passed
    manifest = corpus / "dev" / "manifest.json"
    write_json(manifest, read_json(manifest) | {"seen": 1})
    require(corpus, folder)
    assert validations == [()]


def test_changed_files_of_another_kind_are_validated_again(passed, validations, tmp_path):
    corpus, folder = passed
    paths = [tmp_path / "elsewhere" / split for split in ("train", "dev")]
    for path in paths:
        path.mkdir(parents=True)
        DocBin(docs=read_split(corpus, path.name)).to_disk(path / "all.spacy")
    options = [f"--paths.{path.name}={path}" for path in paths]
    reader = {"@readers": "spacy.read_labels.v1", "path": f"{corpus}/train/labels.json"}
    labels = f"--initialize.components.ner.labels={json.dumps(reader)}"
    assert check(corpus, folder, *options, labels) == 0
    require(corpus, folder, *options, labels)
    assert validations == []
    DocBin(docs=read_split(corpus, "dev")).to_disk(paths[0] / "all.spacy")
    require(corpus, folder, *options, labels)
    assert len(validations) == 1


def test_a_changed_shard_is_refused(passed):
    corpus, folder = passed
    shard = next((corpus / "train").glob("*.spacy"))
    shard.write_bytes(shard.read_bytes() + b"x")
    with pytest.raises(UserError, match="not the file that was written"):
        require(corpus, folder)


def test_what_a_reader_without_a_path_yields_is_validated_each_time(passed, validations, tmp_path):
    corpus, folder = passed
    code, data = tmp_path / "readers.py", tmp_path / "all.spacy"
    code.write_text(READER, encoding="utf-8")
    DocBin(docs=read_split(corpus)).to_disk(data)
    config = config_for(corpus, max_steps=40)
    for split in ("train", "dev"):
        config["corpora"][split] = {"@readers": "gate_test.reader.v1", "where": str(data)}
    config.to_disk(folder / "config.cfg")
    assert check(corpus, folder, f"--code={code}", "--ignore=NER2") == 0
    noted = read_json(folder / "validated.json")
    assert noted["reaches"]["train"] == {"documents": 40, "tokens": 440, "entities": 80, "batches": 5}
    assert noted["corpus_sha256"] == {"train": None, "dev": None}
    require(corpus, folder, code=(code,))
    assert len(validations) == 1


def test_a_config_that_drops_documents_does_not_pass_unless_that_is_ignored(passed, capfd):
    corpus, folder = passed
    config = config_for(corpus, max_steps=40)
    config["training"]["batcher"] = {
        "@batchers": "spacy.batch_by_padded.v1",
        "size": 11,
        "buffer": 256,
        "discard_oversize": True,
        "get_length": None,
    }
    config.to_disk(folder / "config.cfg")
    assert check(corpus, folder, "--ignore=dropped-by-batcher,nothing-to-train") == 0
    assert require(corpus, folder)["reaches"]["train"]["documents"] == 0
    (folder / "validated.json").unlink()
    with pytest.raises(UserError, match=r"counts 41 errors, as told above; .* --unvalidated"):
        require(corpus, folder)
    assert "NER411 dropped-by-batcher" in capfd.readouterr().err
    with pytest.raises(UserError, match="counts 41 errors"):
        require(corpus, folder)


def test_an_error_that_belongs_to_no_split_counts(passed):
    corpus, folder = passed
    (corpus / "rejects.jsonl").unlink()
    assert check(corpus, folder) == 1
    assert read_json(folder / "validated.json")["errors"] == 1


def test_missing_data_are_told_with_the_setting_that_names_them(passed, capfd):
    corpus, folder = passed
    with pytest.raises(UserError, match="could not be validated, for the reason told above"):
        require(corpus, folder, "--paths.train=none.spacy")
    said = "config.cfg: train's data is at none.spacy, which does not exist; give it by --paths.train"
    assert said in capfd.readouterr().err


def test_only_a_whole_validation_counts(passed):
    corpus, folder = passed
    (folder / "validated.json").unlink()
    check(corpus, folder, "--select=NER1")
    assert not (folder / "validated.json").exists()
