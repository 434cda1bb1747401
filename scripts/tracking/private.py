"""What may leave the machine: no paths of it, no name of its user, no keys; and the code's version."""

import os
import re
import subprocess
import sys
from collections.abc import Container
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECRET = re.compile(r"(?i)(key|secret|password|(^|_)token)$")  # of settings and of environment variables


def scrub(value: Any, without: Container[str] = ()) -> Any:
    """Return JSON-like data without secrets and what is under the keys of `without`; of an absolute path its
    name stays, or what is in a project.
    """
    folders = [path for path in (Path.cwd(), ROOT, Path(sys.prefix), Path.home()) if path != path.parent]
    hidden = {f"{spelt}{end}": "" for one in folders for spelt in (str(one), one.as_posix()) for end in "/\\"}
    secrets = (own for name, own in os.environ.items() if SECRET.search(name) and len(own) > 7)
    hidden |= dict.fromkeys(secrets, "***")
    longest_first = sorted(hidden, key=len, reverse=True)

    def clean(own: Any) -> Any:
        if isinstance(own, dict):
            pairs = ((clean(str(key)), clean(each)) for key, each in own.items() if key not in without)
            return {key: "***" if each and SECRET.search(key) else each for key, each in pairs}
        if isinstance(own, (list, tuple)):
            return [clean(each) for each in own]
        if not isinstance(own, (str, Path)):
            return own
        text = str(own)
        for part in longest_first:
            text = text.replace(part, hidden[part])
        kinds = () if "\n" in text else (PurePosixPath, PureWindowsPath)
        return next((kind(text).name for kind in kinds if kind(text).is_absolute()), text)

    return clean(value)


def code_version() -> str:
    """Return the commit of the code, with -dirty where files differ from it; "" where git cannot tell."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=5)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
