"""Citation keys for the settings in a run's config.json; "" for a setting without a source.

The keys are those of `documents/citations.SOURCES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddpm.diffusion.objectives import OBJECTIVES, WEIGHTINGS
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.diffusion.schedules import SCHEDULES
from ddpm.diffusion.timesteps import TIME_SAMPLINGS

CHOICES: dict[str, dict[Any, str]] = {  # key of the configuration → value → source
    "diffusion.schedule": {name: row.source for name, row in SCHEDULES.items()},
    "diffusion.objective": {name: row.source for name, row in OBJECTIVES.items()},
    "diffusion.weighting": {name: row.source for name, row in WEIGHTINGS.items()},
    "diffusion.time_sampling": {name: row.source for name, row in TIME_SAMPLINGS.items()},
    "diffusion.learned_variance": {True: "cosine"},
    "sampling.sampler": {name: row.source for name, row in SAMPLERS.items()},
    "training.optimizer": {"adam": "adam", "adamw": "adamw", "muon": "muon"},
}


def choice_source(config: Mapping[str, Any], key: str) -> str:
    """Return the source of the value at `key`, one of CHOICES."""
    section, name = key.split(".")
    return CHOICES[key].get(config.get(section, {}).get(name), "")


def network_sources(config: Mapping[str, Any]) -> list[str]:
    """Return the sources of the network."""
    if config.get("model") == "dcgan":
        return ["dcgan"]
    network = config.get("network", {})
    attention = ["attention"] if network.get("attention") else []
    return ["unet", "adm", *attention, *(["patch"] if network.get("patch", 1) > 1 else [])]


def guidance_sources(config: Mapping[str, Any]) -> list[str]:
    """Return the sources of the guidance; none without guidance."""
    sampling = config.get("sampling", {})
    if sampling.get("guide") and sampling.get("guidance", 1) != 1:
        return ["autoguidance"]
    if not config.get("data", {}).get("labels") or sampling.get("guidance", 1) == 1:
        return []
    whole_range = list(sampling.get("guidance_interval", [])) == [0.0, 1.0]
    return ["guidance"] if whole_range else ["guidance", "interval"]


def average_source(config: Mapping[str, Any], length: float | None) -> str:
    """Return the source of the weight average that samples; `length` if `ddpm ema` chose it."""
    if length is not None:
        return "lengths"
    return "averaging" if config.get("training", {}).get("ema") else ""


def label_source(config: Mapping[str, Any]) -> str:
    """Return the source of labels found by clustering; "" for given labels."""
    return "groups" if str(config.get("data", {}).get("labels")).startswith("kmeans") else ""


def augmentation_source(config: Mapping[str, Any]) -> str:
    """Return the source of augmentation by augment_labels; "" without it."""
    return "edm" if config.get("data", {}).get("augment") else ""
