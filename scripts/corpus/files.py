"""Write files so that they are complete or absent, and hash them."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from scripts.cli import UserError


@contextmanager
def whole_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary name beside a file; at the end flush it to disk (if `durable`) and rename it.

    Where that fails, the file before stays as it was, and nothing else is left.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file, complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, durable=durable) as file:
        file.write(data)


def write_json(path: Path, data: dict) -> None:
    """Write indented JSON, complete or not at all."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with LF line ends, complete or not at all."""
    write_bytes(path, text.encode("utf-8"))


def read_json(path: Path) -> dict:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash64(text: str) -> int:
    """Return a number of 64 bits that is the same for the same text, on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def digests(folder: Path, pattern: str) -> dict[str, str]:
    """Map files below a folder, by their relative paths, to their SHA-256; hidden ones do not count."""
    names = [path.relative_to(folder) for path in sorted(folder.rglob(pattern))]
    seen = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    return {name.as_posix(): sha256(folder / name) for name in seen}


def write_json_if_changed(path: Path, data: dict) -> bool:
    """Write JSON unless the file holds the same; return whether it was written."""
    if path.exists() and read_json(path) == data:
        return False
    write_json(path, data)
    return True


def replace_folder(new: Path, target: Path) -> None:
    """Put a complete new folder in the place of an old one, which goes away last."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def require_folder(folder: Path) -> None:
    """Raise UserError, before any work is done, where a folder cannot be made or written to."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise UserError(f"{there}: a file stands where the folder would be; name another by --output")
    if not os.access(there, os.W_OK):
        raise UserError(f"{there}: may not be written to; allow it, or name another folder by --output")
