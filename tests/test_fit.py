import random

import numpy
import pytest
import torch

from scripts.cli import UserError
from scripts.corpus.files import read_json
from scripts.fit import main
from scripts.training.checkpoint import random_states
from scripts.training.fit import MARGIN, costliest_step, estimate_passes, find_fit, fit_to_gpu
from scripts.training.kernels import use_kernels
from scripts.training.memory import GpuMemory, as_bytes
from scripts.training.parameters import forget_gradients, walk_parameters, weights_hash
from scripts.training.pipeline import make_encoder, make_pipeline
from tests.make import make_corpus
from tests.runs import fast_ops
from tests.test_training import config_for

A_PIECE, WEIGHTS = 10**6, 50 * 10**6


class FakeMemory:
    """A GPU's memory that a model's inputs stand for: so many bytes for each word piece that runs at once, and for the weights."""

    def __init__(self, encoder, limit):
        self.limit = limit
        self.passes = []
        self.hook = encoder.module.register_forward_pre_hook(self._look, with_kwargs=True)

    def _look(self, _module, _args, given):
        self.passes.append(WEIGHTS + A_PIECE * given["inputs_embeds"].shape[:2].numel())
        if self.passes[-1] > self.limit:
            raise torch.OutOfMemoryError("fake memory is full")

    def peak(self, action):
        self.passes = []
        try:
            action()
        except torch.OutOfMemoryError:
            return None
        return max(self.passes)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The gpu recipe's pipeline, ready to learn, on a small corpus."""
    folder = tmp_path_factory.mktemp("fit")

    def write(name, rows):
        import json

        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return folder / name

    with fast_ops():
        nlp, T, train, dev = make_pipeline(config_for(make_corpus(folder, write), "gpu"), -1)
        encoder = make_encoder(nlp, T["frozen_components"], "fp32")
        use_kernels(nlp, nlp.get_pipe("ner").model.ops)
        training = nlp.config.interpolate()["training"]
        yield (
            nlp,
            encoder,
            training,
            costliest_step(nlp, train, training, encoder),
            [example.x for example in dev(nlp)],
        )


@pytest.fixture
def fitted(made):
    """Find the fit of a memory that has room for so many word pieces."""
    nlp, encoder, training, step, dev = made
    memories = []

    def find(pieces):
        memories.append(FakeMemory(encoder, round((WEIGHTS + A_PIECE * pieces) / MARGIN)))
        return find_fit(nlp, encoder, training, step, dev, memories[-1])

    yield find
    for memory in memories:
        memory.hook.remove()


def test_the_costliest_step_is_the_largest_batch(made):
    training, step = made[2:4]
    assert sum(map(len, step)) <= training["batcher"]["size"]
    assert len(step) > 5


@pytest.mark.parametrize("pieces", [20, 40, 75, 10_000])
def test_the_largest_pass_that_fits_with_a_margin_is_found(made, fitted, pieces):
    fit = fitted(pieces)
    assert fit.most == made[1].most
    assert fit.peak_mb <= MARGIN * fit.limit_mb
    assert (fit.most >= fit.pieces) == (pieces >= fit.pieces)
    assert fit.most >= min(pieces, fit.pieces) // 2


def test_finding_it_leaves_weights_gradients_and_random_states_as_they_were(made, fitted):
    parameters = walk_parameters(made[0])
    before = weights_hash(parameters), random_states(None)
    fitted(40)
    assert (weights_hash(parameters), random_states(None)) == before
    gradients = [
        numpy.asarray(p.node.get_grad(p.key[1]))
        for p in parameters
        if p.node is not None and p.node.has_grad(p.key[1])
    ]
    gradients += [
        p.tensor.grad.numpy() for p in parameters if p.tensor is not None and p.tensor.grad is not None
    ]
    assert gradients
    assert not any(gradient.any() for gradient in gradients)


def test_a_window_that_does_not_fit_is_an_error_that_says_what_helps(fitted):
    with pytest.raises(UserError, match=r"one window of \d+ word pieces does not fit .* recompute = true"):
        fitted(3)


def test_more_memory_takes_larger_passes(made):
    nlp, encoder, _, step, _ = made
    sizes = estimate_passes(nlp, encoder, step, (10**8, 10**9, 6 * 10**9, 12 * 10**9))
    assert sizes[0] == 0
    assert sizes[1] < sizes[2] < sizes[3]


def fit(folder, **options):
    """Call the command."""
    main(folder, **{"memory": "6GB,12GB", "transformers": "", "device": "cpu", "precision": "fp32"} | options)


