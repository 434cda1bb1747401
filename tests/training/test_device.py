import sys
import types

import pytest
import torch

from scripts.cli import UserError
from scripts.training import device


@pytest.fixture(autouse=True)
def asked(monkeypatch) -> list[int]:
    """The threads that are asked for; this process keeps its own."""
    found: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", found.append)
    monkeypatch.setattr(device, "threadpool_limits", found.append)
    return found


def test_cpu_is_taken_as_asked_with_bounded_threads(asked):
    chosen = device.activate("cpu")
    assert (chosen.gpu_id, chosen.why) == (-1, "as asked")
    assert asked == [device.physical_cores()] * 2


def test_a_cpu_has_the_threads_that_are_asked_for(asked):
    assert device.activate("cpu", threads=3).name == "CPU, 3 threads"
    assert device.activate("cpu", threads=None).name == "CPU"
    assert asked == [3, 3]


def test_auto_falls_back_to_the_cpu_and_says_why(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    chosen = device.activate("auto")
    assert (chosen.gpu_id, chosen.why) == (-1, "no GPU: torch sees no CUDA device")


def test_cuda_without_a_gpu_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"torch sees no CUDA device; set vars\.device"):
        device.activate("cuda")


def test_a_gpu_without_cupy_names_the_file_to_install(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert "requirements/cuda13.txt" in device.gpu_obstacle(0)
    assert "1 CUDA devices" in device.gpu_obstacle(1)


def test_a_gpu_that_cannot_compute_is_an_obstacle(monkeypatch):
    def broken(_):
        raise RuntimeError("out of order")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(cuda=types.SimpleNamespace(Device=broken)))
    assert "RuntimeError: out of order" in device.gpu_obstacle(0)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "CPU", "", "0"])
def test_a_misspelled_device_is_an_error(name):
    with pytest.raises(UserError, match="write auto, cpu, cuda or cuda:N"):
        device.activate(name)


@pytest.mark.gpu
def test_auto_takes_a_gpu_that_works():
    assert device.activate("auto").gpu_id == 0
