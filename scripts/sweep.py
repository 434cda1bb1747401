"""Search for the settings with which a config learns best: proposed by Optuna, or online by W&B.

python -m scripts.sweep --trials 20 --minutes 60
"""

import time
from pathlib import Path
from typing import Annotated

import srsly
import typer

from scripts.cli import UserError, console, run
from scripts.tracking.options import TrackingOptions
from scripts.training.sweep import search, search_online


def main(
    sweep: Annotated[Path, typer.Argument(help="What is tried.")] = Path("configs/sweep.yaml"),
    trials: Annotated[int, typer.Option(min=1, help="Trainings; Optuna's with those before.")] = 20,
    minutes: Annotated[float, typer.Option(min=0.0, help="Time for all of them.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of what Optuna proposes.")] = 0,
    journal: Annotated[Path, typer.Option(help="What Optuna keeps.")] = Path("training/sweep/optuna.log"),
    wandb_mode: Annotated[str, typer.Option(help="online, auto: W&B proposes if it answers; offline.")] = "",
) -> None:
    """Search for the settings with which a config learns best on dev; each trial is a training of its own."""
    end, mode = time.monotonic() + 60 * minutes, TrackingOptions(wandb_mode=wandb_mode).mode
    try:
        wanted = srsly.yaml_loads(sweep.read_text(encoding="utf-8"))
        wanted["command"] += [f"--wandb-mode={wandb_mode}"] if wandb_mode else []
        if search_online(wanted, trials, end, mode):
            return
        found = search(wanted, trials, end, seed, journal)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        why = f"no sweep like that of configs/sweep.yaml ({type(error).__name__}: {error}); repair it"
        raise UserError(f"{sweep}: {' '.join(why.split())}") from error
    best = max(found, key=found.get, default="none")
    console.print(f"Best of {len(found)}: {best}, {found.get(best)}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    run(main)
