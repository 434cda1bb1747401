"""The benchmark of fine-tuning: the same task for all, nothing lost in decoding, and rows of what was not measured that say so."""

from dataclasses import replace
from importlib import util
from types import SimpleNamespace

import numpy
import pytest
from spacy.util import load_config
from transformers import AutoTokenizer

from scripts.benchmark import as_limits
from scripts.benchmarks import stamps
from scripts.benchmarks.hugging_face import IGNORED, Clock, Tagged, decode, encode, entity_f, tags_of
from scripts.benchmarks.inputs import build_corpus, demo_sentences, made_files
from scripts.benchmarks.padding import share
from scripts.benchmarks.transformer import (
    COMPILED,
    DECAYING,
    OPTIONS,
    OURS,
    RATE,
    RECIPE,
    SPACY,
    TRAINER,
    Line,
    Plan,
    Results,
    Trained,
    choose_device,
    contestants,
    measure_padding,
)
from scripts.benchmarks.tuned import COMMAND, SHORT, as_markdown, chart
from scripts.cli import UserError
from scripts.corpus.files import read_json
from scripts.report.chart import bar_chart
from scripts.training.transformer import PACKAGED, locate_transformer
from tests.closure import ROOT

MODEL = next(iter(PACKAGED))
NUMBERS = {"O": 0, "B-LOC": 1, "I-LOC": 2}
RUN = Trained(seconds=100.0, peak_mb=1500.0, steps=81, words_per_second=1000.0, best_f=0.5, gpu_mb=None)
LINES = [
    Line(OURS, 0, [replace(RUN, workers=2), replace(RUN, best_f=0.52)]),
    Line(RECIPE, 0, [replace(RUN, words_per_second=1500.0)] * 2),
    Line(DECAYING, 0, [replace(RUN, best_f=0.54)] * 2),
    Line(COMPILED, 0, [replace(RUN, words_per_second=500.0)]),
    Line(SPACY, 0, [replace(RUN, words_per_second=500.0, seconds=250.0, dropped=7)] * 2),
    Line(TRAINER, 0, [replace(RUN, words_per_second=800.0, cut=3)] * 2),
]


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(locate_transformer(MODEL))


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        ([], set()),
        (["O", "B-LOC", "I-LOC", "O"], {(1, 3, "LOC")}),
        (["B-LOC", "B-LOC", "I-LOC"], {(0, 1, "LOC"), (1, 3, "LOC")}),
        (["O", "I-LOC", "I-PER", "I-PER"], {(1, 2, "LOC"), (2, 4, "PER")}),
        (["B-LOC", "I-PER", "B-PER"], {(0, 1, "LOC"), (1, 2, "PER"), (2, 3, "PER")}),
    ],
)
def test_tags_become_entities(tags, entities):
    assert decode(tags) == entities


def test_f_counts_exact_entities_of_all_documents():
    gold = [{(0, 1, "LOC")}, {(0, 2, "PER"), (3, 4, "LOC")}]
    found = [{(0, 1, "LOC")}, {(0, 2, "LOC")}]
    assert entity_f(gold, found) == pytest.approx(2 * 1 / (3 + 2))
    assert entity_f(gold, gold) == 1.0
    assert entity_f([set()], [set()]) == 0.0


def test_the_first_piece_of_each_word_has_its_label(tokenizer):
    doc = Tagged(["Ana", "left", "Llanfairpwll", "\n", "Bay"], ["O", "O", "B-LOC", "I-LOC", "I-LOC"])
    features, heads, cut = encode(doc, NUMBERS, tokenizer)
    assert len(features["labels"]) == len(features["input_ids"]) > len(doc.words) + 2
    assert [label for label in features["labels"] if label != IGNORED] == [0, 0, 1, 2]
    assert (features["labels"][0], features["labels"][-1]) == (IGNORED, IGNORED)
    assert (heads, cut) == ([0, 1, 2, 4], 0)


