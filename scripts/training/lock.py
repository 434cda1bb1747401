"""One training at a time in a folder."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from scripts.cli import UserError, console

LOCK = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, a file with the process's number and start. Raises UserError where another process that still runs holds it."""
    path = folder / LOCK
    own = {"pid": os.getpid(), "started": psutil.Process().create_time()}
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        holder = _holder(path)
        if holder is not None:
            raise UserError(
                f"{path}: process {holder} trains in {folder} already; wait for it, or end it"
            ) from None
        console.print(
            f"{path}: left behind by a process that is gone; taken over", highlight=False, soft_wrap=True
        )
        descriptor = os.open(path, os.O_TRUNC | os.O_WRONLY)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); training needs a folder that it may write to"
        ) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(own, file)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UserError(
            f"{path}: cannot be written ({error.strerror}); mend that, and run the same command again"
        ) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _holder(path: Path) -> int | None:
    """Return the process that holds a lock; None where it is gone, or its number is another one's by now."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        same = abs(psutil.Process(held["pid"]).create_time() - held["started"]) < 1.0
        return held["pid"] if same else None
    except (ValueError, KeyError, TypeError, OSError, psutil.Error):
        return None
