"""What all command files share: one console, one way to fail, one way to run."""

import functools
import os
import sys
from collections.abc import Callable

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, width=None if sys.stderr.isatty() else 140, highlight=False)
"""Where people look. Standard output is left to what a program may want to read."""

INTERRUPTED = 130
"""Exit code after Ctrl-C (128 + SIGINT), as shells have it."""


class UserError(Exception):
    """Something the user can mend. The message says what, where and how; no traceback is shown."""


class Stopped(Exception):
    """A command that was asked to stop, and has put away what it had. `code` is its exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def run(main: Callable, *, failure: int = 1) -> None:
    """Run a command function: Typer reads its signature, UserError ends in one line and exit code `failure`."""

    @functools.wraps(main)
    def guarded(*args, **kwargs):
        try:
            return main(*args, **kwargs)
        except UserError as error:
            console.print(f"Error: {error}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(failure) from None
        except Stopped as stop:
            console.print(str(stop), markup=False, soft_wrap=True)
            raise typer.Exit(stop.code) from None
        except KeyboardInterrupt:
            console.print("Interrupted. What was complete before is unchanged; run the same command to go on.")
            raise typer.Exit(INTERRUPTED) from None

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(guarded)
    app()


def progress_bar(*, unit: str = "steps") -> Progress:
    """Make a bar with what is done (in bytes: as MB), time taken and time left; silent where standard error is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn() if unit == "bytes" else MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal or os.environ.get("TERM") == "dumb",
    )
