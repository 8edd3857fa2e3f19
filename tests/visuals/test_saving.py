"""Pictures on disk: the kind by the name, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.errors import RequestError
from ddpm.visuals.saving import save_picture

RED = Image.new("RGB", (16, 16), "#cc2020")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "PNG"), ("a.PNG", "PNG"), ("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a", "PNG")],
)
def test_the_name_says_the_kind(tmp_path: Path, name: str, kind: str) -> None:
    save_picture(tmp_path / name, RED)
    with Image.open(tmp_path / name) as found:
        assert found.format == kind
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_another_kind_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"a\.bmp is not a picture file name"):
        save_picture(tmp_path / "a.bmp", RED)
    assert not list(tmp_path.iterdir())


def test_jpeg_keeps_full_color_resolution(tmp_path: Path) -> None:
    """Columns of two hues one pixel wide survive; halved color would blend them."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, ::2], pixels[:, 1::2] = (200, 40, 40), (40, 40, 200)
    save_picture(tmp_path / "a.jpg", Image.fromarray(pixels))
    with Image.open(tmp_path / "a.jpg") as found:
        error = np.abs(np.asarray(found, np.int64) - pixels)
    assert error.max() < 40


def test_a_comment_is_stored_in_both_kinds(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        save_picture(tmp_path / name, RED, comment="step 400")
    with Image.open(tmp_path / "a.png") as png, Image.open(tmp_path / "a.jpg") as jpeg:
        assert png.info["Comment"] == "step 400"
        assert jpeg.info["comment"] == b"step 400"


def test_a_failing_encoder_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_picture(tmp_path / "a.png", RED)
    before = (tmp_path / "a.png").read_bytes()

    def half_written(self: Image.Image, path: Path, **options: object) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", half_written)
    with pytest.raises(OSError, match="disk full"):
        save_picture(tmp_path / "a.png", RED)
    assert (tmp_path / "a.png").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
