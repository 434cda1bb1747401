"""Find the raw files that a command line names: paths, patterns and folders, with commas between."""

import contextlib
import difflib
import fnmatch
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.formats.record import AnnotationError

PACKED = (".gz", ".zip")
"""What may follow a raw file's ending."""
NAMES_SHOWN = 5
STANDARD_INPUT = ("-", "/dev/stdin")
READ_AGAIN = "files are read several times, which this cannot be; save it to a file and name that"
ALLOW = "allow it, or name other files"


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The raw files that were found, and what of folders is passed over: other endings and what is hidden."""

    files: list[Path] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in a line: `12 files read; passed over: 3 (notes.docx, README.md, .DS_Store)`."""
        said = f"{len(self.files):,} {'file' if len(self.files) == 1 else 'files'} read"
        if self.passed_over:
            said += f"; passed over: {len(self.passed_over):,} ({_names(self.passed_over)})"
        return said


def stems(path: Path, endings: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield a file's stem and ending, for each ending that it has in any case, packed or not."""
    name = path.name
    packed = next((packed for packed in PACKED if name.lower().endswith(packed)), "")
    bare = name[: len(name) - len(packed)]
    for ending in endings:
        if bare.lower().endswith(ending):
            yield bare[: len(bare) - len(ending)], ending


def find_files(names: str, endings: Iterable[str]) -> FoundFiles:
    """Return the raw files that `names` stands for, each once, by whatever names it is reached.

    names: paths with commas between (a comma may be part of a name), with `~`, `*`, `?`, `[…]` and `**`.
    endings: of the files that are taken from folders and linked folders, in any case and packed or not.

    Files of a folder come sorted by path. Raises AnnotationError where there is nothing by a name, where a
    folder has no such file, and on whatever may not be read.
    """
    wanted = tuple(ending.lower() for ending in endings)
    found: dict[str, Path] = {}
    passed_over: dict[str, Path] = {}
    for name in _split_names(names):
        for path in _expand(name):
            taken, others = [path], []
            if _is_folder(path):
                taken = []
                for file in _walk(path, set()):
                    (taken if any(stems(file, wanted)) and not _hidden(file) else others).append(file)
            if not taken:
                known = f"{', '.join(sorted(wanted))} (or these with {' or '.join(PACKED)})"
                rest = f"passed over: {_names(others)}" if others else "it is empty"
                what = f"the folder holds no file that ends in {known}; {rest}"
                raise AnnotationError(f"{path}: {what}; put one there, or name the file itself")
            for file in taken:
                found.setdefault(os.path.realpath(file), _readable(file))
            for file in others:
                passed_over.setdefault(os.path.realpath(file), file)
    return FoundFiles(list(found.values()), [path for real, path in passed_over.items() if real not in found])


def _names(paths: list[Path]) -> str:
    shown = ", ".join(path.name.encode("utf-8", "replace").decode() for path in paths[:NAMES_SHOWN])
    more = len(paths) - NAMES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _split_names(names: str) -> Iterator[str]:
    """Split at commas, but keep together what together is the name of something that exists."""
    parts = names.split(",")
    if len(parts) > 1 and os.path.lexists(names.strip()):
        parts = [names]
    while parts:
        counts = range(1, len(parts) + 1)
        count = next((count for count in counts if _exists(",".join(parts[:count]))), 1)
        name = ",".join(parts[:count])
        del parts[:count]
        if name.strip():
            yield name if os.path.lexists(name) else name.strip()


def _exists(name: str) -> bool:
    return bool(name.strip()) and (os.path.lexists(name) or os.path.lexists(_at_home(name.strip())))


def _at_home(name: str) -> Path:
    """Return the path that a name stands for: `~` is the home folder, unless something is called so."""
    path = Path(name)
    with contextlib.suppress(RuntimeError):  # there is no such user, or no home
        return path if os.path.lexists(path) else path.expanduser()
    return path


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
    for at, part in enumerate(parts, start=1):
        if part == "**":
            if at < len(parts):  # at the end it is what the folder itself stands for
                folders = [folder for folder in paths if _is_folder(folder)]
                below = (inner for folder in folders for inner in _walk(folder, set(), folders=True))
                paths = list(dict.fromkeys(below))
        elif any(char in part for char in "*?["):
            entries = [entry for folder in paths if _is_folder(folder) for entry in _entries(folder)]
            seen = [entry for entry in entries if part.startswith(".") or not _hidden(entry)]
            paths = [entry for entry in seen if fnmatch.fnmatch(entry.name, part)]
        else:
            paths = [folder / part for folder in paths if os.path.lexists(folder / part)]
    if not paths:
        raise AnnotationError(f"{name}: the pattern matches no file; see that its folder is right")
    return paths


def _missing(name: str, path: Path) -> str:
    """Say that there is no such file, and the most likely reason."""
    parent = next(parent for parent in path.parents if os.path.lexists(parent) or parent == parent.parent)
    if not _is_folder(parent):
        return f"{name}: no such file: {parent} is a file, not a folder; name that, if it is meant"
    part = path.parts[len(parent.parts)]
    there = [entry.name for entry in _entries(parent)]
    alike = difflib.get_close_matches(part.strip(), there, n=1, cutoff=0.7)
    if alike:
        return f"{name}: no such file; {parent / alike[0]} is there: name that, if it is meant"
    remedy = "set vars.train, vars.dev and vars.test to your files (dev and test may be empty)"
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


def _walk(folder: Path, seen: set[Path], *, folders: bool = False) -> Iterator[Path]:
    """Yield the files below a folder, sorted, or itself and the folders below it if `folders`.

    What is hidden comes, but is not searched.
    seen: folders that have been searched, without links: links that lead in a circle end there.
    """
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
            what = f"a link to {path.readlink()}, which leads nowhere"
            raise AnnotationError(f"{path}: {what}; delete or mend the link") from None
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}; {ALLOW}") from None


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(_status(path).st_mode)


def _is_mangled(path: Path) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in str(path))


def _readable(path: Path) -> Path:
    """Return a path. Raises AnnotationError unless it is that of a file that may be read, and is text."""
    if _is_mangled(path):
        raise AnnotationError(f"{path!r}: the file's name is not UTF-8; rename it")
    if not stat.S_ISREG(_status(path).st_mode):
        raise AnnotationError(f"{path}: a pipe or device; {READ_AGAIN}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}; {ALLOW}") from None
    return path
