"""Log a run to Weights & Biases, or to nowhere."""

import os
from pathlib import Path
from typing import Protocol

from scripts.command import console


class Tracker(Protocol):
    """Where a run's figures go. `run_id`: its name there, with which it goes on after an interruption."""

    run_id: str | None

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Log one evaluation at its training step."""

    def finish(self, summary: dict, *, failed: bool = False) -> None:
        """End the run with its final figures; `failed` where it came to no end."""


class NullTracker:
    """Logs nothing, so that the loop need not ask whether there is a tracker."""

    run_id: str | None = None

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Do nothing."""

    def finish(self, summary: dict, *, failed: bool = False) -> None:
        """Do nothing."""


class WandbTracker:
    """Logs to W&B. Its first failure is told and ends the logging, never the training."""

    def __init__(self, run) -> None:
        self.run = run
        self.run_id: str | None = getattr(run, "id", None)

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Send one evaluation's figures in one call, with the training step as W&B's step."""
        self._try(lambda: self.run.log(metrics, step=step))

    def finish(self, summary: dict, *, failed: bool = False) -> None:
        """Write the summary and close the run."""
        self._try(lambda: self.run.summary.update(summary))
        self._try(lambda: self.run.finish(exit_code=int(failed)))

    def _try(self, action) -> None:
        if self.run is None:
            return
        try:
            action()
        except Exception as error:  # whatever the network or the service does, training goes on
            self.run = None
            console.print(f"W&B failed and is off from here on: {type(error).__name__}: {error}", style="yellow", markup=False)


def start_tracker(mode: str, *, folder: Path, project: str, entity: str, group: str, name: str, config: dict, run_id: str | None = None) -> Tracker:
    """Start a run, or go on with the one called `run_id`. `mode` is `offline` (files in `folder/wandb`, no account), `online` or `disabled`.

    Online without an API key becomes offline. Any failure to start is told, and nothing is logged.
    Sent are the config, scores and losses, and what W&B notes of the machine; never texts, code or weights.
    """
    if mode == "disabled":
        return NullTracker()
    try:
        import wandb

        if mode == "online" and not _has_key(wandb):
            console.print(
                "W&B: no API key (WANDB_API_KEY or `wandb login`), so the run is logged offline; `wandb sync` sends it later", style="yellow"
            )
            mode = "offline"
        folder.mkdir(parents=True, exist_ok=True)
        run = wandb.init(
            mode=mode,
            dir=folder,
            project=project,
            entity=entity or None,
            group=group or None,
            name=name,
            config=config,
            id=run_id,
            resume="allow" if run_id else None,
            settings=wandb.Settings(silent=True, save_code=False, disable_git=True, console="off"),
        )
    except Exception as error:  # a tracker that cannot start must not stop training
        console.print(f"W&B did not start, so nothing is logged there: {type(error).__name__}: {error}", style="yellow", markup=False)
        return NullTracker()
    return WandbTracker(run)


def _has_key(wandb) -> bool:
    return bool(os.environ.get("WANDB_API_KEY") or wandb.api.api_key)
