"""Search for the settings with which a config learns best, without an account. At W&B: `wandb sweep`.

python -m scripts.sweep --trials 20 --minutes 60
"""

import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import srsly
import typer

from scripts.cli import UserError, console, run
from scripts.corpus.files import read_json, write_json

FOLDER, SETTINGS = "${envvar:WANDB_RUN_ID}", "${args}"  # for which W&B puts a run's name and what it tries


def main(
    sweep: Annotated[Path, typer.Argument(help="What is tried.")] = Path("configs/sweep.yaml"),
    trials: Annotated[int, typer.Option(min=1, help="Trainings, those in --results among them.")] = 20,
    minutes: Annotated[float, typer.Option(min=0.0, help="Time for all of them.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of what is proposed.")] = 0,
    results: Annotated[Path, typer.Option(help="Settings and scores.")] = Path("training/sweep/sweep.json"),
) -> None:
    """Search for the settings with which a config learns best on dev; each trial is a training of its own."""
    try:
        import optuna
    except ImportError:
        raise UserError("optuna is not installed: pip install -r requirements/sweep.txt") from None
    try:
        wanted = srsly.yaml_loads(sweep.read_text(encoding="utf-8"))
        drawn = {name: distribution(**own) for name, own in wanted["parameters"].items()}
        (output,) = (part.partition("=")[2] for part in wanted["command"] if part.startswith("--output="))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        why = f"no sweep like that of configs/sweep.yaml ({type(error).__name__}: {error}); repair it"
        raise UserError(f"{sweep}: {' '.join(why.split())}") from error
    found = read_json(results) if results.exists() else {"sweep": wanted, "trials": []}
    if found["sweep"] != wanted:
        raise UserError(f"{results}: of another {sweep} than this; name other --results, or delete it")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    end = time.monotonic() + 60 * minutes
    for done in found["trials"]:
        study.add_trial(optuna.create_trial(distributions=drawn, **done))
    while len(study.trials) < trials:
        trial = study.ask(drawn)
        given = " ".join(f"--{name}={value}" for name, value in trial.params.items())
        whole = [part.replace(FOLDER, f"{trial.number:03d}") for part in (output, *wanted["command"][1:])]
        folder, *command = (part for part in whole if part != SETTINGS)
        console.print(f"{folder}: {given}", markup=False, soft_wrap=True)
        command, left = [sys.executable, *command, "--restart", *given.split()], end - time.monotonic()
        try:
            subprocess.run(command, timeout=max(0.0, left), check=True)
        except subprocess.TimeoutExpired:
            console.print("Time is up; this trial was stopped, and does not count")
            break
        except subprocess.CalledProcessError:
            raise UserError(f"{folder}: training failed, as told above; repair that, and go on") from None
        score = read_json(Path(folder) / "metrics.json")["best"]["score"]
        study.tell(trial, score)
        found["trials"].append({"params": trial.params, "value": score})
        write_json(results, found)
    best = max(found["trials"], key=lambda trial: trial["value"], default="none")
    console.print(f"Best of {len(found['trials'])}, in {results}: {best}", markup=False, soft_wrap=True)


def distribution(values: list | None = None, distribution: str = "", min: Any = 0, max: Any = 0) -> Any:
    """Return Optuna's distribution for a parameter of W&B's; raise ValueError or TypeError for others."""
    from optuna import distributions

    if values:
        return distributions.CategoricalDistribution(values)
    if not distribution and type(min) is type(max) is int:
        return distributions.IntDistribution(min, max)
    if distribution not in ("", "uniform", "log_uniform_values") or min >= max:
        raise ValueError(f"{distribution} from {min} to {max}; W&B alone knows more than (log_)uniform")
    return distributions.FloatDistribution(min, max, log=distribution.startswith("log"))


if __name__ == "__main__":
    run(main)
