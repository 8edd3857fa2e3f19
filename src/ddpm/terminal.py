"""Progress on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, SupportsFloat

from tqdm import tqdm

from ddpm.distributed import is_main
from ddpm.quantities import format_duration

PLAIN_EVERY = 15.0  # seconds between plain lines


class Progress:
    """A bar of `total` units. Off a terminal it prints a line now and then instead."""

    def __init__(
        self, title: str, total: int, *, unit: str = "images", scale: int = 1, start: int = 0
    ) -> None:
        self.title, self.total, self.unit, self.scale = title, total, unit, scale
        self.first = self.done = start
        self.note = ""
        self.began = self.printed = time.perf_counter()
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
            self.bar.leave = self.done > self.first  # nothing to do leaves no line
            self.bar.close()

    def reach(self, done: int, note: str = "") -> None:
        """Say that `done` of the total are done; a note stands until the next one."""
        advanced, self.done = done - self.done, done
        self.note = note or self.note
        if self.bar is not None:
            self.bar.set_postfix_str(self.note, refresh=False)
            self.bar.update(advanced * self.scale)
            return
        now = time.perf_counter()
        if now - self.printed >= PLAIN_EVERY:
            self.printed = now
            say(f"{self.title}: {self._line(now)}{', ' + self.note if self.note else ''}")

    def of_total(self, done: int, total: int) -> None:
        """The same where the total becomes known on the way."""
        total = max(total, done)  # 0: a server that does not say how much there is
        if total != self.total:
            self.total = total
            if self.bar is not None:
                self.bar.total = total * self.scale
        self.reach(done)

    def _line(self, now: float) -> str:
        rate = (self.done - self.first) / (now - self.began)
        left = (self.total - self.done) / rate if rate else 0.0
        return (
            f"{self.done} of {self.total}, {rate * self.scale:.0f} {self.unit}/s, "
            f"{format_duration(left)} left"
        )


def format_losses(losses: Mapping[str, SupportsFloat]) -> str:
    """`loss 0.1234`, or each of several: `generator loss 2.3456, discriminator loss 0.5678`."""
    named = {name: value for name, value in losses.items() if name.endswith("loss")}
    return ", ".join(f"{name.replace('_', ' ')} {float(v):.4f}" for name, v in named.items())


def say(message: str) -> None:
    """One line on stderr, clear of any bar; of several processes the main one's."""
    if is_main():
        tqdm.write(message, file=sys.stderr)
