"""A device is the one that was asked for, or what works; an error says what is missing."""

import sys
import types

import pytest
import torch

from scripts.cli import UserError
from scripts.training import device
from tests.runs import kept_ops


@pytest.fixture(autouse=True)
def asked(monkeypatch) -> list[int]:
    """The threads that are asked for; this process keeps its own."""
    found: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", found.append)
    monkeypatch.setattr(device, "threadpool_limits", lambda threads, **_: found.append(threads))
    return found


def test_cpu_is_taken_as_asked():
    assert str(device.choose_device("cpu")) == "CPU (as asked)"
    assert device.choose_device("cpu").gpu_id == -1


def test_torch_and_blas_have_the_threads_that_are_asked_for(asked):
    with kept_ops():
        device.use_device(-1)
    assert asked == []
    device.set_threads(3)
    assert asked == [3, 3]


def test_auto_falls_back_to_the_cpu_and_says_why(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    chosen = device.choose_device("auto")
    assert (chosen.gpu_id, chosen.why) == (-1, "no GPU: torch sees no CUDA device")


def test_cuda_without_a_gpu_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"torch sees no CUDA device; set vars\.device"):
        device.choose_device("cuda")


def test_a_gpu_without_cupy_names_the_file_to_install(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert "requirements/cuda13.txt" in device.gpu_obstacle(0)
    assert "1 CUDA devices" in device.gpu_obstacle(1)


def test_a_gpu_that_torch_alone_uses_needs_no_cupy(monkeypatch):
    for variable in ("CUBLAS_WORKSPACE_CONFIG", "PYTORCH_CUDA_ALLOC_CONF"):
        monkeypatch.setenv(variable, "as it is")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Some GPU")
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert str(device.choose_device("cuda", needs_cupy=False)) == "GPU 0, Some GPU (as asked)"
    assert str(device.choose_device("auto", needs_cupy=False)) == "GPU 0, Some GPU (it works)"
    assert device.choose_device("auto").gpu_id == -1


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
        device.choose_device(name)


@pytest.mark.gpu
def test_auto_takes_a_gpu_that_works():
    assert device.choose_device("auto", needs_cupy=False).gpu_id == 0
