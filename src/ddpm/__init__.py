"""ddpm-studio: train, sample, measure and understand small diffusion models.

Commands of the command line are also functions; their arguments are the fields of a request:

    ddpm.evaluate("runs/digits", n=200)                 # ddpm evaluate runs/digits -n 200
    ddpm.compare(["runs/a", "runs/b"], out=Path("ab"))  # ddpm compare runs/a runs/b --out ab

- Work on files: `train distill polish plan doctor evaluate compare sampler_lab ema report bundle grade` and
  `export`.
- Work on arrays: `sample forward interpolate inpaint refine`. Images are torch uint8 [N, C, H, W] in and out.
- Without files: `build_model` and `fit`, then `sample`. From files: `open_model`, `open_dataset`.

A wrong request raises `RequestError`, failed work `WorkError`. Names are imported when first used (PEP 562),
so `import ddpm` costs nothing.
"""

from __future__ import annotations

from ddpm.lazy import lazy_getattr

_MODULES = {  # public name → module, and the name there if it differs
    "Batches": "ddpm.data.batches",
    "Config": "ddpm.config",
    "Dcgan": "ddpm.models.dcgan",
    "Ddpm": "ddpm.models.ddpm",
    "ImageNoise": "ddpm.randomness",
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
    "bundle": "ddpm.commands.bundle.bundle:write_bundle",
    "check_bundle": "ddpm.commands.bundle.check",
    "compare": "ddpm.commands.compare.compare",
    "distill": "ddpm.commands.distill.distill",
    "doctor": "ddpm.commands.doctor.diagnose:diagnose",
    "ema": "ddpm.commands.ema.average_choice:choose_average",
    "evaluate": "ddpm.commands.evaluate.evaluate",
    "export": "ddpm.commands.export.export",
    "fit": "ddpm.api",
    "forward": "ddpm.commands.forward.forward",
    "get_preset": "ddpm.presets",
    "grade": "ddpm.commands.grade.grade",
    "inpaint": "ddpm.commands.edit.image_edits",
    "interpolate": "ddpm.commands.edit.image_edits",
    "list_runs": "ddpm.runs",
    "make_objective": "ddpm.diffusion.objectives",
    "make_schedule": "ddpm.diffusion.schedules",
    "open_dataset": "ddpm.loading.datasets",
    "open_model": "ddpm.loading.models",
    "plan": "ddpm.commands.plan.plan",
    "polish": "ddpm.commands.polish.polish",
    "refine": "ddpm.commands.edit.image_edits",
    "report": "ddpm.commands.report.report:write_report",
    "sample": "ddpm.api",
    "sampler_lab": "ddpm.commands.sampler_lab.lab",
    "save_grid": "ddpm.visuals.grids",
    "to_model": "ddpm.data.pixels",
    "to_uint8": "ddpm.data.pixels",
    "train": "ddpm.commands.train.train",
    "training_loss": "ddpm.diffusion.objectives",
    "with_overrides": "ddpm.config",
}

__all__ = sorted(_MODULES)


__getattr__ = lazy_getattr(__name__, _MODULES)


def __dir__() -> list[str]:
    return __all__
