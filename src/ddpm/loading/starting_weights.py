"""Starting weights of a new run on the user's own images: bundled ones, if they suit the images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ddpm.config import Config, with_overrides
from ddpm.data.dataset import Dataset
from ddpm.device import device_scale, pick_device
from ddpm.distributed import run_on_main
from ddpm.loading.datasets import open_dataset
from ddpm.loading.fine_tuning import changes_in_words, with_fine_tuning
from ddpm.loading.initial_weights import adopt_sampling, adopt_settings
from ddpm.loading.models import open_model
from ddpm.loading.recipes import TrainingRequest, override_keys, target_run
from ddpm.loading.suitability import MAX_IMAGES, MIN_IMAGES, Suitability, measure_suitability
from ddpm.models.base import as_diffusion
from ddpm.presets import NO_WEIGHTS, PRESETS
from ddpm.runs import RunFolder
from ddpm.terminal import print_line

_NETWORK_SECTIONS = ("network.", "diffusion.")  # a user who sets these chooses the network
_FREE_KEYS = ("network.dropout",)  # any weights can be trained with these


def choose_start(
    request: TrainingRequest, config: Config, run: RunFolder
) -> tuple[Config, str | None]:
    """Return the configuration and the initial weights of a run that `request` begins.

    Bundled weights are chosen if the preset names some and they suit the images; `--init` comes first. A
    training of the user's own images that starts from weights gets the settings of `fine_tuning`. Another
    request is returned as it is.
    """
    preset = PRESETS.get(config.preset)
    is_new = not run.exists() and target_run(request) is None
    if not is_new or preset is None or not preset.weights or request.init == NO_WEIGHTS:
        return config, request.init
    if request.init is None:
        if not _takes_weights(config, request.overrides):
            return config, None
        return suitable_start(config, open_dataset(config), request.overrides, request.device)
    advice = preset.weights[device_scale(pick_device(request.device))].name
    if request.init in {one.name for one in preset.weights.values()} - {advice}:
        print_line(f"{advice} has the size for this device, and trains faster: --init {advice}")
    return _fine_tuned(config, open_dataset(config), request.overrides), request.init


def suitable_start(
    config: Config, dataset: Dataset, overrides: Sequence[str], device: str = "auto"
) -> tuple[Config, str | None]:
    """Return `config` with the bundled weights of its preset if they suit the images of `dataset`.

    Else return it unchanged, and None. `overrides` are the settings of the user. One line names the weights
    and how well they denoise the images.
    """
    preset = PRESETS.get(config.preset)
    if preset is None or not preset.weights or not _takes_weights(config, overrides):
        return config, None
    name, max_error_ratio = preset.weights[device_scale(pick_device(device))]
    weights = open_model(name, "cpu").model.spec
    if dataset.images.shape[1:] != weights.image_shape or len(dataset.train) < MIN_IMAGES:
        return config, None
    if config.data.labels and dataset.class_names and not weights.num_classes:
        return config, None  # classes help more: docs/results.md
    found = run_on_main(lambda: _measure(name, device, _sample(dataset)))
    if not found.is_suitable(max_error_ratio):
        return config, None
    print_line(
        f"starting from {name}, and sampling as it does, since it already denoises these images "
        f"({_evidence(found)}); --init {NO_WEIGHTS} starts from random weights"
    )
    config = adopt_settings(config, weights.config, labels=False)
    config = with_overrides(adopt_sampling(config, weights.config, name), overrides)
    return _fine_tuned(config, dataset, overrides), name


def _takes_weights(config: Config, overrides: Sequence[str]) -> bool:
    """Return whether the user leaves the choice of the network open."""
    chosen = [key for key in override_keys(overrides) if key not in _FREE_KEYS]
    return (
        config.family.is_diffusion
        and not config.family.has_teacher
        and config.data.labels in (False, "auto")
        and not any(key.startswith(_NETWORK_SECTIONS) for key in chosen)
    )


def _sample(dataset: Dataset) -> NDArray[np.uint8]:
    """Return some training images, evenly spaced, uint8 [N, C, H, W]."""
    train = dataset.train
    places = np.linspace(0, len(train) - 1, min(len(train), MAX_IMAGES)).round().astype(np.int64)
    return np.array(dataset.images[train[places]])


def _measure(name: str, device: str, images: NDArray[np.uint8]) -> Suitability:
    """Return how well the weights `name` suit `images`."""
    model = as_diffusion(open_model(name, device).model)
    assert model is not None
    return measure_suitability(model, images)


def _evidence(found: Suitability) -> str:
    """Return the measurements in words."""
    return (
        f"error {found.error_ratio:.2f} of the best linear denoiser's, and {found.turned_ratio - 1:.0%} "
        "higher upside down"
    )


def _fine_tuned(config: Config, dataset: Dataset, overrides: Sequence[str]) -> Config:
    """Return `config` with the settings for training on from weights, and print those that change."""
    images = len(dataset.train)
    changed = with_fine_tuning(config, images, override_keys(overrides))
    if settings := changes_in_words(config, changed):
        print_line(f"settings for training on with {images:,} images: {', '.join(settings)}")
    return changed
