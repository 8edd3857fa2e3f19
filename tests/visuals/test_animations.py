"""The GIF shows every moment as a grid; its frames are evenly spaced in log-SNR."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from ddpm.errors import RequestError
from ddpm.visuals import animations
from ddpm.visuals.animations import frame_indices, save_denoising_gif
from ddpm.visuals.grids import grid
from tests.examples import examples

Images = NDArray[np.uint8]


def _process(moments: int, count: int, channels: int, size: int = 12) -> list[Images]:
    """Noise turning into slopes of brightness, uint8 [count, channels, size, size] each."""
    rng = np.random.default_rng(0)
    shape = (count, channels, size, size)
    clean = np.broadcast_to(np.linspace(0, 255, size), shape)
    noise = rng.uniform(0, 255, shape)
    shares = np.linspace(0, 1, moments)
    return [(share * clean + (1 - share) * noise).astype(np.uint8) for share in shares]


def _read(path: Path) -> tuple[list[Images], list[int], dict[str, object]]:
    """Frames in RGB, their durations in milliseconds, and the file's properties."""
    with Image.open(path) as gif:
        read = [
            (np.asarray(f.convert("RGB")), f.info["duration"]) for f in ImageSequence.Iterator(gif)
        ]
        return [frame for frame, _ in read], [duration for _, duration in read], dict(gif.info)


def test_every_moment_is_a_frame_and_the_last_one_is_held(tmp_path: Path) -> None:
    save_denoising_gif(tmp_path / "a.gif", _process(10, 4, 1), 2, 2, seconds=2.0, hold_last=1.5)
    frames, durations, properties = _read(tmp_path / "a.gif")
    assert len(frames) == 10
    assert durations == [200] * 9 + [1500]
    assert properties["loop"] == 0  # forever


def test_gray_frames_are_the_grids(tmp_path: Path) -> None:
    """128 grays in motion (half a step of 255/127, half a level of rounding), 256 at the end."""
    process = _process(6, 5, 1)
    save_denoising_gif(tmp_path / "a.gif", process, 2, 3)
    shown = [frame[..., 0].astype(int) for frame in _read(tmp_path / "a.gif")[0]]
    expected = [np.asarray(grid(moment, 2, 3)).astype(int) for moment in process]
    assert len(shown) == 6
    assert max(np.abs(a - b).max() for a, b in zip(shown, expected, strict=True)) <= 1
    assert np.array_equal(shown[-1], expected[-1])


def test_the_last_color_frame_is_near_the_grid(tmp_path: Path) -> None:
    process = _process(6, 5, 3)
    save_denoising_gif(tmp_path / "a.gif", process, 2, 3)
    shown, expected = _read(tmp_path / "a.gif")[0][-1], np.asarray(grid(process[-1], 2, 3))
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() <= 4
    assert (shown[expected.min(axis=-1) == 255] == 255).all()  # gaps and the empty cell


def test_predictions_stand_beside_under_titles(tmp_path: Path) -> None:
    process = _process(4, 4, 1)
    save_denoising_gif(tmp_path / "one.gif", process[-1:], 2, 2)
    save_denoising_gif(tmp_path / "two.gif", process, 2, 2, predictions=process[-1:] * 4)
    one, two = (_read(tmp_path / name)[0][-1] for name in ("one.gif", "two.gif"))
    with Image.open(tmp_path / "two.gif") as gif:
        width = (gif.width - 16) // 2
    left, right = two[-width:, :width], two[-width:, -width:]
    assert np.array_equal(left, right)  # at the end x_t is its own prediction
    assert two.shape[0] > width  # room for words
    assert two[:-width].min() < 140
    assert one.shape[0] >= width


def test_a_gif_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lower limit gives smaller cells, still whole multiples; the limit is kept."""
    process = _process(6, 9, 1)
    save_denoising_gif(tmp_path / "large.gif", process, 3, 3)
    monkeypatch.setattr(animations, "MAX_BYTES", 30_000)
    save_denoising_gif(tmp_path / "small.gif", process, 3, 3)
    assert (
        (tmp_path / "small.gif").stat().st_size <= 30_000 < (tmp_path / "large.gif").stat().st_size
    )
    with Image.open(tmp_path / "small.gif") as small, Image.open(tmp_path / "large.gif") as large:
        assert small.width < large.width
        assert (small.width - 4) % 36 == 0


@pytest.mark.parametrize("predictions", [[], None])
def test_no_frames_or_too_few_predictions_are_refused(
    tmp_path: Path, predictions: list[Images] | None
) -> None:
    frames = [] if predictions is None else _process(2, 1, 1)
    with pytest.raises(RequestError):
        save_denoising_gif(tmp_path / "a.gif", frames, 1, 1, predictions=predictions)
    assert not list(tmp_path.iterdir())


def test_frames_of_even_steps_are_evenly_spaced() -> None:
    assert frame_indices(np.linspace(-9, 9, 101).tolist(), 11) == list(range(0, 101, 10))


def test_infinite_ends_are_shown_and_the_rest_is_even() -> None:
    inner = np.linspace(-8, 8, 161).tolist()
    found = frame_indices([-math.inf, *inner, math.inf], 17)
    assert found[0] == 0 and found[-1] == 162
    assert [inner[i - 1] for i in found[1:-1]] == pytest.approx(list(range(-7, 8)))


def test_the_cosine_schedule_is_sampled_by_log_snr_and_not_by_time() -> None:
    """Closed form: log-SNR of the cosine process is −2 ln tan(πt/2) (Nichol & Dhariwal 2021, Eq. 17)."""
    t = np.linspace(0.999, 0.001, 2001)
    found = frame_indices((-2 * np.log(np.tan(np.pi * t / 2))).tolist(), 13)
    largest = -2 * math.log(math.tan(math.pi * 0.001 / 2))
    expected = 2 / np.pi * np.arctan(np.exp(-np.linspace(-largest, largest, 13) / 2))
    assert t[found] == pytest.approx(expected, abs=0.5 * (t[0] - t[1]) + 1e-9)


@settings(deadline=None, max_examples=examples(60))
@given(
    values=st.lists(st.floats(-50, 50), min_size=1, max_size=60),
    count=st.integers(1, 70),
    ends=st.booleans(),
)
def test_the_frames_rise_and_include_both_ends(values: list[float], count: int, ends: bool) -> None:
    log_snr = [-math.inf, *sorted(values), math.inf] if ends else sorted(values)
    found = frame_indices(log_snr, count)
    assert len(found) == min(count, len(log_snr))
    assert all(earlier < later for earlier, later in pairwise(found))
    assert found[-1] == len(log_snr) - 1
    assert found[0] == 0 or count == 1


def test_steps_without_any_finite_level_are_spread_evenly() -> None:
    assert frame_indices([-math.inf] * 5 + [math.inf] * 4, 3) == [0, 4, 8]
