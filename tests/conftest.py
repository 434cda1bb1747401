from pathlib import Path

import pytest
import torch

from scripts.training.device import gpu_obstacle, set_threads
from tests.make import jsonl_writer


def pytest_addoption(parser):
    """Let the tests of what is killed be as thorough as there is time for."""
    parser.addoption(
        "--kills",
        type=int,
        default=6,
        help="kills at random moments: of trainings, half of them with two processes, of predictions, of builds a third",
    )


def pytest_collection_modifyitems(items):
    """Skip what needs a GPU where none works, and say why; gpu(cupy=True): what needs cupy, too."""
    for item in items:
        marker = item.get_closest_marker("gpu")
        obstacle = marker and gpu_obstacle(0, needs_cupy=marker.kwargs.get("cupy", False))
        if obstacle:
            item.add_marker(pytest.mark.skip(reason=f"no GPU: {obstacle}"))


THREADS = torch.get_num_threads()


@pytest.fixture(autouse=True)
def kept_threads():
    """Give torch and BLAS the threads that they had: what trains or predicts in this process sets them, and
    so do fixtures of whole modules, which begin before this one.
    """
    if torch.get_num_threads() != THREADS:
        set_threads(THREADS)
    yield
    if torch.get_num_threads() != THREADS:
        set_threads(THREADS)


@pytest.fixture
def write_jsonl(tmp_path):
    """Write rows, or strings as they are, to a JSONL file in tmp_path."""
    return jsonl_writer(tmp_path)


@pytest.fixture
def write_text(tmp_path):
    """Write a text file to tmp_path byte for byte."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8"))
        return path

    return write
