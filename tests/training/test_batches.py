"""Batches are spaCy's, and go on from any position."""

import json
import random
from collections.abc import Callable
from itertools import islice

import pytest
from spacy.training import Corpus, Example
from spacy.training.loop import create_train_batches
from spacy.util import registry

from scripts.cli import UserError
from scripts.training.batches import Batches, ResumableSchedule
from scripts.training.fast.update import Prepared
from scripts.training.stream import stream_shards
from tests.make import make_corpus
from tests.runs import make_doc, small_pipeline

NLP = small_pipeline()
COMPOUNDING = {"@schedules": "compounding.v1", "start": 20, "stop": 60, "compound": 1.1}
BATCHERS = {
    "words, growing": {
        "@batchers": "spacy.batch_by_words.v1",
        "size": COMPOUNDING,
        "tolerance": 0.2,
        "discard_oversize": False,
    },
    "words": {"@batchers": "spacy.batch_by_words.v1", "size": 30, "tolerance": 0.2, "discard_oversize": True},
    "padded": {"@batchers": "spacy.batch_by_padded.v1", "size": 40, "buffer": 16, "discard_oversize": False},
    "padded, growing": {
        "@batchers": "spacy.batch_by_padded.v1",
        "size": COMPOUNDING,
        "buffer": 7,
        "discard_oversize": True,
    },
    "sequences": {"@batchers": "spacy.batch_by_sequence.v1", "size": 6},
    "sequences, growing": {
        "@batchers": "spacy.batch_by_sequence.v1",
        "size": COMPOUNDING | {"start": 1, "stop": 9},
    },
}
LONGEST = 30
"""Batches that are compared: some epochs."""


def batcher(name: str) -> Callable:
    return registry.resolve({"it": BATCHERS[name]})["it"]


def examples() -> list[Example]:
    draw = random.Random(4)
    docs = [make_doc(NLP, [f"w{i}"] * draw.choice((1, 2, 5, 9, 14, 50)), (0, 1, "LOC")) for i in range(36)]
    return [Example(NLP.make_doc(doc.text), doc) for doc in docs]


EXAMPLES = examples()


def corpus(nlp):
    return iter(EXAMPLES)


def named(batches) -> list:
    """Each batch by its documents."""
    return [(epoch, [example.reference.text for example in batch]) for epoch, batch in batches]


def make(name: str, *, shuffle=None, max_epochs: int = 0, wrap: Callable | None = Prepared) -> Batches:
    return Batches(
        NLP,
        corpus,
        batcher(name),
        max_epochs=max_epochs,
        shuffle=shuffle or random.Random(1),
        wrap=wrap,
    )


@pytest.mark.parametrize("max_epochs", [0, 2])
@pytest.mark.parametrize("wrap", [None, Prepared])
@pytest.mark.parametrize("name", BATCHERS)
def test_with_pythons_own_generator_order_and_batches_are_spacys(name, wrap, max_epochs):
    random.seed(3)
    expected = named(islice(create_train_batches(NLP, corpus, batcher(name), max_epochs), LONGEST))
    random.seed(3)
    found = list(islice(make(name, shuffle=random, max_epochs=max_epochs, wrap=wrap), LONGEST))
    assert named(found) == expected
    assert all(isinstance(example, Prepared) == (wrap is not None) for _, batch in found for example in batch)
    assert expected[-1][0] >= 1


@pytest.mark.parametrize("name", BATCHERS)
def test_batches_go_on_from_any_position(name):
    whole = make(name, max_epochs=2, wrap=None)
    expected, states = [], []
    for batch in whole:
        expected += named([batch])
        states.append(json.dumps(whole.state_dict()))
    assert {epoch for epoch, _ in expected} == {0, 1}
    for taken, state in enumerate(states, 1):
        again = make(name, shuffle=random.Random(99), max_epochs=2, wrap=None)
        again.load_state_dict(json.loads(state))
        assert named(again) == expected[taken:], taken


@pytest.mark.parametrize("name", ["words, growing", "padded, growing"])
def test_a_run_may_be_interrupted_again_and_again(name):
    expected = named(make(name, max_epochs=3))
    found, state = [], None
    while True:
        batches = make(name, shuffle=random.Random(len(found)) if state else None, max_epochs=3)
        if state:
            batches.load_state_dict(json.loads(state))
        taken = list(islice(batches, 3))
        if not taken:
            break
        found += named(taken)
        state = json.dumps(batches.state_dict())
    assert found == expected


def test_with_pythons_own_generator_its_state_goes_along():
    random.seed(3)
    whole = make("words, growing", shuffle=random)
    iterator = iter(whole)
    for _ in range(5):
        next(iterator)
    saved, generator = json.dumps(whole.state_dict()), random.getstate()
    expected = named(islice(iterator, LONGEST))
    random.seed(8)
    again = make("words, growing", shuffle=random)
    again.load_state_dict(json.loads(saved))
    random.setstate(generator)
    assert named(islice(again, LONGEST)) == expected


def test_a_saved_state_does_not_change_later():
    batches = make("words, growing", max_epochs=2)
    iterator = iter(batches)
    next(iterator)
    before = json.dumps(batches.state_dict())
    rest = named(iterator)
    again = make("words, growing", max_epochs=2)
    again.load_state_dict(json.loads(before))
    assert named(again) == rest


def test_an_empty_corpus_is_an_error():
    with pytest.raises(UserError, match="the training corpus is empty"):
        Batches(NLP, lambda nlp: iter(()), batcher("words"), max_epochs=0, shuffle=random, wrap=Prepared)


def test_a_schedule_that_ends_is_skipped_to_its_end():
    schedule = ResumableSchedule(iter([1.0, 2.0]))
    schedule.skip(5)
    assert schedule.draws == 2
    with pytest.raises(StopIteration):
        next(schedule)


@pytest.fixture
def shards(tmp_path, write_jsonl):
    return make_corpus(tmp_path, write_jsonl, train=130) / "train"


def streamed(shards, name, *, calls: int = 1, wrap: Callable | None = Prepared) -> Batches:
    """Batches of a streamed corpus that was read once for its labels."""
    reader = stream_shards(shards, seed=2)
    for _ in range(calls):
        reader(NLP)
    return Batches(NLP, reader, batcher(name), max_epochs=-1, shuffle=random.Random(1), wrap=wrap)


@pytest.mark.parametrize("name", ["words, growing", "padded", "sequences"])
def test_streamed_batches_go_on_from_any_position(shards, name):
    def texts(batches, batch):
        return [example.reference.text for example in batches.load(batch)]

    whole = streamed(shards, name)
    expected, states = [], []
    for _, batch in islice(whole, 100):
        expected.append(texts(whole, batch))
        states.append((whole.epoch, json.dumps(whole.state_dict())))
    assert states[-1][0] >= 1
    for taken in (1, 30, 70):
        again = streamed(shards, name)
        again.load_state_dict(json.loads(states[taken - 1][1]))
        assert [texts(again, batch) for _, batch in islice(again, 100 - taken)] == expected[taken:], taken


def test_streamed_batches_without_shards_are_spacys(shards):
    expected = named(islice(create_train_batches(NLP, Corpus(shards), batcher("sequences"), -1), 50))
    batches = Batches(NLP, Corpus(shards), batcher("sequences"), max_epochs=-1, shuffle=random, wrap=None)
    assert named(islice(batches, 50)) == expected
