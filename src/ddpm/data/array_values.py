"""Conversion of arrays from other projects to uint8 images and class labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.data.image_source import labels_from_values, natural_sort_key
from ddpm.errors import RequestError
from ddpm.terminal import printable_name

_BLOCK = 1024  # images converted at once
_TOLERANCE = 1e-3  # by which floats may exceed their range


def to_nchw(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return NCHW, NHWC or NHW with 1 or 3 channels as uint8 NCHW; NCHW if both fit.

    uint8 arrays become views. Other types are converted from the first of the ranges 0 … 1 (floats),
    -1 … 1 (floats) and 0 … 255 that holds all values. uint16 arrays with larger values stay uint16, with
    the range of 16-bit pictures. Raises RequestError for other values or shapes.
    """
    if array.dtype.kind not in "buif":
        raise RequestError(f"{path} holds {array.dtype} values. Pass an array of numbers.")
    if array.ndim > 1 and 0 in array.shape[1:]:
        raise RequestError(f"{path} holds images without pixels. Pass other images.")
    return _to_uint8(_channels_first(array, path), path)


def class_labels(
    values: NDArray[Any], count: int, path: Path
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return labels 0 … K-1 and class names from integers or text [N] or [N, 1], or one-hot rows [N, K]."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2 and values.dtype.kind in "buif":
        one_hot = np.isin(values, (0, 1)).all() and (values.sum(1) == 1).all()
        values = values.argmax(1) if one_hot else values
    if values.shape != (count,) or not (values.dtype.kind in "buiSU" or _are_integers(values)):
        raise RequestError(
            f"The labels in {path} must be {count} integers or names, one per image, or one-hot rows."
        )
    if values.dtype.kind in "SU":
        return _named_labels([_text(value) for value in values.tolist()])
    return labels_from_values(values.astype(np.int64))


def _channels_first(array: NDArray[Any], path: Path) -> NDArray[Any]:
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 4 and array.shape[1] in (1, 3):
        return array
    if array.ndim == 4 and array.shape[3] in (1, 3):
        return array.transpose(0, 3, 1, 2)
    shape = " x ".join(map(str, array.shape)) or "a single number"
    raise RequestError(
        f"{path} holds an array of {shape}, but images must be N x C x H x W, N x H x W x C "
        "(C is 1 or 3) or N x H x W."
    )


def _to_uint8(images: NDArray[Any], path: Path) -> NDArray[Any]:
    if images.dtype == np.uint8:
        return images
    low = min((float(block.min()) for block in _blocks(images)), default=0.0)
    high = max((float(block.max()) for block in _blocks(images)), default=0.0)
    if images.dtype.kind == "u" and images.dtype.itemsize == 2 and high > 255:
        return images.astype(np.uint16, copy=False)
    offset, scale = _offset_and_scale(images.dtype, low, high, path)
    result = np.empty(images.shape, np.uint8)
    for start, block in enumerate(_blocks(images)):
        values = (block.astype(np.float64) + offset) * scale
        result[start * _BLOCK : (start + 1) * _BLOCK] = np.rint(values).clip(0, 255)
    return result


def _offset_and_scale(
    dtype: np.dtype[Any], low: float, high: float, path: Path
) -> tuple[float, float]:
    """Return (offset, scale) that map the values to 0 … 255."""
    if dtype.kind == "b" or (dtype.kind == "f" and low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
        return 0.0, 255.0
    if dtype.kind == "f" and low >= -1 - _TOLERANCE and high <= 1 + _TOLERANCE:
        return 1.0, 255.0 / 2
    if low >= 0 and high <= 255:
        return 0.0, 1.0
    raise RequestError(
        f"{path} holds values from {low:g} to {high:g}. Save the images with values in "
        "0 … 255, 0 … 1 or -1 … 1."
    )


def _blocks(images: NDArray[Any]) -> Iterator[NDArray[Any]]:
    return (images[start : start + _BLOCK] for start in range(0, len(images), _BLOCK))


def _are_integers(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "f" and bool((values == np.rint(values)).all())


def _text(value: str | bytes) -> str:
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    return printable_name(text.strip())


def _named_labels(texts: list[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    names = sorted(set(texts), key=natural_sort_key)
    number = {name: index for index, name in enumerate(names)}
    return np.array([number[text] for text in texts], dtype=np.int64), tuple(names)
