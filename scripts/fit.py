"""Say what fits into a GPU of which size, and how long training will take. Nothing is trained.

python -m scripts.fit training/gpu --memory=6GB,8GB,12GB
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from scripts.cli import UserError, console, run

COLUMNS = ("transformer", "memory", "word pieces a pass", "passes a step", "words/s", "hours for this corpus")


def main(
    folder: Annotated[
        Path, typer.Argument(help="A variant's folder, which holds config.cfg with a transformer.")
    ] = Path("training/gpu"),
    memory: Annotated[
        str, typer.Option(help="GPU memories, with commas between; auto: all that is free.")
    ] = "6GB,8GB,12GB,24GB",
    transformers: Annotated[
        str, typer.Option(help="Pretrained models to try, with commas between; empty: the config's own.")
    ] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="bf16, fp16, fp32, or auto: what the device is made for; without a GPU, bf16.")
    ] = "auto",
) -> None:
    """Print, by transformer and GPU memory, the largest pass that fits, words a second, and hours for this corpus.

    On a GPU all of it is tried out. Without one, what a pass needs is estimated, and speeds are not known; how long a CPU takes, training
    says when it begins.
    """
    path = folder / "config.cfg"
    if not path.exists():
        raise UserError(f"{path}: no such file; run: python -m scripts.configure {folder.name}")
    from spacy.util import load_config

    from scripts.training.device import activate
    from scripts.training.kernels import use_fast_ops
    from scripts.training.memory import as_bytes
    from scripts.training.transformer import locate_transformer

    limits = {text.strip(): as_bytes(text.strip(), "--memory") for text in memory.split(",")}
    config = load_config(path, interpolate=False)
    if "transformer" not in config["components"]:
        raise UserError(f"{path}: its pipeline has no transformer, and fits anywhere")
    chosen = activate(device)
    if chosen.gpu_id < 0:
        if None in limits.values():
            raise UserError(
                "--memory=auto: there is no GPU here whose memory could be seen; write gigabytes, such as --memory=6GB,8GB"
            )
        use_fast_ops()
    table = Table(*COLUMNS, title=f"{folder.name} on {chosen}")
    for name in [text.strip() for text in transformers.split(",") if text.strip()] or [
        config["components"]["transformer"]["model"]["name"]
    ]:
        own = config.copy()
        own["components"]["transformer"]["model"]["name"] = locate_transformer(name)
        shown = (
            next((part for part in reversed(Path(name).parts) if part != "model"), name)
            if Path(name).is_dir()
            else name
        )
        for row in try_out(own, limits, chosen.gpu_id, precision):
            table.add_row(shown, *row)
    console.print(table)
    if chosen.gpu_id < 0:
        console.print(
            "There is no GPU here: word pieces a pass are estimated from what a step keeps for its way back, and were not tried on one."
        )


def try_out(config: Any, limits: dict[str, int | None], gpu_id: int, precision: str) -> list[list[str]]:
    """Return the table's columns but the first for each amount of memory."""
    from scripts.training.fit import costliest_step, estimate_passes, find_fit
    from scripts.training.memory import GpuMemory
    from scripts.training.pipeline import make_encoder, make_pipeline

    nlp, T, train, dev = make_pipeline(config, gpu_id)
    training = nlp.config.interpolate()["training"]
    encoder = make_encoder(
        nlp, T["frozen_components"], "bf16" if gpu_id < 0 and precision == "auto" else precision
    )
    if encoder is None:
        raise UserError(
            "this config's transformer is computed by spacy-transformers' own code: it has another pooling, or a slow tokeniser"
        )
    step = costliest_step(nlp, train, training, encoder)
    words, pieces = (
        sum(map(len, step)),
        sum(len(own.ids) for own in encoder.read([example.x for example in step])),
    )
    if gpu_id < 0:
        known = [limit for limit in limits.values() if limit is not None]
        most = estimate_passes(nlp, encoder, step, known, T["frozen_components"])
        return [
            [text, *_passes(own, pieces), "not measured", "not measured"]
            for text, own in zip(limits, most, strict=True)
        ]
    rows, docs = [], [example.x for example in dev(nlp)]
    for text, limit in limits.items():
        try:
            fit = find_fit(nlp, encoder, training, step, docs, GpuMemory(encoder.device, limit))
        except UserError as error:
            rows.append([text, *_passes(0, pieces), "", str(error)])
            continue
        hours = training["max_steps"] * words / fit.words_per_second / 3600
        told = f"{hours:.2f}" if training["max_steps"] else "max_steps is 0"
        rows.append([text, *_passes(fit.most, pieces), f"{fit.words_per_second:,.0f}", told])
    return rows


def _passes(most: int, pieces: int) -> tuple[str, str]:
    return (f"{most:,}", f"{-(-pieces // most):,}") if most else ("not one window", "")


if __name__ == "__main__":
    run(main)
