"""Settings read back from pictures, however strange the pictures are."""

from __future__ import annotations

import io
import json
import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ddpm.errors import RequestError
from ddpm.studio.image_settings import read_mark, settings_of_image
from ddpm.visuals.grid_mark import GridMark
from ddpm.visuals.layout import Layout
from tests.studio.asgi import run

MARK = GridMark(Layout(1, 2, 8, 8, 3), 1, (4, 5), "f00d", "cat", {"steps": 7, "sampler": "ddim"})


def png(comment: str = MARK.comment(), size: tuple[int, int] = (4, 4)) -> bytes:
    buffer, info = io.BytesIO(), PngInfo()
    info.add_itxt("Comment", comment)
    Image.new("L", size).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(
        buffer, "JPEG", comment=MARK.comment().encode()
    )
    return buffer.getvalue()


def compressed_text(length: int) -> bytes:
    """A PNG whose comment unpacks to `length` bytes."""
    body = b"Comment\0\0" + zlib.compress(b"x" * length)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + body))
    whole = png("x")
    return whole[:33] + chunk + whole[33:]  # after the header


def test_a_mark_is_read_from_png_and_jpeg() -> None:
    assert read_mark(png()) == read_mark(jpeg()) == MARK


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not a PNG or JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG or JPEG"),
        (b"GIF89a" + bytes(20), "not a PNG or JPEG"),
        (png()[:40], "not a PNG or JPEG|no settings"),
        (png("x" * 10**6), "longer than|not a PNG or JPEG"),
        (png("x" * 10**5), "longer than"),
        (compressed_text(10**8), "not a PNG or JPEG"),
        (png("no settings"), "no settings"),
        (png("[" * 20_000), "no settings"),
        (png(json.dumps({"ddpm-studio": "grid"})), "damaged comment"),
        (png(size=(30_000, 30_000)), "too large|not a PNG or JPEG"),
    ],
)  # fmt: skip
def test_anything_else_is_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        read_mark(content)


class Worker:
    """A worker that knows whose weights a hash belongs to."""

    def __init__(self, owner: str | None) -> None:
        self.owner = owner

    async def ask(self, task: str, **arguments: Any) -> str | None:
        assert (task, arguments["hash"]) == ("weights_owner", "f00d")
        return self.owner


def test_the_request_of_a_picture_names_the_model_by_its_weights(services) -> None:  # type: ignore[no-untyped-def]
    found = run(settings_of_image(png(), services.models, Worker("bundled:mnist")))  # type: ignore[arg-type]
    assert found == {
        "model": "bundled:mnist", "name": "mnist", "seed": 4, "n": 2, "label": "cat", "steps": 7,
        "sampler": "ddim",
    }  # fmt: skip
    with pytest.raises(RequestError, match="no model here"):
        run(settings_of_image(png(), services.models, Worker(None)))  # type: ignore[arg-type]


def test_a_picture_whose_seeds_had_other_classes_is_refused(services) -> None:  # type: ignore[no-untyped-def]
    old = png(replace(MARK, label=None, format=1).comment())
    with pytest.raises(RequestError, match="its seeds had other classes"):
        run(settings_of_image(old, services.models, Worker("bundled:mnist")))  # type: ignore[arg-type]
    faces = run(settings_of_image(old, services.models, Worker("bundled:anime")))  # type: ignore[arg-type]
    assert faces["label"] is None
