"""A transformer's way forward and back in training: little or no padding, no more memory than there is, every
word read.
"""

import gc
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy
import torch
from spacy.tokens import Doc
from spacy.training import Example
from spacy_transformers import Transformer
from spacy_transformers.util import maybe_flush_pytorch_cache
from thinc.api import Model, PyTorchGradScaler
from torch.nn.functional import embedding_bag
from torch.utils.checkpoint import checkpoint

from scripts.cli import console
from scripts.training.fast.microbatches import group, pack
from scripts.training.fast.packed import Packing, is_packable, runs_of
from scripts.training.fast.precision import Precision
from scripts.training.fast.wordpieces import WordpieceReader
from scripts.training.memory import is_out_of_memory
from scripts.training.world import World

MAX_WORDPIECES = {"cpu": 4_096}
"""Wordpieces of a micro-batch, padding among them, where nothing else is known; elsewhere as many as memory
takes.
"""
ALL = 1 << 30


class Encoder:
    """Computes what a transformer and its listeners compute, to the same numbers but for the last digits.

    The transformer is on `device`; the vectors that it hands on are on the CPU. Wordpieces are found once for
    each document. A micro-batch has at most `max_wordpieces`, padding among them; a batch of more than that
    runs forward twice, so that all it needs is never in memory at once. On a CPU windows are packed (BERT and
    its kin), elsewhere those of like length run together.
    """

    def __init__(self, component: Transformer, device: torch.device) -> None:
        """Read a transformer, and move it to a device."""
        self.component, self.name, self.device = component, component.name, device
        model: Any = component.model
        self.module: torch.nn.Module = model.transformer.to(device)
        self.precision = Precision("fp32", "to compare", device.type)
        self.read = WordpieceReader(model)
        self.packing = Packing(self.module) if device.type == "cpu" and is_packable(self.module) else None
        self.max_wordpieces = MAX_WORDPIECES.get(device.type, ALL)
        self.wordpieces = self.padded = self.halved = 0  # in training so far
        self.size = 0  # of the micro-batch under way
        self._words: torch.nn.Embedding = self.module.get_input_embeddings()
        self._forward: Forward | None = None

    def take_over(self, listening: list[Model], precision: Precision) -> None:
        """Take over from the transformer. listening: the layers that hand its output on; they ask this object
        from now on.
        """
        self.precision = precision
        self.module.train()
        self.scaler = PyTorchGradScaler(enabled=precision.scales)
        self.scaler.to_(self.device)
        for node in listening:
            is_last = node.layers[0] is self.component.listeners[-1]
            node.replace_callbacks(partial(self._listen, is_last), init=node.init)

    def update(self, examples: list[Example], losses: dict[str, float]) -> None:
        """Run forward; the listeners take it from there, and the last of them starts the way back."""
        losses.setdefault(self.name, 0.0)
        maybe_flush_pytorch_cache(
            chance=self.component.cfg.get("flush_cache_chance", 0)
        )  # which draws a number
        self._forward = None  # where no listener had anything to learn, the last one's memory is still held
        self._forward = Forward(self, [example.x for example in examples], losses)

    def _listen(self, is_last: bool, node: Model, docs: list[Doc], is_train: bool) -> tuple[list, Callable]:
        """Do what a listener and its pooling do: hand on the vectors of each document's tokens, and the way
        back.
        """
        if not is_train:
            return self.predict(docs), lambda _: []
        forward = self._forward
        if forward is None or list(map(id, forward.docs)) != list(map(id, docs)):
            raise ValueError("the batch is another one than the transformer has just read")
        return forward.vectors(), partial(
            forward.backward, factor=node.layers[1].attrs["grad_factor"], is_last=is_last
        )

    @torch.no_grad()
    def predict(self, docs: list[Doc]) -> list[numpy.ndarray]:
        """Return an array for each document, tokens by width. Where memory runs out, micro-batches get
        smaller.
        """
        while True:
            self.module.eval()
            try:
                return Forward(self, docs).vectors()
            except Exception as error:
                if not is_out_of_memory(error) or not self.is_divisible(docs):
                    raise
            finally:
                self.rest()
            self.halve(docs)

    def rest(self) -> None:
        """Let others run the module, whose windows do not follow each other in one row."""
        self.module.train()
        if self.packing:
            self.packing.runs = []

    def is_divisible(self, docs: list[Doc]) -> bool:
        """Say whether the micro-batch under way could have been smaller."""
        return self.size > max(own.longest for own in self.read(docs))

    def halve(self, docs: list[Doc]) -> None:
        """Let micro-batches from here on be half as large as the one that memory did not do for.

        Call it when its error, which holds all of it, is gone.
        """
        self.max_wordpieces = max(self.size // 2, *(own.longest for own in self.read(docs)))
        self._forward = None
        if self.device.type == "cuda":
            gc.collect()
            torch.cuda.empty_cache()
        if not self.halved:
            text = f"memory ran out; from here on {self.max_wordpieces:,} wordpieces at most run together"
            console.print(f"Warning: {text}", style="yellow")
        self.halved += 1

    def unscale(self) -> bool:
        """Undo fp16's scaling of a step's gradients; say whether one overflowed. The scale is then halved."""
        if not self.precision.scales:
            return False
        gradients = [own.grad for own in self.module.parameters() if own.grad is not None]
        overflowed = self.scaler.unscale(gradients)
        self.scaler.update()
        return overflowed

    def state_dict(self) -> dict:
        """Return what a run must know to go on, as what JSON knows."""
        scale = [float(self.scaler._scale), int(self.scaler._growth_tracker)] if self.precision.scales else []
        return {"max_wordpieces": self.max_wordpieces, "scale": scale}

    def load_state_dict(self, state: dict) -> None:
        """Put back what `state_dict` returned."""
        self.max_wordpieces = state["max_wordpieces"]
        if self.precision.scales and state["scale"]:
            self.scaler._scale.fill_(state["scale"][0])
            self.scaler._growth_tracker.fill_(state["scale"][1])

    def summary(self, world: World) -> dict:
        """Return what this run's wordpieces were, and in how many bits they were computed."""
        counts = world.gather((self.wordpieces, self.padded, self.halved))
        wordpieces, padded, halved = (sum(own) for own in zip(*counts, strict=True))
        return {
            "wordpieces": wordpieces,
            "padding_share": round(1.0 - wordpieces / max(1, padded), 4),
            "max_wordpieces": self.max_wordpieces,
            "out_of_memory": halved,
            "precision": self.precision.name,
        }

    def look_up(self, ids: numpy.ndarray) -> torch.Tensor:
        """Return the vectors of wordpieces."""
        return _Lookup.apply(
            self._words.weight, torch.from_numpy(ids).to(self.device), self._words.padding_idx
        )

    def run(self, inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Run padded windows forward, windows by wordpieces by width; return the last hidden state."""
        with self.precision.autocast():
            return self.module(inputs_embeds=inputs, attention_mask=mask).last_hidden_state.float()

    def run_packed(self, inputs: torch.Tensor, lengths: list[int]) -> torch.Tensor:
        """Run windows that follow each other forward, one by wordpieces by width; return the last hidden
        state.
        """
        positions = torch.cat([torch.arange(length) for length in lengths])[None] + self.read.first_position
        kinds = torch.zeros_like(positions)
        self.packing.runs = runs_of(lengths)
        with self.precision.autocast():
            output = self.module(inputs_embeds=inputs, position_ids=positions, token_type_ids=kinds)
            return output.last_hidden_state.float()


class Forward:
    """A batch on its way: forward when it is made, back when the last listener's gradients are here.
    `losses`: in training.
    """

    def __init__(self, encoder: Encoder, docs: list[Doc], losses: dict[str, float] | None = None) -> None:
        self.encoder, self.docs, self.losses = encoder, docs, losses
        own = encoder.read(docs)
        ids, lengths, counts = (
            numpy.concatenate([EMPTY, *(getattr(each, name) for each in own)])
            for name in ("ids", "lengths", "counts")
        )
        is_packed = encoder.packing is not None
        groups = (pack if is_packed else group)(lengths, encoder.max_wordpieces)
        sizes = [
            int(lengths[windows].sum() if is_packed else len(windows) * lengths[windows[-1]])
            for windows in groups
        ]
        self.wordpieces, self.padded = len(ids), sum(sizes)
        self._places = numpy.empty(len(ids), dtype=numpy.int64)  # of each wordpiece, in what comes out
        self._recomputes = losses is not None and self.padded > encoder.max_wordpieces
        starts = numpy.cumsum(lengths) - lengths
        outputs = []
        for windows, size, place in zip(groups, sizes, numpy.cumsum([0, *sizes]).tolist(), strict=False):
            encoder.size = size if self._recomputes or losses is None else self.padded
            run = self._packed if is_packed else self._padded
            outputs.append(run(ids, starts[windows], lengths[windows], place).reshape(size, -1))
        if self._recomputes:
            encoder.size = max(sizes)  # the way back runs all again, the last of which may be small
        self._pool(own, counts, outputs)
        self._gradient: torch.Tensor | None = None

    def _pool(self, own: list, counts: numpy.ndarray, outputs: list[torch.Tensor]) -> None:
        """Take the mean of each token's wordpieces."""
        device = self.encoder.device
        begins = numpy.cumsum([0, *(len(each.ids) for each in own)]).tolist()
        places = [self._places[begin + each.places] for begin, each in zip(begins, own, strict=False)]
        at = numpy.concatenate([self._places[:0], *places])
        self._ends = numpy.cumsum([0, *(len(each.counts) for each in own)]).tolist()
        bags = numpy.cumsum(counts, dtype=numpy.int64) - counts
        self._counts, bags, self._at = (torch.from_numpy(array).to(device) for array in (counts, bags, at))
        if outputs:
            self._output = torch.cat(outputs)
            with torch.no_grad():
                vectors = embedding_bag(self._at, self._output, bags, mode="mean")
        else:
            self._output = torch.zeros(0, self.encoder.component.model.get_dim("nO"), device=device)
            vectors = self._output.new_zeros(len(counts), self._output.shape[1])
        self._vectors = vectors.cpu().numpy()

    def _padded(
        self, ids: numpy.ndarray, starts: numpy.ndarray, lengths: numpy.ndarray, place: int
    ) -> torch.Tensor:
        """Run windows of like length forward."""
        columns = numpy.arange(lengths[-1])
        is_real = columns < lengths[:, None]
        sources = (starts[:, None] + columns)[is_real]
        rows = numpy.full(is_real.shape, self.encoder.read.pad, dtype=numpy.int64)
        rows[is_real] = ids[sources]
        self._places[sources] = place + numpy.flatnonzero(is_real)
        mask = torch.from_numpy(is_real.astype(numpy.int64)).to(self.encoder.device)
        return self._run(self.encoder.run, rows, mask)

    def _packed(
        self, ids: numpy.ndarray, starts: numpy.ndarray, lengths: numpy.ndarray, place: int
    ) -> torch.Tensor:
        """Run windows forward in one row."""
        begins = numpy.repeat(starts - numpy.cumsum(lengths) + lengths, lengths)
        sources = begins + numpy.arange(lengths.sum())
        self._places[sources] = place + numpy.arange(len(sources))
        rows = ids[None, sources].astype(numpy.int64)
        return self._run(self.encoder.run_packed, rows, lengths.tolist())

    def _run(self, function: Callable, ids: numpy.ndarray, about: Any) -> torch.Tensor:
        inputs = self.encoder.look_up(ids)
        if self._recomputes:
            return checkpoint(function, inputs, about, use_reentrant=False)
        return function(inputs, about)

    def vectors(self) -> list[numpy.ndarray]:
        """Return the vectors of each document's tokens."""
        return [self._vectors[start:end] for start, end in pairwise(self._ends)]

    def backward(self, gradients: list[numpy.ndarray], *, factor: float, is_last: bool) -> list:
        """Take what flows back from a listener; after the last one, run back."""
        own = torch.from_numpy(numpy.concatenate(gradients)).to(self.encoder.device) * factor
        shares = own / self._counts.clamp(min=1)[:, None]
        shares = shares.repeat_interleave(self._counts, 0, output_size=len(self._at))
        own = torch.zeros_like(self._output, requires_grad=False).index_add_(0, self._at, shares)
        self.losses[self.encoder.name] += float(own.square().sum())
        self._gradient = own if self._gradient is None else self._gradient + own
        if is_last:
            self.encoder._forward = None
            if self._output.requires_grad:
                torch.autograd.backward(self._output, self.encoder.scaler.scale(self._gradient))
            self.encoder.rest()
            self.encoder.wordpieces += (
                self.wordpieces
            )  # here, as a step that memory did not do for begins anew
            self.encoder.padded += self.padded
        return []


EMPTY = numpy.zeros(0, dtype=numpy.int32)


class _Lookup(torch.autograd.Function):
    """Look wordpieces up, and add their gradients to the table's own: torch makes one as large as the table
    at each step.
    """

    @staticmethod
    def forward(ctx: Any, table: torch.nn.Parameter, ids: torch.Tensor, padding: int | None) -> torch.Tensor:
        ctx.table, ctx.padding = table, padding
        ctx.save_for_backward(ids)
        return table[ids]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[None, None, None]:
        if ctx.table.grad is None:
            ctx.table.grad = torch.zeros_like(ctx.table)
        (ids,) = ctx.saved_tensors
        if ctx.padding is not None:  # whose row learns nothing, also where a text has it
            gradient = gradient.masked_fill((ids == ctx.padding)[..., None], 0.0)
        ctx.table.grad.index_add_(0, ids.reshape(-1), gradient.reshape(-1, gradient.shape[-1]))
        return None, None, None
