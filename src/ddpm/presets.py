"""Presets: named configurations, each with a one-line summary. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ddpm.config import (
    EARLY_GUIDE,
    Config,
    DataConfig,
    DiffusionConfig,
    NetworkConfig,
    SamplingConfig,
    ScaleName,
    TrainingConfig,
    unknown_name_error,
    with_overrides,
)

NO_WEIGHTS = "none"  # value of --init for random weights


class StartingWeights(NamedTuple):
    """Bundled weights that a run starts from if they suit its images, see `loading/suitability.py`."""

    name: str  # for --init
    # Largest error relative to the best linear denoiser's: between that of drawings and that of photographs.
    # A better denoiser needs a lower limit (docs/planning.md), so measure again when weights are replaced.
    max_error_ratio: float


@dataclass(frozen=True)
class Preset:
    """Configuration for a CPU, and its overrides for larger devices."""

    summary: str
    config: Config
    # Overrides in the syntax of `--set`
    scales: Mapping[ScaleName, tuple[str, ...]] = field(default_factory=dict)
    weights: Mapping[ScaleName, StartingWeights] = field(default_factory=dict)

    def config_for(self, scale: ScaleName) -> Config:
        """Return the configuration for a scale; a preset with one scale has the same for all."""
        if scale not in self.scales:
            return self.config
        return replace(with_overrides(self.config, self.scales[scale]), scale=scale)


_FAST_UNET = NetworkConfig(channels=32, multipliers=(1, 2), blocks=1, attention=(7,), patch=2)
_DCGAN_TRAINING = TrainingConfig(  # Radford et al. 2015, section 4, plus an EMA
    steps=10_000,
    batch_size=128,
    learning_rate=2e-4,
    optimizer="adam",
    betas=(0.5, 0.999),
    warmup=0,
    decay="none",
    clip=0.0,
    ema=0.999,
)
_EDM = DiffusionConfig(objective="edm")
_LEARNED_WEIGHTING = replace(_EDM, weighting="learned")  # measured: docs/speedrun.md
_FACE_UNET = NetworkConfig(channels=48, multipliers=(1, 2, 3), blocks=1, attention=(8,), patch=2)
_FACE_SAMPLING = SamplingConfig(sampler="unipc", steps=12, spacing="compact")

# Measurements behind these: docs/planning.md.
_FACES_ON_GPU = (
    "network.channels=64",
    "network.multipliers=[1,2,2]",
    "network.blocks=2",
    "network.attention=[16,8]",
    "network.dropout=0.1",
    "training.warmup=500",
    "training.checkpoint_every=2000",
    "training.preview_every=2000",
    "training.heldout_every=500",
    "sampling.guidance=1",  # by an early state it is measured on the small network alone
    "sampling.guide=",
)
_FACE_WEIGHTS: dict[ScaleName, StartingWeights] = {
    "cpu": StartingWeights("bundled:anime-small", 0.77),
    "small-gpu": StartingWeights("bundled:anime", 0.64),
    "big-gpu": StartingWeights("bundled:anime", 0.64),
}
_FACE_SCALES: dict[ScaleName, tuple[str, ...]] = {
    "small-gpu": (*_FACES_ON_GPU, "training.batch_size=128", "training.steps=30000"),
    "big-gpu": (*_FACES_ON_GPU, "training.batch_size=512", "training.steps=12000"),
}

PRESETS: dict[str, Preset] = {
    "digits": Preset(
        "1,797 real 8x8 digits inside the package, for a first run offline",
        Config(
            preset="digits",
            data=DataConfig(path="digits", size=8, channels="auto", labels="auto"),
            network=NetworkConfig(channels=24, multipliers=(1, 2), blocks=1, attention=(4,)),
            training=TrainingConfig(
                steps=600, batch_size=64, optimizer="muon", learning_rate=1e-2, ema=0.998
            ),
        ),
    ),
    "mnist": Preset(
        "MNIST 28x28: readable digits in ten minutes on two cores",
        Config(
            preset="mnist",
            data=DataConfig(path="mnist", size=28, channels="auto", labels="auto"),
            network=_FAST_UNET,
            diffusion=_LEARNED_WEIGHTING,
            training=TrainingConfig(
                steps=4000,
                batch_size=64,
                optimizer="muon",
                learning_rate=5e-3,
                warmup=100,
                decay="linear",
            ),
            sampling=SamplingConfig(
                sampler="unipc",
                steps=10,
                spacing="compact",
                guidance=1.15,
                guide=EARLY_GUIDE,
                guide_scale=1.5,
                guidance_interval=(0.3, 0.9),
            ),
        ),
    ),
    "mnist-assignment": Preset(
        "the course's settings: linear betas, T=1000, noise prediction, plain Adam, 30 epochs",
        Config(
            preset="mnist-assignment",
            data=DataConfig(path="mnist", size=28, channels=1, all_images=True),
            network=NetworkConfig(channels=8, multipliers=(1, 2, 4), blocks=3),
            diffusion=DiffusionConfig(
                schedule="linear",
                beta_start=1e-4,
                beta_end=0.02,
                objective="noise",
                time_sampling="uniform",
            ),
            training=TrainingConfig(
                epochs=30,
                batch_size=128,
                learning_rate=1e-3,
                optimizer="adam",
                betas=(0.9, 0.999),
                warmup=0,
                decay="none",
                clip=0.0,
                ema=0.0,
            ),
            sampling=SamplingConfig(
                sampler="ancestral", steps=1000, spacing="uniform", variance="large"
            ),
        ),
    ),
    "anime": Preset(
        "anime faces 64x64 in color",
        Config(
            preset="anime",
            data=DataConfig(path="anime", size=64, channels="auto", flip=True),
            network=_FACE_UNET,
            diffusion=_LEARNED_WEIGHTING,
            training=TrainingConfig(
                steps=20_000,
                batch_size=32,
                optimizer="muon",
                learning_rate=5e-3,
                decay="linear",
                posthoc_ema=24,
            ),
            sampling=replace(_FACE_SAMPLING, guidance=2.0, guide=EARLY_GUIDE),
        ),
        _FACE_SCALES,
    ),
    "folder": Preset(
        "any folder, zip or array of images",
        Config(
            preset="folder",
            data=DataConfig(path="", size="auto", channels="auto", labels="auto"),
            network=replace(_FACE_UNET, attention=tuple(range(6, 13))),  # any image size
            diffusion=_LEARNED_WEIGHTING,
            training=TrainingConfig(
                steps=10_000, batch_size=32, optimizer="muon", learning_rate=5e-3
            ),
            sampling=replace(_FACE_SAMPLING, guidance=1.5, guide=EARLY_GUIDE),
        ),
        weights=_FACE_WEIGHTS,
    ),
    "dcgan-mnist": Preset(
        "a DCGAN on MNIST 28x28, for comparison",
        Config(
            preset="dcgan-mnist",
            model="dcgan",
            data=DataConfig(path="mnist", size=28),
            training=_DCGAN_TRAINING,
        ),
    ),
    "dcgan-anime": Preset(
        "a DCGAN on anime faces 64x64 in color",
        Config(
            preset="dcgan-anime",
            model="dcgan",
            data=DataConfig(path="anime", size=64, flip=True),
            training=_DCGAN_TRAINING,
        ),
    ),
    "dcgan-folder": Preset(
        "a DCGAN on any folder, zip or array of images",
        Config(
            preset="dcgan-folder",
            model="dcgan",
            data=DataConfig(path=""),
            training=replace(_DCGAN_TRAINING, batch_size=64),
        ),
    ),
}
_ANIME = PRESETS["anime"]
PRESETS["anime-gray"] = replace(
    _ANIME,
    summary="anime faces 64x64 in gray, at about half the cost",
    config=replace(
        _ANIME.config, preset="anime-gray", data=replace(_ANIME.config.data, channels=1)
    ),
)


_MNIST = PRESETS["mnist"]
PRESETS["mnist-edm2"] = replace(
    _MNIST,
    summary="MNIST 28x28 by a magnitude-preserving U-Net (EDM2)",
    config=replace(
        _MNIST.config,
        preset="mnist-edm2",
        network=replace(_FAST_UNET, kind="edm2", channels=24),
        diffusion=_EDM,
        training=replace(_MNIST.config.training, decay="cosine"),
    ),
)
PRESETS["mnist-dit"] = replace(
    _MNIST,
    summary="MNIST 28x28 by a diffusion transformer (DiT)",
    config=replace(
        _MNIST.config,
        preset="mnist-dit",
        network=NetworkConfig(kind="dit", width=96, depth=6, patch=4, long_skips=True),
        diffusion=_EDM,
        training=replace(_MNIST.config.training, learning_rate=3e-3, decay="cosine"),
    ),
)
_DIT_ON_GPU = (
    "network.width=384",
    "network.depth=12",
    "network.heads=6",
    "network.dropout=0.1",
    "training.warmup=500",
    "training.checkpoint_every=2000",
    "training.preview_every=2000",
    "training.heldout_every=500",
)
PRESETS["anime-dit"] = replace(
    _ANIME,
    summary="anime faces 64x64 by a diffusion transformer, made for a graphics card",
    config=replace(
        _ANIME.config,
        preset="anime-dit",
        network=NetworkConfig(kind="dit", width=128, depth=6, patch=4, long_skips=True),
        diffusion=_EDM,
        training=replace(_ANIME.config.training, decay="cosine"),
        sampling=_FACE_SAMPLING,
    ),
    scales={
        "small-gpu": (*_DIT_ON_GPU, "training.batch_size=128", "training.steps=30000"),
        "big-gpu": (*_DIT_ON_GPU, "training.batch_size=512", "training.steps=12000"),
    },
)


def get_preset(name: str) -> Preset:
    """Return the preset called `name`. Raises RequestError, with the most similar name, if there is none."""
    if not isinstance(name, str) or name not in PRESETS:
        raise unknown_name_error("preset or folder", name, PRESETS)
    return PRESETS[name]
