"""Fit of the images to the training size: how many are enlarged, reduced or cropped, and how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CLEAR_MAJORITY = 0.6  # share of the images whose common size becomes the training size
MAX_AUTO_SIDE = 64  # pixels; larger images are reduced to this unless a size is given


def auto_size(sizes: Mapping[str, int]) -> tuple[int, int]:
    """Return the size that a clear majority of the images has if it is at most 64 pixels, else 64 x 64.

    `sizes` maps "HxW" to the number of images, most frequent first.
    """
    common, count = next(iter(sizes.items()))
    height, width = _parse(common)
    fits = max(height, width) <= MAX_AUTO_SIDE and count >= CLEAR_MAJORITY * sum(sizes.values())
    return (height, width) if fits else (MAX_AUTO_SIDE, MAX_AUTO_SIDE)


def measure_fit(sizes: Mapping[str, int], size: tuple[int, int], auto: bool) -> dict[str, Any]:
    """Return counts and largest factors of the images changed by decoding to `size` (height, width)."""
    common, common_count = next(iter(sizes.items()))
    fit: dict[str, Any] = {
        "auto": auto,
        "images": sum(sizes.values()),
        "common": common,
        "common_images": common_count,
        "enlarged": 0,
        "enlarged_by": 1.0,  # largest factor per side
        "reduced": 0,
        "reduced_by": 1.0,  # largest factor per side
        "cropped": 0,
        "cropped_by": 0.0,  # largest share of the area
    }
    for text, count in sizes.items():
        height, width = _parse(text)
        scale = min(height / size[0], width / size[1])  # source pixels per target pixel
        lost = 1 - scale**2 * size[0] * size[1] / (height * width)
        _add(fit, "enlarged", count, 1 / scale, scale < 1)
        _add(fit, "reduced", count, scale, scale > 1)
        _add(fit, "cropped", count, lost, lost > 1e-6)
    return fit


def describe_fit(fit: Mapping[str, Any], size: str) -> str:
    """Return one line on the training size `size` and the changed images; empty if none is changed."""
    changes = [
        f"{fit[change]} {change} {words.format(fit[f'{change}_by'])}"
        for change, words in _CHANGES.items()
        if fit[change]
    ]
    if not changes:
        return ""
    return f"size {size}{_reason(fit, size)}: {', '.join(changes)}"


_CHANGES = {
    "enlarged": "up to {:.3g} times",
    "reduced": "up to {:.3g} times",
    "cropped": "by up to {:.0%} of the area",
}


def _reason(fit: Mapping[str, Any], size: str) -> str:
    if not fit["auto"]:
        return ""
    of_images = f"{fit['common']}, {fit['common_images']} of {fit['images']} images"
    if fit["common"] == size:
        return f" (the most frequent: {of_images})"
    if fit["common_images"] >= CLEAR_MAJORITY * fit["images"]:
        return f" (the most frequent is larger: {of_images})"
    return f" (no size has a clear majority; the most frequent: {of_images})"


def _add(fit: dict[str, Any], change: str, count: int, amount: float, changed: bool) -> None:
    if changed:
        fit[change] += count
        fit[f"{change}_by"] = max(fit[f"{change}_by"], amount)


def _parse(size: str) -> tuple[int, int]:
    height, width = map(int, size.split("x"))
    return height, width
