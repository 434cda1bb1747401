"""The raw files of each split, and how they are understood, before any is converted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, combinations
from pathlib import Path
from typing import NamedTuple

from scripts.corpus.files import sha256
from scripts.corpus.settings import Settings
from scripts.corpus.splits import SPLITS
from scripts.formats.find import FoundFiles
from scripts.formats.record import AnnotationError
from scripts.formats.registry import Opened, find_raw_files, open_file


class Understood(NamedTuple):
    """How some files of a split are understood, all alike. files: how many. first: the first of them.

    description: which column or key is what, what is not used.
    """

    split: str
    format: str
    description: str
    files: int
    first: str

    def __str__(self) -> str:
        name = self.first if self.files == 1 else f"{self.first} and {self.files - 1:,} more"
        return f"{name}: {self.format}" + (f"; {self.description}" if self.description else "")


@dataclass(frozen=True, slots=True)
class RawCorpus:
    """The raw files of each split; a split without files is drawn from train's documents."""

    names: dict[str, str]
    files: dict[str, list[Path]]
    passed_over: dict[str, list[Path]] = field(default_factory=dict)

    @classmethod
    def find(cls, train: str, dev: str, test: str) -> "RawCorpus":
        """Find files by what command lines name: paths, folders, several with commas between, nothing."""
        names = dict(zip(SPLITS, (train, dev, test), strict=True))
        found = {split: find_raw_files(name) for split, name in names.items()}
        files = {split: of.files for split, of in found.items()}
        if not files["train"]:
            remedy = "set vars.train to a file, a folder or several with commas between"
            raise AnnotationError(f"no training file is named; {remedy}")
        for one, other in combinations(SPLITS, 2):
            real = {path.resolve() for path in files[one]}
            if path := next((path for path in files[other] if path.resolve() in real), None):
                remedy = f"leave vars.{other} empty, and a part of train is held out"
                raise AnnotationError(f"{path}: is named for {one} and for {other}; {remedy}")
        return cls(names, files, {split: of.passed_over for split, of in found.items()})

    @property
    def drawn(self) -> tuple[str, ...]:
        """The splits that take their documents from train's files."""
        return tuple(split for split in SPLITS if not self.files[split])

    @property
    def bytes(self) -> int:
        """The size of all raw files."""
        return sum(path.stat().st_size for path in chain(*self.files.values()))

    def passed_over_lines(self) -> Iterator[str]:
        """Yield a line for each split's files that are passed over."""
        for split, paths in self.passed_over.items():
            if paths:
                yield f"{self.names[split]}: {FoundFiles(self.files[split], paths)}"

    def hashes(self) -> dict[str, list[dict]]:
        """Return path and SHA-256 of each file of each split."""
        return {
            split: [{"path": path.as_posix(), "sha256": sha256(path)} for path in paths]
            for split, paths in self.files.items()
        }

    def open(self, settings: Settings) -> dict[str, list[Opened]]:
        """Find out each file's format and layout. Raises AnnotationError where that is not clear."""
        name, options = settings.format, settings.read_options
        return {
            split: [open_file(path, name, options) for path in paths] for split, paths in self.files.items()
        }

    @staticmethod
    def understood(opened: dict[str, list[Opened]]) -> list[Understood]:
        """Say how the files are understood, those of a split that are alike together."""
        alike: dict[tuple[str, str, str], list[Opened]] = {}
        for split, files in opened.items():
            for file in files:
                alike.setdefault((split, file.format.name, file.format.describe(file.layout)), []).append(
                    file
                )
        return [Understood(*key, len(group), group[0].path.as_posix()) for key, group in alike.items()]
