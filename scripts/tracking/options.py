"""What command lines say of tracking: a field an option."""

import os
from dataclasses import dataclass
from typing import Annotated, Literal

from typer import Option

from scripts.cli import UserError

MODES = {mode: mode for mode in ("auto", "online", "offline", "disabled")}
MODES |= {"run": "online", "shared": "online", "dryrun": "offline"}  # W&B's old names


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingOptions:
    """Where a run goes, and what leaves the machine. What is empty, W&B's own variables may say."""

    wandb_mode: Annotated[str, Option(help="offline, online, auto (online with a key), disabled.")] = ""
    wandb_project: Annotated[str, Option(help="W&B project; empty: WANDB_PROJECT, or ner.")] = ""
    wandb_entity: Annotated[str, Option(help="W&B user or team; empty: your default.")] = ""
    wandb_group: Annotated[str, Option(help="The experiment, W&B's group; empty: the corpus's hash.")] = ""
    wandb_tags: Annotated[str, Option(help="W&B tags, with commas between.")] = ""
    log_model: Annotated[
        Literal["false", "best", "all"], Option(help="Pipelines to upload: none, model-best, both.")
    ] = "false"
    log_text: Annotated[bool, Option("--log-text", help="Upload findings and errors with texts.")] = False

    @property
    def is_asked(self) -> bool:
        """Say whether somebody has named a mode: some steps are too short to be tracked otherwise."""
        return bool(self.wandb_mode or os.environ.get("WANDB_MODE"))

    @property
    def mode(self) -> str:
        """auto, online, offline or disabled, as asked for or by WANDB_MODE. Raises UserError if none."""
        asked = self.wandb_mode or os.environ.get("WANDB_MODE") or "offline"
        if asked not in MODES:
            where = f"--wandb-mode={asked}" if self.wandb_mode else f"WANDB_MODE={asked} in the environment"
            raise UserError(f"{where}: write auto, online, offline or disabled")
        return MODES[asked]
