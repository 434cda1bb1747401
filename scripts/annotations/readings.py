"""The first rows of a column file, and what is said where they can be read in several ways."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

SHOWN_ROWS, SHOWN_LABELS = 3, 12


@dataclass(slots=True)
class Sample:
    """The first rows of a column file, by sentence, with the number of each one's line.

    names: of the columns, where the user, a header or `# global.columns` gives them; header: whether it was
    a header.
    """

    path: Path
    sentences: list[list[list[str]]]
    numbers: list[list[int]]
    names: Sequence[str] = ()
    header: bool = False
    given: bool = False

    @property
    def width(self) -> int:
        """Cells in a row."""
        return len(next((row for sentence in self.sentences for row in sentence), ()))

    def numbered(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row with the number of its line."""
        for sentence, numbers in zip(self.sentences, self.numbers, strict=True):
            yield from zip(numbers, sentence, strict=True)

    def shown(self) -> str:
        """Show the first rows, with their lines' numbers."""
        rows = islice(self.numbered(), SHOWN_ROWS)
        return "".join(f"\n  {number}: {' | '.join(row)[:100]}" for number, row in rows)


def names_error(names: Sequence[str]) -> str:
    """Say that columns' names do not tell which is the token and which the tag."""
    return (
        f"the columns are called {', '.join(names)}; one must be 'token' and one 'tag' "
        f"(--columns={','.join(['token', *['_'] * (len(names) - 2), 'tag'])} names them)"
    )


def ambiguous(sample: Sample, what: str, columns: Sequence[int], readings: Sequence[str]) -> str:
    """Say that several columns could be one thing, with the first rows and the option for each reading."""
    numbers = " and ".join(str(i + 1) for i in columns)
    subject = f"columns {numbers}" if len(columns) > 1 else f"several keys of column {numbers}"
    listed = "".join(f"\n  {reading}" for reading in readings)
    return f"{sample.path}: {subject} could each be the {what}:{sample.shown()}\nsay which is right:{listed}"


def columns_option(width: int, token: int, tag: int, key: str | None = None) -> str:
    """Write the value of --columns that says which column is what."""
    names = ["_"] * width
    names[token], names[tag] = "token", "tag" if not key else f"tag={key}"
    return ",".join(names)


def shown_labels(labels: Sequence[str]) -> str:
    """List the first labels."""
    more = f" and {len(labels) - SHOWN_LABELS} more" if len(labels) > SHOWN_LABELS else ""
    return ", ".join(labels[:SHOWN_LABELS]) + more or "no entities"
