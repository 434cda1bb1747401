"""Read word vectors from a text file as word2vec, GloVe, fastText and floret write them, packed or not."""

from collections.abc import Callable, Iterator
from itertools import chain, takewhile
from math import isfinite
from pathlib import Path
from typing import Any

import numpy

from scripts.cli import progress_bar
from scripts.formats.raw_file import RawFile
from scripts.formats.record import fail

FLORET = ("minn", "maxn", "hash_count", "hash_seed", "bow", "eow")
"""What follows rows and width in the first line of a floret table."""
BINARY = (".bin", ".npz", ".npy", ".kv", ".model")
SHOWN = 40
"""Characters of a broken line that its error shows."""


def read_vector_file(
    path: Path, is_wanted: Callable[[int, str], bool]
) -> tuple[list[str], numpy.ndarray, dict[str, Any]]:
    """Read the rows that are wanted, told by number and word; of a word that comes again the first.

    Returns the words by row (none of a floret table), the vectors `(rows, width)`, and floret's settings.
    Raises AnnotationError, with the line, where one is broken, or not as many are there as the first says.
    """
    if path.suffix in BINARY:
        remedy = "save it as text (gensim: save_word2vec_format without binary; fastText: its .vec file)"
        fail(path, "a binary file, and text is read", remedy)
    words: dict[str, None] = {}
    numbers, rows = bytearray(), 0
    with RawFile(path) as raw, progress_bar(unit="bytes") as bar:
        task = bar.add_task("word vectors", total=raw.size)
        lines = _lines(path, raw)
        first = next(lines, None) or fail(path, "is empty", "name a file with a word and its numbers a line")
        promised, width, floret = _header(first[1])
        for number, line in lines if promised is not None else chain([first], lines):
            word, vector = _row(f"{path}:{number}", line, width)
            if floret or (word not in words and is_wanted(rows, word)):
                words[word] = None
                numbers += vector.tobytes()
            rows += 1
            if rows % 1000 == 0:
                bar.update(task, completed=raw.position)
    if promised not in (None, rows):
        fail(path, f"its first line says {promised:,} rows, and it has {rows:,}", "get the whole file")
    data = numpy.frombuffer(numbers, dtype=numpy.float32).reshape(-1, width)
    return [] if floret else [*words], data, floret


def _lines(path: Path, raw: RawFile) -> Iterator[tuple[int, str]]:
    """Yield each line that is not empty, with its number."""
    for number, line in raw.lines():
        try:
            text = line.decode("utf-8").rstrip()
        except UnicodeDecodeError as error:
            remedy = "save the file as UTF-8, or delete the line"
            fail(f"{path}:{number}", f"not UTF-8 ({error.reason})", remedy)
        if text:
            yield number, text


def _header(line: str) -> tuple[int | None, int, dict[str, Any]]:
    """Return how many rows the first line promises (None: it is one), their width, and floret's settings."""
    fields = line.split()
    has_numbers = [part.isdecimal() for part in fields]
    if len(fields) == 2 and all(has_numbers):
        return int(fields[0]), int(fields[1]), {}
    if len(fields) == 2 + len(FLORET) and all(has_numbers[:6]):
        values = [*map(int, fields[2:6]), *fields[6:]]
        return int(fields[0]), int(fields[1]), {"mode": "floret", **dict(zip(FLORET, values, strict=True))}
    numbers = sum(1 for _ in takewhile(_is_number, reversed(fields[1:])))
    return None, numbers, {}


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def _row(place: str, line: str, width: int) -> tuple[str, numpy.ndarray]:
    """Return a row's word, which may have spaces in it, and its vector."""
    parts = line.rsplit(None, width)
    try:
        vector = numpy.fromstring(" ".join(parts[1:]), dtype=numpy.float32, sep=" ")
    except ValueError:
        vector = numpy.empty(0, dtype=numpy.float32)
    if width < 1 or len(vector) != width or not numpy.isfinite(vector).all():
        what = f"is no word with {max(width, 1)} numbers: {line[:SHOWN]!r}{'…' if len(line) > SHOWN else ''}"
        fail(place, what, "repair or delete the line")
    return parts[0], vector
