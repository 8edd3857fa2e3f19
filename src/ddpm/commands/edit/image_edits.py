"""Library functions of image editing: uint8 images in, uint8 images out. No files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.data.array_arguments import check_count, check_seed, describe, to_cpu_tensor
from ddpm.data.pixels import to_model, to_uint8
from ddpm.errors import RequestError
from ddpm.models import image_editing
from ddpm.models.base import DiffusionModel, GenerativeModel, as_diffusion, check_model
from ddpm.models.memory_limits import check_image_memory
from ddpm.sampling.labels import choose_labels, one_label
from ddpm.sampling.settings import resolve_settings


def interpolate(
    model: GenerativeModel,
    seeds: tuple[int, int] = (0, 1),
    between: int = 7,
    *,
    label: str | None = None,
    settings: Sequence[str] = (),
) -> Tensor:
    """Sample the images between two seeds, uint8 [between + 2, C, H, W], those of the two seeds included.

    The starting noises lie on a great circle (slerp; Song et al. 2021, Appendix D.5). `settings` are
    overrides such as `sampling.steps=20`. RequestError if the model is not a diffusion model or does
    not know the label.

    >>> model = ddpm.open_model("digits", "cpu").model
    >>> ddpm.interpolate(model, (3, 8), between=2, settings=["sampling.steps=2"]).shape
    torch.Size([4, 1, 8, 8])
    """
    diffusion, chosen = _resolve(model, settings)
    _check_pair(seeds)
    check_count("between", between, 0)
    check_image_memory(between + 2, model.spec.image_shape, f"between={between}")
    labels = choose_labels(model, [seeds[0]] * (between + 2), one_label(model, label))
    return to_uint8(image_editing.interpolate(diffusion, seeds, between, chosen, labels)).cpu()


def inpaint(
    model: GenerativeModel,
    image: Tensor | NDArray[Any],
    mask: Tensor | NDArray[Any],
    n: int = 4,
    *,
    seed: int = 0,
    label: str | None = None,
    settings: Sequence[str] = (),
) -> Tensor:
    """Redraw the masked part of `image` uint8 [C, H, W] and return `n` variants, uint8 [n, C, H, W].

    `mask` [H, W] is true (or nonzero) where the image is redrawn; elsewhere it is kept. RePaint (Lugmayr
    et al. 2022, Algorithm 1). RequestError if the model is not a diffusion model, or if the
    shapes differ from these.

    >>> model = ddpm.open_model("digits", "cpu").model
    >>> image, mask = torch.zeros(1, 8, 8, dtype=torch.uint8), torch.zeros(8, 8, dtype=torch.bool)
    >>> mask[:, 4:] = True
    >>> variants = ddpm.inpaint(model, image, mask, n=2, settings=["sampling.steps=2"])
    >>> variants.shape, bool((variants[..., :4] == 0).all())
    (torch.Size([2, 1, 8, 8]), True)
    """
    diffusion, chosen = _resolve(model, settings)
    image = _uint8_image(image, model.spec.image_shape)
    mask = _tensor("mask", mask, model.spec.image_shape[1:])
    check_count("n", n, 1)
    check_seed(seed)
    check_image_memory(n, model.spec.image_shape, f"n={n}")
    seeds = range(seed, seed + n)
    labels = choose_labels(model, seeds, label)
    redrawn = (mask != 0).float()[None]
    variants = image_editing.inpaint(diffusion, to_model(image), redrawn, seeds, chosen, labels)
    return to_uint8(variants).cpu()


def refine(
    model: GenerativeModel,
    image: Tensor | NDArray[Any],
    strength: float = 0.5,
    n: int = 4,
    *,
    seed: int = 0,
    label: str | None = None,
    settings: Sequence[str] = (),
) -> Tensor:
    """Add noise to `image` uint8 [C, H, W], redraw it, and return `n` variants, uint8 [n, C, H, W].

    `strength` goes from 0 (keeps the image) to 1 (redraws it from pure noise). SDEdit (Meng et al. 2022).
    RequestError if the model is not a diffusion model, or if the shape differs or `strength` is out of range.

    >>> model = ddpm.open_model("digits", "cpu").model
    >>> sketch = torch.zeros(1, 8, 8, dtype=torch.uint8)
    >>> ddpm.refine(model, sketch, strength=0.6, n=2, settings=["sampling.steps=2"]).shape
    torch.Size([2, 1, 8, 8])
    """
    diffusion, chosen = _resolve(model, settings)
    image = _uint8_image(image, model.spec.image_shape)
    if not isinstance(strength, int | float) or not 0 <= strength <= 1:
        raise RequestError(f"The strength is {strength!r}; pass a number from 0 to 1.")
    check_count("n", n, 1)
    check_seed(seed)
    check_image_memory(n, model.spec.image_shape, f"n={n}")
    seeds = range(seed, seed + n)
    labels = choose_labels(model, seeds, label)
    variants = image_editing.refine(diffusion, to_model(image), strength, seeds, chosen, labels)
    return to_uint8(variants).cpu()


def _check_pair(seeds: object) -> None:
    """Raise RequestError unless `seeds` are two seeds."""
    if not isinstance(seeds, Sequence) or isinstance(seeds, str) or len(seeds) != 2:
        raise RequestError(f"seeds is {seeds!r}; pass two seeds, such as (0, 1).")
    for seed in seeds:
        check_seed(seed)


def _resolve(
    model: GenerativeModel, settings: Sequence[str]
) -> tuple[DiffusionModel, SamplingConfig]:
    """Return the diffusion model and its sampling settings. RequestError if it is not a diffusion model."""
    check_model(model)
    diffusion = as_diffusion(model)
    if diffusion is None:
        family = model.spec.config.family
        raise RequestError(
            f"This model is {family.noun}, but only diffusion models edit images. Pass "
            f"{family.required_model}."
        )
    return diffusion, resolve_settings(model, settings)


def _uint8_image(image: object, shape: tuple[int, ...]) -> Tensor:
    tensor = _tensor("image", image, shape)
    if tensor.dtype != torch.uint8:
        raise RequestError(f"The image is {describe(image)}; pass uint8 values from 0 to 255.")
    return tensor


def _tensor(name: str, array: object, shape: tuple[int, ...]) -> Tensor:
    tensor = to_cpu_tensor(array)
    if tensor is None:
        raise RequestError(
            f"The {name} must be a torch or numpy array of shape {list(shape)}, not {describe(array)}."
        )
    if tuple(tensor.shape) != shape:
        raise RequestError(f"The {name} has shape {list(tensor.shape)}; pass {list(shape)}.")
    return tensor
