"""Any config that trains with `spacy train` trains here: same files, same losses, and by two processes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import spacy.training.loop
from spacy.cli.train import train as spacy_train
from spacy.util import import_file, load_config
from thinc.api import Ops

from scripts.training.fast.kernels import FastOps
from tests.make import contents
from tests.runs import ENV, ROOT, run
from tests.training.any_config import VARIATIONS, make, prepare

ALIKE = (
    "plain",
    "annotating_tagger_with_shared_tok2vec",
    "sourced_ner_with_one_new_label",
    "sourced_ner_with_two_new_labels",
    "sourced_ner_with_its_own_copy_of_tok2vec",
    "sourced_ner_with_frozen_tok2vec",
    "labels_null",
    "augmented_by_lower_case",
    "own_reader_that_draws",
    "streamed",
    "system_left_out",
    "accumulated_gradient",
    "transformer_with_tagger_and_textcat",
    "tok2vec_beside_transformer",
    "beam_ner",
    "everything_beside_ner",
    "linked_entities",
    "hash_embed_cnn",
    "static_vectors",
    "averages",
    "callbacks",
    "scores_without_weights",
    "epochs_only",
    "gold_preproc",
    "incorrect_spans",
    "cut_documents",
    "two_ners",
    "two_tok2vecs",
)
TOGETHER = (
    "own_reader_that_draws",
    "seed_null",
    pytest.param("sourced_ner_with_one_new_label", marks=pytest.mark.long),
    pytest.param("everything_beside_ner", marks=pytest.mark.long),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return prepare(tmp_path_factory.mktemp("any_config"))


def config_of(name: str, data: Path, folder: Path) -> Path:
    """A variation's config in a file; what it names is known then."""
    path, code = make(name, data, folder / "config.cfg")
    if code is not None:
        import_file("any_config_code", code)
    return path


def train_with_spacy(path: Path, output: Path) -> list[dict[str, float]]:
    """Train as `spacy train` does; return the losses of each evaluation."""
    losses = []
    improve = spacy.training.loop.train_while_improving

    def noted(*args, **options):
        for batch, info, is_best in improve(*args, **options):
            if is_best is not None:
                losses.append({name: float(value) for name, value in info["losses"].items()})
            yield batch, info, is_best

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spacy.training.loop, "train_while_improving", noted)
        spacy_train(path, output)
    return losses


def saved(output: Path) -> dict[str, object]:
    """All files of the two pipelines, but for how fast they were."""
    files: dict[str, object] = {}
    for name in ("model-best", "model-last"):
        for path, content in contents(output / name).items():
            files[f"{name}/{path}"] = content
        meta = json.loads(files[f"{name}/meta.json"])
        meta["performance"].pop("speed", None)
        files[f"{name}/meta.json"] = meta
    return files


@pytest.fixture
def no_dropout(monkeypatch):
    """Leave nothing out at random, not even in the parser's own way: the fast way draws otherwise."""
    for ops in (Ops, FastOps):
        monkeypatch.setattr(ops, "get_dropout_mask", lambda self, shape, drop: self.alloc_f(shape) + 1)


@pytest.mark.parametrize("name", ALIKE)
def test_exact_training_leaves_the_files_of_spacy_train(name, data, tmp_path, monkeypatch):
    monkeypatch.setenv(
        "PYTHONHASHSEED", "0"
    )  # new labels come in the order of a set then, in this one process the same for both
    path = config_of(name, data, tmp_path)
    train_with_spacy(path, tmp_path / "spacy")
    run(load_config(path, interpolate=False), tmp_path / "exact", exact=True)
    expected, found = saved(tmp_path / "spacy"), saved(tmp_path / "exact")
    assert expected.keys() == found.keys()
    assert [file for file, content in expected.items() if content != found[file]] == []


@pytest.mark.parametrize("name", ALIKE)
def test_fast_training_begins_with_the_losses_of_spacy_train(name, data, tmp_path, no_dropout):
    path = config_of(name, data, tmp_path)
    config = load_config(path, interpolate=False, overrides={"training.max_steps": 1})
    config.to_disk(path)
    losses = train_with_spacy(path, tmp_path / "spacy")
    row = run(config, tmp_path / "fast", precision="fp32")["history"][0]
    found = {key.removeprefix("loss_"): value for key, value in row.items() if key.startswith("loss_")}
    assert found == pytest.approx(losses[0], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", TOGETHER)
def test_two_processes_train_by_any_config(name, data, tmp_path):
    path, code = make(name, data, tmp_path / "config.cfg")
    command = [sys.executable, "-m", "scripts.train", str(path), "--output", str(tmp_path / "two")]
    command += ["--workers=2", "--unvalidated", "--device=cpu", *(["--code", str(code)] if code else [])]
    ended = subprocess.run(command, cwd=ROOT, env=ENV, capture_output=True, text=True, encoding="utf-8")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (tmp_path / "two" / "model-last" / "meta.json").exists()
    alone = name == "seed_null"
    assert ("One process trains instead of 2" in ended.stdout + ended.stderr) == alone


def test_each_variation_is_a_config_of_its_own(data, tmp_path):
    make("plain", data, tmp_path / "plain.cfg")
    texts = {make(name, data, tmp_path / f"{name}.cfg")[0].read_text(encoding="utf-8") for name in VARIATIONS}
    assert len(texts) == len(VARIATIONS)
