"""The demo corpus is what its guidelines and the README say."""

import json

import pytest

from assets.demo.build import LABELS, SPLITS, as_json, count, read_split
from tests.closure import ROOT

DEMO = ROOT / "assets" / "demo"
pytestmark = pytest.mark.skipif(not DEMO.exists(), reason="the demo corpus was deleted")


@pytest.fixture(scope="module")
def splits():
    return {split: read_split(DEMO / "source" / split) for split in SPLITS}


@pytest.mark.parametrize("split", SPLITS)
def test_the_jsonl_files_are_made_from_the_source(splits, split):
    lines = (DEMO / f"{split}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line) for line in lines] == [as_json(record) for record in splits[split]]


def test_the_corpus_is_large_and_varied_enough(splits):
    counted = count(splits)
    parts = [counted[split] for split in SPLITS]
    assert sum(part["documents"] for part in parts) >= 600
    assert sum(part["tokens"] for part in parts) >= 25_000
    assert sum(part["entities"] for part in parts) >= 3_000
    assert all(set(part["labels"]) == set(LABELS) for part in parts)
    assert counted["surfaces_with_several_labels"] >= 100
    assert counted["train"]["longest"] > 2_000
    assert min(counted["dev"]["longest"], counted["test"]["longest"]) > 500
    assert min(counted["dev"]["unseen_in_train"], counted["test"]["unseen_in_train"]) > 0.9


def test_the_awkward_characters_are_there(splits):
    text = "".join(record.text for records in splits.values() for record in records)
    assert "\r\n" in text
    assert any("\u0590" <= char <= "\u06ff" for char in text)
    assert any("\u0300" <= char <= "\u036f" for char in text)
    assert any(char >= "\U0001f300" for char in text)


def test_no_text_occurs_twice(splits):
    texts = [record.text for records in splits.values() for record in records]
    assert len(set(texts)) == len(texts)
