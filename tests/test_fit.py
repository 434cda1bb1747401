import numpy
import pytest
import torch

from scripts.command import UserError
from scripts.fit import main
from scripts.training.checkpoint import random_states
from scripts.training.fit import MARGIN, costliest_step, estimate_passes, find_fit
from scripts.training.kernels import use_kernels
from scripts.training.memory import as_bytes
from scripts.training.parameters import walk_parameters, weights_hash
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
        yield nlp, encoder, training, costliest_step(nlp, train, training, encoder), [example.x for example in dev(nlp)]


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
    gradients = [numpy.asarray(p.node.get_grad(p.key[1])) for p in parameters if p.node is not None and p.node.has_grad(p.key[1])]
    gradients += [p.tensor.grad.numpy() for p in parameters if p.tensor is not None and p.tensor.grad is not None]
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


def test_fit_prints_a_row_for_each_memory_and_says_that_nothing_was_tried_on_a_gpu(tmp_path, write_jsonl, capsys):
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
