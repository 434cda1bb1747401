"""Variants side by side: what may be compared, and what is said of it."""

import json
import math
import random
from pathlib import Path

import pytest

from scripts.cli import UserError
from scripts.corpus.files import write_json
from scripts.report.comparison import compare
from scripts.report.counts import score
from scripts.report.matching import pair_entities
from scripts.report.predictions import INPUTS, read_runs, write_predictions
from scripts.report.tables import comparison, sentences
from tests.report.drawn_entities import draw_corpus

DOCUMENTS = 60
RESAMPLES = 300


def write_run(folder: Path, variant: str, *, seed: int = 0, quality: float = 0.6) -> Path:
    """A folder with the scores and predictions of a pipeline that finds such a share of the entities."""
    gold, wrong = draw_corpus(0, DOCUMENTS)
    draw = random.Random(f"{quality}-{seed}")
    predicted = [
        right if draw.random() < quality else other for right, other in zip(gold, wrong, strict=True)
    ]
    rows = [
        {"gold": right, "gold_tokens": found, "raw_text": found}
        for right, found in zip(gold, predicted, strict=True)
    ]
    folder.mkdir()
    scores = score([pair_entities(row["gold"], row["gold_tokens"]) for row in rows])
    report = {"variant": variant, "training": {"seed": seed}, "corpus_sha256": {}}
    report |= dict.fromkeys(INPUTS, scores) | {"predictions_sha256": write_predictions(folder, rows)}
    write_json(folder / "scores.json", report)
    return folder


def compared(*folders: Path) -> tuple[dict, list[dict]]:
    return compare(read_runs([*folders], Path("corpus")), resamples=RESAMPLES)


def test_every_score_has_an_interval_around_it(tmp_path):
    reports, differences = compared(write_run(tmp_path / "cpu", "cpu"))
    assert differences == []
    for name in INPUTS:
        scores, intervals = reports["cpu"][name], reports["cpu"]["intervals"][name]
        found = [(scores[f"ents_{key}"], intervals["exact"][key]) for key in "prf"]
        for key in "prf":
            found += [(scores[rule][key], intervals[rule][key]) for rule in ("macro", "partial", "boundary")]
            found += [
                (numbers[key], intervals["ents_per_type"][label][key])
                for label, numbers in scores["ents_per_type"].items()
            ]
        assert len(found) == 21
        assert all(low < value < high for value, (low, high) in found)


def test_the_difference_and_its_interval_come_before_p(tmp_path):
    folders = write_run(tmp_path / "cpu", "cpu", quality=0.1), write_run(tmp_path / "gpu", "gpu", quality=0.8)
    reports, differences = compared(*folders)
    first, _ = differences
    low, high = first["documents"]
    points = reports["gpu"]["gold_tokens"]["ents_f"] - reports["cpu"]["gold_tokens"]["ents_f"]
    assert first["difference"] == points
    assert 0 < low < points < high
    assert first["p"] == pytest.approx(1 / (RESAMPLES + 1))
    assert first["seeds"] is None
    assert sentences(differences) == [
        f"gpu is better than cpu by {100 * points:.1f} F; 95 % interval {100 * low:.1f} to {100 * high:.1f} "
        "over documents; p = 0.0033"
    ]
    json.dumps([reports, differences], allow_nan=False)


def test_each_pair_of_variants_is_compared_on_each_input(tmp_path):
    folders = [
        write_run(tmp_path / name, name, quality=quality)
        for name, quality in (("a", 0.9), ("b", 0.1), ("c", 0.1))
    ]
    _, differences = compared(*folders)
    found = [(each["input"], each["better"], each["other"]) for each in differences]
    assert found == [(name, *pair) for name in INPUTS for pair in (("a", "b"), ("a", "c"), ("c", "b"))]
    assert (
        sentences(differences)[2]
        == "c and b have the same F; 95 % interval 0.0 to 0.0 over documents; p = 1.0000"
    )


def test_folders_with_other_seeds_are_one_variant(tmp_path):
    cpus = [write_run(tmp_path / f"cpu{seed}", "cpu", seed=seed, quality=0.3) for seed in range(3)]
    gpus = [write_run(tmp_path / f"gpu{seed}", "gpu", seed=seed, quality=0.9) for seed in range(2)]
    reports, (first, _) = compared(*cpus, *gpus)
    assert [*reports] == ["cpu", "gpu"]
    by_seed = [each["gold_tokens"] for each in reports["cpu"]["seeds"]]
    assert len({*by_seed}) == 3
    assert math.isclose(reports["cpu"]["gold_tokens"]["ents_f"], sum(by_seed) / 3)
    low, high = first["seeds"]
    assert low < first["difference"] < high
    assert " over documents, " in first["sentence"]
    assert " over 2 and 3 seeds; p = " in first["sentence"]


def test_the_seeds_mean_lies_in_the_interval_over_documents(tmp_path):
    reports, _ = compared(*(write_run(tmp_path / f"{seed}", "cpu", seed=seed) for seed in range(2)))
    low, high = reports["cpu"]["intervals"]["gold_tokens"]["exact"]["f"]
    assert low < reports["cpu"]["gold_tokens"]["ents_f"] < high
    assert reports["cpu"]["gold_tokens"]["support"] == sum(len(each) for each in draw_corpus(0, DOCUMENTS)[0])


def test_the_same_seed_twice_is_refused(tmp_path):
    folders = write_run(tmp_path / "a", "cpu"), write_run(tmp_path / "b", "cpu")
    with pytest.raises(UserError, match=r"b: another of these folders holds variant cpu with seed 0, too"):
        compared(*folders)


def test_predictions_that_are_missing_or_not_those_scored_want_a_new_evaluation(tmp_path):
    folder = write_run(tmp_path / "cpu", "cpu")
    path = folder / "predictions.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(UserError, match=r"run: python -m scripts.evaluate .*cpu$"):
            compared(folder)
        path.unlink(missing_ok=True)


def test_scores_of_an_older_version_want_a_new_evaluation(tmp_path):
    folder = write_run(tmp_path / "cpu", "cpu")
    write_json(folder / "scores.json", {"variant": "cpu", "corpus_sha256": {}, "training": {"seed": 0}})
    with pytest.raises(UserError, match=r"run: python -m scripts.evaluate .*cpu$"):
        compared(folder)


def test_a_label_stands_under_what_its_score_is_of():
    """F of a label is computed on gold tokens."""
    scores = {"ents_p": 1.0, "ents_r": 1.0, "ents_f": 1.0, "ents_per_type": {"LOC": {"f": 0.5, "support": 1}}}
    figures = dict.fromkeys(
        ("words_per_second", "peak_memory_mb", "parameters", "model_mb", "seconds", "steps"), 1
    )
    training = figures | {"peak_gpu_memory_mb": None, "device": "CPU", "seed": 3}
    report = figures | {"pipeline": ["ner"], "gold_tokens": scores, "raw_text": scores, "training": training}
    report |= {"peak_gpu_memory_mb": None, "device": "CPU"}
    intervals = {name: {"exact": {"f": (0.901, 1.0)}} for name in INPUTS}
    rows = comparison(
        {"old": report, "new": report | {"intervals": intervals, "seeds": [{"seed": 0}, {"seed": 1}]}}
    )
    names = [row[0] for row in rows]
    assert names.index("F on gold tokens") < names.index("  F of LOC") < names.index("F from raw text")
    assert rows.count(("  95 % interval", "–", "90.1–100.0")) == 2
    assert rows[-1] == ("seed", "3", "0, 1")
