"""Log a run to Weights & Biases, or to nowhere."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.cli import UserError, console

MODES = {
    "online": "online",
    "run": "online",
    "shared": "shared",
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}
"""What may be asked for, by W&B's own names, two of them old ones, and what that means."""
TIMEOUTS = {"init_timeout": 20.0, "finish_timeout": 60.0}
"""Seconds after which a run is offline, and after which it ends with a part unsent: W&B tries on for days."""


class Tracker:
    """Where a run's figures go: here nowhere. run_id: its name there, by which an interrupted run goes on."""

    run_id: str | None = None

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Log one evaluation at its training step."""

    def finish(self, summary: dict, *, failed: bool = False) -> None:
        """End the run with its final figures; `failed` where it came to no end."""


class WandbTracker(Tracker):
    """Logs to W&B. Its first failure is told and ends the logging, never the training."""

    def __init__(self, run) -> None:
        self.run = run
        self.run_id = run.id
        self._folder = Path(run.dir).parent

    def log(self, step: int, metrics: dict[str, float]) -> None:
        """Send one evaluation's figures in one call, with the training step as W&B's step."""
        self._try(lambda: self.run.log(metrics, step=step))

    def finish(self, summary: dict, *, failed: bool = False) -> None:
        """Write the summary and close the run, within a minute; what could not be sent is on the disk."""
        self._try(lambda: self.run.summary.update(summary))
        trouble = f"W&B: `wandb sync {self._folder}` sends what was not sent"
        self._try(lambda: self.run.finish(exit_code=int(failed)), trouble)

    def _try(self, action: Callable[[], None], trouble: str = "W&B failed and is off from here on") -> None:
        if self.run is None:
            return
        try:
            action()
        except Exception as error:  # whatever the network or the service does, training goes on
            self.run = None
            _warn(f"{trouble}: {_reason(error)}")


def choose_mode(asked: str | None = None) -> str:
    """Return online, shared, offline or disabled, as asked for; else as WANDB_MODE says; else offline.

    Raises UserError where it is none that W&B knows.
    """
    name = "--wandb-mode" if asked else "WANDB_MODE"
    mode = asked or os.environ.get("WANDB_MODE") or "offline"
    if mode not in MODES:
        where = "" if asked else " in the environment"
        raise UserError(f"{name}={mode}{where}: write online, offline or disabled")
    return MODES[mode]


def start_tracker(
    mode: str | None = None,
    *,
    folder: Path,
    project: str,
    entity: str,
    group: str,
    name: str,
    config: dict,
    run_id: str | None = None,
) -> Tracker:
    """Start a run, or go on with the one called `run_id`.

    mode: see choose_mode; offline writes files to `folder/wandb` and needs no account.
    Online becomes offline where there is no API key, or none that is taken, and where nobody answers. Any
    failure to start is told, and nothing is logged. Sent are the config, scores and losses, and what W&B
    notes of the machine; never texts, code or weights. Raises UserError where the mode is none.
    """
    mode = choose_mode(mode)
    if mode == "disabled":
        return Tracker()
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # else it tells its makers of each start
    run = {"project": project, "entity": entity or None, "group": group or None, "name": name}
    run |= {"config": config, "id": run_id, "resume": "allow" if run_id else None}
    try:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        if mode != "offline":
            try:
                if not _has_key(wandb):
                    raise ConnectionError("no API key (WANDB_API_KEY or `wandb login`)")
                return WandbTracker(_init(wandb, mode, folder, run))
            except Exception as error:  # no key, none that is taken, no network: W&B has many errors for each
                _warn(f"W&B: {_reason(error)}; the run is logged offline, and `wandb sync` sends it later")
        return WandbTracker(_init(wandb, "offline", folder, run))
    except Exception as error:  # a tracker that cannot start must not stop training
        _warn(f"W&B did not start, so nothing is logged there: {_reason(error)}")
        return Tracker()


def _init(wandb: Any, mode: str, folder: Path, run: dict) -> Any:
    quiet = {"silent": True, "console": "off", "save_code": False, "disable_git": True}
    settings = wandb.Settings(finish_timeout_raises=True, **quiet, **TIMEOUTS)
    return wandb.init(mode=mode, dir=folder, settings=settings, **run)


def _has_key(wandb: Any) -> bool:
    return bool(os.environ.get("WANDB_API_KEY") or wandb.api.api_key)


def _reason(error: Exception) -> str:
    """Return what an error says, in one line. W&B says nothing of a key that is refused."""
    said = str(error).strip().split("\n")[0]
    if said in ("", "<no message>"):
        said = "the server refused, as it does where the API key is not valid"
    return said if type(error) is ConnectionError else f"{type(error).__name__}: {said}"


def _warn(text: str) -> None:
    console.print(text, style="yellow", markup=False, soft_wrap=True)
