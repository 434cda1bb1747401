"""Windows run together whole, as many as fit; BERT's attention keeps apart those that stand in one row."""

from itertools import pairwise

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from scripts.training.fast.packed import Packing, group, is_packable, pack, runs_of
from tests.tiny import KINDS

LENGTHS = st.lists(st.integers(1, 60), max_size=40).map(
    lambda lengths: numpy.array(lengths, dtype=numpy.int32)
)


def assert_dealt(parts: list[numpy.ndarray], lengths: numpy.ndarray) -> None:
    """Every window is in one part, and each part begins with its shortest."""
    assert sorted(i for part in parts for i in part.tolist()) == list(range(len(lengths)))
    assert all(len(part) and (numpy.diff(lengths[part]) >= 0).all() for part in parts)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(LENGTHS, st.integers(1, 200))
def test_a_packed_row_has_at_most_so_many_wordpieces_but_for_a_single_window(lengths, most):
    rows = pack(lengths, most)
    assert_dealt(rows, lengths)
    assert all(len(own) == 1 or lengths[own].sum() <= most for own in rows)
    for own, other in pairwise(rows):  # none could have taken the next window, too
        assert lengths[own].sum() + lengths[other[0]] > most


@settings(max_examples=200, deadline=None, derandomize=True)
@given(LENGTHS, st.integers(1, 400), st.integers(0, 300))
def test_a_group_has_at_most_so_many_wordpieces_with_its_padding_but_for_a_single_window(
    lengths, most, start
):
    groups = group(lengths, most, start)
    assert_dealt(groups, lengths)
    sizes = [len(own) * int(lengths[own].max()) for own in groups]
    assert all(len(own) == 1 or size <= most for own, size in zip(groups, sizes, strict=True))
    assert sum(sizes) <= len(lengths) * int(lengths.max(initial=0))  # no more padding than in one group


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=9).map(lambda lengths: numpy.array(lengths)),
    st.integers(0, 30),
)
def test_groups_cost_least(lengths, start):
    """Against all ways to cut the sorted windows."""
    ordered = numpy.sort(lengths)

    def cost(cuts: int) -> int:
        ends = [0, *(i + 1 for i in range(len(ordered) - 1) if cuts >> i & 1), len(ordered)]
        return sum(start + (end - begin) * int(ordered[end - 1]) for begin, end in pairwise(ends))

    groups = group(lengths, 10**9, start)
    assert sum(start + len(own) * int(lengths[own].max()) for own in groups) == min(
        map(cost, range(1 << (len(ordered) - 1)))
    )


@given(st.lists(st.integers(1, 4), max_size=12))
def test_runs_stand_for_the_lengths_in_their_order(lengths):
    runs = runs_of(lengths)
    assert [length for windows, length in runs for _ in range(windows)] == lengths
    assert all(one[1] != other[1] for one, other in pairwise(runs))


@pytest.fixture
def bert(tmp_path):
    from transformers import AutoModel

    torch.manual_seed(0)
    return AutoModel.from_pretrained(KINDS["bert"](tmp_path / "bert")).eval()


def test_windows_in_one_row_are_what_each_is_alone(bert):
    lengths = [3, 3, 7]
    ids = torch.randint(5, 60, (1, sum(lengths)))
    alone = [bert(input_ids=own).last_hidden_state for own in ids.split(lengths, dim=1)]
    packing = Packing(bert)
    positions = torch.cat([torch.arange(length) for length in lengths])[None]
    packing.runs = runs_of(lengths)
    together = bert(
        input_ids=ids, position_ids=positions, token_type_ids=torch.zeros_like(ids)
    ).last_hidden_state
    torch.testing.assert_close(together, torch.cat(alone, dim=1))


def test_attention_leaves_out_its_share_in_training_only(bert):
    for part in bert.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    for layer in bert.encoder.layer:
        layer.attention.self.dropout.p = 0.5
    packing = Packing(bert)
    packing.runs = runs_of([4, 4])
    ids = torch.randint(5, 60, (1, 8))

    def found(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return bert(input_ids=ids).last_hidden_state

    assert torch.equal(found(0), found(1))
    bert.train()
    assert torch.equal(found(0), found(0))
    assert not torch.allclose(found(0), found(1), atol=1e-3)


def test_others_may_run_the_module_in_between(bert):
    """Whoever else asks it for something pads windows."""
    ids, mask = torch.randint(5, 60, (2, 6)), torch.tensor([[1] * 6, [1] * 4 + [0] * 2])
    expected = bert(input_ids=ids, attention_mask=mask).last_hidden_state
    packing = Packing(bert)
    packing.runs = runs_of([4, 4])
    torch.testing.assert_close(bert(input_ids=ids, attention_mask=mask).last_hidden_state, expected)


SETTINGS = {
    "is_decoder": True,
    "position_embedding_type": "relative_key",
    "_output_attentions": True,
    "model_type": "distilbert",
}


@pytest.mark.parametrize(("setting", "value"), SETTINGS.items())
def test_attention_of_another_kind_is_left_alone(bert, setting, value):
    assert is_packable(bert)
    bert.config.__dict__[setting] = value
    assert not is_packable(bert)


def test_what_has_no_attention_that_is_known_is_left_alone(bert):
    bert.encoder.layer[1].attention.self.query = torch.nn.Identity()
    assert not is_packable(bert)


def test_no_windows_make_no_groups():
    nothing = numpy.zeros(0, dtype=numpy.int32)
    assert group(nothing, 10, 1) == pack(nothing, 10) == runs_of([]) == []
    assert_array_equal(group(numpy.array([500]), 10, 1), [[0]])
