"""Forecast of the remaining time of a run, printed once after its first steps."""

from __future__ import annotations

import time
from typing import SupportsFloat

from ddpm.quantities import format_duration, format_rate
from ddpm.terminal import print_line
from ddpm.training.budget import OVERHEAD, TRIAL_WARMUP

MEASURED_SECONDS = 5.0  # of steps, before the forecast


class Forecast:
    """Forecast of the remaining time, printed after `MEASURED_SECONDS` of steps; shorter runs get none.

    `steps`: total of the run. `start`: the step at which it starts or resumes. `ratio`: mean time of the
    steps over that of the first ones.
    """

    def __init__(self, steps: int, batch_size: int, start: int = 0, *, ratio: float = 1.0) -> None:
        self.steps, self.batch_size, self.start, self.ratio = steps, batch_size, start, ratio
        self.began = 0.0
        self.is_printed = False

    def update(self, step: int, loss: SupportsFloat) -> None:
        """Record that `step` is done. Reading `loss` waits for the device, so it is read only twice."""
        timed = step - self.start - TRIAL_WARMUP
        if self.is_printed or timed < 0:
            return
        if timed == 0:
            float(loss)
            self.began = time.perf_counter()
        elif time.perf_counter() - self.began >= MEASURED_SECONDS:
            float(loss)
            self.is_printed = True
            print_line(self._sentence(step, (time.perf_counter() - self.began) / timed))

    def _sentence(self, step: int, seconds_per_step: float) -> str:
        left = format_duration((self.steps - step) * self.ratio * seconds_per_step / (1 - OVERHEAD))
        more = " more" if self.start else ""
        return f"about {left}{more} on this machine at {format_rate(self.batch_size / seconds_per_step)}"
