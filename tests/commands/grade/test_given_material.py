"""Given material: pictures of files and of notebooks' outputs, and code, from folders, zips and files."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.grade.given_material import read_given
from ddpm.errors import RequestError


def png(seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (152, 152), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_pictures_in_the_outputs_of_a_notebook_count(tmp_path: Path) -> None:
    data = {"image/png": base64.b64encode(png()).decode(), "text/plain": "a figure"}
    cells = [{"cell_type": "code", "source": "x = 1", "outputs": [{"data": data}, {}]}, {}]
    (tmp_path / "sample.ipynb").write_text(json.dumps({"cells": cells}))
    code, rows = read_given([tmp_path / "sample.ipynb"])
    assert len(code) == 1 and [row["name"] for row in rows] == ["the given material (sample.ipynb)"]
    assert len(rows[0]["pictures"]["result_mnist.jpg"]["cells"]) == 25  # 152 = 5 * 28 + 6 * 2


def test_a_folder_is_read_and_what_cannot_be_decoded_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.png").write_bytes(b"\x89PNG broken")
    (tmp_path / "c.ipynb").write_text('{"cells": [{"outputs": [{"data": {"image/png": "%%%"}}]}]}')
    _, rows = read_given([tmp_path])
    assert [row["name"] for row in rows] == ["the given material (a.png)"]


def test_a_path_that_is_not_there_or_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK")
    for path, words in (
        (tmp_path / "none", "There is no"),
        (tmp_path / "broken.zip", "is not a zip"),
    ):
        with pytest.raises(RequestError, match=words):
            read_given([path])
