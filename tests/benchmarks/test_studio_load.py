"""The load on the studio: every drawing is queued or refused, and the health is asked meanwhile."""

from __future__ import annotations

from benchmarks.studio_load import Load, measure
from ddpm.studio.studio_request import Limits


def test_every_drawing_is_queued_or_refused() -> None:
    asked = Limits().waiting_jobs + 16
    load = measure(asked, 0.0, {"model": "bundled:digits", "n": 1})
    assert load.accepted + load.refused == asked and load.accepted >= Limits().waiting_jobs
    assert load.milliseconds and "queued" in load.summary()


def test_a_summary_is_one_line() -> None:
    line = Load(65, 135, [1.0, 2.0, 9.0]).summary()
    assert "65 drawings queued, 135 refused" in line and "median 2.0 ms, at worst 9 ms" in line
