"""What a run is tracked by: the protocol, which logs to nowhere, and what starts one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.cli import console
from scripts.training.tracking import artifacts
from scripts.training.tracking.options import TrackingOptions
from scripts.training.tracking.private import code_version, scrub


class Tracker:
    """Where a run's figures and files go: here nowhere. run_id: its name there, by which it goes on."""

    run_id: str | None = None

    def is_due(self) -> bool:
        """Say whether a step without evaluation is to be logged: at most one a second is."""
        return False

    def log(self, step: int, figures: dict[str, float]) -> None:
        """Log a row at its training step, all of it in one call."""

    def add(self, make: Callable[..., artifacts.Artifact], *arguments: Any, is_input: bool = False) -> None:
        """Note what the run has made, or was made from; `make` makes that, if anything is tracked."""

    def table(self, name: str, columns: tuple[str, ...], rows: list[tuple], chart: str = "") -> None:
        """Log a table. chart: W&B's name for what shows it; the columns then have its names."""

    def finish(self, summary: dict, *, failed: bool = False) -> None:
        """End the run with its final figures; `failed` where it came to no end."""


def start_tracker(
    options: TrackingOptions, job_type: str, folder: Path, config: dict, run_id: str | None = None
) -> Tracker:
    """Start a run in `folder/wandb`, or go on with the one called `run_id`. Raises UserError, of the options.

    config: its `variant` and `seed` name the run, its `corpus_sha256` the group if the options name none.
    """
    if (mode := options.mode) == "disabled":
        return Tracker()
    corpus, given = config.get("corpus_sha256", {}).get("train") or "unknown", os.environ.get
    run = {
        "project": options.wandb_project or given("WANDB_PROJECT") or "ner",
        "entity": options.wandb_entity or None,
        "group": options.wandb_group or given("WANDB_RUN_GROUP") or f"corpus-{corpus[:8]}",
        "job_type": job_type,
        "name": given("WANDB_NAME") or "{variant}-seed{seed}".format(**config),
        "tags": [tag.strip() for tag in options.wandb_tags.split(",") if tag.strip()] or None,
        "config": scrub(config | {"code": code_version()}),
        "id": run_id,
    }
    try:
        from scripts.training.tracking.weights_and_biases import start_run

        return start_run(mode, Path(given("WANDB_DIR") or folder), run)
    except Exception as error:  # a tracker that cannot start must stop nothing
        warn("W&B did not start, so nothing is logged there", error)
        return Tracker()


def track_evaluation(options: TrackingOptions, folder: Path, scores: dict, errors: list[dict]) -> None:
    """Log a pipeline's scores on test as a run. errors: the worst."""
    found = {key: scores[key] for key in ("variant", "device", "pipeline", "corpus_sha256")}
    tracker = start_tracker(options, "evaluate", folder, found | {"seed": scores["training"]["seed"]})
    tracker.add(artifacts.pipeline, folder / "model-best", options, is_input=True)
    tracker.add(artifacts.json_file, folder / "scores.json", f"{folder.name}-scores", options)
    by_label = [(label, own["f"]) for label, own in scores["gold_tokens"]["ents_per_type"].items()]
    tracker.table("F by label", ("label", "value"), by_label, "wandb/bar/v0")
    rows = scores["gold_tokens"]["confusion"].items()
    cells = [(gold or "none", label or "none", n) for gold, row in rows for label, n in row.items()]
    tracker.table("confusion", ("Actual", "Predicted", "nPredictions"), cells, "wandb/confusion_matrix/v1")
    if errors:
        tracker.table("errors", (*errors[0],), [tuple(map(str, row.values())) for row in errors])
    both = [(kind, key) for kind in ("gold_tokens", "raw_text") for key in ("ents_f", "ents_p", "ents_r")]
    figures = {key: own for key, own in scores.items() if isinstance(own, (int, float))}
    tracker.finish(figures | {f"test/{kind}/{key}": scores[kind][key] for kind, key in both})


def warn(trouble: str, error: Exception) -> None:
    """Tell a person, in one line."""
    kind = "" if type(error) is ConnectionError else f"{type(error).__name__}: "
    said = " ".join(str(error).split("\n")[0].split())
    console.print(f"{trouble}: {kind}{said}", style="yellow", markup=False, soft_wrap=True)
