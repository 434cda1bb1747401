"""A transformer's way forward and back in training: little padding, no more memory than there is."""

import gc
from collections.abc import Callable
from functools import partial
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
from scripts.training.fast.packed import Packing, group, is_packable, pack, runs_of
from scripts.training.fast.precision import Precision
from scripts.training.fast.wordpieces import EMPTY, KEY, WordpieceReader, Wordpieces
from scripts.training.memory import is_out_of_memory
from scripts.training.world import World

MAX_WORDPIECES = {"cpu": 4_096}
"""Wordpieces of a micro-batch, with padding, on each kind of device; elsewhere as many as memory takes."""


class Encoder:
    """Computes what a transformer and its listeners compute, to the same numbers but for the last digits.

    The transformer is on `device`; the vectors that it hands on are on the CPU. A batch of more wordpieces
    than `max_wordpieces`, padding among them, goes through in micro-batches, and runs forward twice.
    """

    def __init__(self, component: Transformer, device: torch.device) -> None:
        """Read a transformer, and move it to a device."""
        self.component, self.name, self.device = component, component.name, device
        model: Any = component.model
        self.module: torch.nn.Module = model.transformer.to(device)
        self.precision = Precision("fp32", "to compare", device.type)
        self.read = WordpieceReader(model)
        self.packing = Packing(self.module) if device.type == "cpu" and is_packable(self.module) else None
        self.max_wordpieces = MAX_WORDPIECES.get(device.type, 1 << 30)
        self.wordpieces = self.padded = self.halved = 0  # in training so far
        self.size = 0  # of the micro-batch under way
        self.keeps_wordpieces = True  # in documents, which may be predicted again
        self._forward: Forward | None = None

    def take_over(self, listening: list[Model], precision: Precision) -> None:
        """Take over from the transformer: the layers that hand its output on ask this object from now on."""
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
        chance = self.component.cfg.get("flush_cache_chance", 0)
        maybe_flush_pytorch_cache(chance=chance)  # which draws a number
        self._forward = None  # where no listener had anything to learn, the last one's memory is still held
        self._forward = Forward(self, [example.x for example in examples], losses)

    def _listen(self, is_last: bool, node: Model, docs: list[Doc], is_train: bool) -> tuple[list, Callable]:
        """Do what a listener and its pooling do: hand on each document's token vectors, and the way back."""
        if not is_train:
            return self.predict(docs), lambda _: []
        forward, factor = self._forward, node.layers[1].attrs["grad_factor"]
        if forward is None or list(map(id, forward.docs)) != list(map(id, docs)):
            raise ValueError("the batch is another one than the transformer has just read")
        return [*forward.vectors], partial(forward.backward, factor=factor, is_last=is_last)

    @torch.no_grad()
    def predict(self, docs: list[Doc]) -> list[numpy.ndarray]:
        """Return an array for each document, tokens by width; halve micro-batches where memory runs out."""
        while True:
            self.module.eval()
            try:
                return Forward(self, docs).vectors
            except Exception as error:
                if not is_out_of_memory(error) or not self.is_divisible(docs):
                    raise
            finally:
                self.rest()
                if not self.keeps_wordpieces:
                    for doc in docs:
                        doc.user_data.pop(KEY, None)
            self.halve(docs)

    def rest(self) -> None:
        """Let others run the module, whose windows do not follow each other in one row."""
        self.module.train()
        if self.packing:
            self.packing.runs = []

    def is_divisible(self, docs: list[Doc]) -> bool:
        """Say whether the micro-batch under way could have been smaller."""
        return self.size > max(wordpieces.longest for wordpieces in self.read(docs))

    def halve(self, docs: list[Doc]) -> None:
        """Halve micro-batches from here on. Call it when the error, which holds all memory, is gone."""
        self.max_wordpieces = max(self.size // 2, *(wordpieces.longest for wordpieces in self.read(docs)))
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
        gradients = (parameter.grad for parameter in self.module.parameters())
        overflowed = self.scaler.unscale([gradient for gradient in gradients if gradient is not None])
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
        wordpieces, padded, halved = map(sum, zip(*counts, strict=True))
        return {
            "wordpieces": wordpieces,
            "padding_share": round(1.0 - wordpieces / max(1, padded), 4),
            "max_wordpieces": self.max_wordpieces,
            "out_of_memory": halved,
            "precision": self.precision.name,
        }

    def look_up(self, ids: numpy.ndarray) -> torch.Tensor:
        """Return the vectors of wordpieces."""
        ids, words = torch.from_numpy(ids).to(self.device), self.module.get_input_embeddings()
        return _Lookup.apply(words.weight, ids, words.padding_idx)

    def run(self, inputs: torch.Tensor, layout: torch.Tensor | list[int]) -> torch.Tensor:
        """Return the last hidden state. layout: of padded windows a mask, of packed ones their lengths."""
        options: dict[str, torch.Tensor] = {"attention_mask": layout}
        if self.packing:
            columns = torch.cat([torch.arange(length) for length in layout])
            positions = columns[None] + self.read.first_position
            options = {"position_ids": positions, "token_type_ids": torch.zeros_like(positions)}
            self.packing.runs = runs_of(layout)
        with self.precision.autocast():
            return self.module(inputs_embeds=inputs, **options).last_hidden_state.float()


class Forward:
    """A batch on its way: forward when it is made, back when the last listener's gradients are here."""

    def __init__(self, encoder: Encoder, docs: list[Doc], losses: dict[str, float] | None = None) -> None:
        """Run forward. losses: in training."""
        self.encoder, self.docs, self.losses = encoder, docs, losses
        read = encoder.read(docs)
        ids = numpy.concatenate([EMPTY, *(own.ids for own in read)])
        lengths = numpy.concatenate([EMPTY, *(own.lengths for own in read)])
        if encoder.packing:
            batches = pack(lengths, encoder.max_wordpieces)
            sizes = [int(lengths[windows].sum()) for windows in batches]
        else:
            batches = group(lengths, encoder.max_wordpieces)
            sizes = [len(windows) * int(lengths[windows[-1]]) for windows in batches]
        self.wordpieces, self.padded = len(ids), sum(sizes)
        self._places = numpy.empty(len(ids), dtype=numpy.int64)  # of each wordpiece, in what comes out
        self._recomputes = losses is not None and self.padded > encoder.max_wordpieces
        starts = numpy.cumsum(lengths) - lengths
        outputs = []
        for windows, size, place in zip(batches, sizes, numpy.cumsum([0, *sizes]).tolist(), strict=False):
            encoder.size = size if self._recomputes or losses is None else self.padded
            outputs.append(self._run(ids, starts[windows], lengths[windows], place).reshape(size, -1))
        if self._recomputes:
            encoder.size = max(sizes)  # the way back runs all again, the last of which may be small
        self._pool(read, outputs)
        self._gradient: torch.Tensor | None = None

    def _pool(self, read: list[Wordpieces], outputs: list[torch.Tensor]) -> None:
        """Take the mean of each token's wordpieces."""
        device = self.encoder.device
        counts = numpy.concatenate([EMPTY, *(own.counts for own in read)])
        begins = numpy.cumsum([0, *(len(own.ids) for own in read)]).tolist()
        places = [self._places[begin + own.places] for begin, own in zip(begins, read, strict=False)]
        at = numpy.concatenate([self._places[:0], *places])
        bags = numpy.cumsum(counts, dtype=numpy.int64) - counts
        self._counts, bags, self._at = (torch.from_numpy(array).to(device) for array in (counts, bags, at))
        nothing = torch.zeros(0, self.encoder.component.model.get_dim("nO"), device=device)
        self._output = torch.cat(outputs) if outputs else nothing
        with torch.no_grad():
            tokens = embedding_bag(self._at, self._output, bags, mode="mean").cpu().numpy()
        ends = numpy.cumsum([len(own.counts) for own in read])[:-1]
        self.vectors: list[numpy.ndarray] = numpy.split(tokens, ends) if read else []

    def _run(self, ids: numpy.ndarray, starts: numpy.ndarray, lengths: numpy.ndarray, place: int) -> Any:
        """Run windows forward, the longest of which is the last. place: where their output begins."""
        columns = numpy.arange(lengths[-1])
        is_real = columns < lengths[:, None]
        sources = (starts[:, None] + columns)[is_real]
        if self.encoder.packing:
            is_real = is_real[is_real][None]
        rows = numpy.full(is_real.shape, self.encoder.read.pad, dtype=numpy.int64)
        rows[is_real] = ids[sources]
        self._places[sources] = place + numpy.flatnonzero(is_real)
        inputs, layout = self.encoder.look_up(rows), lengths.tolist()
        if not self.encoder.packing:
            layout = torch.from_numpy(is_real.astype(numpy.int64)).to(self.encoder.device)
        if self._recomputes:
            return checkpoint(self.encoder.run, inputs, layout, use_reentrant=False)
        return self.encoder.run(inputs, layout)

    def backward(self, gradients: list[numpy.ndarray], *, factor: float, is_last: bool) -> list:
        """Take what flows back from a listener; after the last one, run back."""
        shares = torch.from_numpy(numpy.concatenate(gradients)).to(self.encoder.device) * factor
        shares = shares / self._counts.clamp(min=1)[:, None]
        shares = shares.repeat_interleave(self._counts, 0, output_size=len(self._at))
        gradient = torch.zeros_like(self._output, requires_grad=False).index_add_(0, self._at, shares)
        self.losses[self.encoder.name] += float(gradient.square().sum())
        self._gradient = gradient if self._gradient is None else self._gradient + gradient
        if is_last:
            self.encoder._forward = None
            if self._output.requires_grad:
                torch.autograd.backward(self._output, self.encoder.scaler.scale(self._gradient))
            self.encoder.rest()
            self.encoder.wordpieces += self.wordpieces  # here: a step that memory ran out in begins anew
            self.encoder.padded += self.padded
        return []


class _Lookup(torch.autograd.Function):
    """Look wordpieces up; add gradients to the table's own, where torch makes another table at each step."""

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
