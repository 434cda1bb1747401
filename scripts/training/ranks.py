"""Which process of a run this is, before anything of weight is imported."""

import os

STORE = "NER_TEMPLATE_STORE"
"""The variable that names the file in which the processes of one machine find each other."""
TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun and its kin set, all of it. RANK and WORLD_SIZE alone are leftovers of a cluster."""


def rank() -> int | None:
    """Return this process's number among those that were started together; None where it was started alone."""
    started_together = STORE in os.environ or all(name in os.environ for name in TORCHRUN)
    return int(os.environ["RANK"]) if started_together else None
