"""Progress and messages on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, SupportsFloat

from tqdm import tqdm

from ddpm.distributed import is_main
from ddpm.quantities import format_duration

LINE_INTERVAL = 15.0  # seconds between plain lines


class Progress:
    """Progress bar of `total` steps of `scale` units each; without a terminal, a line every 15 seconds."""

    def __init__(
        self, title: str, total: int, *, unit: str = "images", scale: int = 1, start: int = 0
    ) -> None:
        self.title, self.total, self.unit, self.scale = title, total, unit, scale
        self.first = self.done = start
        self.note = ""
        self.start_time = self.last_print = time.perf_counter()
        self.bar: Any = None
        if sys.stderr.isatty() and is_main():
            self.bar = tqdm(
                total=total * scale,
                initial=start * scale,
                desc=title,
                unit=" " + unit,
                dynamic_ncols=True,
                smoothing=0.05,
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.leave = self.done > self.first  # no line if there was nothing to do
            self.bar.close()

    def advance_to(self, done: int, note: str = "") -> None:
        """Advance to `done`; `note` is shown until another note replaces it."""
        advanced, self.done = done - self.done, done
        self.note = note or self.note
        if self.bar is not None:
            self.bar.set_postfix_str(self.note, refresh=False)
            self.bar.update(advanced * self.scale)
            return
        now = time.perf_counter()
        if now - self.last_print >= LINE_INTERVAL:
            self.last_print = now
            print_line(f"{self.title}: {self._text(now)}{', ' + self.note if self.note else ''}")

    def report(self, done: int, total: int) -> None:
        """Advance to `done` of `total`, which may change between calls; 0 means unknown."""
        total = max(total, done)
        if total != self.total:
            self.total = total
            if self.bar is not None:
                self.bar.total = total * self.scale
        self.advance_to(done)

    def _text(self, now: float) -> str:
        rate = (self.done - self.first) / (now - self.start_time)
        remaining = (self.total - self.done) / rate if rate else 0.0
        return (
            f"{self.done} of {self.total}, {rate * self.scale:.0f} {self.unit}/s, "
            f"{format_duration(remaining)} left"
        )


def format_losses(losses: Mapping[str, SupportsFloat]) -> str:
    """Return `loss 0.1234`, or several losses: `generator loss 2.3456, discriminator loss 0.5678`."""
    named = {name: value for name, value in losses.items() if name.endswith("loss")}
    return ", ".join(f"{name.replace('_', ' ')} {float(v):.4f}" for name, v in named.items())


def print_line(message: str) -> None:
    """Print a line on stderr without breaking a progress bar; only the main process prints."""
    if is_main():
        tqdm.write(message, file=sys.stderr)
