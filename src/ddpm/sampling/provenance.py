"""Provenance of a grid: the comment stored in its file, and the grid sampled again from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from ddpm.config import SamplingConfig
from ddpm.data.image_files import Images
from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.fingerprint import weights_hash
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_with_progress
from ddpm.sampling.settings import resolve_settings
from ddpm.visuals.grid_mark import GridMark
from ddpm.visuals.layout import fit_layout

_NO_EFFECT = ("chunk",)  # settings that do not change the images


def grid_comment(
    model: GenerativeModel,
    settings: SamplingConfig,
    seeds: Sequence[int],
    label: str | None,
    shape: tuple[int, int],
) -> str:
    """Return the comment for a `save_grid` of the images of `seeds` in `shape` (rows, columns)."""
    channels, height, width = model.spec.image_shape
    return GridMark(
        fit_layout(*shape, (height, width)),
        channels,
        tuple(seeds),
        weights_hash(model),
        label,
        _effective_settings(model, asdict(settings)),
    ).comment()


def _effective_settings(model: GenerativeModel, sampling: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that change the images of this model; {} if it samples in one pass."""
    if not model.spec.config.has_reverse_process:
        return {}
    labelled, guide = model.spec.num_classes > 0, sampling.get("guide")
    without = list(_NO_EFFECT)
    without += [] if labelled or guide else ["guidance", "guidance_interval"]
    without += [] if labelled and sampling.get("guidance") != 1 else ["guide_scale"]
    names = {field.name for field in fields(SamplingConfig)}
    dropped = names.difference(model.spec.config.used_sampling).union(without)
    return {key: value for key, value in sampling.items() if key not in dropped}


def matches_default_samples(model: GenerativeModel, mark: GridMark) -> bool:
    """Return whether `model` sampled the grid with its default settings."""
    default = json.loads(json.dumps(_effective_settings(model, asdict(model.spec.config.sampling))))
    same = all(default.get(key) == value for key, value in mark.sampling.items())
    same &= not (mark.has_random_classes and model.spec.num_classes)
    return mark.weights_hash == weights_hash(model) and same


def redraw_grid(model: GenerativeModel, mark: GridMark) -> Images:
    """Return the images uint8 [N, C, H, W] that a grid claims to show, sampled from `model`.

    Raises RequestError if `model` generates images of another shape or cannot use the grid's settings. The
    caller prepends the grid's file name to the message.
    """
    layout = mark.layout
    if model.spec.image_shape != (mark.channels, layout.height, layout.width):
        raise RequestError(
            f"shows images of {mark.channels}x{layout.height}x{layout.width}, but the run generates "
            f"{'x'.join(map(str, model.spec.image_shape))}"
        )
    settings = _effective_settings(
        model, {"guide": "", "guide_scale": 0.0, **mark.sampling}
    )  # missing in older marks
    overrides = [f"sampling.{key}={json.dumps(value)}" for key, value in settings.items()]
    labels = choose_labels(
        model, mark.seeds, mark.label, columns=layout.columns, at_random=mark.has_random_classes
    )
    return sample_with_progress(model, mark.seeds, labels, resolve_settings(model, overrides))
