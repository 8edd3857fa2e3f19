"""How long a run will take, said once, from its own first steps."""

from __future__ import annotations

import time
from typing import SupportsFloat

from ddpm.quantities import format_duration, format_rate
from ddpm.terminal import say
from ddpm.training.budget import OVERHEAD, TRIAL_WARMUP

LISTEN = 5.0  # seconds of steps that the forecast rests on


class Forecast:
    """Hears every step; after `LISTEN` seconds says how long the rest of the run takes at that speed.

    `steps`: the run's total, `batch_size` images each; `start`: the step that the run goes on from.
    A run that is over before then is never spoken of.
    """

    def __init__(self, steps: int, batch_size: int, start: int = 0) -> None:
        self.steps, self.batch_size, self.start = steps, batch_size, start
        self.began = 0.0
        self.said = False

    def hear(self, step: int, loss: SupportsFloat) -> None:
        """Note that `step` is done; its `loss` is read where the clock is, as that waits for the device."""
        timed = step - self.start - TRIAL_WARMUP
        if self.said or timed < 0:
            return
        if timed == 0:
            float(loss)
            self.began = time.perf_counter()
        elif time.perf_counter() - self.began >= LISTEN:
            float(loss)
            self.said = True
            say(self._words(step, (time.perf_counter() - self.began) / timed))

    def _words(self, step: int, seconds_per_step: float) -> str:
        left = format_duration((self.steps - step) * seconds_per_step / (1 - OVERHEAD))
        more = " more" if self.start else ""
        return f"about {left}{more} on this machine at {format_rate(self.batch_size / seconds_per_step)}"
