"""The tracker as a logger of spaCy's, for bare `spacy train`; the console shows what it always does.

python -m spacy train my.cfg --output mine --code scripts/training/tracking/spacy_logger.py
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from spacy import registry
from spacy.language import Language

from scripts.training.tracking.options import TrackingOptions
from scripts.training.tracking.rows import evaluation_row
from scripts.training.tracking.tracker import start_tracker

NAME = "ner_template.tracker.v1"


@registry.loggers(NAME)
def tracker_logger(mode: str = "", project: str = "", group: str = "", tags: str = "") -> Callable:
    """Make a [training.logger] of the options --wandb-mode and so on; scripts.train leaves it out."""
    options = TrackingOptions(wandb_mode=mode, wandb_project=project, wandb_group=group, wandb_tags=tags)

    def setup(nlp: Language, *streams: Any) -> tuple[Callable, Callable]:
        show, end = registry.get("loggers", "spacy.ConsoleLogger.v1")(progress_bar=False)(nlp, *streams)
        config = nlp.config.interpolate()
        facts = {"variant": "spacy", "seed": config["training"]["seed"], "spacy": config}
        tracker = start_tracker(options, "train", Path(), facts)

        def log_step(info: dict[str, Any] | None) -> None:
            show(info)
            if info is not None:
                so_far = {key: info[key] for key in ("words", "seconds", "epoch")}
                losses = {f"loss/{pipe}": float(loss) for pipe, loss in info["losses"].items()}
                tracker.log(info["step"], so_far | losses | evaluation_row(info))

        return log_step, lambda: (end(), tracker.finish({}))

    return setup
