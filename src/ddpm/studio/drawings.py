"""Drawings kept by the server: their frames and images, and the pictures made of them."""

from __future__ import annotations

import io
import math
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ddpm.data.image_files import Images
from ddpm.studio.refusals import RefusalError
from ddpm.studio.worker_messages import Message
from ddpm.visuals.animations import save_denoising_gif
from ddpm.visuals.grid_mark import read_grid_mark
from ddpm.visuals.grids import grid, save_grid
from ddpm.visuals.layout import fit_layout
from ddpm.visuals.saving import save_picture

NOT_YET = "This picture is not drawn yet; wait for the next step."


@dataclass
class StoredFrame:
    """A step of the reverse process of all images: x_t and the predicted x0, uint8 [N, C, H, W]."""

    x: Images
    x0: Images
    t: int | None  # None: the family has no levels, or this is the clean image
    log_snr: float | None  # None: infinite
    step: int = 0  # of the sampler
    count: int = 0  # images that have arrived

    @property
    def nbytes(self) -> int:
        return self.x.nbytes + self.x0.nbytes

    def row(self, index: int) -> dict[str, Any]:
        """Return plain values for the page."""
        names = ("step", "t", "log_snr")
        return {
            "index": index,
            **{name: getattr(self, name) for name in names},
            "images": self.count,
        }


@dataclass(frozen=True)
class StoredSheet:
    """Images that the file of a drawing shows, uint8 [N, C, H, W], in rows and columns."""

    images: Images
    rows: int
    columns: int


@dataclass
class Drawing:
    """The images of one draw request, as far as they have arrived from the worker."""

    seed: int
    n: int
    rows: int
    columns: int
    shape: tuple[int, int, int] | None = None  # C, H, W
    threads: int = 0  # that torch used
    frames: dict[int, StoredFrame] = field(default_factory=dict)
    images: Images | None = None  # uint8 [N, C, H, W], once all are drawn
    sheet: StoredSheet | None = None  # of an edit: what its command writes
    caption: str = ""
    comment: str = ""  # how the grid was drawn, see `visuals/grid_mark.py`
    labels: list[str] | None = None  # the class of each image

    @property
    def seeds(self) -> range:
        return range(self.seed, self.seed + self.n)

    @property
    def nbytes(self) -> int:
        """Bytes of the frames."""
        return sum(frame.nbytes for frame in self.frames.values())

    def take(self, message: Message, payload: bytes) -> None:
        """Store what an event of the worker brings."""
        match message["event"]:
            case "started":
                channels, height, width = message["shape"]
                self.shape, self.threads = (channels, height, width), message["threads"]
            case "frame":
                self._take_frame(message, payload)
            case "images":
                self.images = np.frombuffer(payload, np.uint8).reshape(message["shape"])
            case "sheet":
                images = np.frombuffer(payload, np.uint8).reshape(message["shape"])
                self.sheet = StoredSheet(images, message["rows"], message["columns"])

    def _take_frame(self, message: Message, payload: bytes) -> None:
        assert self.shape is not None
        index, start, count = message["index"], message["start"], message["count"]
        if index not in self.frames:
            blank = np.full((self.n, *self.shape), 255, np.uint8)
            names = ("t", "log_snr", "step")
            self.frames[index] = StoredFrame(blank, blank.copy(), *(message[n] for n in names))
        frame = self.frames[index]
        pair = np.frombuffer(payload, np.uint8).reshape(2, count, *self.shape)
        frame.x[start : start + count], frame.x0[start : start + count] = pair
        frame.count = max(frame.count, start + count)

    def rows_of_frames(self) -> list[dict[str, Any]]:
        """Return a row for each frame, in the order of the steps."""
        return [frame.row(index) for index, frame in sorted(self.frames.items())]

    # Pictures

    def frame_png(self, index: int, kind: str) -> bytes:
        """Return the images of a frame, `x` (x_t) or `x0`, in their own size and without gaps.

        RefusalError (404) if the frame has not arrived.
        """
        frame = self.frames.get(index)
        if frame is None:
            raise RefusalError(404, NOT_YET)
        images = frame.x if kind == "x" else frame.x0
        return _png(grid(images, self.rows, self.columns, cell_scale=1, gap=0))

    def grid_png(self) -> bytes:
        """Return the file that the command writes with `--out grid.png`."""
        sheet = self.sheet or StoredSheet(self._complete(), self.rows, self.columns)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "grid.png")
            save_grid(
                path,
                sheet.images,
                sheet.rows,
                sheet.columns,
                caption=self.caption,
                comment=self.comment,
            )
            return path.read_bytes()

    def image_png(self, index: int) -> bytes:
        """Return one image in its own size; its comment tells how to draw it again."""
        image = self.pixels(index)
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "image.png")
            save_picture(path, Image.fromarray(pixels), comment=self._image_comment(index))
            return path.read_bytes()

    def pixels(self, index: int) -> Images:
        """Return one image, uint8 [C, H, W]. RefusalError (404) if there is none yet."""
        images = self._complete()
        if not 0 <= index < len(images):
            raise RefusalError(404, f"This drawing has the images 0 to {len(images) - 1}.")
        found: Images = images[index]
        return found

    def animation_gif(self) -> bytes:
        """Return the reverse process as a GIF."""
        self._complete()
        frames = [frame.x for _, frame in sorted(self.frames.items())]
        if len(frames) < 2:
            raise RefusalError(
                404, "This model draws in one pass and has no reverse process to show."
            )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "animation.gif")
            save_denoising_gif(path, frames, self.rows, self.columns)
            return path.read_bytes()

    def _complete(self) -> Images:
        if self.images is None:
            raise RefusalError(404, NOT_YET)
        return self.images

    def _image_comment(self, index: int) -> str:
        """Return the grid's comment for one of its images."""
        probe = Image.new("L", (1, 1))
        probe.info["comment"] = self.comment
        mark = read_grid_mark(probe)
        if mark is None:  # an edit: no seed alone draws it again
            return ""
        layout = fit_layout(1, 1, (mark.layout.height, mark.layout.width), scale=1)
        return replace(mark, layout=layout, seeds=(self.seeds[index],)).comment()


def grid_shape(n: int) -> tuple[int, int]:
    """Return rows and columns of a nearly square grid, as `ddpm sample` chooses them."""
    columns = math.ceil(math.sqrt(n))
    return math.ceil(n / columns), columns


def _png(picture: Image.Image) -> bytes:
    """Return a picture as PNG, quickly: it is shown once and not kept."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
