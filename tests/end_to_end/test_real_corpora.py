"""Real corpora, where there are some beside the project: nothing of them is lost unseen."""

import subprocess
import sys

import pytest

from scripts.checks.catalogue import choose
from scripts.checks.examine import Report, examine
from scripts.checks.training_config import ConfigFile
from scripts.corpus.build import build_corpus
from scripts.corpus.raw import RawCorpus
from scripts.corpus.settings import Settings
from tests.benchmarks.trainings import write_quickstarts
from tests.closure import ROOT

DATA = ROOT.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no real corpora in ../shared/data")


@pytest.mark.parametrize(
    ("names", "read", "added"),
    [
        (
            ("wnut17/train.conll", "wnut17/dev.conll", "wnut17/test.conll"),
            {"train": (3394, 1975), "dev": (1009, 836), "test": (1287, 1079)},
            0,
        ),
        (
            ("sec-filings/train.txt", "", "sec-filings/test.txt"),
            {"train+dev": (5, 1168), "test": (3, 318)},
            54,
        ),
        (
            ("fashion-brands/train.jsonl", "fashion-brands/dev.jsonl", ""),
            {"train+test": (1235, 527), "dev": (500, 238)},
            0,
        ),
    ],
)
def test_every_document_and_entity_arrives(tmp_path, names, read, added):
    raw = RawCorpus.find(*(str(DATA / name) if name else "" for name in names))
    ledgers = build_corpus(raw, tmp_path, Settings())
    for splits, counted in read.items():
        counts = [ledgers[split].stages["read"] for split in splits.split("+")]
        assert (sum(count.documents for count in counts), sum(count.entities for count in counts)) == counted
    for ledger in ledgers.values():
        assert not ledger.losses
        assert ledger.stages["read"].labels == ledger.stages["sharded"].labels
    pieces = sum(
        ledger.stages["sharded"].documents - ledger.stages["read"].documents for ledger in ledgers.values()
    )
    assert pieces == added


def test_what_the_stock_gpu_config_drops_of_spacys_own_conversion(tmp_path):
    """`spacy convert` takes a line with one tab for a token: one document of 46,630 tokens, which the
    quickstart's batcher drops without a word.
    """
    for name in ("train", "dev"):
        command = [
            sys.executable,
            "-m",
            "spacy",
            "convert",
            str(DATA / "wnut17" / f"{name}.conll"),
            str(tmp_path),
            "-c",
            "ner",
            "-n",
            "10",
        ]
        subprocess.run(command, check=True, capture_output=True)
    config = write_quickstarts(tmp_path / "configs") / "gpu.cfg"
    data = {split: tmp_path / f"{split}.spacy" for split in ("train", "dev")}
    paths = tuple((split, path.as_posix()) for split, path in data.items())
    report = examine(
        {split: [path] for split, path in data.items()},
        Report(0, choose("NER41")),
        configs=(ConfigFile("gpu", config, (), paths),),
    )
    arrived = report.trainers["gpu"]["train"]
    assert (report.counts["train"]["tokens"], report.counts["train"]["entities"]) == (62_730, 1_975)
    assert (arrived.tokens, arrived.entities) == (16_100, 580)
    (dropped,) = report.findings
    assert (dropped.slug, dropped.shard) == ("dropped-by-batcher", f"{data['train'].as_posix()}#0")
    assert dropped.detail.startswith("46,630 tokens, 1395 entities")
