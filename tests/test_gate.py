"""Training starts only on what passed validation, as it did."""

import pytest
import spacy
import typer
from typer.testing import CliRunner

from scripts import validate
from scripts.command import UserError
from scripts.corpus.files import read_json, write_json
from scripts.training.gate import require_validated
from tests.make import make_corpus
from tests.test_training import config_for


@pytest.fixture
def passed(tmp_path, write_jsonl):
    """A corpus and a variant's folder that passed validation."""
    corpus = make_corpus(tmp_path, write_jsonl)
    folder = tmp_path / "training" / "cpu"
    folder.mkdir(parents=True)
    config_for(corpus, max_steps=40).to_disk(folder / "config.cfg")
    assert check(corpus, folder) == 0
    return corpus, folder


def check(corpus, folder, *arguments):
    app = typer.Typer()
    app.command()(validate.main)
    return CliRunner().invoke(app, [f"--corpus={corpus}", f"--config={folder / 'config.cfg'}", *arguments]).exit_code


def test_what_passed_may_be_trained_on_and_is_counted(passed):
    reaches = require_validated(*passed)
    assert reaches["train"] == {"documents": 40, "tokens": 440, "entities": 80, "batches": 5}
    assert reaches["dev"] == {"documents": 10, "tokens": 110, "entities": 20, "batches": 0}


@pytest.mark.parametrize("name", ["corpus/train/validated.json", "corpus/dev/validated.json", "training/cpu/validated.json"])
def test_nothing_is_trained_on_that_was_not_validated(passed, name, tmp_path):
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=r"validated\.json: no such file; run: .*validate"):
        require_validated(*passed)


def test_a_changed_config_must_be_validated_again(passed):
    corpus, folder = passed
    path = folder / "config.cfg"
    path.write_text(path.read_text(encoding="utf-8").replace("dropout = 0.1", "dropout = 0.2"), encoding="utf-8")
    with pytest.raises(UserError, match=r"config\.cfg changed after the corpus was validated for it"):
        require_validated(corpus, folder)
    assert check(corpus, folder) == 0
    require_validated(corpus, folder)


def test_a_changed_corpus_must_be_validated_again(passed):
    corpus, folder = passed
    manifest = corpus / "dev" / "manifest.json"
    write_json(manifest, read_json(manifest) | {"seen": 1})
    with pytest.raises(UserError, match="dev changed after it was validated"):
        require_validated(corpus, folder)


def test_a_changed_shard_is_refused(passed):
    corpus, folder = passed
    shard = next((corpus / "train").glob("*.spacy"))
    shard.write_bytes(shard.read_bytes() + b"x")
    with pytest.raises(UserError, match="not the file that was written"):
        require_validated(corpus, folder)


def test_a_validation_of_another_corpus_does_not_count(passed):
    corpus, folder = passed
    report = read_json(folder / "validated.json")
    write_json(folder / "validated.json", report | {"corpus_sha256": report["corpus_sha256"] | {"train": "0"}})
    with pytest.raises(UserError, match="is about another train split"):
        require_validated(corpus, folder)


def test_a_config_that_drops_documents_does_not_pass_unless_that_is_ignored(passed):
    corpus, folder = passed
    config = config_for(corpus, max_steps=40)
    config["training"]["batcher"] = {"@batchers": "spacy.batch_by_padded.v1", "size": 11, "buffer": 256, "discard_oversize": True, "get_length": None}
    config.to_disk(folder / "config.cfg")
    assert check(corpus, folder) == 1
    with pytest.raises(UserError, match=r"counts 41 errors; mend the data or the config"):
        require_validated(corpus, folder)
    assert check(corpus, folder, "--ignore=dropped-by-batcher,nothing-to-train") == 0
    assert require_validated(corpus, folder)["train"]["documents"] == 0


def test_errors_in_the_corpus_are_refused(passed):
    corpus, folder = passed
    path = corpus / "train" / "validated.json"
    write_json(path, read_json(path) | {"errors": 3})
    with pytest.raises(UserError, match="counts 3 errors"):
        require_validated(corpus, folder)


def test_a_batcher_that_wants_more_than_lengths_is_told(passed):
    corpus, folder = passed
    config = config_for(corpus, max_steps=40)
    config["training"]["batcher"] |= {"get_length": {"@misc": "gate_test.text_length"}}
    config.to_disk(folder / "config.cfg")
    spacy.registry.misc("gate_test.text_length", func=lambda: lambda example: len(example.reference.text))
    app = typer.Typer()
    app.command()(validate.main)
    result = CliRunner().invoke(app, [f"--corpus={corpus}", f"--config={folder / 'config.cfg'}"])
    assert isinstance(result.exception, UserError)
    assert "wants more of an example than its length" in str(result.exception)


def test_an_error_that_belongs_to_no_split_is_refused(passed):
    corpus, folder = passed
    (corpus / "rejects.jsonl").unlink()
    assert check(corpus, folder) == 1
    with pytest.raises(UserError, match="counts 1 errors"):
        require_validated(corpus, folder)
