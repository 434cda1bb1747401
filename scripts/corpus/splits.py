"""Which record belongs to which split."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.annotations.formats import Format, read_records
from scripts.annotations.record import Record

SPLITS = ("train", "dev", "test")
HELD_OUT = 0.1
"""Share of the training documents that goes to dev, and as much to test, where they have no file of their own."""


@dataclass(frozen=True, slots=True)
class RawCorpus:
    """The raw files of a corpus and how to read them. A split without a file is taken from train's.

    Documents are drawn by a hash of seed and text, so that each stays in its split when others are added, and equal
    texts stay together. Where no document falls into a tenth (small corpora), the next one is taken.
    """

    files: dict[str, Path | None]
    format: Format = Format.auto
    sentences_per_doc: int = 0
    seed: int = 0

    def read(self) -> Iterator[tuple[str, Record]]:
        """Yield each record with its split, file by file. Train is read twice where another split is drawn from it."""
        ranges = self._ranges()
        for split, path in self.files.items():
            if path is None:
                continue
            for record in self._records(path):
                share = self._share(record) if split == "train" and ranges else None
                drawn = (name for name, (low, high) in ranges.items() if share is not None and low <= share < high)
                yield next(drawn, split), record

    def line_counts(self) -> dict[str, int]:
        """Count the lines of each raw file, by its path as records name it."""
        counts = {}
        for path in self.files.values():
            if path is not None and path.is_file():
                with path.open("rb") as file:
                    counts[path.as_posix()] = sum(1 for _ in file)
        return counts

    def _records(self, path: Path) -> Iterator[Record]:
        return read_records(path, self.format, sentences_per_doc=self.sentences_per_doc)

    def _ranges(self) -> dict[str, tuple[float, float]]:
        """Return the range of shares that belongs to each split without a file."""
        missing = [split for split in SPLITS if self.files[split] is None]
        if not missing:
            return {}
        shares = sorted({self._share(record) for record in self._records(self.files["train"]) if not record.excluded})
        ranges: dict[str, tuple[float, float]] = {}
        low = 0.0
        for split in missing:
            nearest = next((share for share in shares if share >= low), low)
            high = max(low + HELD_OUT, math.nextafter(nearest, math.inf))
            ranges[split] = (low, high)
            low = high
        return ranges

    def _share(self, record: Record) -> float:
        """Return a number in [0, 1) that is the same for the same seed and text."""
        digest = hashlib.sha256(f"{self.seed}\n{record.text}".encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:6], "big") / 2**48


def raw_corpus(train: str, dev: str, test: str, *, format: str, sentences_per_doc: int, seed: int) -> RawCorpus:
    """Make a RawCorpus from paths as a command line gives them; an empty path means none."""
    files = {split: Path(name) if name else None for split, name in zip(SPLITS, (train, dev, test), strict=True)}
    return RawCorpus(files, format=Format(format), sentences_per_doc=sentences_per_doc, seed=seed)
