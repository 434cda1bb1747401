"""What all command files share: one console, one way to fail, one way to run."""

import errno
import functools
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import is_dataclass
from pathlib import Path

import psutil
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

console = Console(stderr=True, width=None if sys.stderr.isatty() else 140, highlight=False)
"""Where people look. Standard output is left to what a program may want to read."""

INTERRUPTED = 130
"""Exit code after Ctrl-C (128 + SIGINT), as shells have it."""


class UserError(Exception):
    """Something the user can repair. The message says what, where and how; no traceback is shown."""


class Stopped(Exception):
    """A command that was asked to stop, and has saved what it had. `code` is its exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


_FILE_FOR_FOLDER = "a file is where a folder has to be: rename it, or name another folder"
REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EEXIST: _FILE_FOR_FOLDER,
    errno.ENOTDIR: _FILE_FOR_FOLDER,
    errno.EISDIR: "a folder is where a file has to be: rename it, or name another file",
    errno.ENOENT: "see that it is there",
}
"""What helps against the failures of a file system; against all others, rights or another folder."""


def run(main: Callable, *, failure: int = 1, takes_settings: bool = False) -> None:
    """Run a command function, whose signature Typer reads, and exit.

    UserError, and an OSError that nobody caught, end in one line and exit code `failure`; a mistake on the
    command line in one line and 2. Where nobody reads standard output any more, nothing is said.
    takes_settings: the last argument is a list of options that Typer does not know: settings of a config.
    """
    try:
        code = command_line(main, failure=failure, takes_settings=takes_settings)(standalone_mode=False)
    except typer.TyperException as error:
        mistake = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
        _print_error(f"{mistake}. What there is: python -m scripts.{Path(sys.argv[0]).stem} --help")
        code = 2
    sys.exit(code or 0)


def command_line(main: Callable, *, failure: int = 1, takes_settings: bool = False) -> typer.Typer:
    """Make the Typer application of a command function. Its help is plain: tables cut long options off."""
    command = takes_options(main)

    @functools.wraps(command)
    def guarded(**values) -> None:
        try:
            command(**values)
            sys.stdout.flush()
            return
        except BrokenPipeError:
            raise  # Typer ends without a word
        except (UserError, OSError) as error:
            _print_error(error if isinstance(error, UserError) else os_error_text(error))
            code = failure
        except Stopped as stop:
            console.print(str(stop), markup=False, soft_wrap=True)
            code = stop.code
        except KeyboardInterrupt:
            console.print(
                "Interrupted. What was complete before is unchanged; run the same command to go on."
            )
            code = INTERRUPTED
        raise typer.Exit(code)

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(context_settings={"ignore_unknown_options": takes_settings})(guarded)
    return app


def takes_options(main: Callable) -> Callable:
    """Let Typer see the fields of a command function's arguments that are dataclasses, after all others."""
    arguments = inspect.signature(main).parameters
    options = {name: own for name, own in arguments.items() if not is_dataclass(own.annotation)}
    kinds = {name: own.annotation for name, own in arguments.items() if name not in options}
    fields = {name: inspect.signature(kind).parameters for name, kind in kinds.items()}
    for own in fields.values():
        options |= own

    @functools.wraps(main)
    def command(**values) -> None:
        for name, kind in kinds.items():
            values[name] = kind(**{key: values.pop(key) for key in fields[name]})
        main(**values)

    keyword = inspect.Parameter.KEYWORD_ONLY
    command.__signature__ = inspect.Signature([own.replace(kind=keyword) for own in options.values()])
    command.__annotations__ = {name: own.annotation for name, own in options.items()}
    return command


def os_error_text(error: OSError) -> str:
    """Say in one line which path could not be read or written, why, and what helps."""
    path = error.filename2 or error.filename
    reason = error.strerror or " ".join(str(error).split()) or type(error).__name__
    remedy = REMEDIES.get(error.errno, "allow it, or name another folder" if path else "see to that")
    return f"{f'{path}: ' if path else ''}{reason}; {remedy}, and run the same command again"


def _print_error(message: object) -> None:
    console.print(f"Error: {message}", style="red", markup=False, soft_wrap=True)


def physical_cores() -> int:
    """Count the physical cores that this process may use."""
    physical = psutil.cpu_count(logical=False) or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(physical, allowed))


def progress_bar(*, unit: str = "steps") -> Progress:
    """Make a bar with what is done (in bytes: as MB) and the times; silent where stderr is no terminal."""
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
