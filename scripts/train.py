"""Train a pipeline by a config, as `spacy train` does.

python -m scripts.train training/cpu
python -m scripts.train my.cfg --code my.py --training.max_steps 40
"""

from dataclasses import fields
from pathlib import Path

from scripts.cli import UserError, console, run
from scripts.training import options as its
from scripts.training.run import Options, train_config
from scripts.training.world import leave, rank


def main(
    config: its.ConfigPath,
    settings: its.Settings = None,
    output: its.Output = None,
    code: its.Code = None,
    gpu_id: its.GpuId = None,
    device: its.DeviceName = "auto",
    corpus: its.Corpus = Path("corpus"),
    workers: its.Workers = 1,
    threads: its.Threads = 1,
    exact: its.Exact = False,
    unvalidated: its.Unvalidated = False,
    precision: its.PrecisionName = "auto",
    gpu_memory: its.GpuMemory = "auto",
    restart: its.Restart = False,
    force: its.Force = False,
    checkpoint_minutes: its.CheckpointMinutes = 5.0,
    wandb_mode: its.WandbMode = "",
    wandb_project: its.WandbProject = "ner",
    wandb_entity: its.WandbEntity = "",
    wandb_group: its.WandbGroup = "",
    verbose: its.Verbose = False,
) -> None:
    """Train a pipeline: model-best, model-last and metrics.json in its folder.

    A run that was interrupted goes on where it was: give the same command again. It takes the command line of
    `spacy train`, too:

    python -m scripts.train my.cfg -o training/mine -c my.py --paths.train train.spacy --training.max_steps 40
    """
    if exact and workers > 1:
        raise UserError("--exact is for one process; leave --workers out")
    if gpu_id is not None and device != "auto":
        raise UserError(f"--gpu-id {gpu_id} and --device {device}: both say where to train; leave one out")
    if gpu_id is not None:
        device = "cpu" if gpu_id < 0 else f"cuda:{gpu_id}"
    given = locals()
    chosen = Options(**{field.name: given[field.name] for field in fields(Options)})
    folder, metrics = train_config(config, output, tuple(code or ()), tuple(settings or ()), chosen)
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
