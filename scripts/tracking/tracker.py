"""What runs are tracked by: the protocol, which logs to nowhere, what starts a run, and the runs of steps."""

import os
from collections.abc import Iterable
from pathlib import Path

from scripts.cli import console
from scripts.corpus.files import read_json
from scripts.tracking.artifacts import Artifact, corpus_facts
from scripts.tracking.options import TrackingOptions
from scripts.tracking.private import code_version, scrub


class Tracker:
    """Where a run's figures and files go: here nowhere. run_id: its name there, by which it goes on."""

    run_id: str | None = None

    def is_due(self) -> bool:
        """Say whether a step without evaluation is to be logged: at most one a second is."""
        return False

    def log(self, step: int, figures: dict[str, float]) -> None:
        """Log a row at its training step, all of it in one call."""

    def add(self, what: Path | Artifact, *, is_input: bool = False) -> None:
        """Note what the run has made, or was made from: an artifact, or a path of which it is made here."""

    def table(self, name: str, columns: Iterable[str], rows: Iterable[tuple], chart: str = "") -> None:
        """Log a table. chart: W&B's name for what shows it; the columns then have its names."""

    def finish(self, summary: dict, *, failed: bool = False) -> None:
        """End the run with its final figures; `failed` where it came to no end."""


def start_tracker(
    options: TrackingOptions,
    job_type: str,
    folder: Path,
    config: dict,
    *,
    uses: Iterable[Path | Artifact] = (),
    run_id: str | None = None,
) -> Tracker:
    """Start a run in `folder/wandb`, or go on with the one called `run_id`. Raises UserError, of the options.

    config: its `variant` and `seed` name the run, its `corpus_sha256` the group if the options name none.
    uses: what the run is made from.
    """
    if (mode := options.mode) == "disabled":
        return Tracker()
    corpus, given = config.get("corpus_sha256", {}).get("train") or "unknown", os.environ.get
    name = f"{config['variant']}-seed{config['seed']}" if "variant" in config else job_type
    run = {
        "project": options.wandb_project or given("WANDB_PROJECT") or "ner",
        "entity": options.wandb_entity or None,
        "group": options.wandb_group or given("WANDB_RUN_GROUP") or f"corpus-{corpus[:8]}",
        "job_type": job_type,
        "name": given("WANDB_NAME") or name,
        "tags": [tag.strip() for tag in options.wandb_tags.split(",") if tag.strip()] or None,
        "config": scrub(config | {"code": code_version()}),
        "id": run_id,
    }
    try:
        from scripts.tracking.weights_and_biases import start_run

        tracker = start_run(mode, Path(given("WANDB_DIR") or folder), run, options)
    except Exception as error:  # a tracker that cannot start must stop nothing
        warn("W&B did not start, so nothing is logged there", error)
        return Tracker()
    for what in uses:
        tracker.add(what, is_input=True)
    return tracker


def track_step(options: TrackingOptions, step: str, corpus: Path, uses: Path, made: Path | None) -> None:
    """Log a short step in a run, where somebody asks for one: for W&B takes more than a second to start."""
    if options.is_asked and made is not None:
        tracker = start_tracker(options, step, corpus, corpus_facts(corpus), uses=[uses])
        tracker.add(made)
        tracker.finish({})


def track_evaluation(options: TrackingOptions, folder: Path, scores: dict, errors: list[dict]) -> None:
    """Log a pipeline's scores on test. errors: the worst."""
    found = {key: scores[key] for key in ("variant", "device", "pipeline", "corpus_sha256")}
    found |= {"seed": scores["training"]["seed"]}
    tracker = start_tracker(options, "evaluate", folder, found, uses=[folder / "model-best"])
    tracker.add(folder / "scores.json")
    tracker.table("F by label", ("label", "value"), f_by_label(scores).items(), "wandb/bar/v0")
    rows = scores["gold_tokens"]["confusion"].items()
    cells = [(gold or "none", label or "none", n) for gold, row in rows for label, n in row.items()]
    tracker.table("confusion", ("Actual", "Predicted", "nPredictions"), cells, "wandb/confusion_matrix/v1")
    if errors:
        tracker.table("errors", errors[0], (tuple(map(str, row.values())) for row in errors))
    both = [(kind, key) for kind in ("gold_tokens", "raw_text") for key in ("ents_f", "ents_p", "ents_r")]
    figures = {key: own for key, own in scores.items() if isinstance(own, (int, float))}
    tracker.finish(figures | {f"test/{kind}/{key}": scores[kind][key] for kind, key in both})


def track_comparison(options: TrackingOptions, folders: list[Path], corpus: Path, output: Path) -> None:
    """Log a report, if somebody asks for it, and its variants' F by label side by side."""
    if options.is_asked:
        uses = [folder / "scores.json" for folder in folders]
        tracker = start_tracker(options, "compare", output, corpus_facts(corpus), uses=uses)
        tracker.add(output / "summary.json")
        variants = read_json(output / "summary.json")["variants"]
        scores = [f_by_label(own) for own in variants.values()]
        rows = [(label, *(own.get(label) for own in scores)) for label in sorted(set().union(*scores))]
        tracker.table("F by label", ("label", *variants), rows)
        tracker.finish({})


def f_by_label(scores: dict) -> dict[str, float]:
    """Return F on gold tokens of each label."""
    return {label: own["f"] for label, own in scores["gold_tokens"]["ents_per_type"].items()}


def warn(trouble: str, error: Exception) -> None:
    """Tell a person, in one line."""
    kind = "" if type(error) is ConnectionError else f"{type(error).__name__}: "
    said = " ".join(str(error).split("\n")[0].split())
    console.print(f"{trouble}: {kind}{said}", style="yellow", markup=False, soft_wrap=True)
