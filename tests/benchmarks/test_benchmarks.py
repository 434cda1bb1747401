"""The benchmarks: nothing is lost when one is cut off, all train alike, figures follow from measurements."""

import json
import re
import sys
import time
from importlib import import_module
from itertools import islice

import pytest
import spacy
import typer
from spacy.tokens import Doc
from transformers import AutoModel, AutoTokenizer

from scripts import cli
from scripts.cli import UserError
from scripts.corpus.files import read_json
from scripts.report.machine import describe
from scripts.training.transformer import locate_transformer
from tests.benchmarks import gpu, inputs, transformer
from tests.benchmarks.hugging_face import IGNORED, decode, encode
from tests.benchmarks.measure import OutOfTime, run_python
from tests.benchmarks.report import Options, Report, cell, markdown_table, ratios_of
from tests.benchmarks.trainings import KNOWN, OURS, SPACY, Place
from tests.closure import ROOT

bench = import_module("tests.benchmarks.__main__")
DEMO = ROOT / "assets" / "demo"
OPTIONS = Options(columns=None, documents=(), repeats=1, steps=8, device="cpu", small=True, demo=DEMO)
COLUMNS = {"what": "{what}", "seconds": "{seconds:,.1f}", "GPU": "{gpu_mb:,.0f} MB"}
README = bench.README.read_text(encoding="utf-8")


@pytest.fixture
def report(tmp_path):
    return Report(tmp_path, tmp_path / "work", describe(), "a machine")


def raising(error: BaseException):
    def run(_):
        raise error

    return run


def test_a_process_is_measured():
    figures = run_python("-c", "import time; print('here', flush=True); time.sleep(0.3)", until="here")
    assert 0 < figures["first"] < figures["seconds"]
    assert figures["peak_mb"] > 1


def test_a_command_that_fails_says_what_it_printed():
    with pytest.raises(UserError, match="exit code 3: told"):
        run_python("-c", "print('told'); raise SystemExit(3)")
    assert run_python("-c", "raise SystemExit(3)", codes=(3,))["seconds"] > 0


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started():
    waits = f"import subprocess; subprocess.run([{sys.executable!r}, '-c', 'import time; time.sleep(600)'])"
    with pytest.raises(OutOfTime, match="no time was left"):
        run_python("-c", waits, deadline=time.monotonic() + 1)


def test_rows_are_medians_of_runs_in_turn(report):
    order = []

    def run(name, values):
        return lambda number: order.append(name) or {"seconds": values[number], "note": name, "gpu_mb": None}

    runs = {"ours": run("a", [1.0, 2.0, 6.0]), "others": run("b", [2.0, 6.0, 6.0])}
    rows = report.compare("times", COLUMNS, {"input": "x"}, runs, 3)
    assert "".join(order) == "ababab"
    assert (rows["ours"]["seconds"], rows["others"]["seconds"]) == (2.0, 6.0)
    assert ratios_of(rows, "seconds", "others", "ours") == [2.0, 3.0, 1.0]
    assert ratios_of(rows, "seconds", "nobody", "ours") == []
    report.note_times(rows, "x", "ours", "others")
    assert report.notes == ["x: ours beside others: 2 times as fast from start to end."]
    assert "| ours | 2.0 |  |" in (report.folder / "results.md").read_text(encoding="utf-8")


def test_a_table_has_numbers_to_the_right_and_escapes_what_would_break_it():
    text = markdown_table(COLUMNS, [{"what": "a|b\nc", "seconds": 1234.5, "gpu_mb": 7.0}, {"what": "d"}])
    assert text.splitlines()[1:] == ["| --- | ---: | ---: |", "| a\\|b c | 1,234.5 | 7 MB |", "| d |  |  |"]
    assert cell(lambda row: row["missing"], {}) == ""


def test_each_row_is_on_the_disk_as_soon_as_it_is_there(report):
    runs = {"ours": lambda _: {"seconds": 1.0}, "others": raising(KeyboardInterrupt())}
    with pytest.raises(KeyboardInterrupt):
        report.compare("times", COLUMNS, {}, runs, 1)
    row = read_json(report.folder / "results.json")["times"][0]
    assert (row["what"], row["outcome"], row["seconds"]) == ("ours", "done", 1.0)


