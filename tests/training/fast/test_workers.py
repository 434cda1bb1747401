"""Several processes train one pipeline: their weights are the same, and none outlives a run."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import spacy

from scripts.cli import UserError
from scripts.training import workers
from scripts.training.checkpoint import read_checkpoint, unseen_classes
from scripts.training.engine import SIGNALS, Engine
from scripts.training.pipeline import make_pipeline
from scripts.training.fast.workers import World, split_evenly
from tests.closure import ROOT
from tests.make import make_corpus
from tests.runs import ENV, alive, command, family, models, small_pipeline
from tests.training.test_resume import PATIENCE, await_checkpoint, finish, ready  # noqa: F401
from tests.runs import config_for

DRIVER = """
import sys
from pathlib import Path
import numpy
from spacy.util import load_config
from scripts.training import loop, workers
from scripts.training.fast.kernels import FastOps, use_fast_ops
from scripts.training.parameters import weights_hash
from scripts.training.tracking import NullTracker
from scripts.training.fast.update import _Decisions

config, output, count, *flags = sys.argv[1:]
if "without-dropout" in flags:
    FastOps.get_dropout_mask = lambda self, shape, drop: numpy.ones(shape, dtype="float32")

    def features(decisions, ids):  # a missing one is the last word of a batch, and parts of it have another
        return numpy.concatenate((decisions.words, numpy.zeros((1, decisions.nI), dtype="float32")))[ids].reshape(-1, decisions.nF * decisions.nI)

    _Decisions._features = features
if "without-room" in flags:
    workers._reserve = lambda path, size: False
use_fast_ops()
finish = loop._Run.finish

def finishing(run, why):
    parameters = run.engine.parameters
    Path(output, f"hash-{run.world.rank}").write_text(weights_hash(parameters))
    numpy.savez(Path(output, f"weights-{run.world.rank}"), *[parameter.weights for parameter in parameters])
    return finish(run, why)

loop._Run.finish = finishing
loop.train(load_config(config, interpolate=False), Path(output), gpu_id=-1, tracker=NullTracker(), workers=int(count))
"""
"""Trains and leaves each process's weights and their hash."""


def drive(folder, config, name: str, count: int, *flags: str) -> tuple[list[str], list[numpy.ndarray]]:
    """The hashes of all processes, and the first one's weights."""
    output = folder / name
    output.mkdir()
    config.to_disk(folder / "config.cfg")
    (folder / "driver.py").write_text(DRIVER, encoding="utf-8")
    arguments = [
        sys.executable,
        str(folder / "driver.py"),
        str(folder / "config.cfg"),
        str(output),
        str(count),
        *flags,
    ]
    env = ENV | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        arguments, cwd=folder, env=env, capture_output=True, encoding="utf-8", timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    with numpy.load(output / "weights-0.npz") as file:
        weights = [file[key] for key in file.files]
    return [path.read_text(encoding="utf-8") for path in sorted(output.glob("hash-*"))], weights


class Sized(int):
    def __len__(self) -> int:
        return int(self)


@pytest.mark.parametrize("parts", [1, 2, 3, 8])
def test_a_batch_is_dealt_out_whole_and_evenly(parts):
    draw = random.Random(parts)
    for size in (0, 1, 2, 5, 60):
        batch = [Sized(draw.randint(1, 40)) for _ in range(size)]
        dealt = split_evenly(batch, parts)
        assert len(dealt) == parts
        assert sorted(length for part in dealt for length in part) == sorted(batch)
        loads = [sum(map(len, part)) for part in dealt]
        assert max(loads) - min(loads) <= max(batch, default=0)
        places = [
            [next(i for i, own in enumerate(batch) if own is length) for length in part] for part in dealt
        ]
        assert all(own == sorted(own) for own in places)


def test_one_process_is_a_world_of_its_own():
    world = World()
    assert world.gather("it") == ["it"]
    assert world.part([1, 2]) == [1, 2]
    assert world.shared({"rows": (1, 5)}) is None


class Two(World):
    """A world of two, the other of which has seen other actions."""

    size = 2

    def __init__(self, others: set[int]) -> None:
        self.others, self.calls = others, 0

    def gather(self, thing):
        self.calls += 1
        return [thing, {"ner": sorted(self.others)}]


def engine(nlp, world) -> Engine:
    made = Engine.__new__(Engine)
    made.nlp, made.world, made._some_unseen = nlp, world, any(unseen_classes(nlp).values())
    return made


def test_all_processes_agree_on_classes_also_where_one_has_seen_them_all():
    nlp, world = small_pipeline(), Two({2, 3})
    attrs = nlp.get_pipe("ner").model.attrs
    attrs["unseen_classes"] = {1, 2}
    made = engine(nlp, world)
    made._agree_on_classes()
    assert attrs["unseen_classes"] == {2}
    attrs["unseen_classes"] = set()  # seen in this process's part of the batch, and not in the other's
    made._agree_on_classes()
    assert world.calls == 2
    made._agree_on_classes()
    assert world.calls == 2


class Mirrored(World):
    """A world of two, the other of which has just the same gradients, and gave no signal."""

    size = 2

    def sum_tensor(self, tensor):
        total = 2 * tensor
        total[-SIGNALS:] = tensor[-SIGNALS:]
        return total

    def gather(self, thing):
        return [thing, thing]


