"""Frames of a GIF on paper: those asked for, in order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.animations import save_denoising_gif
from ddpm.visuals.gif_frames import save_gif_frames


def shades(path: Path) -> list[int]:
    """The gray value of each frame of a strip, gaps left out."""
    with Image.open(path) as picture:
        line = np.asarray(picture.convert("L"))[5]
    edges = np.flatnonzero(np.diff(line.astype(int)))
    return [int(part.mean()) for part in np.split(line, edges + 1) if part.mean() < 250]


def test_frames_are_taken_at_their_shares_of_the_length(tmp_path: Path) -> None:
    frames = [np.full((1, 1, 40, 40), 20 * i, np.uint8) for i in range(11)]
    save_denoising_gif(tmp_path / "a.gif", frames, 1, 1)
    save_gif_frames(tmp_path / "a.png", tmp_path / "a.gif", (0.0, 0.5, 0.8, 1.0))
    assert np.allclose(shades(tmp_path / "a.png"), [0, 100, 160, 200], atol=3)
    with Image.open(tmp_path / "a.png") as picture:
        width = picture.size[0]
    assert width <= 4 * 320 + 3 * 12


def test_a_single_frame_serves_for_all(tmp_path: Path) -> None:
    Image.new("L", (30, 30), 77).save(tmp_path / "a.gif")
    save_gif_frames(tmp_path / "a.png", tmp_path / "a.gif", (0.0, 1.0))
    assert shades(tmp_path / "a.png") == [77, 77]


@pytest.mark.parametrize("content", [None, b"", b"GIF89a", b"\x89PNG"])
def test_what_is_no_gif_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.gif").write_bytes(content)
    with pytest.raises(RequestError, match="not a readable GIF"):
        save_gif_frames(tmp_path / "a.png", tmp_path / "a.gif", (0.0, 1.0))
    assert not (tmp_path / "a.png").exists()
