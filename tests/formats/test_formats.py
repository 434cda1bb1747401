from collections import Counter

import pytest

from scripts.corpus.files import read_json
from scripts.corpus.splits import SPLITS
from scripts.formats.raw_file import RawFile
from scripts.formats.record import Record
from scripts.formats.registry import HEAD_BYTES, ReadOptions, choose_format, formats, read_records
from tests.make import build, read_split
from tests.samples import SAMPLES, Found

NAMES = [sample.file for sample in SAMPLES]
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
whatever_its_ending = pytest.mark.parametrize(
    "ending", [None, "download"], ids=["own ending", "other ending"]
)


def found(record: Record) -> Found:
    entities = tuple((record.text[start:end], label) for start, end, label in record.spans)
    lost = tuple((fault.code, fault.span.label) for fault in record.faults if fault.span)
    return Found(record.text, entities, record.excluded, lost)


def text_of(tokens) -> str:
    """The text of a Doc or Span, with the spaces that the shard remembers of tokens that the data brought."""
    spaces = tokens[0].doc.user_data.get("spaces")
    return "".join(
        token.text + (token.whitespace_ if spaces is None else " " * spaces[token.i]) for token in tokens
    )


@pytest.fixture(scope="module", params=SAMPLES, ids=NAMES)
def built(request, tmp_path_factory):
    """A sample, the corpus made from three copies of it, and the ledgers."""
    folder = tmp_path_factory.mktemp("built")
    ledgers = build(
        folder / "corpus", *(request.param.put(folder, split) for split in SPLITS), lang=request.param.lang
    )
    return request.param, folder / "corpus", ledgers


@every_sample
@whatever_its_ending
def test_a_samples_format_is_told_by_its_content(tmp_path, sample, ending):
    assert choose_format(sample.put(tmp_path, "data", ending)).name == sample.format


@every_sample
def test_one_format_only_takes_a_sample_for_its_own(tmp_path, sample):
    with RawFile(sample.put(tmp_path, "data")) as file:
        head = file.read(HEAD_BYTES)
    assert [format.name for format in formats().values() if format.recognise(head)] == [sample.format]


@every_sample
@whatever_its_ending
def test_a_samples_texts_and_entities_are_read(tmp_path, sample, ending):
    records = read_records(sample.put(tmp_path, "data", ending), options=ReadOptions(lang=sample.lang))
    assert tuple(found(record) for record in records) == sample.records


@pytest.mark.parametrize("split", SPLITS)
def test_the_shards_hold_a_samples_texts_and_entities(built, split):
    sample, corpus, _ = built
    kept = [record for record in sample.records if not record.excluded]
    docs = read_split(corpus, split)
    assert [text_of(doc).rstrip() for doc in docs] == [record.text.rstrip() for record in kept]
    assert [Counter((text_of(ent).rstrip(), ent.label_) for ent in doc.ents) for doc in docs] == [
        Counter(record.entities) for record in kept
    ]


@pytest.mark.parametrize("split", SPLITS)
def test_the_ledger_of_a_sample_balances_with_the_right_counts(built, split):
    sample, corpus, ledgers = built
    kept = [record for record in sample.records if not record.excluded]
    labels = Counter(label for record in kept for _, label in record.entities)
    lost = Counter(reason for record in sample.records for reason, _ in record.lost)
    ledger = ledgers[split]
    ledger.check()
    read, aligned, sharded = (ledger.stages[stage] for stage in ("read", "aligned", "sharded"))
    assert (read.documents, read.entities) == (len(sample.records), labels.total() + lost.total())
    assert (aligned.documents, aligned.labels) == (sharded.documents, sharded.labels) == (len(kept), labels)
    manifest = read_json(corpus / split / "manifest.json")
    assert (manifest["documents"], manifest["entities"]) == (len(kept), dict(labels))


@pytest.mark.parametrize("split", SPLITS)
def test_the_ledger_of_a_sample_says_what_was_left_out_and_why(built, split):
    sample, _, ledgers = built
    losses = {
        reason: change.count for (stage, reason), change in ledgers[split].losses.items() if stage != "read"
    }
    excluded = Counter(record.excluded for record in sample.records if record.excluded)
    lost = Counter(reason for record in sample.records for reason, _ in record.lost)
    assert {reason: count.documents for reason, count in losses.items()} == {
        reason: excluded[reason] for reason in excluded | lost
    }
    assert {reason: count.entities for reason, count in losses.items()} == {
        reason: lost[reason] for reason in excluded | lost
    }
