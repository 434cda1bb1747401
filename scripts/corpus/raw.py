"""The raw files of each split, and how they are understood, before any is converted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, combinations
from pathlib import Path

from scripts.corpus.settings import Settings
from scripts.corpus.splits import SPLITS
from scripts.formats.find import FoundFiles
from scripts.formats.record import AnnotationError
from scripts.formats.registry import Opened, find_raw_files, open_file


@dataclass(frozen=True, slots=True)
class RawCorpus:
    """The raw files of each split (or of some); one without files is drawn from train's documents."""

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
        return tuple(split for split, files in self.files.items() if not files)

    @property
    def bytes(self) -> int:
        """The size of all raw files."""
        return sum(path.stat().st_size for path in chain(*self.files.values()))

    def passed_over_lines(self) -> Iterator[str]:
        """Yield a line for each split's files that are passed over."""
        for split, paths in self.passed_over.items():
            if paths:
                yield f"{self.names[split]}: {FoundFiles(self.files[split], paths)}"

    def open(self, settings: Settings) -> dict[str, list[Opened]]:
        """Find out each file's format and layout. Raises AnnotationError where that is not clear."""
        how = settings.format, settings.read_options
        return {split: [open_file(path, *how) for path in paths] for split, paths in self.files.items()}

    def understood(self, opened: dict[str, list[Opened]]) -> dict[str, list[str]]:
        """Say of each split how its files are understood, a line for those that are alike."""
        lines: dict[str, list[str]] = {}
        for split, files in opened.items():
            alike: dict[str, list[Path]] = {}
            for path, format, layout in files:
                how = "; ".join(filter(None, (format.name, format.describe(layout))))
                alike.setdefault(how, []).append(path)
            more = {how: f" and {len(paths) - 1:,} more" if paths[1:] else "" for how, paths in alike.items()}
            lines[split] = [f"{paths[0].as_posix()}{more[how]}: {how}" for how, paths in alike.items()]
        return lines
