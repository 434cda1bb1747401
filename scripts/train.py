"""Train a pipeline by a config, as `spacy train` does.

python -m scripts.train training/cpu
python -m scripts.train my.cfg --code my.py --training.max_steps 40
"""

from scripts.cli import console, run
from scripts.training.options import Options
from scripts.training.run import train_config
from scripts.training.world import leave, rank


def main(options: Options) -> None:
    """Train a pipeline: model-best, model-last and metrics.json in its folder.

    A run that was interrupted goes on where it was: give the same command again. It takes the command line of
    `spacy train`, too:

    python -m scripts.train my.cfg -o training/mine -c my.py --paths.train train.spacy --training.max_steps 40
    """
    folder, metrics = train_config(options)
    if rank():
        return
    best, peak = metrics["best"], metrics["peak_memory_mb"]
    speed = f"{metrics['seconds']:.0f} s, {metrics['words_per_second']:,.0f} words/s, {peak:,.0f} MB"
    console.print(
        f"{folder.name}: stopped because {metrics['stopped_because']}; best on dev: "
        f"F {100 * best['ents_f']:.2f} at step {best['step']}; {speed}; in {folder / 'model-best'}"
    )


if __name__ == "__main__":
    try:
        run(main, takes_settings=True)
    except SystemExit as end:
        leave(int(end.code or 0))
