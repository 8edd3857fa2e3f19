"""Drawings of the server: frames as they arrive, and the pictures made of them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ddpm.studio.drawings import Drawing, grid_shape
from ddpm.studio.refusals import RefusalError
from ddpm.visuals.grid_mark import GridMark, read_grid_mark
from ddpm.visuals.layout import fit_layout

SHAPE = (1, 2, 3)


def frame_event(index: int, start: int, images: np.ndarray, x0: np.ndarray) -> tuple[dict, bytes]:  # type: ignore[type-arg]
    message = {"event": "frame", "index": index, "start": start, "count": len(images)}
    return {**message, "t": 5, "log_snr": None, "step": 2}, images.tobytes() + x0.tobytes()


def images_of(count: int, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), dtype=np.uint8)


def drawing_of(n: int = 3) -> Drawing:
    rows, columns = grid_shape(n)
    drawing = Drawing(7, n, rows, columns)
    drawing.take({"event": "started", "shape": list(SHAPE), "threads": 1}, b"")
    return drawing


def pixels(content: bytes) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(Image.open(io.BytesIO(content)))


def test_chunks_of_a_frame_are_put_together() -> None:
    drawing, x, x0 = drawing_of(), images_of(3), images_of(3, 1)
    drawing.take(*frame_event(0, 0, x[:2], x0[:2]))
    assert drawing.rows_of_frames() == [
        {"index": 0, "step": 2, "t": 5, "log_snr": None, "images": 2}
    ]
    drawing.take(*frame_event(0, 2, x[2:], x0[2:]))
    assert drawing.rows_of_frames()[0]["images"] == 3
    shown = pixels(drawing.frame_png(0, "x0"))  # 2x2 cells of 2x3 pixels, no gaps
    assert shown.shape == (4, 6)
    assert (shown[:2, :3] == x0[0, 0]).all() and (shown[2:, :3] == x0[2, 0]).all()
    assert (shown[2:, 3:] == 255).all()  # an empty cell
    assert (pixels(drawing.frame_png(0, "x"))[:2, 3:] == x[1, 0]).all()


def test_what_is_not_drawn_yet_is_a_sentence() -> None:
    drawing = drawing_of()
    pictures = (lambda: drawing.frame_png(0, "x"), drawing.grid_png, drawing.animation_gif)
    for picture in (*pictures, lambda: drawing.image_png(0)):
        with pytest.raises(RefusalError, match="not drawn yet") as error:
            picture()
        assert error.value.status == 404


def test_an_image_holds_its_own_seed() -> None:
    drawing, images = drawing_of(), images_of(3)
    drawing.take({"event": "images", "shape": list(images.shape)}, images.tobytes())
    mark = GridMark(fit_layout(2, 2, SHAPE[1:]), 1, (7, 8, 9), "hash", "cat", {"steps": 4})
    drawing.comment = mark.comment()
    content = drawing.image_png(1)
    assert (pixels(content) == images[1, 0]).all()
    found = read_grid_mark(Image.open(io.BytesIO(content)))
    assert found is not None and (found.seeds, found.label) == ((8,), "cat")
    assert (found.layout.rows, found.layout.scale, found.sampling) == (1, 1, {"steps": 4})
    with pytest.raises(RefusalError, match="images 0 to 2"):
        drawing.image_png(3)


def test_an_animation_needs_steps() -> None:
    drawing, images = drawing_of(), images_of(3)
    drawing.take({"event": "images", "shape": list(images.shape)}, images.tobytes())
    drawing.take(*frame_event(0, 0, images, images))
    with pytest.raises(RefusalError, match="one pass"):
        drawing.animation_gif()
    drawing.take(*frame_event(1, 0, images, images))
    assert drawing.animation_gif().startswith(b"GIF89a")
    assert drawing.nbytes == 2 * 2 * images.nbytes


@pytest.mark.parametrize("n", range(1, 101))
def test_the_grid_is_that_of_ddpm_sample(n: int) -> None:
    from ddpm.commands.sample.sample import SampleRequest

    assert grid_shape(n) == SampleRequest(n=n).shape
