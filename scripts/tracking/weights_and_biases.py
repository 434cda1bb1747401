"""Track runs with Weights & Biases: on its server, or in files that `wandb sync` sends later."""

import contextlib
import logging
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import requests
import wandb
from wandb.sdk.artifacts.artifact_manifest_entry import ArtifactManifestEntry as Entry

from scripts.cli import console
from scripts.corpus.files import write_bytes
from scripts.tracking.artifacts import Artifact, artifact_of
from scripts.tracking.options import TrackingOptions
from scripts.tracking.tracker import Tracker, warn

ANSWER, EVERY = 0.7, 1.0  # seconds to connect, and to answer at all; between two rows of steps
SETTINGS = {
    "silent": True,
    "console": "off",
    "save_code": False,
    "disable_git": True,  # which would tell the remote's address
    "x_disable_meta": True,  # program, folders, user
    "x_save_requirements": False,
    "host": "",
    "x_transaction_log_flush_interval": 1.0,  # seconds that a crash of the machine may cost, of 15
    "init_timeout": 10.0,
    "finish_timeout": 8.0,  # W&B tries on for days
    "finish_timeout_raises": True,
}


def start_run(mode: str, folder: Path, run: dict, options: TrackingOptions) -> Tracker:
    """Start a run. Raises what W&B does where it cannot start offline either. run: what wandb.init takes."""
    (folder / "wandb").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder / "wandb"):  # where this fails W&B would take the system's folder
        pass
    logging.raiseExceptions = False  # W&B keeps a log, of which a full disk makes tracebacks
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # else it tells its makers of each start
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR"):  # else the user's home, where artifacts may get lost
        os.environ.setdefault(name, str((folder / "wandb" / "files").absolute()))
    try:
        if can_be_online(mode):
            return WandbTracker(_init("online", folder, run), options)
    except Exception as error:  # W&B has many errors for a refused key, or for a network that fails
        warn("W&B: the run is kept here", error)
    return WandbTracker(_init("offline", folder, run), options)


def can_be_online(mode: str) -> bool:
    """Say whether there is a key. Raises ConnectionError where nobody answers, for whom W&B waits long."""
    if mode in ("offline", "disabled"):
        return False
    url = wandb.setup(wandb.Settings(silent=True, mode="online")).settings.base_url
    has_key = wandb.login(prompt=False, verify=False)
    if not has_key and mode == "online":
        raise ConnectionError("no API key (WANDB_API_KEY or `wandb login`)")
    try:
        if has_key and requests.post(f"{url}/graphql", json={}, timeout=ANSWER).status_code >= 500:
            raise requests.HTTPError
    except requests.RequestException as error:
        raise ConnectionError(f"{url} gives no answer ({type(error).__name__})") from error
    return has_key


def _init(mode: str, folder: Path, run: dict) -> wandb.Run:
    settings, resume = wandb.Settings(**SETTINGS), "allow" if run["id"] else None
    started = wandb.init(mode=mode, dir=folder, resume=resume, settings=settings, **run)
    started.define_metric("train/step", hidden=True)
    started.define_metric("*", step_metric="train/step")
    return started


class WandbTracker(Tracker):
    """Logs to W&B. Its first failure is told and ends the logging, never the training."""

    def __init__(self, run: wandb.Run, options: TrackingOptions) -> None:
        """Take a run over. Its last step is kept beside its files, for the run that goes on."""
        self.run: wandb.Run | None = run
        self._options = options
        self.run_id, self._is_offline, self._folder = run.id, run.offline, Path(run.dir).parents[1]
        self._note = self._folder / f"{run.id}.step"
        self._logged = int(self._note.read_text(encoding="ascii")) if self._note.exists() else -1
        self._next = time.perf_counter() + EVERY

    def is_due(self) -> bool:
        """Say whether a second has passed since the last row."""
        return time.perf_counter() >= self._next

    def log(self, step: int, figures: dict[str, float]) -> None:
        """Log a row at W&B's step `step`, unless this run has logged it before it was interrupted."""
        self._next = time.perf_counter() + EVERY
        if step > self._logged:
            self._logged = step
            self._try(lambda run: run.log(figures | {"train/step": step}, step=step, commit=True))
            self._try(lambda _: write_bytes(self._note, f"{step}".encode("ascii"), durable=False))

    def add(self, what: Path | Artifact, *, is_input: bool = False) -> None:
        """Hand an artifact on."""

        def publish(run: wandb.Run) -> None:
            artifact = artifact_of(what, self._options) if isinstance(what, Path) else what
            if artifact is None:
                return
            made = wandb.Artifact(re.sub(r"[^\w.-]", "-", artifact.name), artifact.kind)
            for name, text in artifact.files.items():
                with made.new_file(name, encoding="utf-8") as file:
                    file.write(text)
            for name, digest in artifact.references.items():
                made.manifest.add_entry(Entry(path=name, ref=f"sha256:{digest}", digest=digest))
            if artifact.folder is not None:
                made.add_dir(str(artifact.folder))
            made.finalize()
            # public, run.use_artifact refuses offline, and both it and run.log_artifact ask the server first
            run._interface.publish_artifact(run, made, ["latest"], use_after_commit=is_input)

        self._try(publish)

    def table(self, name: str, columns: Iterable[str], rows: Iterable[tuple], chart: str = "") -> None:
        """Log a table, or a chart, which holds its table."""

        def log(run: wandb.Run) -> None:
            table = wandb.Table(columns=list(columns), data=[list(row) for row in rows])
            axes = {column: column for column in columns}
            run.log({name: wandb.plot_table(chart, table, axes, {"title": name}) if chart else table})

        self._try(log)

    def finish(self, summary: dict, *, failed: bool = False) -> None:
        """Write the summary and close the run, in some seconds; say how to send what was not sent."""
        self._try(lambda run: run.summary.update(summary))
        self._try(lambda run: run.finish(exit_code=int(failed)), "W&B: not all could be sent")
        with contextlib.suppress(Exception):  # a service that was killed; at exit it would raise again
            wandb.teardown()
        if self._is_offline or self.run is None:
            folders = " ".join(sorted(map(str, self._folder.glob(f"*run-*-{self.run_id}"))))
            console.print(f"To send it to W&B: wandb sync {folders}", markup=False, soft_wrap=True)

    def _try(self, action: Callable[[wandb.Run], object], trouble: str = "W&B is off from here on") -> None:
        try:
            if self.run is not None:
                action(self.run)
        except Exception as error:  # whatever the network or the service does, training goes on
            self.run = None
            warn(trouble, error)
