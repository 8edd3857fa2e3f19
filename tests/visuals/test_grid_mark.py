"""A grid's comment: written, read back, told apart from foreign and damaged ones."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.grid_mark import GridMark, read_grid_mark
from ddpm.visuals.grids import save_grid
from ddpm.visuals.layout import Layout, fit_layout

MARK = GridMark(
    fit_layout(5, 5, (28, 28)),
    1,
    tuple(range(25)),
    "00ff00ff00ff00ff",
    "7",
    {"sampler": "dpm++2m", "steps": 20, "guidance_interval": [0.2, 0.9]},
)


def commented(comment: bytes) -> Image.Image:
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "JPEG", comment=comment)
    return Image.open(buffer)


@pytest.mark.parametrize("name", ["grid.jpg", "grid.png"])
def test_a_mark_comes_back_out_of_the_file(tmp_path: Path, name: str) -> None:
    images = np.zeros((25, 1, 28, 28), np.uint8)
    save_grid(tmp_path / name, images, 5, 5, caption="seeds 0–24", comment=MARK.comment())
    with Image.open(tmp_path / name) as picture:
        assert read_grid_mark(picture) == MARK


@pytest.mark.parametrize(
    "comment", [b"", b"CREATOR: gd-jpeg", b"\xff\xfe", b"[1, 2]", b'{"ddpm-studio":"loss"}', b"[" * 9000]
)  # fmt: skip
def test_pictures_made_elsewhere_have_none(comment: bytes) -> None:
    assert read_grid_mark(commented(comment)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 0}, {"rows": "5"}, {"rows": True}, {"columns": 10**9}, {"scale": 1.5}, {"gap": -1},
        {"channels": 4}, {"seeds": []}, {"seeds": [-1]}, {"seeds": list(range(26))}, {"seeds": 5},
        {"sampling": "fast"}, {"label": 7}, {"run": None, "seeds": None}, {"format": 0},
        {"format": "1"},
    ],
)  # fmt: skip
def test_a_damaged_comment_is_refused(change: dict[str, Any]) -> None:
    row = {**json.loads(MARK.comment()), **change}
    with pytest.raises(RequestError, match="write the grid again"):
        read_grid_mark(commented(json.dumps(row).encode()))


def test_a_comment_of_a_newer_version_is_refused() -> None:
    row = {**json.loads(MARK.comment()), "format": 3}
    with pytest.raises(RequestError, match="newer version of ddpm-studio; update it"):
        read_grid_mark(commented(json.dumps(row).encode()))


def test_a_comment_that_lacks_a_part_is_refused() -> None:
    row = json.loads(MARK.comment())
    for key in set(row) - {"ddpm-studio"}:
        less = {name: value for name, value in row.items() if name != key}
        with pytest.raises(RequestError):
            read_grid_mark(commented(json.dumps(less).encode()))


def test_the_layout_is_that_of_the_picture() -> None:
    layout = Layout(5, 5, 64, 64, 2)
    assert fit_layout(5, 5, (64, 64)) == layout and layout.size == (648, 648)
