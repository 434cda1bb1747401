"""Read raw files line by line, with errors that name the line."""

from collections.abc import Iterator
from pathlib import Path

from scripts.annotations.record import AnnotationError, Source


def read_lines(path: Path) -> Iterator[tuple[Source, str]]:
    """Yield each line of a UTF-8 file with its place, without its line end (LF or CR LF).

    Only LF ends a line: U+2028 and the like belong to the text. A byte order mark is skipped.
    Raises AnnotationError where the bytes are not UTF-8 or the file cannot be read.
    """
    number = 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                yield Source(path.as_posix(), number), line.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{path}:{number}: byte {error.start + 1} of the line is not UTF-8 ({error.reason}); save the file as UTF-8") from None
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror}") from None
