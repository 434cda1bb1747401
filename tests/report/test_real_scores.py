"""Scores on real corpora, where there are some beside the project: those of spaCy's scorer and of seqeval."""

import random

import pytest
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.training.iob_utils import doc_to_biluo_tags
from spacy.vocab import Vocab

from scripts.corpus.build import build_corpus
from scripts.corpus.raw import RawCorpus
from scripts.corpus.settings import Settings
from scripts.corpus.shards import read_shard
from scripts.corpus.stream import find_shards
from scripts.report.counts import score
from scripts.report.matching import pair_entities
from scripts.report.scores import entities
from tests.closure import ROOT

DATA = ROOT.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="no real corpora in ../shared/data")
FILES = {"wnut17": "test.conll", "fashion-brands": "dev.jsonl", "sec-filings": "test.txt"}


def predict_badly(gold, labels, draw):
    """A document with the entities of gold, of which some are missed, moved, longer or called otherwise."""
    words, spaces = [token.text for token in gold], [bool(token.whitespace_) for token in gold]
    predicted = Doc(gold.vocab, words=words, spaces=spaces)
    taken, found = set(), []
    spans = [(ent.start, ent.end, ent.label_) for ent in gold.ents]
    spans += [(at, at + 1, draw.choice(labels)) for at in range(len(gold)) if draw.random() < 0.005]
    for start, end, label in spans:
        how = draw.random()
        start, end = (start, end) if how < 0.7 else (start + (how < 0.8), min(len(gold), end + (how < 0.9)))
        label = label if draw.random() < 0.8 else draw.choice(labels)
        if draw.random() < 0.9 and start < end and taken.isdisjoint(range(start, end)):
            taken |= {*range(start, end)}
            found.append(Span(predicted, start, end, label=label))
    predicted.set_ents(found)
    return predicted


@pytest.fixture(scope="module", params=FILES)
def scored(request, tmp_path_factory):
    """Gold documents and predictions, and the scores."""
    corpus, path = tmp_path_factory.mktemp(request.param), DATA / request.param / FILES[request.param]
    build_corpus(RawCorpus({"test": str(path)}, {"test": [path]}), corpus, Settings())
    draw, vocab = random.Random(0), Vocab()
    gold = [doc for shard in find_shards(corpus / "test") for doc in read_shard(shard, vocab)]
    labels = [*sorted({ent.label_ for doc in gold for ent in doc.ents}), "ELSE"]
    predicted = [predict_badly(doc, labels, draw) for doc in gold]
    pairs = [
        pair_entities(*(entities(doc, one) for doc in (one, two)))
        for one, two in zip(gold, predicted, strict=True)
    ]
    found = score(pairs)
    assert 0.3 < found["ents_f"] < 0.9
    return gold, predicted, found


def test_scores_are_those_of_spacys_scorer(scored):
    gold, predicted, found = scored
    wanted = get_ner_prf([Example(*docs) for docs in zip(predicted, gold, strict=True)])
    assert [found[f"ents_{key}"] for key in "prf"] == pytest.approx(
        [wanted[f"ents_{key}"] for key in "prf"], abs=1e-9, rel=0
    )
    for label, numbers in wanted["ents_per_type"].items():
        each = found["ents_per_type"][label]
        assert {key: each[key] for key in "prf"} == pytest.approx(numbers, abs=1e-9, rel=0)


def test_scores_are_those_of_seqeval(scored):
    metrics = pytest.importorskip("seqeval.metrics")
    scheme = pytest.importorskip("seqeval.scheme").BILOU
    *documents, found = scored
    tags = [[doc_to_biluo_tags(doc) for doc in docs] for docs in documents]
    for average, numbers in (
        ("micro", [found[f"ents_{key}"] for key in "prf"]),
        ("macro", [*found["macro"].values()]),
    ):
        scorers = (metrics.precision_score, metrics.recall_score, metrics.f1_score)
        wanted = [scorer(*tags, average=average, mode="strict", scheme=scheme) for scorer in scorers]
        assert numbers == pytest.approx(wanted, abs=1e-9, rel=0)
