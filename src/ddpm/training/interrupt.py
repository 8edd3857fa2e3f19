"""Ctrl-C and SIGTERM ask a training to stop after the step in hand, once it has saved.

Of several processes it is enough to ask one.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from ddpm.distributed import ProcessLostError, all_reduce_max


class Interrupt:
    """A context in which the first SIGINT or SIGTERM only raises a flag; a second one acts as usual."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(
            error, ProcessLostError
        ):  # then the launcher ends this one too, but it says why first
            self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def is_asked(self) -> bool:
        """Whether this process or another one has been asked to stop: the same answer for all."""
        number = all_reduce_max(self.signal or 0)
        if number:
            self.signal = number
        return bool(number)

    @property
    def exit_status(self) -> int:
        """130 for Ctrl-C, 143 for SIGTERM, 0 for none."""
        return 0 if self.signal is None else 128 + self.signal
