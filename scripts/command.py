"""What all command files share: one console, one way to fail, one way to run."""

import functools
import itertools
import os
import sys
from collections.abc import Callable, Iterator

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, width=None if sys.stderr.isatty() else 140, highlight=False)
"""Where people look. Standard output is left to what a program may want to read."""

INTERRUPTED = 130
"""Exit code after Ctrl-C (128 + SIGINT), as shells have it."""


class UserError(Exception):
    """Something the user can mend. The message says what, where and how; no traceback is shown."""


def run(main: Callable) -> None:
    """Run a command function: Typer reads its signature, UserError ends in one line and exit code 1."""

    @functools.wraps(main)
    def guarded(*args, **kwargs):
        try:
            return main(*args, **kwargs)
        except UserError as error:
            console.print(f"Error: {error}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            console.print("Interrupted. What was complete before is unchanged; run the same command to start this step again.")
            raise typer.Exit(INTERRUPTED) from None

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(guarded)
    app()


def track_lines(bar: Progress, raw, description: str) -> Iterator:
    """Yield what a RawCorpus reads; the bar counts the lines of its files, which are known beforehand."""
    lines = raw.line_counts()
    before = dict(zip(lines, itertools.accumulate(lines.values(), initial=0), strict=False))
    task = bar.add_task(description, total=sum(lines.values()))
    for split, record in raw.read():
        bar.update(task, completed=before[record.source.path] + record.source.line)
        yield split, record


def progress_bar() -> Progress:
    """Make a bar with count, time taken and time left; silent where standard error is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal or os.environ.get("TERM") == "dumb",
    )
