"""Let SIGTERM and Ctrl-C end a run after the step it is in."""

import signal
from typing import Self


class StopSignal:
    """Takes SIGTERM and SIGINT as long as it is entered; a second SIGINT is a KeyboardInterrupt."""

    def __init__(self) -> None:
        self.signal = 0

    def __bool__(self) -> bool:
        return self.signal > 0

    @property
    def code(self) -> int:
        """The exit code, as shells have it; where only another process was asked, that of SIGTERM."""
        return 128 + (self.signal or signal.SIGTERM)

    def __enter__(self) -> Self:
        self._before = {
            number: signal.signal(number, self._take) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _frame: object) -> None:
        if self.signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
