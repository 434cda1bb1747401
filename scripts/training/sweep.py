"""Try settings of a config, each in a training of its own: proposed by Optuna here, or online by W&B."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from scripts.cli import UserError, console
from scripts.corpus.files import read_json
from scripts.tracking.tracker import warn

FOLDER, SETTINGS = "${envvar:WANDB_RUN_ID}", "${args}"  # for which W&B puts a run's name and what it tries


def search_online(sweep: dict, trials: int, end: float, mode: str) -> bool:
    """Let W&B propose settings, and its agent train, until `end` of time.monotonic(); say if it could."""
    try:
        import wandb

        from scripts.tracking.weights_and_biases import can_be_online

        if not can_be_online(mode):
            return False
        sweep_id = wandb.sweep(sweep, project=os.environ.get("WANDB_PROJECT") or "ner")
    except Exception as error:  # W&B has many errors for a refused key, or for a network that fails
        warn("W&B: Optuna searches instead", error)
        return False
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    os.environ["PATH"] = os.pathsep.join(folders)  # the agent starts what is called python
    run_until(end, [sys.executable, "-m", "wandb", "agent", f"--count={trials}", sweep_id])
    return True


def search(sweep: dict, trials: int, end: float, seed: int, journal: Path) -> dict[str, float]:
    """Let Optuna propose settings until `end`; return the score of each trial's folder.

    journal: what Optuna keeps, from which another call goes on. Raises UserError where a training fails, and
    ValueError, LookupError, TypeError or AttributeError where a sweep is none.
    """
    try:
        import optuna
    except ImportError:
        raise UserError("optuna is not installed: pip install -r requirements/sweep.txt") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    (output,) = (part.partition("=")[2] for part in sweep["command"] if part.startswith("--output="))
    journal.parent.mkdir(parents=True, exist_ok=True)
    name, files = str(journal), optuna.storages.journal
    lock = files.JournalFileOpenLock(name)  # its default wants symbolic links
    kept = optuna.storages.JournalStorage(files.JournalFileBackend(name, lock))
    study = optuna.create_study(storage=kept, study_name="sweep", load_if_exists=True, direction="maximize")
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))  # proposes nothing twice
    finished = [optuna.trial.TrialState.COMPLETE]
    while len(study.get_trials(states=finished)) < trials:
        trial = study.ask()
        given = [f"--{name}={suggest(trial, name, **own)}" for name, own in sweep["parameters"].items()]
        whole = [part.replace(FOLDER, f"{trial.number:03d}") for part in (output, *sweep["command"][1:])]
        folder, *command = (part for part in whole if part != SETTINGS)
        console.print(f"{folder}: {' '.join(given)}", markup=False, soft_wrap=True)
        trial.set_user_attr("folder", folder)
        code = run_until(end, [sys.executable, *command, "--restart", *given])
        if code is None:
            break
        if code:
            raise UserError(f"{folder}: training failed, as told above; repair that, and go on")
        study.tell(trial, read_json(Path(folder) / "metrics.json")["best"]["score"])
    return {trial.user_attrs["folder"]: trial.value for trial in study.get_trials(states=finished)}


def run_until(end: float, command: list[str]) -> int | None:
    """Run a command; return its exit code, or None where `end` stopped it, and all that it started."""
    with subprocess.Popen(command) as process:
        try:
            return process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            first = psutil.Process(process.pid)
            for each in (first, *first.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            console.print("Time is up; the last trial was stopped, and does not count")
            return None


def suggest(trial: Any, name: str, values: list | None = None, **given: Any) -> Any:
    """Let Optuna propose a value of a parameter of W&B's. Raises LookupError or ValueError for others."""
    if values is not None:
        return trial.suggest_categorical(name, values)
    low, high, kind = given.pop("min"), given.pop("max"), given.pop("distribution", "")
    if not kind and type(low) is type(high) is int:
        return trial.suggest_int(name, low, high)
    if kind not in ("", "uniform", "log_uniform_values") or given or low >= high:
        raise ValueError(
            f"{name}: {kind} {given} from {low} to {high}; W&B alone knows more than (log_)uniform"
        )
    return trial.suggest_float(name, low, high, log=kind.startswith("log"))
