"""Faster ways to compute what thinc computes on a CPU. `--exact` leaves them out, for spaCy's own numbers."""

from collections.abc import Callable

import numpy
from spacy.language import Language
from thinc.api import Model, NumpyOps
from thinc.layers import hashembed, layernorm

try:
    import torch
except ImportError:  # kept out of processes that predict without a transformer
    torch = None

LAYER_NORM_EPSILON = 1e-8


class FastOps(NumpyOps):
    """thinc's operations with numpy's OpenBLAS instead of BLIS, and cheaper random numbers."""

    def __init__(self, *, seed: int = 0, **settings) -> None:
        super().__init__(**settings, use_blis=False)
        self.random: numpy.random.Generator | None = numpy.random.Generator(numpy.random.SFC64(seed))

    def gemm(self, x, y, *, out=None, trans1: bool = False, trans2: bool = False):
        """Multiply matrices."""
        return numpy.dot(x.T if trans1 else x, y.T if trans2 else y, out=out)

    def get_dropout_mask(self, shape, drop: float | None):
        """Draw a mask as thinc does, of numbers of 32 bits; without a generator, of thinc's own."""
        if self.random is None or drop is None or not 0.0 < drop < 1.0:
            return super().get_dropout_mask(shape, drop)
        kept = self.random.random(shape, dtype=numpy.float32) >= drop
        return numpy.multiply(kept, numpy.float32(1.0 / (1.0 - drop)), dtype=numpy.float32)

    def state_dict(self) -> dict:
        """Return the generator's state, as what JSON knows."""
        own = self.random.bit_generator.state
        return own | {"state": {"state": own["state"]["state"].tolist()}}

    def load_state_dict(self, state: dict) -> None:
        """Put back what `state_dict` returned."""
        numbers = numpy.array(state["state"]["state"], dtype=numpy.uint64)
        self.random.bit_generator.state = state | {"state": {"state": numbers}}


def layer_norm(model: Model, X, is_train: bool) -> tuple:
    """Normalise by torch's kernel, in one pass forward and one back."""
    aten = torch.ops.aten
    arrays = (X, model.get_param("G"), model.get_param("b"))
    given, weight, bias = map(torch.from_numpy, arrays)
    shape = [X.shape[1]]
    Y, mean, deviation = aten.native_layer_norm(given, shape, weight, bias, LAYER_NORM_EPSILON)

    def backprop(dY):
        gradient = torch.from_numpy(numpy.ascontiguousarray(dY))
        dX, dG, db = aten.native_layer_norm_backward(
            gradient, given, shape, mean, deviation, weight, bias, [True, True, True]
        )
        model.inc_grad("G", dG.numpy())
        model.inc_grad("b", db.numpy())
        return dX.numpy()

    return Y.numpy(), backprop


def hash_embed(model: Model, ids, is_train: bool) -> tuple:
    """Look words up as thinc does, and add their gradients to the table's own, not to a new table."""
    vectors, ops = model.get_param("E"), model.ops
    if len(ids) == 0:
        return ops.alloc2f(0, vectors.shape[1]), lambda _: ops.alloc1i(0)
    keys = ops.hash(ops.as_contig(ids, dtype="uint64"), model.attrs["seed"]) % vectors.shape[0]
    output, mask = ops.gather_add(vectors, keys), None
    if is_train:
        mask = ops.get_dropout_mask((vectors.shape[1],), model.attrs.get("dropout_rate"))
    if mask is not None:
        output *= mask

    def backprop(d_vectors):
        if mask is not None:
            d_vectors *= mask
        if not model.has_grad("E"):
            model.set_grad("E", ops.alloc2f(*vectors.shape))
        gradient = model.get_grad("E")
        for column in ops.as_contig(keys.T, dtype="i"):
            ops.scatter_add(gradient, column, d_vectors)
        return ops.alloc1i(keys.shape[0])

    return output, backprop


def normalise(model: Model, X, is_train: bool) -> tuple:
    """Normalise in a few passes, where torch is not there."""
    if is_train:
        return layernorm.forward(model, X, is_train)
    width = X.shape[1]
    Y = X - (X @ numpy.full((width, 1), 1.0 / width, dtype=X.dtype))
    variance = numpy.einsum("ij,ij->i", Y, Y) / width
    Y *= 1.0 / numpy.sqrt(variance + LAYER_NORM_EPSILON)[:, None]
    return Y * model.get_param("G") + model.get_param("b"), lambda _: None


FASTER: dict[Callable, Callable] = {hashembed.forward: hash_embed}
FASTER[layernorm.forward] = layer_norm if torch else normalise
"""By what a layer computes, what computes it faster."""


def use_kernels(nlp: Language, ops: FastOps) -> None:
    """Let layers on the CPU compute the faster way. Nothing of it is saved with the pipeline."""
    for _, component in nlp.pipeline:
        if isinstance(getattr(component, "model", None), Model):
            for node in component.model.walk():
                if isinstance(node.ops, NumpyOps):
                    node.ops = ops
                    node.replace_callbacks(FASTER.get(node._func, node._func), init=node.init)
