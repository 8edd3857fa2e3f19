"""Everything a program needs to sample with an exported denoiser, as plain values."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from ddpm.config import SamplingConfig, without_guide
from ddpm.diffusion.coefficients import CoefficientTable, coefficient_table, linear_table
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.models.base import DiffusionModel
from ddpm.models.few_step_sampling import jump_sampler, student_levels, student_settings
from ddpm.models.onnx_model import onnx_inputs
from ddpm.models.spec import ModelSpec
from ddpm.terminal import print_line

FORMAT = 1
STUDENT = "student"  # the name of a few-step student's table
SUBSTITUTE = "unipc"  # for a model whose own sampler adds noise


def sampling_description(model: DiffusionModel) -> dict[str, Any]:
    """Return shapes, schedule, levels, coefficients, normalization and classes of a model as JSON values."""
    spec, schedule = model.spec, model.schedule
    return {
        "format": FORMAT,
        "inputs": list(onnx_inputs(spec)),
        "image": {
            "shape": list(spec.image_shape),
            "range": [-1, 1],
            "to_pixels": "round((x + 1) * 127.5), clamped to 0 .. 255",
        },
        "normalization": {"data_mean": list(spec.data_mean), "data_std": spec.data_std},
        "schedule": {
            "name": schedule.name,
            "num_steps": len(schedule),
            "signal": schedule.signal.tolist(),
            "sigma": schedule.sigma.tolist(),
        },
        "classes": list(spec.class_names) if spec.num_classes else [],
        "class_counts": list(spec.class_counts) if spec.num_classes else [],
        "no_label": spec.num_classes or None,
        "sampling": sampling_defaults(spec),
        "sampler": own_table_name(spec),
        "samplers": {name: table_values(table) for name, table in default_tables(model).items()},
    }


def sampling_defaults(spec: ModelSpec) -> dict[str, Any]:
    """Return the settings that the model samples with, as the names of `sampling` in its configuration."""
    own = spec.config.sampling
    if not spec.config.family.is_distilled:
        return asdict(without_guide(own))
    steps = spec.config.student.evaluations
    return {**asdict(student_settings(own)), "sampler": STUDENT, "steps": steps}


def leave_out_guide(model: DiffusionModel, what: str) -> None:
    """Let the model sample without its guide, which needs a second network; say so of the export `what`."""
    spec, sampling = model.spec, model.spec.config.sampling
    if sampling.guide:
        kept = (
            ", by guidance toward the label alone" if sampling.guide_scale else " without a guide"
        )
        print_line(f"The {what} leaves out the guide {sampling.guide}, so it samples{kept}.")
        model.spec = spec.with_config(replace(spec.config, sampling=without_guide(sampling)))


def own_table_name(spec: ModelSpec) -> str:
    """Return the name of the table that is the model's own, or the nearest to it."""
    if spec.config.family.is_distilled:
        return STUDENT
    own = spec.config.sampling.sampler
    return own if SAMPLERS[own].is_deterministic else SUBSTITUTE


def default_tables(model: DiffusionModel) -> dict[str, CoefficientTable]:
    """Return the table of each deterministic sampler, with the settings of `usual_settings`.

    A few-step student has one table alone.
    """
    if model.spec.config.family.is_distilled:
        return {STUDENT: student_table(model)}
    return {
        name: sampler_table(model, usual_settings(model, name))
        for name, sampler in SAMPLERS.items()
        if sampler.is_deterministic
    }


def student_table(model: DiffusionModel) -> CoefficientTable:
    """Return the table of a few-step student, whose network is that of `model`."""
    return linear_table(jump_sampler(model.spec), student_levels(model.spec, model.schedule))


def usual_settings(model: DiffusionModel, name: str) -> SamplingConfig:
    """Return the settings of the sampler `name`: the model's own, or its usual steps and spacing."""
    own, sampler = model.spec.config.sampling, SAMPLERS[name]
    if name == own.sampler:
        return own
    steps = min(sampler.default_steps or len(model.schedule), len(model.schedule))
    changes: dict[str, Any] = {"sampler": name, "steps": steps, "spacing": sampler.default_spacing}
    return replace(own, **changes)


def sampler_table(model: DiffusionModel, settings: SamplingConfig) -> CoefficientTable:
    """Return the table of a deterministic sampler with `settings`."""
    return coefficient_table(settings.sampler, model.levels(settings))


def table_values(table: CoefficientTable) -> dict[str, Any]:
    """Return a table as JSON values: [t, coefficient of x, of x0, of earlier x0 …] for each evaluation.

    If the sampler adds noise, its coefficient is the last number of each row.
    """
    adds_noise = any(update.noise for update in table.updates)
    rows = [
        [update.t, update.x, *update.x0, *([update.noise] if adds_noise else [])]
        for update in table.updates
    ]
    return {"start": table.start, "evaluations": len(rows), "updates": rows}
