import numpy
import pytest
from thinc.api import Adam, RAdam, warmup_linear

from scripts.training.speed import FusedAdam, fused


def updates(optimizer, *, size=FusedAdam.LARGE, count=20):
    random = numpy.random.default_rng(0)
    weights = random.normal(size=size).astype("float32").reshape(-1, 10)
    for _ in range(count):
        gradient = random.normal(size=weights.shape).astype("float32")
        weights, gradient = optimizer((1, "W"), weights, gradient)
        assert not gradient.any()
        optimizer.step_schedules()
    return weights


@pytest.mark.parametrize("grad_clip", [0.0, 1.0])
@pytest.mark.parametrize("L2", [0.0, 0.01])
def test_fused_adam_does_what_thincs_adam_does(grad_clip, L2):
    def make():
        return Adam(warmup_linear(0.001, 5, 20), L2=L2, grad_clip=grad_clip, use_averages=False, L2_is_weight_decay=True)

    assert numpy.allclose(updates(make()), updates(fused(make())), rtol=0, atol=2e-6)


def test_small_arrays_and_other_settings_are_left_to_thinc():
    for make in (lambda: Adam(0.001, use_averages=True), lambda: RAdam(0.001, use_averages=False)):
        assert numpy.array_equal(updates(make()), updates(fused(make())))
    small = {"size": FusedAdam.LARGE - 10}
    assert numpy.array_equal(updates(Adam(0.001, use_averages=False), **small), updates(fused(Adam(0.001, use_averages=False)), **small))