def test_words_that_are_cut_off_are_counted_and_scored(tokenizer):
    doc = Tagged(["Ana"] * 600 + ["\n"], ["O"] * 601)
    features, heads, cut = encode(doc, NUMBERS, tokenizer)
    assert len(features["input_ids"]) == tokenizer.model_max_length == 512
    assert len(heads) + cut == 600
    tags = tags_of([1] * len(heads), list(NUMBERS), heads, len(doc.words))
    assert tags == ["B-LOC"] * len(heads) + ["O"] * (cut + 1)


def test_stamps_leave_evaluations_out_of_the_steps_time(tmp_path, monkeypatch):
    clock = iter([10.0, 12.0, 15.0, 16.0, 18.0, 28.0, 31.0])
    monkeypatch.setattr(stamps, "_times", {})
    monkeypatch.setattr(stamps.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(stamps, "Corpus", lambda path: lambda nlp: iter(()))
    begin, save, read = (
        stamps.create_before_update(),
        stamps.create_before_to_disk(),
        stamps.create_dev(tmp_path),
    )
    log, _ = stamps.create_logger(tmp_path / "stamps.jsonl")(None)
    for step, is_evaluated in enumerate([True, False, True]):  # steps of 2, 2 and 10 seconds
        begin(None, {"step": step})
        if is_evaluated:
            list(read(None))
            save(SimpleNamespace())
            log({"step": step, "words": 5 * step, "other_scores": {"ents_f": 0.5}})
    rows = [
        stamps.json.loads(line)
        for line in (tmp_path / "stamps.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [(row["seconds"], row["seconds_steps"], row["gpu_mb"]) for row in rows] == [
        (5.0, 2.0, None),
        (21.0, 14.0, None),
    ]


def test_evaluations_are_no_part_of_an_epochs_time(monkeypatch):
    times = iter([1.0, 3.0, 10.0, 11.0])
    monkeypatch.setattr("scripts.benchmarks.hugging_face.time.perf_counter", lambda: next(times))
    clock = Clock()
    for _ in range(2):
        clock.on_epoch_begin(None, None, None, model=None)
        clock.on_epoch_end(None, None, None, model=None)
    assert clock.seconds == 3.0


def test_what_was_not_measured_says_so_and_how():
    text = as_markdown(
        Results("demo", "CPU, 2 cores", LINES, {"spacy train": 0.256, "ours on a CPU": 0.0}),
        Plan(2, 2, 0, "cpu"),
        "Machine.",
    )
    assert (
        "| CPU, 2 cores | ours, all layers, 2 workers | 81 | 1,000 | 100.0 | 1,500 MB | 50.00, 52.00 | 51.00 | nothing |"
        in text
    )
    assert "| 50.00, 50.00 | 50.00 | 7 documents |" in text
    assert "| 50.00 | 3 words |" in text
    assert (
        "all layers: 2 times the words/s of spacy train, GPU quickstart (2.5 from start to end), 1.2 times"
        in text
    )
    assert (
        "- ours, 3 layers frozen, head_rate 5, beside all layers alike: 1.5 times the words/s, 1 times the memory, a mean F -1.0."
        in text
    )
    assert "- ours, compiled, beside all layers alike: 0.5 times the words/s, 1 times the memory." in text
    assert (
        "- Padding, of all that the transformer computes in an epoch: spacy train 26 %, ours on a CPU 0 %."
        in text
    )
    for device in ("GPU", "GPU, 6 GB", "GPU, 8 GB", "GPU, 12 GB"):
        assert f"| {device} | each of these | | not yet measured |" in text
    assert f"`{COMMAND}`" in text


def test_rows_of_a_gpu_tell_its_memory_and_where_it_ran_out():
    limited = [Line(OURS, 6, [replace(RUN, gpu_mb=5000.0)]), Line(SPACY, 6, [])]
    text = as_markdown(
        Results(
            "demo",
            "H1",
            LINES + limited,
            {},
        ),
        Plan(2, 2, 0, "cuda", (6,)),
        "Machine.",
    )
    assert "| H1, 6 GB of it | ours, all layers | 81 | 1,000 | 100.0 | 1,500 MB, GPU 5,000 MB |" in text
    assert "| H1, 6 GB of it | spacy train, GPU quickstart | | out of memory |" in text
    assert [
        device for device in ("GPU", "GPU, 6 GB", "GPU, 8 GB", "GPU, 12 GB") if f"| {device} |" in text
    ] == ["GPU, 8 GB", "GPU, 12 GB"]


def test_the_chart_shows_the_others_and_two_of_ours():
    names, measures = chart([*LINES, Line(OURS, 6, [])])
    assert names == list(SHORT.values())
    assert measures[0].texts == ("1,000", "1,500", "500", "800")
    assert "HF Trainer" in bar_chart(names, measures)


def test_a_missing_package_names_the_command(monkeypatch):
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"pip install -r requirements/benchmark\.txt -c requirements/lock\.txt"
    ):
        choose_device("cpu", ())


def test_limits_are_for_a_gpu(monkeypatch):
    monkeypatch.setattr(util, "find_spec", lambda name: object())
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_device("auto", ()) == choose_device("cpu", ()) == "cpu"
    for device, limits, why in (
        ("cuda", (), "no CUDA device"),
        ("cpu", (6,), "memory of a GPU"),
        ("tpu", (), "auto, cpu or cuda"),
    ):
        with pytest.raises(UserError, match=why):
            choose_device(device, limits)


def test_limits_are_read_in_gigabytes():
    assert (as_limits(""), as_limits("6GB, 8 gb,12")) == ((), (6, 8, 12))
    for text in ("6MB", "0GB", "6GB,,8GB", "x"):
        with pytest.raises(UserError, match="sizes in GB"):
            as_limits(text)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """What is to train on a made corpus: its folder, the corpus, and who trains."""
    folder = tmp_path_factory.mktemp("tuning")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        corpus = build_corpus(
            folder / "corpus", made_files(folder, demo_sentences(ROOT / "assets" / "demo"), 300)
        )
        return (
            folder / "0",
            corpus,
            contestants(folder / "0", corpus, Plan(1, 1, 1, "cpu"), seed=0, model=MODEL),
        )


def test_padding_is_what_the_longest_window_of_a_group_adds():
    assert share([numpy.array([2, 4]), numpy.array([3]), numpy.array([], dtype=int)]) == pytest.approx(
        1 - 9 / 11, abs=1e-4
    )
    assert share([]) == 0.0


@pytest.mark.slow
def test_all_have_the_same_schedule_and_batches_and_pad_more_than_ours(prepared):
    folder, corpus, _ = prepared
    paths = (
        *(folder / f"ours-{number}" / "config.cfg" for number in range(len(OPTIONS))),
        folder / "spacy.cfg",
    )
    configs = [load_config(path, interpolate=False) for path in paths]
    off = {
        "frozen_layers": 0,
        "head_rate": 1.0,
        "rate_decay": 1.0,
        "dropout": 0.0,
        "recompute": False,
        "compiled": False,
    }
    for config, options in zip(configs, OPTIONS.values(), strict=False):
        assert {
            name: value
            for name, value in config["initialize"]["after_init"].items()
            if not name.startswith("@")
        } == off | options
    ours, theirs = configs[0]["training"], configs[-1]["training"]
    assert ours["optimizer"]["learn_rate"] | {"total_steps": 0} == theirs["optimizer"]["learn_rate"] | {
        "total_steps": 0
    }
    assert ours["batcher"] == theirs["batcher"] | {"discard_oversize": False}
    padding = measure_padding(folder, corpus)
    assert (
        padding["ours on a CPU"]
        == 0.0
        <= padding["ours on a GPU"]
        < padding["spacy train"]
        < padding["Hugging Face Trainer"]
        < 1.0
    )


@pytest.mark.slow
@pytest.mark.skipif(
    util.find_spec("accelerate") is None,
    reason="accelerate, for the comparison with Hugging Face's Trainer, is not installed",
)
def test_all_train_on_a_made_corpus(prepared, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder, _, trains = prepared
    for what, train in trains.items():
        trained = train()
        assert trained.words_per_second > 0, what
        assert 0 <= trained.best_f <= 1, what
        assert trained.steps > 1, what
    settings = read_json(folder / "trainer" / "settings.json")
    assert (settings["rate"], settings["batch"], settings["seed"]) == (RATE, 32, 0)
