"""Whether an encoder computes what spacy-transformers does: models are asked, not known by their names."""

from typing import TYPE_CHECKING

import numpy
import torch

if TYPE_CHECKING:
    from scripts.training.encoder import Encoder

PROBE = ("Ana saw New York and went to Cork, again, by train ☃ in 1984.", "Bo")
"""Texts of which the shorter is padded."""
TOLERANCE = 1e-4
"""How far vectors may be apart, as a share of the largest number in them: the last digits of fp32 are 1e-7, padding that is seen 1e-3."""


@torch.no_grad()
def is_alike(encoder: "Encoder") -> bool:
    """Say whether windows alone, or packed, come out as padded ones do, whose word pieces the transformer looks up itself.

    They do not where padding is seen (ConvBERT's convolutions, Nyströmformer's landmarks), word vectors are scaled (BART) or word
    pieces have types.
    """
    batch = encoder.component.model.tokenizer([*PROBE], padding="longest", return_tensors="pt").to(
        encoder.device
    )
    is_real = batch["attention_mask"].bool()
    with torch.random.fork_rng([encoder.device] if encoder.device.type == "cuda" else []):
        encoder.module.eval()
        expected = encoder.module.forward(**batch).last_hidden_state[is_real]  # not compiled: it runs once
        ids = [row[real].cpu().numpy()[None] for row, real in zip(batch["input_ids"], is_real, strict=True)]
        if encoder.packing:
            lengths = [own.shape[1] for own in ids]
            found = encoder.run_packed(encoder.look_up(numpy.concatenate(ids, axis=1)), lengths)[0]
        else:
            masks = [torch.ones(own.shape, dtype=torch.int64, device=encoder.device) for own in ids]
            found = torch.cat(
                [encoder.run(encoder.look_up(own), mask)[0] for own, mask in zip(ids, masks, strict=True)]
            )
        encoder.rest()
    return found.shape == expected.shape and bool(
        (found - expected).abs().max() <= TOLERANCE * expected.abs().max()
    )
