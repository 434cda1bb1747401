"""The processes of a run: here the only one. Several are in scripts/training/fast/workers.py."""

import os
import sys
from typing import Any

STORE = "NER_TEMPLATE_STORE"
"""The variable that names the folder in which the processes of one machine find each other."""
TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun and its kin set, all of it. RANK and WORLD_SIZE alone are leftovers of a cluster."""


def rank() -> int | None:
    """Return this process's number among those started together; None where it was started alone."""
    started_together = STORE in os.environ or all(name in os.environ for name in TORCHRUN)
    return int(os.environ["RANK"]) if started_together else None


class World:
    """A process that does it all."""

    rank = 0
    size = 1
    have_met = False
    """Whether this process has ever met others."""

    def shared(self, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any] | None:
        """Return arrays of zeros (float32) that all processes of this machine see; None for one."""
        return None

    def gather(self, thing: Any) -> list[Any]:
        """Return what each process gave, by rank."""
        return [thing]

    def shard_batch(self, batch: list) -> list:
        """Return this process's share of a batch."""
        return batch


def leave(code: int) -> None:
    """End this process: at once, if it used torch.distributed, whose threads may abort at its end."""
    if World.have_met:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
