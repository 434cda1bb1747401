"""A transformer computes in half as many bits where the device is made for it, and only then unless asked."""

import pytest
import torch

from scripts.cli import UserError
from scripts.training.fast import precision
from scripts.training.fast.precision import choose_precision

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture
def has_bf16(monkeypatch):
    """Say what devices can do."""

    def set_to(able: bool) -> None:
        monkeypatch.setattr(precision, "_cpu_has_bf16", lambda: able)
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda *, including_emulation: able and not including_emulation
        )

    return set_to


@pytest.mark.parametrize(
    ("asked", "device", "able", "name"),
    [
        ("auto", CPU, True, "bf16"),
        ("auto", CPU, False, "fp32"),
        ("auto", GPU, True, "bf16"),
        ("auto", GPU, False, "fp16"),
        ("bf16", CPU, False, "bf16"),
        ("bf16", GPU, False, "bf16"),
        ("fp16", GPU, True, "fp16"),
        ("fp32", GPU, True, "fp32"),
    ],
)
def test_precision_is_what_was_asked_or_what_the_device_is_made_for(has_bf16, asked, device, able, name):
    has_bf16(able)
    chosen = choose_precision(asked, device)
    assert (chosen.name, chosen.device, chosen.scales) == (name, device.type, name == "fp16")
    assert str(chosen) == f"{name} ({chosen.why})"
    assert (chosen.why == "as asked") == (asked != "auto")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("fp16", "only GPUs train in it; write auto, bf16 or fp32"),
        ("half", "--precision=half: write one of auto, bf16"),
    ],
)
def test_what_the_device_cannot_do_is_an_error(has_bf16, asked, message):
    has_bf16(True)
    with pytest.raises(UserError, match=message):
        choose_precision(asked, CPU)


@pytest.mark.parametrize(("name", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_matrices_are_multiplied_in_it(name, dtype):
    with choose_precision(name, CPU).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_this_machine_can_be_asked():
    assert choose_precision("auto", CPU).name in ("bf16", "fp32")
