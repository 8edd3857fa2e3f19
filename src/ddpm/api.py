"""Training and sampling without files: a tensor of images → a model → samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.config import Config, check
from ddpm.data.array_arguments import check_count, check_seed, describe, image_tensor, label_tensor
from ddpm.data.augmentation import Augmentation
from ddpm.data.batches import Batches
from ddpm.data.pixels import to_model
from ddpm.device import pick_device
from ddpm.errors import RequestError
from ddpm.loading.models import attach_guides
from ddpm.models.base import GenerativeModel, check_model
from ddpm.models.memory_limits import check_batch_memory, check_image_memory
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.presets import get_preset
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_images
from ddpm.sampling.settings import resolve_settings
from ddpm.terminal import Progress, format_losses


def build_model(
    recipe: str | Config,
    images: Tensor | NDArray[Any],
    labels: Tensor | NDArray[Any] | None = None,
    *,
    device: str = "auto",
) -> GenerativeModel:
    """Return an untrained model for `images` uint8 [N, C, H, W], from a preset's name or a configuration.

    With `labels` int64 [N] the model is conditioned on the classes 0 … max(labels). RequestError if types or
    shapes differ from these, or if the preset is unknown.

    >>> images = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8)
    >>> ddpm.build_model("digits", images, device="cpu").spec.image_shape
    (1, 8, 8)
    """
    images, labels = image_tensor(images), label_tensor(labels, len(images))
    if not isinstance(recipe, str | Config):
        raise RequestError(
            f"The recipe must be a preset's name or a Config, not {describe(recipe)}."
        )
    config = get_preset(recipe).config if isinstance(recipe, str) else recipe
    config = replace(config, data=replace(config.data, labels=labels is not None))
    check(config)
    counts = () if labels is None else tuple(torch.bincount(labels).tolist())
    x0 = to_model(images)
    mean = x0.mean(dim=(0, 2, 3))
    spec = ModelSpec(
        config=config,
        image_shape=(images.shape[1], images.shape[2], images.shape[3]),
        data_mean=tuple(mean.tolist()),
        data_std=float((x0 - mean[:, None, None]).square().mean().sqrt()),
        class_names=tuple(str(c) for c in range(len(counts))),
        class_counts=counts,
    )
    model = make_model(spec, pick_device(device))
    attach_guides(model, None)  # without a run there is no early state that could guide
    return model


def _check_fits(model: GenerativeModel, images: Tensor, labels: Tensor | None) -> None:
    """Raise RequestError if images or labels are not of the kind that `model` was made for."""
    shape, expected = tuple(images.shape[1:]), model.spec.image_shape
    if shape != expected:
        raise RequestError(
            f"The model was made for images of shape {list(expected)}, not {list(shape)}."
        )
    classes = model.spec.num_classes
    if (labels is None) != (classes == 0):
        raise RequestError(
            f"The model has {classes} classes, but there are no labels; pass one for each image."
            if classes
            else "The model has no classes; leave out the labels, or build it with them."
        )
    if labels is not None and int(labels.max()) >= classes:
        raise RequestError(
            f"The model has the classes 0 to {classes - 1}; there is no class {int(labels.max())}."
        )


def fit(
    model: GenerativeModel,
    images: Tensor | NDArray[Any],
    labels: Tensor | NDArray[Any] | None = None,
    *,
    steps: int,
) -> list[float]:
    """Train `model` on `images` uint8 [N, C, H, W] for `steps` batches and return the loss of each.

    The loss of a GAN is its generator's. Nothing is written. Seed, batch size, learning rate and augmentation
    come from the model's configuration. RequestError if types or shapes differ from these, or if `steps` is
    below 1.

    >>> images = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8)
    >>> model = ddpm.build_model("digits", images, device="cpu")
    >>> len(ddpm.fit(model, images, steps=2))
    2
    """
    check_model(model)
    check_count("steps", steps, 1)
    images, labels = image_tensor(images), label_tensor(labels, len(images))
    _check_fits(model, images, labels)
    config = model.spec.config
    config = replace(config, training=replace(config.training, steps=steps))
    check(config)
    check_batch_memory(model)
    model.set_total_steps(config)
    batches = Batches(
        images.numpy(),
        np.arange(len(images)),
        None if labels is None else labels.numpy(),
        config.training.batch_size,
        config.training.seed,
        Augmentation(config.data.flip, config.data.shift, config.data.crop),
    )
    losses: list[float] = []
    with Progress("training", steps, scale=config.training.batch_size) as bar:
        for step in range(1, steps + 1):
            batch, classes = batches.batch(step - 1)
            named_losses = model.training_step(to_model(batch), classes, step)
            losses.append(float(next(iter(named_losses.values()))))
            bar.advance_to(step, format_losses(named_losses))
    return losses


def sample(
    model: GenerativeModel,
    n: int = 25,
    *,
    seed: int = 0,
    label: str | None = None,
    settings: Sequence[str] = (),
) -> Tensor:
    """Sample `n` images, uint8 [n, C, H, W]; image i depends only on seed `seed` + i.

    `label` is a class, or several (`3,5`, `all`) that the images take in turn. `settings` are overrides such
    as `sampling.sampler=ddim`, as after --set on the command line. RequestError if `n` is below 1, or if the
    model does not know the label or cannot use a setting.

    >>> model = ddpm.open_model("digits", "cpu").model
    >>> ddpm.sample(model, n=2, label="7", settings=["sampling.steps=2"]).shape
    torch.Size([2, 1, 8, 8])
    """
    check_model(model)
    check_count("n", n, 1)
    check_seed(seed)
    seeds = range(seed, seed + n)
    chosen = resolve_settings(model, settings)
    check_image_memory(n, model.spec.image_shape, f"n={n}")
    return torch.from_numpy(sample_images(model, seeds, choose_labels(model, seeds, label), chosen))
