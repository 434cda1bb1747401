"""Real corpora, where there are some beside the project: nothing of them is lost unseen."""

import pytest

from scripts.corpus.build import RawCorpus, build_corpus
from scripts.corpus.settings import Settings
from tests.closure import ROOT

DATA = ROOT.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no real corpora in ../shared/data")


@pytest.mark.parametrize(
    ("names", "read", "added"),
    [
        (("wnut17/train.conll", "wnut17/dev.conll", "wnut17/test.conll"), {"train": (3394, 1975), "dev": (1009, 836), "test": (1287, 1079)}, 0),
        (("sec-filings/train.txt", "", "sec-filings/test.txt"), {"train+dev": (5, 1168), "test": (3, 318)}, 54),
        (("fashion-brands/train.jsonl", "fashion-brands/dev.jsonl", ""), {"train+test": (1235, 527), "dev": (500, 238)}, 0),
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
    pieces = sum(ledger.stages["sharded"].documents - ledger.stages["read"].documents for ledger in ledgers.values())
    assert pieces == added