def test_fit_prints_a_row_for_each_memory_and_says_that_nothing_was_tried_on_a_gpu(
    tmp_path, write_jsonl, capsys
):
    config_for(make_corpus(tmp_path, write_jsonl), "gpu").to_disk(tmp_path / "config.cfg")
    with fast_ops():
        fit(tmp_path)
    shown = capsys.readouterr()
    told = shown.out + shown.err
    assert [told.count(text) for text in ("6GB", "12GB", "not measured")] == [1, 1, 4]
    assert "estimated" in told


def test_without_a_gpu_all_of_its_memory_cannot_be_asked_for(tmp_path, write_jsonl):
    config_for(make_corpus(tmp_path, write_jsonl), "gpu").to_disk(tmp_path / "config.cfg")
    with pytest.raises(UserError, match=r"--memory=auto: there is no GPU here .* --memory=6GB,8GB"):
        fit(tmp_path, memory="auto,6GB")


def test_fit_wants_a_config_with_a_transformer(tmp_path, write_jsonl):
    with pytest.raises(UserError, match=r"config\.cfg: no such file"):
        fit(tmp_path)
    config_for(make_corpus(tmp_path, write_jsonl)).to_disk(tmp_path / "config.cfg")
    with pytest.raises(UserError, match="has no transformer, and fits anywhere"):
        fit(tmp_path)
    with pytest.raises(UserError, match="--memory=6: write auto, or gigabytes"):
        fit(tmp_path, memory="6")


@pytest.mark.parametrize(("text", "size"), [("auto", None), ("6GB", 6 * 10**9), ("11.5 gb", 11_500_000_000)])
def test_memory_is_read(text, size):
    assert as_bytes(text) == size


@pytest.mark.parametrize("text", ["", "6", "6MB", "-6GB", "much"])
def test_memory_that_cannot_be_read_is_an_error(text):
    with pytest.raises(UserError, match="write auto, or gigabytes such as 6GB"):
        as_bytes(text)


def test_a_corpus_without_a_batch_is_an_error(made):
    nlp, encoder, training, *_ = made
    with pytest.raises(UserError, match="train has no batch"):
        costliest_step(nlp, lambda nlp: iter(()), training, encoder)


def test_a_reader_that_draws_leaves_the_random_states_as_they_were(made, monkeypatch, tmp_path):
    nlp, encoder, training, step, _ = made
    memories = []

    def fake(device, limit):
        memories.append(FakeMemory(encoder, 10**12))
        return memories[-1]

    def read(nlp):
        random.random()
        return iter(step)

    monkeypatch.setattr("scripts.training.fit.GpuMemory", fake)
    before = random_states(None)
    fit_to_gpu(nlp, encoder, training, read, lambda nlp: iter(step), None, tmp_path / "fit.json")
    memories[0].hook.remove()
    assert random_states(None) == before
    assert read_json(tmp_path / "fit.json")["most"] == encoder.most


def test_a_frozen_component_learns_nothing_from_being_measured(made):
    nlp, encoder, training, step, dev = made
    memory = FakeMemory(encoder, 10**12)
    forget_gradients(walk_parameters(nlp))
    find_fit(nlp, encoder, training | {"frozen_components": ["ner"]}, step, dev, memory)
    memory.hook.remove()
    assert not any(array.any() for array in ner_gradients(nlp))


def ner_gradients(nlp) -> list:
    """What the recogniser's own layers have of gradients."""
    own = [parameter for parameter in walk_parameters(nlp) if parameter.node is not None]
    return [
        parameter.node.get_grad(parameter.key[1])
        for parameter in own
        if parameter.node.has_grad(parameter.key[1])
    ]


@pytest.fixture
def card(monkeypatch):
    """A GPU of 10 GB of which other processes hold 4 GB; returns the share that torch may take."""
    shares = []
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda _: (5 * 10**9, 10 * 10**9))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda _: 10**9)
    monkeypatch.setattr("torch.cuda.set_per_process_memory_fraction", lambda share, _: shares.append(share))
    return shares


@pytest.mark.parametrize(
    ("limit", "left", "share"), [(None, 6, 1.0), (6 * 10**9, 2, 0.2), (24 * 10**9, 6, 0.6)]
)
def test_what_others_hold_of_a_gpu_is_not_to_be_had(card, limit, left, share):
    assert GpuMemory(torch.device("cuda", 0), limit).limit == left * 10**9
    assert card == [share]


def test_a_gpu_of_which_others_hold_all_that_may_be_used_is_an_error(card):
    with pytest.raises(UserError, match="of 3,000 MB, as asked for, CUDA and other processes hold 4,000 MB"):
        GpuMemory(torch.device("cuda", 0), 3 * 10**9)
