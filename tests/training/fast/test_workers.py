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
from scripts.training.checkpoint import read_checkpoint
from scripts.training.fast import workers
from scripts.training.fast.workers import split_evenly
from scripts.training.world import World
from tests.closure import ROOT
from tests.make import make_corpus
from tests.runs import ENV, PATIENCE, alive, await_checkpoint, command, config_for, family, finish, models

DRIVER = """
import sys
from pathlib import Path
import numpy
from spacy.util import load_config
from scripts.training import loop
from scripts.training.fast import workers
from scripts.training.fast.kernels import FastOps
from scripts.training.fast.update import _Decisions
from scripts.training.options import Options
from scripts.training.parameters import weights_hash
from scripts.tracking.tracker import Tracker

config, output, count, *flags = sys.argv[1:]
if "without-dropout" in flags:
    def kept(ops, shape, drop):
        return numpy.ones(shape, dtype="float32")

    def features(decisions, ids):  # a missing one is the last word of a batch, and parts of it have another
        words = numpy.concatenate((decisions.words, numpy.zeros((1, decisions.nI), dtype="float32")))
        return words[ids].reshape(-1, decisions.nF * decisions.nI)

    FastOps.get_dropout_mask = kept
    _Decisions._features = features
if "without-room" in flags:
    workers._reserve = lambda path, size: False
finish = loop._Run.finish

def finishing(run, why):
    parameters = run.step.parameters
    Path(output, f"hash-{run.world.rank}").write_text(weights_hash(parameters))
    numpy.savez(Path(output, f"weights-{run.world.rank}"), *[parameter.weights for parameter in parameters])
    return finish(run, why)

loop._Run.finish = finishing
config = load_config(config, interpolate=False)
options = Options(Path(), workers=int(count))
loop.train(config, Path(output), options, gpu_id=-1, tracker=Tracker(), identity={})
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
    assert world.shard_batch([1, 2]) == [1, 2]
    assert world.shared({"rows": (1, 5)}) is None


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
def test_whatever_ends_two_workers_is_told_and_the_run_goes_on_to_the_same_weights(ready):
    """A worker killed, the first killed, Ctrl-C to all, SIGTERM to the first, to the other."""
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
def test_torchrun_starts_the_same_command(ready):
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
