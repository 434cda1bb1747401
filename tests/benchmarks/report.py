"""Set programs side by side, each run in turn, and write down what came out as it comes."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.cli import UserError, console
from scripts.corpus.files import write_json, write_text
from scripts.report.machine import measured_on
from tests.benchmarks.measure import OutOfTime, run_python

LEAST = 20.0
"""Seconds with which it is not worth beginning anything."""
NO_MEMORY = ("out of memory", "does not fit into", "no gpu memory is left")

Row = dict[str, Any]
Runs = dict[str, Callable[[int], Row]]
"""By name, what runs it, given the number of the repetition (the seed), and returns its figures."""
Columns = dict[str, str | Callable[[Row], str]]
"""Heads, and how a row's cell is made: by a format (empty where the row lacks a key), or by a function."""
FIGURES: Columns = {"what": "{what}", "seconds": "{seconds:,.1f}", "peak memory": "{peak_mb:,.0f} MB"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says; each benchmark reads of it what concerns it."""

    columns: Path | None
    documents: tuple[int, ...]
    repeats: int
    steps: int
    device: str
    small: bool
    demo: Path = Path("assets/demo")
    data: Path | None = None

    @property
    def corpus_name(self) -> str:
        """The name of the folder of raw files."""
        return (self.columns or self.demo).name


@dataclass
class Report:
    """What came out so far, by table, written after each run: what is cut off leaves what it has.

    summary, picture: a table and an SVG for the project's README.
    """

    folder: Path
    work: Path
    machine: dict[str, Any]
    device: str = ""
    deadline: float | None = None
    intro: str = "Medians; memory is that of all processes together."
    tables: dict[str, tuple[Columns, list[Row]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    summary: str = ""
    picture: str = ""

    def add(self, table: str, columns: Columns, row: Row) -> None:
        """Add a row to a table, which begins with its first row."""
        self.tables.setdefault(table, (columns, []))[1].append(row)
        self.write()

    def compare(self, table: str, columns: Columns, labels: Row, runs: Runs, repeats: int) -> dict[str, Row]:
        """Run all in turn, so that all see the same machine, and repeat; add a row of medians for each."""
        rows = {what: labels | {"what": what, "outcome": "done", "runs": []} for what in runs}
        for number in range(repeats):
            for what, run in runs.items():
                if rows[what]["outcome"] == "done":
                    console.print(*labels.values(), what, highlight=False, markup=False)
                    self.attempt(rows[what], run, number)
                if not number:
                    self.add(table, columns, rows[what])
                self.write()
        return rows

    def attempt(self, row: Row, run: Callable[[int], Row], number: int) -> None:
        """Run something; add its figures to a row, and their medians, or why there are none."""
        try:
            if self.deadline is not None and self.deadline - time.monotonic() < LEAST:
                raise OutOfTime("no time was left")
            row["runs"].append(run(number))
        except OutOfTime:
            row["outcome"] = "out of time"
        except UserError as error:
            is_memory = any(words in str(error).lower() for words in NO_MEMORY)
            row["outcome"] = "out of memory" if is_memory else f"failed: {last_line(error)}"
        else:
            row |= row["runs"][0]
            for name in row["runs"][0]:
                numbers = [run[name] for run in row["runs"] if isinstance(run[name], int | float)]
                row |= {name: statistics.median(numbers)} if numbers else {}

    def note_times(self, rows: dict[str, Row], where: str, ours: str, other: str) -> None:
        """Tell how many times as fast one is as another: the median ratio of runs that were neighbours."""
        times = [
            f"{statistics.median(ratios):.2g} times {what}"
            for what, (figure, upper, lower) in {
                "as fast from start to end": ("seconds", other, ours),
                "the words/s": ("words_per_second", ours, other),
            }.items()
            if (ratios := ratios_of(rows, figure, upper, lower))
        ]
        if times:
            self.note(f"{where}: {ours} beside {other}: {', '.join(times)}.")

    def note(self, text: str) -> None:
        """Add a line below the tables."""
        self.notes.append(text)
        self.write()

    @property
    def failures(self) -> int:
        """How many rows went wrong. That memory or time ran out is a result, too."""
        rows = [row for _, table in self.tables.values() for row in table]
        return sum(str(row.get("outcome")).startswith("failed") for row in rows)

    def as_markdown(self) -> str:
        """Return what results.md holds."""
        parts = [f"{measured_on(self.machine)} Device: {self.device}. {self.intro}"]
        parts += [markdown_table(columns, rows) for columns, rows in self.tables.values()]
        return "\n\n".join([*parts, "\n".join(f"- {note}" for note in self.notes)]).rstrip() + "\n"

    def write(self) -> None:
        """Write results.json and results.md."""
        tables = {name: rows for name, (_, rows) in self.tables.items()}
        found = {"machine": self.machine, "device": self.device, **tables, "notes": self.notes}
        write_json(self.folder / "results.json", found)
        write_text(self.folder / "results.md", self.as_markdown())
        if self.picture:
            write_text(self.folder / "picture.svg", self.picture)


def command(*arguments: str, **options: Any) -> Callable[[int], Row]:
    """Return what runs a module, whatever the number of the repetition."""
    return lambda _: run_python("-m", *map(str, arguments), **options)


def last_line(error: UserError) -> str:
    """Return the last line of a message that has words in it, without a frame around it."""
    lines = [line.strip(" │╭╰─╮╯") for line in str(error).splitlines()]
    return next((line for line in reversed(lines) if line), "")[:300]


def ratios_of(rows: dict[str, Row], figure: str, upper: str, lower: str) -> list[float]:
    """Return the ratios of a figure of two, run by run, as far as both have it."""
    runs = [rows[what]["runs"] if what in rows else [] for what in (upper, lower)]
    return [one[figure] / other[figure] for one, other in zip(*runs, strict=False) if figure in one]


def markdown_table(columns: Columns, rows: list[Row]) -> str:
    """Make a table; numbers stand to the right, and where not all went well an outcome stands behind."""
    if any(row.get("outcome", "done") != "done" for row in rows):
        columns = columns | {"outcome": "{outcome}"}
    edges = ["---:" if isinstance(form, str) and ":," in form else "---" for form in columns.values()]
    cells = [[cell(form, row) for form in columns.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(columns), edges, *cells])


def cell(form: str | Callable[[Row], str], row: Row) -> str:
    """Return a cell's text."""
    try:
        return (form(row) if callable(form) else form.format(**row)).replace("|", "\\|").replace("\n", " ")
    except (KeyError, TypeError):
        return ""
