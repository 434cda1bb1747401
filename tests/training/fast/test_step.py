"""The fast step in several processes: they read, grow and learn alike, and draw dropout apart."""

import numpy
import pytest

from scripts.cli import UserError
from scripts.training.batches import Batches
from scripts.training.checkpoint import unseen_classes
from scripts.training.fast.step import FastStep
from scripts.training.pipeline import make_pipeline
from scripts.training.world import World
from tests.runs import config_for, fast_ops, small_pipeline
from tests.training.fast.test_workers import drive

LOWER_CASE = {"@augmenters": "spacy.lower_case.v1", "level": 0.5}


def make_step(config, world: World) -> FastStep:
    with fast_ops() as ops:
        nlp, T, train, _ = make_pipeline(config, -1)
        return FastStep(nlp, T, train, world, ops=ops, encoder=None)


class Two(World):
    """A world of two, the other of which gathers something else."""

    size = 2

    def __init__(self, rank: int = 0, other=None) -> None:
        self.rank, self.other, self.calls = rank, other, 0

    def gather(self, thing):
        self.calls += 1
        return [thing, thing if self.other is None else self.other]


def test_a_reader_that_gives_each_process_its_own_documents_is_told(corpus):
    with pytest.raises(UserError, match=r"\[corpora.train\]: its reader gives each process other documents"):
        make_step(config_for(corpus), Two(other="another"))


def test_each_process_draws_other_dropout_after_it_has_read(corpus, monkeypatch):
    digests, states = [], []
    config = config_for(corpus)
    config["corpora"]["train"]["augmenter"] = LOWER_CASE
    digest = Batches.digest
    monkeypatch.setattr(Batches, "digest", lambda batches: digests.append(digest(batches)) or "")
    for rank in (0, 1):
        make_step(config, Two(rank))
        states.append(numpy.random.get_state()[1].tolist())
    assert len({*digests}) == 1
    assert states[0] != states[1]


def test_all_processes_agree_on_classes_also_where_one_has_seen_them_all():
    nlp, world = small_pipeline(), Two(other={"ner": [2, 3]})
    attrs = nlp.get_pipe("ner").model.attrs
    attrs["unseen_classes"] = {1, 2}
    made = FastStep.__new__(FastStep)
    made.nlp, made.world, made._some_unseen = nlp, world, any(unseen_classes(nlp).values())
    made._agree_on_classes()
    assert attrs["unseen_classes"] == {2}
    attrs["unseen_classes"] = set()  # seen in this process's part of the batch, and not in the other's
    made._agree_on_classes()
    assert world.calls == 2
    made._agree_on_classes()
    assert world.calls == 2


@pytest.mark.slow
def test_two_workers_grow_alike(tmp_path, growing):
    hashes, _ = drive(tmp_path, growing, "two", 2)
    assert len(hashes) == 2
    assert len({*hashes}) == 1


@pytest.mark.slow
def test_two_workers_read_what_an_augmenter_drew_once(tmp_path, corpus):
    config = config_for(corpus)
    config["corpora"]["train"]["augmenter"] = LOWER_CASE
    hashes, _ = drive(tmp_path, config, "two", 2)
    assert len({*hashes}) == 1
