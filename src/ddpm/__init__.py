"""ddpm-studio: train, draw from, measure and understand small diffusion models.

Public names are looked up when first used (PEP 562), so that `import ddpm` costs nothing.
"""

from __future__ import annotations

from ddpm.lazy import lazy_names

_HOME = {
    "Batches": "ddpm.data.batches",
    "BundleRequest": "ddpm.commands.bundle.bundle",
    "ComparisonRequest": "ddpm.commands.compare.compare",
    "Config": "ddpm.config",
    "Dcgan": "ddpm.models.dcgan",
    "Ddpm": "ddpm.models.ddpm",
    "ImageNoise": "ddpm.randomness",
    "LabRequest": "ddpm.commands.sampler_lab.lab_request",
    "ModelSpec": "ddpm.models.spec",
    "OBJECTIVES": "ddpm.diffusion.objectives",
    "PRESETS": "ddpm.presets",
    "Prediction": "ddpm.diffusion.samplers",
    "RequestError": "ddpm.errors",
    "SAMPLERS": "ddpm.diffusion.samplers",
    "SCHEDULES": "ddpm.diffusion.schedules",
    "SamplerOptions": "ddpm.diffusion.samplers",
    "UNet": "ddpm.networks.unet",
    "WorkError": "ddpm.errors",
    "add_noise": "ddpm.diffusion.process",
    "build_model": "ddpm.api",
    "check_bundle": "ddpm.commands.bundle.check",
    "compare": "ddpm.commands.compare.compare",
    "fit": "ddpm.api",
    "get_preset": "ddpm.presets",
    "grid": "ddpm.visuals.grids",
    "inpaint": "ddpm.models.image_editing",
    "interpolate": "ddpm.models.image_editing",
    "noise_levels": "ddpm.diffusion.levels",
    "make_objective": "ddpm.diffusion.objectives",
    "make_schedule": "ddpm.diffusion.schedules",
    "open_dataset": "ddpm.loading.datasets",
    "open_model": "ddpm.loading.models",
    "prepare_dataset": "ddpm.data.dataset",
    "refine": "ddpm.models.image_editing",
    "sample": "ddpm.api",
    "sampler_lab": "ddpm.commands.sampler_lab.lab",
    "save_grid": "ddpm.visuals.grids",
    "to_model": "ddpm.data.pixels",
    "to_uint8": "ddpm.data.pixels",
    "train": "ddpm.commands.train.train",
    "training_loss": "ddpm.diffusion.objectives",
    "with_overrides": "ddpm.config",
    "write_bundle": "ddpm.commands.bundle.bundle",
}

__all__ = sorted(_HOME)


__getattr__ = lazy_names(__name__, _HOME)


def __dir__() -> list[str]:
    return __all__
