"""From evaluated pipelines to model cards, and to wheels that need nothing of this project."""

import copy
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import spacy
import srsly
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from scripts import compare, package, validate
from scripts.corpus.files import read_json, write_json
from scripts.corpus.shards import read_manifest
from scripts.corpus.splits import SPLITS
from scripts.report.wheel import build_wheel, model_card, read_meta
from tests.closure import ROOT
from tests.make import jsonl_writer, make_corpus
from tests.verbs.test_commands import call, failure
from tests.verbs.test_evaluate import evaluated

HOSTILE = "|\n\n<img src=x>`**[a](b)\\"
META = {"name": "towns", "version": "1.2.0", "license": "CC BY 4.0", "author": "Ana"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with two evaluated pipelines, compared; and the model cards and wheels that were made of them."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "LICENSE").write_text("Take it.\nSPDX-License-Identifier: CC0-1.0\n", encoding="utf-8")
    write_json(folder / "meta.json", META)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scripts.report.scores.set_threads", lambda threads: None)
        patch.setattr("scripts.report.cost.start", lambda *_: {"load_seconds": 1.0, "first_text_ms": 1.0})
        corpus = make_corpus(folder, jsonl_writer(folder))
        assert call(validate.main, f"--corpus={corpus}").exit_code == 0
        variants = [evaluated(folder, corpus, "cpu"), evaluated(folder, corpus, "gpu", shape="IS_CURRENCY")]
    assert call(compare.main, *variants, f"--corpus={corpus}", f"--output={folder}").exit_code == 0
    result = call(package.main, *arguments(folder, "cpu", "gpu"))
    assert result.exit_code == 0, result
    return folder


def arguments(folder, *variants, meta=None):
    """What `package` is asked for in the project."""
    options = [f"--corpus={folder / 'corpus'}", f"--report={folder}", f"--output={folder / 'wheels'}"]
    return [*(folder / variant for variant in variants), *options, f"--meta={meta or folder / 'meta.json'}"]


def wheel(folder):
    return folder / "wheels" / "en_towns_cpu-1.2.0-py3-none-any.whl"


def test_there_is_a_card_and_a_wheel_of_each_variant_and_nothing_else(project):
    assert {path.name for path in (project / "wheels").iterdir()} == {
        "en_towns_cpu-1.2.0-py3-none-any.whl",
        "en_towns_gpu-1.2.0-py3-none-any.whl",
    }
    assert "\n# en_towns_cpu 1.2.0\n" in (project / "cpu" / "README.md").read_text(encoding="utf-8")
    assert "\n# en_towns_gpu 1.2.0\n" in (project / "gpu" / "README.md").read_text(encoding="utf-8")


def test_the_hub_understands_the_card(project):
    card = ModelCard.load(project / "cpu" / "README.md")
    assert (card.data.library_name, card.data.language, card.data.license) == ("spacy", ["en"], "cc-by-4.0")
    scores = read_json(project / "cpu" / "scores.json")["gold_tokens"]
    metrics = {each.metric_type: each.metric_value for each in card.data.eval_results}
    assert metrics == {"precision": scores["ents_p"], "recall": scores["ents_r"], "f1": scores["ents_f"]}
    assert {each.dataset_name for each in card.data.eval_results} == {"test.jsonl"}


def test_the_wheel_has_card_licences_and_requirements(project):
    with zipfile.ZipFile(wheel(project)) as file:
        names = {Path(name).name: name for name in file.namelist()}
        about = file.read(names["METADATA"]).decode()
        meta = json.loads(file.read("en_towns_cpu/meta.json"))
        licences = file.read(names["LICENSES_SOURCES"]).decode()
    assert "Description-Content-Type: text/markdown" in about
    assert "\n\n# en_towns_cpu 1.2.0\n" in about
    assert re.findall(r"^Requires-Dist: ([\w-]+)", about, re.MULTILINE) == ["spacy"]
    assert "(train data, dev data, test data)" in licences
    assert "Take it." in licences
    scores = read_json(project / "cpu" / "scores.json")["gold_tokens"]
    assert meta["performance"]["ents_f"] == scores["ents_f"]
    assert meta["sources"][0]["license"] == "CC0-1.0"


@pytest.mark.slow
def test_the_wheel_works_without_this_project_and_as_the_card_says(project, tmp_path):
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", f"--target={tmp_path}"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, wheel(project)], check=True)
    (code,) = re.findall(
        r"```python\n(.*?)```", (project / "cpu" / "README.md").read_text("utf-8"), re.DOTALL
    )
    code += "\nimport sys; sys.exit(any(name.startswith('scripts') for name in sys.modules))"
    env = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    nlp = spacy.load(project / "cpu" / "model-best")
    doc = nlp("Ada Lovelace met Charles Babbage in London in 1833.")
    wanted = [f"{ent.text} {ent.start_char} {ent.end_char} {ent.label_}" for ent in doc.ents]
    assert done.stdout.splitlines() == wanted != []


def test_a_second_run_gives_the_same_bytes(project):
    before = wheel(project).read_bytes(), (project / "cpu" / "README.md").read_bytes()
    assert call(package.main, *arguments(project, "cpu")).exit_code == 0
    assert (wheel(project).read_bytes(), (project / "cpu" / "README.md").read_bytes()) == before


def test_paths_of_this_machine_are_not_in_the_wheel(project, tmp_path):
    model, secret = tmp_path / "model", "/home/ana/weights"
    nlp = spacy.blank("en")
    nlp.config["paths"]["home"] = secret
    nlp.add_pipe("sentencizer")
    nlp.to_disk(model)
    saved = {"config": {"_name_or_path": secret}, "state": b"\x01\x02"}
    (model / "sentencizer" / "model").parent.mkdir(exist_ok=True)
    (model / "sentencizer").joinpath("model").write_bytes(srsly.msgpack_dumps(saved))
    meta = nlp.meta | {"name": "x", "version": "1.0"}
    built = build_wheel(model, meta, {}, [secret], tmp_path / "wheels")
    with zipfile.ZipFile(built) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    assert [name for name, content in contents.items() if secret.encode() in content] == []
    loaded = srsly.msgpack_loads(contents["en_x/en_x-1.0/sentencizer/model"])
    assert loaded == saved | {"config": {"_name_or_path": "-" * len(secret)}}


def test_whatever_a_value_holds_the_card_stays_a_card(project):
    """Labels, paths and what is said of the pipeline, with all that means something in Markdown or YAML."""
    summary, meta = read_json(project / "summary.json"), read_meta(project / "meta.json")
    manifests = {split: copy.deepcopy(read_manifest(project / "corpus" / split)) for split in SPLITS}
    report = summary["variants"]["cpu"]
    for scores in (report["gold_tokens"], report["intervals"]["gold_tokens"]):
        scores["ents_per_type"][HOSTILE] = scores["ents_per_type"]["LOC"]
    for manifest in manifests.values():
        manifest["entities"][HOSTILE] = 1
        manifest["sources"] = [{"path": HOSTILE}]
        manifest["ledger"]["losses"] = [{"reason": HOSTILE, "documents": 1, "entities": 2}]
    meta |= {"lang": "en", "spacy_version": ">=3", "performance": {f"ents_{key}": 0.5 for key in "prf"}}
    meta |= dict.fromkeys(("description", "author", "license"), HOSTILE)
    origin = dict.fromkeys(("name", "author", "url", "license"), HOSTILE) | {"parts": [HOSTILE]}
    origin["sources"] = [{"name": HOSTILE}]
    card = model_card(summary, report, meta, [origin], manifests)
    assert ModelCard(card).data.eval_results[0].dataset_name.endswith("[a](b)\\")
    tokens = MarkdownIt("commonmark").enable("table").parse(card.partition("\n---\n")[2])
    inline = [child for token in tokens for child in token.children or ()]
    assert not [token for token in (*tokens, *inline) if token.type.startswith(("html", "image", "strong"))]
    links = {dict(token.attrs)["href"] for token in inline if token.type == "link_open"}
    assert links == {"https://spacy.io"}
    widths, tables = [], 0
    for token in tokens:
        tables += token.type == "table_open"
        widths += [0] * (token.type == "tr_open")
        if token.type in ("th_open", "td_open"):
            widths[-1] += 1
    shown = [token.content for token in inline if token.type == "text"]
    assert tables == 6
    assert "| <img src=x>`**[a](b)\\" in shown
    assert set(widths) == {2, 4, 5}


def test_limits_name_weak_labels_and_what_was_left_out(project):
    text = (project / "cpu" / "README.md").read_text(encoding="utf-8")
    assert "\n- Labels with an F under 50: PERSON (0.0).\n" in text
    assert "Left out" not in text


def test_a_pipeline_that_is_not_what_was_compared_is_refused(project):
    path = project / "cpu" / "metrics.json"
    kept = path.read_bytes()
    write_json(path, read_json(path) | {"seed": 7})
    try:
        assert "scripts.evaluate" in failure(package.main, *arguments(project, "cpu"))
    finally:
        path.write_bytes(kept)


def test_a_pipeline_that_was_not_evaluated_is_refused(project):
    (project / "new").mkdir()
    assert "project run new" in failure(package.main, *arguments(project, "new"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON object"),
        ("[]", "is no JSON object"),
        ('{"name": "a"}', "version"),
        ('{"name": "a", "version": "1", "licence": "MIT"}', "may not say licence"),
        ('{"name": "a", "version": 1}', "version"),
        ('{"name": "a", "version": "first"}', "version is 'first'; write it like 1.0.0"),
        ('{"name": "a", "version": "1", "sources": [{"name": 1}]}', "sources"),
        ('{"name": "a", "version": "1", "sources": ["a corpus"]}', 'a "name" each'),
    ],
)
def test_what_is_said_of_the_pipelines_is_checked_before_any_work(project, tmp_path, content, said):
    meta = tmp_path / "meta.json"
    meta.write_text(content, encoding="utf-8")
    message = failure(package.main, *arguments(project, "cpu", meta=meta))
    assert message.startswith(f"{meta}: ")
    assert said in message
    assert "\n" not in message


def test_the_projects_own_meta_is_valid():
    assert read_meta(ROOT / "configs" / "meta.json")["name"]
