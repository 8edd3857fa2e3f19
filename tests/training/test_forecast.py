"""The forecast of a run's length, under a clock of its own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ddpm.training import forecast
from ddpm.training.budget import OVERHEAD, TRIAL_WARMUP
from ddpm.training.forecast import MEASURED_SECONDS, Forecast


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """heard(forecast, steps, seconds a step) → what was said, as (step, words)."""
    now = [0.0]
    said: list[str] = []
    monkeypatch.setattr(forecast, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(forecast, "print_line", said.append)

    def run(spoken: Forecast, steps: int, seconds: float) -> list[tuple[int, str]]:
        found = []
        for step in range(spoken.start + 1, spoken.start + steps + 1):
            slow = step - spoken.start <= TRIAL_WARMUP
            now[0] += 100 * seconds if slow else seconds
            spoken.update(step, 1.0)
            found += [(step, words) for words in said]
            said.clear()
        return found

    return run


def test_it_is_printed_once_and_leaves_out_the_slow_first_steps(heard) -> None:  # type: ignore[no-untyped-def]
    [(step, words)] = heard(Forecast(20_000, 32), 2000, 1.0)
    assert step == TRIAL_WARMUP + MEASURED_SECONDS
    seconds = (20_000 - step) / (1 - OVERHEAD)
    assert (
        words
        == f"about {seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min on this machine at 32.0 images/s"
    )


def test_a_resumed_run_counts_the_remaining_steps(heard) -> None:  # type: ignore[no-untyped-def]
    [(step, words)] = heard(Forecast(1100, 16, start=1000), 90, 0.5)
    assert step == 1000 + TRIAL_WARMUP + MEASURED_SECONDS / 0.5
    assert words.startswith("about 47 s more") and words.endswith("at 32.0 images/s")


def test_a_short_run_has_no_forecast(heard) -> None:  # type: ignore[no-untyped-def]
    assert heard(Forecast(50, 16), 50, 0.01) == []
