"""Durations, byte sizes, speeds and seed ranges as short text."""

from __future__ import annotations

import pytest

from ddpm.quantities import format_bytes, format_duration, format_rate, format_seeds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (185, "3 min 5 s"),
        (3599.6, "1 h 0 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_tenths_are_shown_below_ten_seconds() -> None:
    assert format_duration(4.16, tenths=True) == "4.2 s"
    assert format_duration(12.4, tenths=True) == "12 s"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "unknown"),
        (3_400, "3 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (999_999, "1.0 MB"),
        (999_949_999, "999.9 MB"),
        (999_950_000, "1.00 GB"),
        (12_800_000, "12.8 MB"),
        (1.06e9, "1.06 GB"),
    ],
)
def test_byte_sizes(count: int | None, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(("speed", "text"), [(9.13, "9.1"), (99.94, "99.9"), (344.4, "344")])
def test_speeds(speed: float, text: str) -> None:
    assert format_rate(speed) == f"{text} images/s"


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        (range(25), "seeds 0–24"),
        ([4], "seed 4"),
        ([0, 1, 2, 7, 9], "seeds 0–2, 7, 9"),
        ([5, 4, 3], "seeds 5, 4, 3"),
        ([8, 9, 1, 2], "seeds 8–9, 1–2"),
    ],
)
def test_seed_ranges(seeds: list[int], text: str) -> None:
    assert format_seeds(seeds) == text
