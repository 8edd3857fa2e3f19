"""Progress and messages: a bar on a terminal, plain lines elsewhere; unsafe characters are escaped."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, SupportsFloat

from tqdm import tqdm

from ddpm.distributed import is_main
from ddpm.quantities import format_duration

LINE_INTERVAL = 15.0  # seconds between plain lines
# Unicode categories that a terminal, a font or UTF-8 cannot show: controls, formats (bidi marks),
# surrogates (bytes of a file name that is not UTF-8) and line ends.
_UNSAFE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"  # part of words in Persian and Indic scripts, and of emoji


class Progress:
    """Progress bar of `total` steps of `scale` units each; without a terminal, a line every 15 seconds."""

    def __init__(
        self, title: str, total: int, *, unit: str = "images", scale: int = 1, start: int = 0
    ) -> None:
        self.title, self.total, self.unit, self.scale = escape(title), total, unit, scale
        self.first = self.done = start
        self.note = ""
        self.start_time = self.last_print = time.perf_counter()
        self.bar: Any = None
        if sys.stderr.isatty() and is_main():
            self.bar = tqdm(
                total=total * scale,
                initial=start * scale,
                desc=self.title,
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
        self.note = escape(note) or self.note
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


def escape(text: str, allowed: str = "") -> str:
    """Return `text` with every unsafe character, unless `allowed`, as an escape such as \\x1b."""
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if unicodedata.category(char) in _UNSAFE and char not in allowed + _JOINERS
        else char
        for char in text
    )


def printable_name(name: str) -> str:
    """Return a file name as one line of printable NFC text, whatever its bytes are."""
    return unicodedata.normalize("NFC", escape(name))


def shorten(text: str, letters: int) -> str:
    """Return `text`; if it is longer than `letters` characters, an ellipsis replaces its middle."""
    if len(text) <= letters:
        return text
    tail = (letters - 1) // 2
    return f"{text[: letters - 1 - tail]}…{text[len(text) - tail :]}"


def print_result(value: object) -> None:
    """Print a result on stdout, escaped; only text may have line breaks and tabs."""
    print(escape(str(value), "" if isinstance(value, Path) else "\n\t"))


def print_line(message: str) -> None:
    """Print one line on stderr without breaking a progress bar; only the main process prints.

    Line breaks are escaped, since a file name in `message` may hold them.
    """
    if is_main():
        tqdm.write(escape(message, "\t"), file=sys.stderr)
