"""Find the pretrained transformer that a name means."""

from pathlib import Path

from scripts.cli import UserError
from scripts.training.packaged import PACKAGED, packaged_folder


def locate_transformer(name: str) -> str:
    """Return what `from_pretrained` should be given for a name.

    A packaged model's folder inside the installed package, once its weights are checked; a folder as it is,
    if it holds a model; anything else is taken for a model hub's id, such as `FacebookAI/roberta-base`.
    Raises UserError where the package is missing, its weights are others, or the folder holds no model.
    """
    if name in PACKAGED:
        name = packaged_folder(name).as_posix()
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "config.json").exists():
            what = "the folder holds no config.json, so no transformer"
            raise UserError(f"{name}: {what}; set vars.transformer to a model's folder")
        return folder.resolve().as_posix()
    if name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1:
        remedy = f"set vars.transformer to a model's folder, a model hub id or one of {', '.join(PACKAGED)}"
        raise UserError(f"{name}: no such folder; {remedy}")
    return name
