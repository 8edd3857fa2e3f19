"""A measurement leaves the environment as it found it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.growth import main, opening_seconds, write_images


def test_a_first_opening_leaves_the_cache_folder_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "cache"
    monkeypatch.setenv("DDPM_CACHE_DIR", str(named))
    write_images(tmp_path / "images.npy", 40, 28)
    assert opening_seconds(tmp_path / "images.npy") > 0
    assert os.environ["DDPM_CACHE_DIR"] == str(named)
    assert not named.exists()  # a first opening: nothing was taken from there, or left there


@pytest.mark.parametrize("points", ["1", "2", "6"])
def test_an_exponent_takes_three_points(monkeypatch: pytest.MonkeyPatch, points: str) -> None:
    """Said before anything is measured."""
    monkeypatch.setattr("sys.argv", ["growth", "--points", points])
    monkeypatch.setattr("benchmarks.growth._measure_all", lambda options: pytest.fail("measured"))
    with pytest.raises(SystemExit, match="2"):
        main()
