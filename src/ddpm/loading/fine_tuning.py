"""Settings of a training that starts from trained weights on the user's own images."""

from __future__ import annotations

import json
from collections.abc import Collection

from ddpm.config import Config, differing_keys, get_value, with_overrides

FEW_IMAGES = 25  # measured with 12 images; with 50 and 300 the settings gain nothing
_FEW_IMAGES_OVERRIDES = (  # measured: docs/augmentation.md
    "training.learning_rate=0.0015",
    "network.dropout=0.1",
    "data.augment=0.15",
    'data.transforms=["x-flip","scale","rotate","stretch","translate"]',
)
FINE_TUNING_KEYS = tuple(text.partition("=")[0] for text in _FEW_IMAGES_OVERRIDES)


def fine_tuning_overrides(images: int) -> tuple[str, ...]:
    """Return the settings for `images` training images, as `key.path=value`.

    Few images are seen so often that the weights would forget all others: a lower learning rate, dropout, and
    augmentation that the network is told of. Many images keep the settings of the preset.
    """
    return _FEW_IMAGES_OVERRIDES if images <= FEW_IMAGES else ()


def with_fine_tuning(config: Config, images: int, set_keys: Collection[str]) -> Config:
    """Return `config` with the settings for `images` training images, but for `set_keys`.

    `set_keys`: the settings that the user gives, as keys.
    """
    wanted = fine_tuning_overrides(images)
    return with_overrides(
        config, [text for text in wanted if text.partition("=")[0] not in set_keys]
    )


def changes_in_words(before: Config, after: Config) -> list[str]:
    """Return the settings of `after` that differ from `before`, as `key.path=value`."""
    return [f"{key}={json.dumps(get_value(after, key))}" for key in differing_keys(before, after)]


def with_recorded_fine_tuning(config: Config, run: Config) -> Config:
    """Return `config` with the settings that fine-tuning gave to the run of the configuration `run`."""
    return with_overrides(
        config, [f"{key}={json.dumps(get_value(run, key))}" for key in FINE_TUNING_KEYS]
    )
