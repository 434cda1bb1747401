"""Train only on what passed validation: these very data, for this very config."""

import subprocess
import sys
from pathlib import Path

from confection import Config, ConfigValidationError

from scripts.cli import UserError, console
from scripts.corpus.config_file import ConfigFile, data_paths, fingerprint, full_config, one_line
from scripts.corpus.files import read_json
from scripts.corpus.shards import MANIFEST, check_shards, read_manifest

ANYWAY = "or train anyway with --unvalidated"


def hashes(config: Config, file: ConfigFile) -> dict:
    """Return the hashes of a config, its code and its data. Raises UserError where a corpus is damaged."""
    try:
        data = data_paths(full_config(config))
    except (ConfigValidationError, KeyError, ValueError) as error:
        what = f"no config that spaCy can train: {one_line(error)}"
        raise UserError(f"{file.path}: {what}; repair it, or see `python -m spacy debug config`") from None
    for path in data.values():
        if path is not None and (path / MANIFEST).exists():
            check_shards(path, read_manifest(path))
    return fingerprint(config, file.code, data)


def require_validated(file: ConfigFile, now: dict, stamp: Path, corpus: Path) -> dict:
    """Return what validation noted in a file; validate now where it did not, or something has changed since.

    now: the hashes of config and data. corpus: the folder whose raw data are looked at, too, if it is the one
    that the config names. Raises UserError where there are errors.
    """
    noted = _fresh(stamp, now)
    if noted is None:
        text = f"{stamp.parent}: not validated for this config yet; validating…"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        _validate(file, stamp, corpus)
        noted = read_json(stamp)
    if noted["errors"]:
        what = f"{stamp} counts {noted['errors']} errors, as told above"
        raise UserError(f"{what}; repair the data or the config, {ANYWAY}")
    return noted


def _fresh(stamp: Path, now: dict) -> dict | None:
    """Return what a file notes, where it is about just this, and without errors."""
    try:
        noted = read_json(stamp)
        can_be_hashed = None not in now["corpus_sha256"].values()
        is_same = can_be_hashed and all(noted[key] == value for key, value in now.items())
        return noted if is_same and not noted["errors"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _validate(file: ConfigFile, stamp: Path, corpus: Path) -> None:
    """Run `python -m scripts.validate` in a process of its own: it does without torch."""
    options = [f"--config={file.path}", f"--stamp={stamp}", f"--corpus={corpus}"]
    options += [f"--code={path}" for path in file.code]
    stamp.unlink(missing_ok=True)
    command = [sys.executable, "-m", "scripts.validate", *options, *file.overrides]
    done = subprocess.run(command, stdin=subprocess.DEVNULL)
    if done.returncode not in (0, 1) or not stamp.exists():
        what = "could not be validated, for the reason told above"
        raise UserError(f"{file.path}: {what}; repair that, {ANYWAY}")
