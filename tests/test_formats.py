import json
from collections import Counter

import pytest
import spacy

from scripts.annotations.record import AnnotationError, Record
from scripts.annotations.registry import ReadOptions, choose_format, formats, read_records
from scripts.corpus.build import RawCorpus, build_corpus
from scripts.corpus.files import read_json
from scripts.corpus.settings import Settings
from scripts.corpus.shards import read_shard
from scripts.corpus.splits import SPLITS
from tests.samples import FOLDER, SAMPLES, Found, Sample

every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=[sample.file for sample in SAMPLES])


def found(record: Record) -> Found:
    entities = tuple((record.text[start:end], label) for start, end, label in record.spans)
    lost = tuple((fault.code, fault.span.label) for fault in record.faults if fault.span)
    return Found(record.text, entities, record.excluded, lost)


def surface(ent) -> str:
    """An entity's text, with the spaces that the shard remembers."""
    spaces = ent.doc.user_data.get("spaces")
    if spaces is None:
        return ent.text
    return "".join(token.text + " " * spaces[token.i] for token in ent).rstrip()


def build(sample: Sample, tmp_path):
    paths = [str(sample.put(tmp_path, split)) for split in SPLITS]
    return build_corpus(RawCorpus.find(*paths), tmp_path / "corpus", Settings(lang=sample.lang))


@every_sample
def test_a_samples_format_is_told_by_its_content(tmp_path, sample):
    assert choose_format(sample.put(tmp_path, "data")).name == sample.format


@every_sample
def test_a_samples_format_is_told_whatever_its_ending(tmp_path, sample):
    assert choose_format(sample.put(tmp_path, "data", ending="download")).name == sample.format


@every_sample
def test_no_other_format_takes_a_sample_for_its_own(tmp_path, sample):
    others = tmp_path / "others"
    others.mkdir()
    sample.put(tmp_path, "data")
    head = b"".join((FOLDER / sample.file).read_bytes() for _ in range(1)) if not sample.write else b""
    assert [format.name for format in formats().values() if head and format.recognise(head)] == ([sample.format] if head else [])


@every_sample
def test_a_samples_texts_and_entities_are_read(tmp_path, sample):
    records = read_records(sample.put(tmp_path, "data"), options=ReadOptions(lang=sample.lang))
    assert tuple(found(record) for record in records) == sample.records


@every_sample
def test_a_samples_records_are_read_whatever_its_ending(tmp_path, sample):
    records = read_records(sample.put(tmp_path, "data", ending="download"), options=ReadOptions(lang=sample.lang))
    assert tuple(found(record) for record in records) == sample.records


@every_sample
def test_the_shards_hold_a_samples_entities(tmp_path, sample):
    build(sample, tmp_path)
    wanted = [Counter(record.entities) for record in sample.records if not record.excluded]
    for split in SPLITS:
        folder = tmp_path / "corpus" / split
        docs = [doc for path in sorted(folder.glob("*.spacy")) for doc in read_shard(path, spacy.blank(sample.lang).vocab)]
        assert [Counter((surface(ent), ent.label_) for ent in doc.ents) for doc in docs] == wanted


@every_sample
def test_the_ledger_of_a_sample_balances_with_the_right_counts(tmp_path, sample):
    ledgers = build(sample, tmp_path)
    kept = [record for record in sample.records if not record.excluded]
    labels = Counter(label for record in kept for _, label in record.entities)
    lost = Counter(reason for record in sample.records for reason, _ in record.lost)
    excluded = Counter(record.excluded for record in sample.records if record.excluded)
    assert list(ledgers) == list(SPLITS)
    for split, ledger in ledgers.items():
        ledger.check()
        read, aligned, sharded = (ledger.stages[stage] for stage in ("read", "aligned", "sharded"))
        assert (read.documents, read.entities) == (len(sample.records), labels.total() + lost.total())
        assert (aligned.documents, aligned.labels) == (len(kept), labels)
        assert (sharded.documents, sharded.labels) == (len(kept), labels)
        assert {reason: change.count.documents for (_, reason), change in ledger.losses.items() if change.count.documents} == excluded
        assert {reason: change.count.entities for (_, reason), change in ledger.losses.items() if change.count.entities} == lost
        manifest = read_json(tmp_path / "corpus" / split / "manifest.json")
        assert (manifest["documents"], manifest["entities"]) == (len(kept), dict(sorted(labels.items())))
