"""In how many bits a transformer computes: half as many where the device is made for it."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from scripts.cli import UserError

NAMES = ("auto", "bf16", "fp16", "fp32")


@dataclass(frozen=True, slots=True)
class Precision:
    """What matrices are multiplied in; weights and sums stay fp32."""

    name: str
    why: str
    device: str

    def __str__(self) -> str:
        return f"{self.name} ({self.why})"

    @property
    def scales(self) -> bool:
        """Whether gradients must be scaled, or small ones are lost."""
        return self.name == "fp16"

    def autocast(self) -> AbstractContextManager:
        """Return the context in which the transformer runs forward."""
        if self.name == "fp32":
            return nullcontext()
        return torch.autocast(self.device, torch.bfloat16 if self.name == "bf16" else torch.float16)


def choose_precision(asked: str, device: torch.device) -> Precision:
    """Return the precision asked for, `auto` by the device. Raises UserError where the device has it not."""
    kind = device.type
    if asked == "auto":
        if torch.cuda.is_bf16_supported(including_emulation=False) if kind == "cuda" else _cpu_has_bf16():
            return Precision("bf16", "the device computes in it", kind)
        if kind == "cuda":
            return Precision("fp16", "the GPU has no bf16", kind)
        return Precision("fp32", "this CPU has no AMX", kind)
    if asked not in NAMES:
        raise UserError(f"--precision={asked}: write one of {', '.join(NAMES)}")
    if asked == "fp16" and kind != "cuda":
        raise UserError("--precision=fp16: only GPUs train in it; write auto, bf16 or fp32")
    return Precision(asked, "as asked", kind)


def _cpu_has_bf16() -> bool:
    return torch.cpu._is_amx_tile_supported()  # with avx512_bf16 alone bf16 was half as fast as fp32