@pytest.mark.parametrize(
    ("error", "outcome", "failures"),
    [
        (UserError("x\nOutOfMemoryError: CUDA out of memory. Tried to allocate"), "out of memory", 0),
        (UserError("one window of 512 wordpieces does not fit into 1,000 MB"), "out of memory", 0),
        (OutOfTime("was stopped"), "out of time", 0),
        (UserError("ended with exit code 1:\n│ ValueError: no │\n"), "failed: ValueError: no", 1),
    ],
)
def test_what_came_to_nothing_says_why_and_is_not_tried_again(report, error, outcome, failures):
    runs = {"ours": raising(error), "others": lambda _: {"seconds": 1.0}}
    rows = report.compare("times", COLUMNS, {}, runs, 2)
    assert (rows["ours"]["outcome"], len(rows["others"]["runs"])) == (outcome, 2)
    assert report.failures == failures
    assert f"| {outcome} |" in (report.folder / "results.md").read_text(encoding="utf-8")


def test_what_has_no_time_left_is_named(report):
    report.deadline = time.monotonic() + 1
    rows = report.compare("times", COLUMNS, {"model": "tiny"}, {"ours": lambda _: {}}, 1)
    assert (rows["ours"]["outcome"], rows["ours"]["runs"]) == ("out of time", [])


def test_made_documents_have_the_demos_entities():
    make = inputs.make_jsonl(islice(inputs.demo_sentences(DEMO), 200))
    rows = [json.loads(line) for line in make(20)]
    names = {row["text"][span["start"] : span["end"]] for row in rows for span in row["spans"]}
    known = (OPTIONS.demo / "train.jsonl").read_text("utf-8") + (OPTIONS.demo / "dev.jsonl").read_text(
        "utf-8"
    )
    assert names
    assert all(json.dumps(name, ensure_ascii=False)[1:-1] in known for name in names)
    lines = "".join(inputs.make_columns(islice(inputs.demo_sentences(DEMO), 200))(20)).splitlines()
    assert {line.split("\t")[1][:2] for line in lines if line} == {"O", "B-", "I-"}


def test_column_files_are_read_as_they_are(tmp_path):
    (tmp_path / "train.conll").write_text(
        "Ana\tx\tB-PER\nleft\tx\tO\n\t\nCork\tx\tB-LOC\n\n", encoding="utf-8"
    )
    options = Options(tmp_path, (), 1, 8, "cpu", small=False)
    found = [(doc.text.strip(), [ent.label_ for ent in doc.ents]) for doc in inputs.column_sentences(options)]
    assert found == [("Ana left", ["PER"]), ("Cork", ["LOC"])]


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(locate_transformer(KNOWN))


def test_the_first_wordpiece_of_each_word_has_its_label_and_tags_become_entities(tokenizer):
    words, tags = ["Ana", "left", "Llanfairpwll", "\n", "Bay"], ["O", "O", "B-LOC", "I-LOC", "I-LOC"]
    doc = Doc(spacy.blank("en").vocab, words=words, ents=tags)
    features, heads = encode(doc, {"O": 0, "B-LOC": 1, "I-LOC": 2}, tokenizer)
    assert len(features["labels"]) == len(features["input_ids"]) > len(words) + 2
    assert [label for label in features["labels"] if label != IGNORED] == [0, 0, 1, 2]
    assert heads == [0, 1, 2, 4]
    found = decode(doc, ["B-LOC", "O", "I-LOC", "I-LOC"], heads).predicted
    assert [(ent.start, ent.end) for ent in found.ents] == [(0, 1), (2, 3), (4, 5)]
    found = decode(doc, ["B-PER", "I-LOC", "I-LOC", "I-PER"], heads).predicted
    assert [(ent.start, ent.end, ent.label_) for ent in found.ents] == [
        (0, 1, "PER"),
        (1, 3, "LOC"),
        (4, 5, "PER"),
    ]


def test_words_that_are_cut_off_are_left_out(tokenizer):
    doc = Doc(spacy.blank("en").vocab, words=["Ana"] * 600)
    features, heads = encode(doc, {"O": 0}, tokenizer)
    assert len(features["input_ids"]) == tokenizer.model_max_length == 512
    assert len(heads) < 512


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return inputs.build_corpus(inputs.corpus_files(OPTIONS, folder), folder / "corpus")