def test_gradients_that_do_not_lie_flat_are_added_up_where_they_are(tmp_path, write_jsonl):
    nlp, T, train_corpus, _ = make_pipeline(config_for(make_corpus(tmp_path, write_jsonl)), -1)
    made = Engine(nlp, T, train_corpus, Mirrored(), exact=True)
    _, batch = next(iter(made.batches))
    made._update(made.batches.load(batch), 0.1, {})
    before = {p.key: p.node.get_grad(p.key[1]).copy() for p in made.parameters if p.node.has_grad(p.key[1])}
    assert made._sum((True, False)) == [True, False]
    assert any(gradient.any() for gradient in before.values())
    for parameter in made.parameters:
        if parameter.key in before:
            numpy.testing.assert_array_equal(
                parameter.node.get_grad(parameter.key[1]), 2 * before[parameter.key]
            )
        else:
            assert not parameter.node.has_grad(parameter.key[1])


def test_memory_is_reserved_before_it_is_written_to(tmp_path, monkeypatch):
    assert workers._reserve(tmp_path / "gradients", 4096)
    assert (tmp_path / "gradients").read_bytes() == bytes(4096)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workers.os, "posix_fallocate", full, raising=False)
    assert not workers._reserve(tmp_path / "more", 4096)
    assert not (tmp_path / "more").exists()


def test_a_worker_that_ended_is_told():
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    told = workers._told([process], RuntimeError("Connection closed by peer"))
    assert isinstance(told, UserError)
    assert str(told).startswith("worker 1 died (exit code 3); the last checkpoint is whole")


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), pytest.param(("without-room",), marks=pytest.mark.long)])
def test_all_workers_end_with_the_same_weights_every_time(tmp_path, write_jsonl, flags):
    config = config_for(make_corpus(tmp_path, write_jsonl, train=120), max_steps=12)
    hashes, _ = drive(tmp_path, config, "two", 2, *flags)
    assert len(hashes) == 2
    assert len({*hashes}) == 1
    again, _ = drive(tmp_path, config, "again", 2, *flags)
    assert again == hashes


@pytest.mark.slow
def test_two_workers_without_dropout_learn_what_one_learns(tmp_path, write_jsonl):
    config = config_for(make_corpus(tmp_path, write_jsonl, train=120), max_steps=5)
    _, one = drive(tmp_path, config, "one", 1, "without-dropout")
    _, two = drive(tmp_path, config, "two", 2, "without-dropout")
    for mine, other in zip(two, one, strict=True):
        numpy.testing.assert_allclose(mine, other, atol=1e-4)
    assert any(numpy.abs(array).max() > 0.01 for array in one)


def start(folder, corpus, *options: str) -> subprocess.Popen:
    arguments = command(folder, corpus, "--workers=2", "--checkpoint-minutes=0", *options)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    return subprocess.Popen(arguments, cwd=ROOT, env=ENV, start_new_session=True, **pipes)


STEPS = 120
SHARED = Path("/dev/shm")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_whatever_ends_two_workers_is_told_and_the_run_goes_on_to_the_same_weights(ready):  # noqa: F811
    """A worker killed, the first killed, Ctrl-C to all, SIGTERM to the first, SIGTERM to the other: one run after another in a folder."""
    corpus, make = ready
    whole, folder = make("whole", STEPS), make("ended", STEPS)
    finish(whole, corpus, "--workers=2")
    before, there = 0, [*SHARED.glob("ner-template-*/rows")]
    for way in ("worker", "first", "Ctrl-C", "SIGTERM", "SIGTERM to a worker"):
        process = start(folder, corpus)
        assert await_checkpoint(process, folder, before), process.communicate()[0]
        members = family(process.pid)
        assert len(members) == 2
        first, other = members
        if way == "worker":
            other.kill()
        elif way == "first":
            first.kill()
        elif way == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)
        else:
            (first if way == "SIGTERM" else other).send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE)
        expected = {"worker": 1, "first": -9, "Ctrl-C": 130}.get(way, 143)
        assert process.returncode == expected, (way, output)
        assert alive(members) == [], way
        assert [path for path in SHARED.glob("ner-template-*/rows") if path not in there] == [], way
        if way == "worker":
            assert "Error: worker 1 died (killed by signal 9" in output
        if way != "first":
            assert "Traceback" not in output, (way, output)
            assert "run the same command to go on" in output.lower()
        read_checkpoint(folder / "checkpoint.npz")
        before = (folder / "checkpoint.npz").stat().st_mtime_ns
    finish(folder, corpus)  # with as many workers as before
    assert models(folder) == models(whole)
    spacy.load(folder / "model-best")


@pytest.mark.slow
def test_torchrun_starts_the_same_command(ready):  # noqa: F811
    """Under torchrun gradients are added up by all-reduce, as over several machines."""
    corpus, make = ready
    folder = make("torchrun")
    options = ["-m", "torch.distributed.run", "--nproc-per-node", "2", *command(folder, corpus)[1:]]
    done = subprocess.run(
        [sys.executable, *options], cwd=ROOT, env=ENV, capture_output=True, encoding="utf-8", timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["workers"], metrics["stopped_because"]) == (2, "the budget of steps is used up")
    assert (folder / "model-best" / "meta.json").exists()
