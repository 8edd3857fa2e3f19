"""Citation keys for the settings in a run's config.json; "" for a setting without a source.

The keys are those of `documents/citations.SOURCES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddpm.config import NetworkConfig
from ddpm.diffusion.objectives import OBJECTIVES, WEIGHTINGS
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.diffusion.schedules import SCHEDULES
from ddpm.diffusion.timesteps import TIME_SAMPLINGS
from ddpm.networks.kinds import NETWORKS, NetworkKind, unused_settings

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
    network, row = config.get("network", {}), _network_kind(config)
    sources = [] if row is None else list(row.sources)
    attention = ["attention"] if attention_sides(config) else []
    choices = {} if row is None else row.setting_sources
    sources += [source for (name, value), source in choices.items() if network.get(name) == value]
    return [*sources, *attention, *(["patch"] if network.get("patch", 1) > 1 else [])]


def network_title(config: Mapping[str, Any]) -> str:
    """Return the name of the kind of network, for readers; an unknown kind as it is."""
    row = _network_kind(config)
    return str(config.get("network", {}).get("kind", "")) if row is None else row.title


def ignored_settings(config: Mapping[str, Any]) -> set[str]:
    """Return the keys `network.NAME` that shape other kinds of network; none for an unknown kind."""
    kind = config.get("network", {}).get("kind", NetworkConfig.kind)
    return {f"network.{name}" for name in unused_settings(kind)} if kind in NETWORKS else set()


def attention_sides(config: Mapping[str, Any]) -> list[int]:
    """Return the sides in pixels at which the network attends, if its kind has this setting."""
    row = _network_kind(config)
    attends = row is not None and "attention" in row.settings
    return list(config.get("network", {}).get("attention") or []) if attends else []


def _network_kind(config: Mapping[str, Any]) -> NetworkKind | None:
    """Return the row of the kind of network; runs from before there were kinds have a U-Net."""
    return NETWORKS.get(config.get("network", {}).get("kind", NetworkConfig.kind))


TRAINING_OPTIONS: dict[str, tuple[Any, str]] = {  # key → (value that turns it off, source)
    "network.self_conditioning": (False, "self-conditioning"),
    "diffusion.noise_candidates": (1, "immiscible"),
    "diffusion.noise_assignment": (False, "immiscible"),
    "diffusion.offset_noise": (0.0, "offset"),
    "diffusion.huber": (0.0, "huber"),
}


def training_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `TRAINING_OPTIONS` that are on, with their values."""
    found = {}
    for key, (off, _) in TRAINING_OPTIONS.items():
        section, name = key.split(".")
        value = config.get(section, {}).get(name, off)
        if value != off:
            found[key] = value
    return found


def guidance_sources(config: Mapping[str, Any]) -> list[str]:
    """Return the sources of the guidance; none without guidance."""
    sampling = config.get("sampling", {})
    extra = (
        ["rescale"] if sampling.get("guidance_rescale") and sampling.get("guidance", 1) != 1 else []
    )
    extra += ["adm"] if sampling.get("classifier_guidance") else []
    return [*_scale_sources(config), *extra]


def _scale_sources(config: Mapping[str, Any]) -> list[str]:
    """Return the sources of the guidance by labels, by a guide, or by both."""
    sampling = config.get("sampling", {})
    if sampling.get("guidance", 1) == 1:
        return []
    labelled, guide = bool(config.get("data", {}).get("labels")), bool(sampling.get("guide"))
    both = labelled and guide and sampling.get("guide_scale")
    whole_range = list(sampling.get("guidance_interval", [])) == [0.0, 1.0]
    by_label = ["guidance"] if whole_range else ["guidance", "interval"]
    if both:
        return [*by_label, "autoguidance"]
    return ["autoguidance"] if guide else by_label if labelled else []


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
