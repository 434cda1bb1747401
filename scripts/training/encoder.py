"""A transformer's way forward and back in training: little or no padding, no more memory than there is, and every word read."""

import gc
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy_transformers import Transformer
from spacy_transformers.annotation_setters import null_annotation_setter
from spacy_transformers.layers import transformer_model
from spacy_transformers.util import maybe_flush_pytorch_cache
from thinc.api import Model, PyTorchGradScaler, get_array_module
from thinc.util import torch2xp, xp2torch
from torch.nn.functional import embedding_bag
from torch.utils.checkpoint import checkpoint

from scripts.cli import console
from scripts.training.alike import is_alike
from scripts.training.memory import is_out_of_memory
from scripts.training.packed import Packing, is_packable, runs_of
from scripts.training.passes import group, pack
from scripts.training.pieces import PieceReader
from scripts.training.precision import Precision
from scripts.training.workers import World

ALL = 1 << 30
PASS = {"cpu": 4_096}
"""Word pieces that go forward and back together where nothing else is known, padding among them."""


class Encoder:
    """Computes what a transformer and its listeners compute, to the same numbers but for the last digits.

    Word pieces are found once for each document. A pass has at most `most` word pieces, padding among them; a batch of more than
    that runs forward twice, so that all it needs is never in memory at once. On a CPU windows are packed (BERT and its kin), elsewhere
    those of like length run together.
    """

    def __init__(self, component: Transformer) -> None:
        """Read a transformer, and leave it as it is."""
        self.component, self.name = component, component.name
        model: Any = component.model
        self.module: torch.nn.Module = model.transformer
        self.device = self.module.device
        self.precision = Precision("fp32", "to compare", self.device.type)
        self.read = PieceReader(model)
        self.packing = (
            Packing(self.module) if self.device.type == "cpu" and is_packable(self.module) else None
        )
        self.most = PASS.get(self.device.type, ALL)
        self.pieces = self.padded = self.halved = 0  # in training so far
        self.size = 0  # of the pass under way
        self._words: torch.nn.Embedding = self.module.get_input_embeddings()
        self._forward: _Forward | None = None

    def take_over(self, listening: list[Model], precision: Precision) -> None:
        """Take over from the transformer. listening: the layers that hand its output on; they ask this object from now on."""
        self.precision = precision
        self.module.train()
        self.scaler = PyTorchGradScaler(enabled=precision.scales)
        self.scaler.to_(self.device)
        self.component.model.layers[0].shims[
            0
        ]._grad_scaler = self.scaler  # by which its finish_update leaves a step out
        for node in listening:
            is_last = node.layers[0] is self.component.listeners[-1]
            node.replace_callbacks(partial(self._listen, is_last), init=node.init)

    def update(self, examples: list[Example], losses: dict[str, float]) -> None:
        """Run forward; the listeners take it from there, and the last of them starts the way back."""
        losses.setdefault(self.name, 0.0)
        maybe_flush_pytorch_cache(
            chance=self.component.cfg.get("flush_cache_chance", 0)
        )  # which draws a number, as what comes after may
        self._forward = None  # where no listener had anything to learn, the last one's memory is still held
        self._forward = _Forward(self, [example.x for example in examples], losses)
        self.pieces += self._forward.pieces
        self.padded += self._forward.padded

    def _listen(self, is_last: bool, node: Model, docs: list[Doc], is_train: bool) -> tuple[list, Callable]:
        """Do what a listener and its pooling do: hand on the vectors of each document's tokens, and the way back."""
        if not is_train:
            return self.predict(docs), lambda _: []
        forward = self._forward
        if forward is None or list(map(id, forward.docs)) != list(map(id, docs)):
            raise ValueError("the batch is another one than the transformer has just read")
        return forward.vectors(), partial(
            forward.take, factor=node.layers[1].attrs["grad_factor"], is_last=is_last
        )

    @torch.no_grad()
    def predict(self, docs: list[Doc]) -> list:
        """Return an array for each document, tokens by width. Where memory runs out, passes get smaller."""
        while True:
            self.module.eval()
            try:
                return _Forward(self, docs).vectors()
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
        """Say whether the pass under way could have been smaller."""
        return self.size > max(own.longest for own in self.read(docs))

    def halve(self, docs: list[Doc]) -> None:
        """Let passes from here on be half as large as the one that memory did not do for. Call it when its error, which holds all of it, is gone."""
        self.most = max(self.size // 2, *(own.longest for own in self.read(docs)))
        self.let_go()
        if not self.halved:
            console.print(
                f"Warning: memory ran out; from here on {self.most:,} word pieces at most run together",
                style="yellow",
            )
        self.halved += 1

    def let_go(self) -> None:
        """Give back what a step that failed held."""
        self._forward = None
        if self.device.type == "cuda":
            gc.collect()
            torch.cuda.empty_cache()

    def unscale(self) -> None:
        """Undo fp16's scaling once all of a step's gradients are added up: thinc undoes it after each part, and what was there before shrinks again.

        Where a gradient overflowed, the transformer's weights stay as they are in this step, and the scale is halved.
        """
        self.scaler.unscale(
            [weights.grad for weights in self.module.parameters() if weights.grad is not None]
        )

    def told(self, world: World) -> dict:
        """Return what this run's word pieces were: how many learned from, the share of padding among all computed, and the most of a pass."""
        pieces, padded, halved = (
            sum(own) for own in zip(*world.gather((self.pieces, self.padded, self.halved)), strict=True)
        )
        return {
            "pieces": pieces,
            "padding_share": round(1.0 - pieces / max(1, padded), 4),
            "most_of_a_pass": self.most,
            "out_of_memory": halved,
            "precision": self.precision.name,
        }

    def look_up(self, ids: numpy.ndarray) -> torch.Tensor:
        """Return the vectors of word pieces."""
        return _Lookup.apply(
            self._words.weight, torch.from_numpy(ids).to(self.device), self._words.padding_idx
        )

    def run(self, inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Run padded windows forward, windows by pieces by width; return the last hidden state."""
        with self.precision.autocast():
            return self.module(inputs_embeds=inputs, attention_mask=mask).last_hidden_state.float()

    def run_packed(self, inputs: torch.Tensor, lengths: list[int]) -> torch.Tensor:
        """Run windows that follow each other forward, one by pieces by width; return the last hidden state."""
        positions = torch.cat([torch.arange(length) for length in lengths])[None] + self.read.first_position
        kinds = torch.zeros_like(positions)
        self.packing.runs = runs_of(lengths)
        with self.precision.autocast():
            return self.module(
                inputs_embeds=inputs, position_ids=positions, token_type_ids=kinds
            ).last_hidden_state.float()


class _Forward:
    """A batch on its way: forward when it is made, back when the last listener's gradients are here. `losses`: in training."""

    def __init__(self, encoder: Encoder, docs: list[Doc], losses: dict[str, float] | None = None) -> None:
        self.encoder, self.docs, self.losses = encoder, docs, losses
        own = encoder.read(docs)
        ids, lengths, counts = (
            numpy.concatenate([EMPTY, *(getattr(each, name) for each in own)])
            for name in ("ids", "lengths", "counts")
        )
        groups = pack(lengths, encoder.most) if encoder.packing else group(lengths, encoder.most)
        sizes = [
            int(lengths[windows].sum() if encoder.packing else len(windows) * lengths[windows[-1]])
            for windows in groups
        ]
        self.pieces, self.padded = len(ids), sum(sizes)
        self._places = numpy.empty(len(ids), dtype=numpy.int64)  # of each word piece, in what comes out
        self._again = losses is not None and self.padded > encoder.most
        starts = numpy.cumsum(lengths) - lengths
        outputs = []
        for windows, size, place in zip(groups, sizes, numpy.cumsum([0, *sizes]).tolist(), strict=False):
            encoder.size = size if self._again or losses is None else self.padded
            run = self._packed if encoder.packing else self._padded
            outputs.append(run(ids, starts[windows], lengths[windows], place).reshape(size, -1))
        if self._again:
            encoder.size = max(
                sizes
            )  # the way back runs all passes again, the last of which may be a small one
        begins = numpy.cumsum([0, *(len(each.ids) for each in own)]).tolist()
        places = numpy.concatenate(
            [
                self._places[:0],
                *(self._places[begin + each.places] for begin, each in zip(begins, own, strict=False)),
            ]
        )
        self._ends = numpy.cumsum([0, *(len(each.counts) for each in own)]).tolist()
        bags = numpy.cumsum(counts, dtype=numpy.int64) - counts
        self._counts, bags, self._at = (
            torch.from_numpy(array).to(encoder.device) for array in (counts, bags, places)
        )
        if outputs:
            self._vectors = embedding_bag(self._at, torch.cat(outputs), bags, mode="mean")
        else:
            self._vectors = torch.zeros(
                len(counts), encoder.component.model.get_dim("nO"), device=encoder.device
            )
        self._gradient: torch.Tensor | None = None

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
        return self._run(
            self.encoder.run, rows, torch.from_numpy(is_real.astype(numpy.int64)).to(self.encoder.device)
        )

    def _packed(
        self, ids: numpy.ndarray, starts: numpy.ndarray, lengths: numpy.ndarray, place: int
    ) -> torch.Tensor:
        """Run windows forward in one row."""
        sources = numpy.repeat(starts - numpy.cumsum(lengths) + lengths, lengths) + numpy.arange(
            lengths.sum()
        )
        self._places[sources] = place + numpy.arange(len(sources))
        return self._run(self.encoder.run_packed, ids[None, sources].astype(numpy.int64), lengths.tolist())

    def _run(self, function: Callable, ids: numpy.ndarray, about: Any) -> torch.Tensor:
        inputs = self.encoder.look_up(ids)
        return (
            checkpoint(function, inputs, about, use_reentrant=False)
            if self._again
            else function(inputs, about)
        )

    def vectors(self) -> list:
        """Return the vectors of each document's tokens."""
        array = torch2xp(self._vectors.detach())
        return [array[start:end] for start, end in pairwise(self._ends)]

    def take(self, gradients: list, *, factor: float, is_last: bool) -> list:
        """Take what flows back from a listener; after the last one, run back."""
        own = (
            xp2torch(get_array_module(gradients[0]).concatenate(gradients), device=self.encoder.device)
            * factor
        )
        shares = (own / self._counts.clamp(min=1)[:, None]).repeat_interleave(
            self._counts, 0, output_size=len(self._at)
        )
        self.losses[self.encoder.name] += float(
            own.new_zeros(self.padded, own.shape[1]).index_add_(0, self._at, shares).square().sum()
        )
        self._gradient = own if self._gradient is None else self._gradient + own
        if is_last:
            self.encoder._forward = None
            if self._vectors.requires_grad:
                torch.autograd.backward(self._vectors, self.encoder.scaler.scale(self._gradient))
            self.encoder.rest()
        return []


EMPTY = numpy.zeros(0, dtype=numpy.int32)


class _Lookup(torch.autograd.Function):
    """Look word pieces up, and add their gradients to the table's own: torch makes a gradient as large as the table at each step."""

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


def find_encoder(nlp: Language, exclude: Iterable[str], precision: Precision) -> Encoder | None:
    """Return what computes a pipeline's transformer, or None where spacy-transformers' own code must: other listeners, layers or tokenisers.

    Other models, too, that an encoder does not compute alike. Where several could be computed, the first is.
    """
    for name, component in nlp.pipeline:
        if type(component) is Transformer and name not in exclude:
            listening = _listening(nlp, component)
            is_heard = bool(listening) and {id(node.layers[0]) for node in listening} == set(
                map(id, component.listeners)
            )
            encoder = _computing(component) if is_heard else None
            if encoder is not None:
                encoder.take_over(listening, precision)
                return encoder
    return None


def _computing(component: Transformer) -> Encoder | None:
    """Return an encoder that computes what a transformer does; None where there is none."""
    model: Any = component.model
    is_plain = (
        model._func is transformer_model.forward and component.set_extra_annotations is null_annotation_setter
    )
    try:
        return (
            encoder
            if is_plain and model.tokenizer.is_fast and is_alike(encoder := Encoder(component))
            else None
        )
    except Exception:  # of whatever kind: models differ in what they take, and spacy-transformers' own code says what it cannot do
        return None


def _listening(nlp: Language, transformer: Transformer) -> list[Model]:
    """Return the layers that hand on a transformer's output as the mean of each token's word pieces (spacy_transformers/architectures.py)."""
    nodes = [node for name in transformer.listening_components for node in nlp.get_pipe(name).model.walk()]
    chains = [
        node
        for node in nodes
        if [layer.name for layer in node.layers] == ["transformer-listener", "trfs2arrays"]
    ]
    return [
        node
        for node in chains
        if node.layers[1].layers[0].name == "reduce_mean" and node.layers[0] in transformer.listeners
    ]
