"""Which windows run together: on a GPU padded groups of like length, on a CPU one row without padding."""

from functools import partial
from itertools import groupby
from typing import Any

import numpy
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

START = 1_024
"""Padding, in wordpieces, that costs a GPU as much as a further group of windows does."""
FAMILY = {"bert", "camembert", "electra", "roberta", "xlm-roberta"}
"""Models, by `config.model_type`, whose self-attention is BERT's."""


def pack(lengths: numpy.ndarray, most: int) -> list[numpy.ndarray]:
    """Cut windows, sorted by length, into micro-batches of at most `most` wordpieces, or of one window."""
    order = numpy.argsort(lengths, kind="stable")
    batches: list[list[int]] = []
    total = 0
    for i, length in zip(order.tolist(), lengths[order].tolist(), strict=True):
        total += length
        if not batches or total > most:
            batches.append([])
            total = length
        batches[-1].append(i)
    return [numpy.array(own) for own in batches]


def group(lengths: numpy.ndarray, most: int, start: int = START) -> list[numpy.ndarray]:
    """Put windows of like length together so that all groups cost least: their padding, and `start` for each.

    Groups are sorted by length, and have at most `most` wordpieces with their padding, or one window.
    """
    order = numpy.argsort(lengths, kind="stable")
    sizes, counts = numpy.unique(lengths, return_counts=True)
    ends = numpy.cumsum(counts)
    firsts = ends - counts  # windows before those of each size
    costs = numpy.zeros(len(sizes) + 1, dtype=numpy.int64)
    cuts = []
    for i, (size, end) in enumerate(zip(sizes.tolist(), ends.tolist(), strict=True)):
        options = costs[: i + 1] + start + size * (end - firsts[: i + 1])
        cuts.append(int(options.argmin()))
        costs[i + 1] = options[cuts[-1]]
    groups = []
    last = len(sizes)
    while last:
        chosen = order[firsts[cuts[last - 1]] : ends[last - 1]]
        each = max(1, most // int(sizes[last - 1]))
        groups += [chosen[max(0, end - each) : end] for end in range(len(chosen), 0, -each)]
        last = cuts[last - 1]
    return groups


class Packing:
    """Lets the self-attention of BERT and its kin look at one window at a time, without padding."""

    def __init__(self, module: nn.Module) -> None:
        """Replace the way attention runs forward, in this object alone: nothing of it is saved."""
        self.runs: list[tuple[int, int]] = []  # in the row that runs forward, or that is on its way back
        for part in _attentions(module):
            part.forward = partial(self._attend, part)

    def _attend(self, part: Any, hidden_states: torch.Tensor, *args: Any, **options: Any) -> tuple:
        """Do what BertSdpaSelfAttention does (transformers/models/bert/modeling_bert.py), by windows."""
        sizes = [windows * length for windows, length in self.runs]
        if hidden_states.shape[:2] != (1, sum(sizes)):  # of others, a callback for instance, who pad windows
            return type(part).forward(part, hidden_states, *args, **options)
        shape = (part.num_attention_heads, part.attention_head_size)
        projected = [layer(hidden_states[0]).split(sizes) for layer in (part.query, part.key, part.value)]
        drop = part.dropout.p if part.training else 0.0
        outputs = []
        for (windows, length), *own in zip(self.runs, *projected, strict=True):
            query, key, value = (array.view(windows, length, *shape).transpose(1, 2) for array in own)
            output = scaled_dot_product_attention(query, key, value, dropout_p=drop)
            outputs.append(output.transpose(1, 2).reshape(windows * length, -1))
        return (torch.cat(outputs)[None],)


def is_packable(module: nn.Module) -> bool:
    """Say whether Packing knows a transformer's attention."""
    config = module.config
    if config.model_type not in FAMILY or config.is_decoder or config.output_attentions:
        return False
    is_absolute = getattr(config, "position_embedding_type", "absolute") == "absolute"
    return is_absolute and len(_attentions(module)) == config.num_hidden_layers


def _attentions(module: nn.Module) -> list[nn.Module]:
    def is_attention(part: nn.Module) -> bool:
        return all(isinstance(getattr(part, name, None), nn.Linear) for name in ("query", "key", "value"))

    return [*filter(is_attention, module.modules())]


def runs_of(lengths: list[int]) -> list[tuple[int, int]]:
    """Return how many windows of each length follow each other: (windows, wordpieces of each)."""
    return [(len([*equal]), length) for length, equal in groupby(lengths)]
