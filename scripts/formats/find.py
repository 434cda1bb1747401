"""Find the raw files that a command line names: paths, patterns and folders, with commas between."""

import difflib
import fnmatch
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from scripts.formats.record import AnnotationError, fail

PACKED = (".gz", ".zip")
NAMES_SHOWN = 5
STANDARD_INPUT = ("-", "/dev/stdin")
READ_AGAIN = "files are read several times, which this cannot be; save it to a file and name that"
ALLOW = "allow it, or name other files"


class FoundFiles(NamedTuple):
    """The raw files that were found, and what of folders is passed over: other endings and what is hidden."""

    files: Sequence[Path] = ()
    passed_over: Sequence[Path] = ()

    def __str__(self) -> str:
        """Say it in a line: `12 files read; passed over: 3 (notes.docx, README.md, .DS_Store)`."""
        said = f"{len(self.files):,} {'file' if len(self.files) == 1 else 'files'} read"
        if self.passed_over:
            said += f"; passed over: {len(self.passed_over):,} ({_names(self.passed_over)})"
        return said


def stems(path: Path, endings: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield a file's stem and ending, for each ending that it has in any case, packed or not."""
    packed = next((packed for packed in PACKED if path.name.lower().endswith(packed)), "")
    name = path.name[: len(path.name) - len(packed)]
    for ending in endings:
        if name.lower().endswith(ending):
            yield name[: len(name) - len(ending)], ending


def find_files(names: str, endings: Iterable[str]) -> FoundFiles:
    """Return the raw files that `names` stands for, each once, those of a folder sorted by path.

    names: paths with commas between (or one whose name has commas), with `~`, `*`, `?`, `[…]` and `**`.
    endings: of the files that are taken from folders, in any case and packed or not.
    """
    wanted = tuple(ending.lower() for ending in endings)
    found: dict[str, Path] = {}
    passed_over: dict[str, Path] = {}
    for path in (path for name in _split_names(names) for path in _expand(name)):
        inside = list(_walk(path)) if _is_folder(path) else []
        taken = [file for file in inside if any(stems(file, wanted)) and not _hidden(file)]
        if _is_folder(path) and not taken:
            known = f"{', '.join(sorted(wanted))} (or these with {' or '.join(PACKED)})"
            rest = f"passed over: {_names(inside)}" if inside else "it is empty"
            what = f"the folder holds no file that ends in {known}; {rest}"
            fail(path, what, "put one there, or name the file itself")
        for file in taken or [path]:
            found.setdefault(os.path.realpath(file), _readable(file))
        passed_over |= {os.path.realpath(file): file for file in inside if file not in taken}
    return FoundFiles(list(found.values()), [path for real, path in passed_over.items() if real not in found])


def _names(paths: list[Path]) -> str:
    shown = ", ".join(path.name.encode("utf-8", "replace").decode() for path in paths[:NAMES_SHOWN])
    more = len(paths) - NAMES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _split_names(names: str) -> Iterator[str]:
    """Split at commas, unless something is called so."""
    for name in [names] if os.path.lexists(_at_home(names)) else names.split(","):
        if os.path.lexists(name) or name.strip():
            yield name if os.path.lexists(name) else name.strip()


def _at_home(name: str) -> Path:
    """Return the path that a name stands for: `~` is the home folder, unless something is called so."""
    path = Path(name if os.path.lexists(name) else name.strip())
    return path if os.path.lexists(path) else Path(os.path.expanduser(path))  # noqa: PTH111 (its own raises)


def _expand(name: str) -> list[Path]:
    """Return what a name stands for: itself, or what a pattern matches. Raises AnnotationError if nothing."""
    if name in STANDARD_INPUT:
        raise AnnotationError(f"{name}: {READ_AGAIN}")
    path = _at_home(name)
    if os.path.lexists(path):
        return [path]
    if not any(char in name for char in "*?["):
        raise AnnotationError(_missing(name, path))
    paths = [Path(path.anchor)]
    parts = path.parts[1 if path.anchor else 0 :]
    for part in parts[:-1] if parts[-1] == "**" else parts:  # at the end the folder itself stands for it
        folders = [folder for folder in paths if _is_folder(folder)]
        if part == "**":
            paths = list(
                dict.fromkeys(chain.from_iterable(_walk(folder, folders=True) for folder in folders))
            )
        elif any(char in part for char in "*?["):
            entries = (entry for folder in folders for entry in _entries(folder))
            seen = (entry for entry in entries if part.startswith(".") or not _hidden(entry))
            paths = [entry for entry in seen if fnmatch.fnmatch(entry.name, part)]
        else:
            paths = [folder / part for folder in paths if os.path.lexists(folder / part)]
    if not paths:
        fail(name, "the pattern matches no file", "see that its folder is right")
    return paths


def _missing(name: str, path: Path) -> str:
    """Say that there is no such file, and the most likely reason."""
    parent = next(parent for parent in path.parents if os.path.lexists(parent) or parent == parent.parent)
    if not _is_folder(parent):
        return f"{name}: no such file: {parent} is a file, not a folder; name that, if it is meant"
    part = path.parts[len(parent.parts)].strip()
    for alike in difflib.get_close_matches(part, [entry.name for entry in _entries(parent)], n=1, cutoff=0.7):
        return f"{name}: no such file; {parent / alike} is there: name that, if it is meant"
    remedy = "correct the path; the main job takes it from vars.train, vars.dev and vars.test"
    return f"{name}: no such file; {remedy}"


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") and path.name not in (".", "..")


def _entries(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted. Raises AnnotationError where it may not be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted((folder / entry.name for entry in entries), key=lambda path: path.as_posix())
    except OSError as error:
        raise AnnotationError(f"{folder}: the folder cannot be read: {error.strerror}; {ALLOW}") from None


def _walk(folder: Path, seen: set[Path] | None = None, *, folders: bool = False) -> Iterator[Path]:
    """Yield the files below a folder, sorted, or itself and the folders below it if `folders`.

    What is hidden comes, but is not searched.
    seen: folders that have been searched, without links: links that lead in a circle end there.
    """
    seen = set() if seen is None else seen
    if folder.resolve() in seen:
        return
    seen.add(folder.resolve())
    if folders:
        yield folder
    below = {path: not _hidden(path) and _is_folder(path) for path in _entries(folder)}
    for path in sorted(below, key=lambda path: path.as_posix() + "/" * below[path]):
        if below[path]:
            yield from _walk(path, seen, folders=folders)
        elif not folders:
            yield path


def _status(path: Path) -> os.stat_result:
    """Return what the system says of a path. Raises AnnotationError where it leads nowhere or is closed."""
    try:
        return path.stat()
    except OSError as error:
        if path.is_symlink():
            fail(path, f"a link to {path.readlink()}, which leads nowhere", "delete or repair the link")
        fail(path, f"cannot be read: {error.strerror}", ALLOW)


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(_status(path).st_mode)


def _readable(path: Path) -> Path:
    """Return a path. Raises AnnotationError unless it is that of a file that may be read, and is text."""
    if any("\ud800" <= char <= "\udfff" for char in str(path)):
        raise AnnotationError(f"{path!r}: the file's name is not UTF-8; rename it")
    if not stat.S_ISREG(_status(path).st_mode):
        fail(path, "a pipe or device", READ_AGAIN)
    try:
        path.open("rb").close()
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}; {ALLOW}") from None
    return path
