"""The loggers that a config may name: any, beside what training shows, and ours, for bare `spacy train`.

python -m spacy train my.cfg --output mine --code scripts/training/loggers.py
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.util import registry

from scripts.cli import UserError, console
from scripts.tracking.options import TrackingOptions
from scripts.tracking.tracker import start_tracker
from scripts.training.rows import evaluation_row

TRACKER = "ner_template.tracker.v1"
NO_LOGGER = (lambda info: None), (lambda: None)
"""What takes each step, and what ends it, where nothing is logged."""


def start_logger(nlp: Language, T: dict[str, Any]) -> tuple[Callable, Callable]:
    """Start the config's [training.logger]; return what takes each step, and what ends it.

    Of spaCy's console loggers only the file is wanted, of ours nothing: training shows, and tracks.
    Raises UserError where it cannot start.
    """
    block, setup = nlp.config.interpolate()["training"]["logger"], T["logger"]
    of_console = block["@loggers"].startswith("spacy.ConsoleLogger")
    if block["@loggers"] == TRACKER or (of_console and not block.get("output_file")):
        return NO_LOGGER
    if of_console:
        setup = registry.resolve({"it": block | {"console_output": False, "progress_bar": None}})["it"]
    try:
        with nlp.select_pipes(disable=T["frozen_components"]):
            log_step, finish = setup(nlp, sys.stdout, sys.stderr)
    except Exception as error:  # of whatever service it logs to
        what = f"{block['@loggers']} did not start ({type(error).__name__}: {error})"
        raise UserError(f"[training.logger] {what}; name another") from error
    going = [True]

    def try_to(action: Callable, *arguments: Any) -> None:
        if going[0]:
            try:
                action(*arguments)
            except Exception as error:  # whatever a service does, training goes on
                going[0] = False
                text = f"[training.logger] is off from here on: {type(error).__name__}: {error}"
                console.print(text, style="yellow", markup=False)

    return partial(try_to, log_step), partial(try_to, finish)


@registry.loggers(TRACKER)
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
