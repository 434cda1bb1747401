"""One training at a time in a folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from scripts.cli import UserError

LOCK = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which ends with the process. Raises UserError where another holds it."""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"{folder}: another process works there; wait for it, or end it") from None
    except OSError as error:
        what = f"{folder / LOCK}: cannot be written ({error.strerror})"
        raise UserError(f"{what}; name a folder that may be written to") from error
    try:
        yield
    finally:
        lock.release()
