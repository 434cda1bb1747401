"""Find the raw files that a command line names: paths, patterns and folders, with commas between."""

import contextlib
import difflib
import fnmatch
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.annotations.record import AnnotationError

PACKED = (".gz", ".zip")
"""What may follow a raw file's ending."""
NAMES_SHOWN = 5
STANDARD_INPUT = ("-", "/dev/stdin")


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The raw files that were found, and what of the folders is passed over: other endings, and what is hidden."""

    files: list[Path] = field(default_factory=list)
    passed_over: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in a line: `12 files read; passed over: 3 (notes.docx, README.md, .DS_Store)`."""
        read = f"{len(self.files):,} {'file' if len(self.files) == 1 else 'files'} read"
        return f"{read}; passed over: {len(self.passed_over):,} ({_names(self.passed_over)})" if self.passed_over else read


def stems(path: Path, endings: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield a file's name without its ending, and the ending, for each that it has: in any case, packed or not."""
    name = path.name
    packed = next((packed for packed in PACKED if name.lower().endswith(packed)), "")
    bare = name[: len(name) - len(packed)]
    yield from ((bare[: len(bare) - len(ending)], ending) for ending in endings if bare.lower().endswith(ending))


def find_files(names: str, endings: Iterable[str]) -> FoundFiles:
    """Return the raw files that `names` stands for, each once, however often and by whatever names it is reached.

    names: paths with commas between (a comma may be part of a name); `~` and the patterns `*`, `?`, `[…]`, `**` are understood.
    endings: of the files that are taken from folders, in any case and packed or not. Linked folders are searched too.

    Files of a folder come sorted by path. Raises AnnotationError where there is nothing by a name, a folder has no such
    file, and on whatever may not be read.
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
                what = f"holds no file that ends in {', '.join(sorted(wanted))} (or these with {' or '.join(PACKED)})"
                rest = f"; passed over: {_names(others)}" if others else "; it is empty"
                raise AnnotationError(f"{path}: the folder {what}{rest}; put one there, or name the file itself")
            for file in taken:
                found.setdefault(os.path.realpath(file), _readable(file))
            for file in others:
                passed_over.setdefault(os.path.realpath(file), file)
    return FoundFiles(list(found.values()), [path for real, path in passed_over.items() if real not in found])


def _names(paths: list[Path]) -> str:
    shown = ", ".join(ascii(path.name)[1:-1] if _is_mangled(path) else path.name for path in paths[:NAMES_SHOWN])
    more = len(paths) - NAMES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _split_names(names: str) -> Iterator[str]:
    """Split at commas, but where several parts together are the name of something that exists, keep them together."""
    parts = names.split(",")
    if len(parts) > 1 and os.path.lexists(names.strip()):
        parts = [names]
    while parts:
        joined = (",".join(parts[:count]) for count in range(1, len(parts) + 1))
        whole = next((count for count, name in enumerate(joined, start=1) if name.strip() and _exists(name)), 1)
        name = ",".join(parts[:whole])
        del parts[:whole]
        if name.strip():
            yield name if os.path.lexists(name) else name.strip()


def _exists(name: str) -> bool:
    return os.path.lexists(name) or os.path.lexists(_at_home(name.strip()))


def _at_home(name: str) -> Path:
    """Return the path that a name stands for, where `~` is the home folder (unless something is called so)."""
    path = Path(name)
    with contextlib.suppress(RuntimeError):  # there is no such user, or no home
        return path if os.path.lexists(path) else path.expanduser()
    return path


def _expand(name: str) -> list[Path]:
    """Return what a name stands for: itself, or what a pattern matches. Raises AnnotationError where there is nothing."""
    if name in STANDARD_INPUT:
        raise AnnotationError(f"{name}: files are read more than once, standard input cannot be; save it to a file and name that")
    path = _at_home(name)
    if os.path.lexists(path):
        return [path]
    if not any(char in name for char in "*?["):
        raise AnnotationError(_missing(name, path))
    paths = [Path(path.anchor)]
    parts = path.parts[1 if path.anchor else 0 :]
    for at, part in enumerate(parts, start=1):
        if part == "**":
            below = (folder for start in paths if _is_folder(start) for folder in _walk(start, set(), folders=True))
            paths = list(dict.fromkeys(below)) if at < len(parts) else paths
        elif any(char in part for char in "*?["):
            entries = (entry for folder in paths if _is_folder(folder) for entry in _entries(folder))
            paths = [entry for entry in entries if fnmatch.fnmatch(entry.name, part) and (part[0] == "." or not _hidden(entry))]
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
    alike = difflib.get_close_matches(part.strip(), [entry.name for entry in _entries(parent)], n=1, cutoff=0.8)
    if alike:
        return f"{name}: no such file; {parent / alike[0]} is there: name that, if it is meant"
    return f"{name}: no such file; set vars.train, vars.dev and vars.test to your files (dev and test may be empty)"


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") and path.name not in (".", "..")


def _entries(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted. Raises AnnotationError where it may not be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted((folder / entry.name for entry in entries), key=lambda path: path.as_posix())
    except OSError as error:
        raise AnnotationError(f"{folder}: the folder cannot be read: {error.strerror}; allow it, or name other files") from None


def _walk(folder: Path, seen: set[Path], *, folders: bool = False) -> Iterator[Path]:
    """Yield the files below a folder, or the folder and the `folders` below it, sorted; what is hidden comes, but is not searched.

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
    """Return what the system says of a path. Raises AnnotationError where it leads nowhere or may not be asked."""
    try:
        return path.stat()
    except OSError as error:
        if path.is_symlink():
            raise AnnotationError(f"{path}: a link to {path.readlink()}, which leads nowhere; delete or mend the link") from None
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}; allow it, or name other files") from None


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(_status(path).st_mode)


def _is_mangled(path: Path) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in str(path))


def _readable(path: Path) -> Path:
    """Return the path of a file that may be read. Raises AnnotationError otherwise, and where the name is no text."""
    if _is_mangled(path):
        raise AnnotationError(f"{path!r}: the file's name is not UTF-8; rename it")
    if not stat.S_ISREG(_status(path).st_mode):
        raise AnnotationError(f"{path}: a pipe or device, but files are read more than once; save what it gives to a file and name that")
    try:
        path.open("rb").close()
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}; allow it, or name other files") from None
    return path
