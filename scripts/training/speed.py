"""Faster ways to compute what spaCy computes on a CPU. `--exact` leaves them out, for spaCy's own numbers bit by bit."""

import numpy
import torch
from thinc.api import NumpyOps, Optimizer, set_current_ops
from threadpoolctl import threadpool_limits


def use_openblas() -> None:
    """Multiply matrices with numpy's OpenBLAS, on one thread, instead of BLIS. Call it before a pipeline is made.

    Two threads are a fifth faster on an idle machine and many times slower on a busy one.
    """
    threadpool_limits(1, user_api="blas")
    set_current_ops(NumpyOps(use_blis=False))


class FusedAdam(Optimizer):
    """thinc's Adam with torch's fused kernel for large arrays: one pass over memory, on all of torch's threads.

    A transformer of 22.7 million parameters: 0.05 s an update instead of 0.19 s (two cores). Results differ from
    thinc's in the last digits: torch decays the weights before the update, not after it.
    """

    LARGE = 100_000
    """Elements from which the kernel pays."""

    def __call__(self, key, weights, gradient, *, lr_scale: float = 1.0):
        """Update the weights in place and set the gradient to zero, as thinc's optimizer does."""
        suits = isinstance(weights, numpy.ndarray) and weights.size >= self.LARGE and weights.flags.c_contiguous and gradient.flags.c_contiguous
        if not suits or self.use_radam or self.averages is not None or not self.L2_is_weight_decay or not (self.b1 > 0 and self.b2 > 0):
            return super().__call__(key, weights, gradient, lr_scale=lr_scale)
        self.nr_update[key] += 1
        flat_gradient = torch.from_numpy(gradient.reshape(-1))
        if self.grad_clip:
            norm = float(torch.linalg.vector_norm(flat_gradient))
            if norm >= self.grad_clip:
                flat_gradient.mul_(self.grad_clip / norm)
        for moments in (self.mom1, self.mom2):
            if key not in moments:
                moments[key] = numpy.zeros(weights.size, dtype="float32")
        torch._fused_adamw_(
            [torch.from_numpy(weights.reshape(-1))],
            [flat_gradient],
            [torch.from_numpy(self.mom1[key])],
            [torch.from_numpy(self.mom2[key])],
            [],
            [torch.tensor(float(self.nr_update[key]))],
            lr=float(self.learn_rate * lr_scale),
            beta1=float(self.b1),
            beta2=float(self.b2),
            weight_decay=float(self.L2),
            eps=float(self.eps / (1.0 - self.b2 ** self.nr_update[key]) ** 0.5),  # thinc adds eps before it corrects for bias
            amsgrad=False,
            maximize=False,
        )
        flat_gradient.zero_()
        return weights, gradient


def fused(optimizer: Optimizer) -> Optimizer:
    """Return an optimizer with the same settings, schedules and state that uses the fused kernel; another kind as it is."""
    if type(optimizer) is not Optimizer:
        return optimizer
    faster = FusedAdam.__new__(FusedAdam)
    for name in Optimizer.__slots__:
        if hasattr(optimizer, name):
            setattr(faster, name, getattr(optimizer, name))
    return faster
