"""Material that everybody was given, such as the sample code: its programs and its pictures."""

from __future__ import annotations

import base64
import binascii
import io
import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from ddpm.commands.bundle import SIDES, HandInError, grid_name
from ddpm.commands.grade.grid_cells import cell_fingerprints, fingerprint, grid_images
from ddpm.commands.grade.own_code import known_hashes
from ddpm.commands.grade.submissions import Files, Submission, read_files
from ddpm.errors import RequestError

_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
_MAX_PIXELS = 50_000_000
Row = dict[str, Any]


def read_given(paths: Sequence[Path]) -> tuple[frozenset[str], list[Row]]:
    """Return the hashes of the code, and a row for each picture; RequestError if a path cannot be read.

    A path is a folder, a zip, or one file. The pictures in the outputs of notebooks count, too.
    """
    files = [file for path in paths for file in _files(path)]
    rows = [_row(name, image) for name, content in files for image in _images(name, content)]
    return known_hashes(files), rows


def _files(path: Path) -> Files:
    if path.is_file() and path.suffix.lower() != ".zip":
        return [(path.name, path.read_bytes())]
    if not path.exists():
        raise RequestError(f"There is no {path}; pass the sample code's folder, zip or file.")
    try:
        return read_files(Submission(path.name, path))
    except HandInError as error:
        raise RequestError(f"{path} {error}.") from error


def _images(name: str, content: bytes) -> Iterator[Image.Image]:
    """Yield the pictures of a file that can be decoded."""
    suffix = PurePosixPath(name).suffix.lower()
    parts = [content] if suffix in _PICTURES else []
    if suffix == ".ipynb":
        parts = list(_outputs(content))
    for part in parts:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                image = Image.open(io.BytesIO(part))
                if image.width * image.height <= _MAX_PIXELS:
                    image.load()
                    yield image
        except Exception:  # a picture that cannot be decoded resembles nothing
            continue


def _outputs(content: bytes) -> Iterator[bytes]:
    """Yield the PNG and JPEG pictures in the outputs of a notebook."""
    try:
        cells = json.loads(content)["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        data = [output.get("data", {}) for output in outputs]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    for found in data:
        for kind in ("image/png", "image/jpeg"):
            text = found.get(kind, "") if isinstance(found, dict) else ""
            try:
                yield base64.b64decode("".join(text))
            except (binascii.Error, TypeError, ValueError):
                continue


def _row(name: str, image: Image.Image) -> Row:
    """Return a row as of the ledger, whose picture stands for a grid of either data set."""
    gray = image.mode in ("1", "L", "LA", "I", "I;16")
    picture = {"fingerprint": fingerprint(image.convert("RGB")), "cells": _cells(image)}
    images = "mnist" if gray else "anime"
    return {
        "name": f"the given material ({name})",
        "key": "",
        "pictures": {grid_name(images): picture},
    }


def _cells(image: Image.Image) -> list[str]:
    for side in SIDES.values():
        cells = grid_images(image, side)
        if cells is not None:
            return cell_fingerprints(cells)
    return []
