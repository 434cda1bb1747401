"""Write a variant's config: configs/base.cfg and its overlay, merged, set from options, and filled.

python -m scripts.configure cpu
"""

import configparser
from pathlib import Path

from confection import ConfigValidationError

from scripts.cli import UserError, console, run
from scripts.corpus.config_file import one_line
from scripts.corpus.files import write_bytes
from scripts.training.configs import Settings, build_config, describe, make_pretrained


def main(settings: Settings) -> None:
    """Write a variant's config; make the vectors and weights from which it starts, if they are not there."""
    pretrained = make_pretrained(settings)
    try:
        config = build_config(settings, pretrained)
    except (ConfigValidationError, configparser.Error, KeyError, ValueError, OSError) as error:
        files = " with ".join(map(str, settings.layers))
        raise UserError(f"{files} is no config that spaCy can read: {one_line(error)}") from error
    path = settings.output or Path("training") / settings.variant / "config.cfg"
    write_bytes(path, config.to_bytes())
    console.print(f"{path}: {describe(config)}", soft_wrap=True)


if __name__ == "__main__":
    run(main)
