"""Grids that can be drawn again: the comment written into each, and the drawing again from it."""

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
from ddpm.sampling.draw import choose_labels, draw_with_progress
from ddpm.sampling.settings import resolve_settings
from ddpm.visuals.grid_mark import GridMark
from ddpm.visuals.layout import fit_layout

_OWN = ("chunk",)  # settings that decide how fast images come, not which


def grid_comment(
    model: GenerativeModel,
    settings: SamplingConfig,
    seeds: Sequence[int],
    label: str | None,
    shape: tuple[int, int],
) -> str:
    """The comment of a `save_grid` of (rows, columns) `shape` that shows the images of `seeds`."""
    channels, height, width = model.spec.image_shape
    return GridMark(
        fit_layout(*shape, (height, width)),
        channels,
        tuple(seeds),
        weights_hash(model),
        label,
        _heard(model, asdict(settings)),
    ).comment()


def _heard(model: GenerativeModel, sampling: dict[str, Any]) -> dict[str, Any]:
    """Of the settings those that decide which images come: none where a model draws in one pass."""
    if not model.spec.config.has_reverse_process:
        return {}
    aims = model.spec.num_classes > 0 or sampling.get("guide")
    deaf = _OWN if aims else (*_OWN, "guidance", "guidance_interval")
    known = {field.name for field in fields(SamplingConfig)}
    unheard = known.difference(model.spec.config.used_sampling).union(deaf)
    return {key: value for key, value in sampling.items() if key not in unheard}


def matches_default_samples(model: GenerativeModel, mark: GridMark) -> bool:
    """Whether a grid says that these weights drew it, and as the model draws by default."""
    own = json.loads(json.dumps(_heard(model, asdict(model.spec.config.sampling))))
    same = all(own.get(key) == value for key, value in mark.sampling.items())
    return mark.run == weights_hash(model) and same


def redraw_grid(model: GenerativeModel, mark: GridMark) -> Images:
    """The images uint8 [N, C, H, W] that a grid says it shows; RequestError where `model` has no such."""
    layout = mark.layout
    if model.spec.image_shape != (mark.channels, layout.height, layout.width):
        raise RequestError(
            f"shows images of {mark.channels}x{layout.height}x{layout.width}, but the run draws "
            f"{'x'.join(map(str, model.spec.image_shape))}"
        )
    heard = _heard(model, {"guide": "", **mark.sampling})  # older marks know of none
    overrides = [f"sampling.{key}={json.dumps(value)}" for key, value in heard.items()]
    labels = choose_labels(model, mark.seeds, mark.label)
    return draw_with_progress(model, mark.seeds, labels, resolve_settings(model, overrides))