@pytest.mark.slow
def test_all_have_the_same_schedule_and_batches(corpus, monkeypatch):
    monkeypatch.chdir(ROOT)
    place, trained = Place(corpus), {}

    def keep(is_ours, config, place, **options):
        return trained.update({is_ours: config}) or {}

    monkeypatch.setattr(transformer.t, "train", keep)
    monkeypatch.setattr(
        transformer.t, "train_trainer", lambda model, options, place: trained.update(options) or {}
    )
    for what in (transformer.OURS, transformer.SPACY, transformer.TRAINER):
        transformer.contestant(what, KNOWN, place, 3)
    assert [trained[OURS]["system"]["seed"], trained[SPACY]["system"]["seed"], trained["seed"]] == [3, 3, 3]
    tuned = trained[OURS]["initialize"]["after_init"]
    assert (tuned["frozen_layers"], tuned["head_rate"], tuned["rate_decay"]) == (0, 1.0, 1.0)
    ours, theirs = trained[OURS]["training"], trained[SPACY]["training"]
    assert ours["optimizer"]["learn_rate"] == theirs["optimizer"]["learn_rate"]
    assert ours["optimizer"]["learn_rate"]["initial_rate"] == trained["learning_rate"]
    assert ours["batcher"] == theirs["batcher"] | {"discard_oversize": False}
    assert (ours["max_steps"], ours["eval_frequency"]) == (theirs["max_steps"], theirs["eval_frequency"])
    assert ours["max_steps"] == 2 * ours["eval_frequency"]


def test_a_device_is_chosen(monkeypatch):
    monkeypatch.setattr(bench, "gpu_obstacle", lambda _: "no CUDA device")
    assert [bench.choose_device(name) for name in ("auto", "cpu", "cuda")] == [
        ("cpu", ""),
        ("cpu", ""),
        ("cuda", "no CUDA device"),
    ]
    with pytest.raises(UserError, match="auto, cpu or cuda"):
        bench.choose_device("tpu")


def test_the_gpu_benchmark_without_a_gpu_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "gpu_obstacle", lambda _: "no CUDA device")
    with pytest.raises(typer.Exit):
        bench.main(bench.Benchmark.gpu, output=str(tmp_path))
    assert "- Nothing was run: no CUDA device" in (tmp_path / "results.md").read_text(encoding="utf-8")


def test_sizes_are_numbers():
    with pytest.raises(UserError, match="sizes such as"):
        bench.main(bench.Benchmark.preprocessing, documents="many")


def test_every_group_of_the_gpu_names_what_can_be_trained():
    known = {*transformer.OPTIONS, *transformer.CPU_VARIANT, transformer.SPACY, transformer.TRAINER}
    assert {what for _, _, whom in gpu.GROUPS for what in whom} <= known
    assert {limit for model, limit, _ in gpu.GROUPS if model == KNOWN} == {0, 6, 8, 12, 24}


@pytest.mark.parametrize("name", bench.NAMES)
def test_the_page_has_a_place_for_each_benchmark(name):
    assert f"<!-- {name}: generated -->" in README
    assert f"<!-- {name}: end -->" in README


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"^python -m tests\.benchmarks (.+)$", README, re.M)))
)
def test_commands_of_the_page_parse(command):
    app = typer.main.get_command(cli.command_line(bench.main))
    app.make_context("benchmarks", command.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "preprocessing",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in (
                "validation",
                "faults",
                "train",
                "processes",
                "transformer",
                "frontier",
                "vectors",
                "predict",
            )
        ),
    ],
)
def test_each_benchmark_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    bench.main(bench.Benchmark(name), device="cpu", small=True, output=str(tmp_path))
    results = read_json(tmp_path / "results.json")
    rows = [
        row for table in results.values() if isinstance(table, list) for row in table if isinstance(row, dict)
    ]
    assert len(rows) >= 2
    assert {row.get("outcome", "done") for row in rows} == {"done"}


@pytest.mark.slow
@pytest.mark.long
def test_all_but_the_gpu_runs_on_a_cpu(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    bench.main(bench.Benchmark.gpu, device="cpu", small=True, minutes=15.0, output=str(tmp_path))
    results = read_json(tmp_path / "results.json")
    trained = {row["what"]: row["outcome"] for row in results["trainings"]}
    assert trained.items() >= {transformer.OURS: "done", transformer.SPACY: "done"}.items()
    named = [*results["notes"], *map(str, results.get("tests", []))]
    assert any("test_auto_takes_a_gpu_that_works" in row for row in named)


@pytest.mark.slow
def test_a_large_model_is_made_of_nothing_but_a_corpus(tmp_path):
    made = transformer.locate_model(transformer.RANDOM, tmp_path, ROOT / "assets" / "demo" / "train.jsonl")
    assert AutoModel.from_pretrained(made).num_parameters() == pytest.approx(124.6e6, rel=0.01)
    tokenizer = AutoTokenizer.from_pretrained(made)
    assert tokenizer.is_fast
    pieces = tokenizer("a harbour in Cork")["input_ids"]
    assert tokenizer.decode(pieces, skip_special_tokens=True) == "a harbour in Cork"
