"""Look at all raw files before any is converted: what each is, how it is understood, and whether it can be read at all."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from scripts.corpus.settings import OnError, Settings
from scripts.corpus.units import cannot_be_read, cut_into_units
from scripts.formats.offsets import undecided, verdict
from scripts.formats.record import AnnotationError
from scripts.formats.registry import Opened, open_file

LOOKED_AT = 300
"""Documents of each file that are read before anything is converted."""
FILES_READ = 200
"""So many files of a split are read a little; of the others only the first bytes, which tell their format and layout."""


@dataclass(frozen=True, slots=True)
class Understood:
    """How some files of a split are understood, all alike.

    description: which column or key is what, what is not used. files: how many. first: the first of them.
    """

    split: str
    format: str
    description: str
    files: int
    first: str

    def __str__(self) -> str:
        """Say it in a line."""
        name = self.first if self.files == 1 else f"{self.first} and {self.files - 1:,} more"
        return f"{name}: {self.format}" + (f"; {self.description}" if self.description else "")


def open_all(files: dict[str, list[Path]], settings: Settings) -> dict[str, list[Opened]]:
    """Find out format and layout of every file of every split.

    Raises AnnotationError where a file cannot be read, or can be understood in several ways.
    """
    options = settings.read_options
    return {
        split: [open_file(path, settings.format, options) for path in paths] for split, paths in files.items()
    }


def require_readable(opened: dict[str, list[Opened]], settings: Settings) -> None:
    """Read the beginning of every file. Raises AnnotationError on what cannot be read, or counts its offsets otherwise than is said."""
    for split, files in opened.items():
        evidence: dict[str, Counter[str]] = {}
        for file in files[:FILES_READ]:
            for unit in islice(cut_into_units({split: [file]}, settings), 1):
                records = islice(unit.records(settings, evidence), LOOKED_AT)
                errors = [str(record) for _, record in records if isinstance(record, AnnotationError)]
                if errors and settings.on_error is OnError.stop:
                    raise cannot_be_read(errors[0], len(errors) - 1)
        require_characters(evidence)


def require_characters(evidence: dict[str, Counter[str]]) -> None:
    """Raise AnnotationError where the spans of a file show that they do not count characters."""
    for path, counts in evidence.items():
        found = verdict(counts)
        if found is not None:
            unit, why = found
            raise AnnotationError(
                f"{path}: {why}; set --offsets={unit}, or --offsets=characters if they are right as they are"
            )


def doubts(evidence: dict[str, Counter[str]]) -> Iterator[tuple[str, str]]:
    """Yield the files in which nothing tells in what units offsets count, and why."""
    for path, counts in evidence.items():
        why = undecided(counts)
        if why is not None:
            yield path, why


def understood(opened: dict[str, list[Opened]]) -> list[Understood]:
    """Say how the files are understood, those of a split that are alike together."""
    found = []
    for split, files in opened.items():
        alike: dict[tuple[str, str], list[Opened]] = {}
        for file in files:
            alike.setdefault((file.format.name, file.format.describe(file.layout)), []).append(file)
        found += [
            Understood(split, *key, len(group), group[0].path.as_posix()) for key, group in alike.items()
        ]
    return found
