"""Numbers over iterations: read without gaps, smoothed without bias, thinned without losing peaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.visuals.series import Series, downsample, read_series, running_mean, smoothing_window
from tests.examples import examples

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=80)


def _series(values: list[float]) -> Series:
    return Series(np.arange(1.0, len(values) + 1), np.array(values))


def test_a_column_is_taken_from_the_rows_that_have_it() -> None:
    rows = [
        {"step": 1, "loss": 0.5, "loss_levels": [0.1, None, 0.3, 0.4]},
        {"step": 1, "heldout_loss": 0.6},
        {"step": 2, "loss": None, "loss_levels": [None, 0.2, 0.3, 0.4]},
        {"step": 3, "loss": float("nan")},
        {"step": 4, "loss": 0.25},
    ]
    loss, band = read_series(rows, "loss"), read_series(rows, "loss_levels", 1)
    assert (loss.steps.tolist(), loss.values.tolist()) == ([1, 4], [0.5, 0.25])
    assert (band.steps.tolist(), band.values.tolist()) == ([2], [0.2])
    assert len(read_series(rows, "generator_loss")) == 0


@settings(deadline=None, max_examples=examples(50))
@given(values=VALUES, half=st.integers(0, 12))
def test_the_running_mean_is_the_mean_of_its_window(values: list[float], half: int) -> None:
    found = running_mean(_series(values), 2 * half + 1).values
    for i, mean in enumerate(found):
        left = min(half, i)
        right = min(max(left, half // 5), len(values) - 1 - i)
        assert mean == pytest.approx(np.mean(values[i - left : i + right + 1]), abs=1e-9)


def test_a_straight_line_stays_itself_where_the_window_is_whole() -> None:
    line = np.linspace(3, -2, 101).tolist()
    found = running_mean(_series(line), 21).values
    assert found[2:-10] == pytest.approx(line[2:-10])


@pytest.mark.parametrize(
    ("count", "window"), [(1, 9), (60, 9), (720, 19), (20_000, 501), (10**6, 1001)]
)
def test_the_window_grows_with_the_run(count: int, window: int) -> None:
    assert smoothing_window(count) == window


@settings(deadline=None, max_examples=examples(50))
@given(values=VALUES, buckets=st.integers(1, 20))
def test_thinning_keeps_the_extremes_of_every_stretch(values: list[float], buckets: int) -> None:
    full = _series(values)
    found = downsample(full, buckets)
    assert len(found) <= max(2 * buckets, 0) or len(values) <= 2 * buckets
    assert found.values.min() == full.values.min()
    assert found.values.max() == full.values.max()
    assert (np.diff(found.steps) > 0).all()
    assert all(
        full.values[int(step) - 1] == value
        for step, value in zip(found.steps, found.values, strict=True)
    )


def test_a_short_series_is_drawn_whole() -> None:
    whole = _series([float(i % 7) for i in range(100)])
    assert downsample(whole, 50) is whole
    assert len(downsample(whole, 49)) <= 98


def test_one_peak_in_a_long_run_survives_thinning() -> None:
    values = np.zeros(50_000)
    values[31_415] = 9.0
    found = downsample(Series(np.arange(50_000.0), values), 800)
    assert found.steps[found.values.argmax()] == 31_415
