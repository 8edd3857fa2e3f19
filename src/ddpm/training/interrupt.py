"""Interrupt of training by Ctrl-C or SIGTERM: training finishes its step, saves and stops.

A signal to one of several processes stops all of them.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from ddpm.distributed import ProcessLostError, all_reduce_max


class Interrupt:
    """Context in which the first SIGINT or SIGTERM only sets a flag. A second one acts as usual."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._previous_handlers: dict[int, object] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous_handlers[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # After a process is lost, torchrun sends SIGTERM; keep handling it until the error is reported.
        if not isinstance(error, ProcessLostError):
            self._restore()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous_handlers.clear()

    def is_requested(self) -> bool:
        """Return whether any process has received a signal. All processes must call it together."""
        number = all_reduce_max(self.signal or 0)
        if number:
            self.signal = number
        return bool(number)

    @property
    def exit_status(self) -> int:
        """Exit status: 130 for Ctrl-C, 143 for SIGTERM, 0 for no signal."""
        return 0 if self.signal is None else 128 + self.signal
