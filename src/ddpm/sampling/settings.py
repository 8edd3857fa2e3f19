"""Sampling settings: a model's defaults with the user's overrides, for previews and for animations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ddpm.config import (
    EARLY_GUIDE,
    SamplingConfig,
    check_assignments,
    with_overrides,
    without_guide,
)
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel, as_diffusion
from ddpm.models.classifier_guidance import check_classifier
from ddpm.models.memory_limits import check_chunk_memory
from ddpm.training.loop import PREVIEW_STEPS

ANIMATION_STEPS = 20  # fewest steps that an animation of the reverse process shows


def resolve_settings(model: GenerativeModel, overrides: Sequence[str]) -> SamplingConfig:
    """Return the model's settings with overrides such as `sampling.steps=50` applied.

    An overridden sampler takes its usual steps and spacing unless these are overridden too. A guidance scale
    for a model without labels and without a guide means guidance by an early state of its run (Karras et al.
    2024, arXiv:2406.02507), and so does `sampling.guide_scale` without a guide. Raises RequestError for an
    override that the model cannot use.
    """
    config = model.spec.config
    check_assignments(overrides)
    for assignment in overrides:
        if not assignment.startswith("sampling."):
            raise RequestError(
                f"{assignment} cannot change a trained model; only sampling.* settings can be set here."
            )
    keys = [assignment.split("=")[0].strip() for assignment in overrides]
    chosen = with_overrides(config, overrides).sampling
    can_guide = model.spec.num_classes > 0 or chosen.guide
    if "sampling.guide_scale" in keys and model.spec.num_classes == 0:
        raise RequestError(
            "This model learned no labels, so its guide takes sampling.guidance; leave out "
            "sampling.guide_scale."
        )
    if "sampling.guide_scale" in keys and chosen.guide_scale and chosen.guidance == 1:
        raise RequestError(
            "sampling.guide_scale acts beside guidance toward the label, which is off; pass --guidance too, "
            "such as --guidance 1.3."
        )
    lacks_guide = "sampling.guidance" in keys and chosen.guidance != 1 and not can_guide
    scales_guide = "sampling.guide_scale" in keys and "sampling.guide" not in keys
    lacks_guide |= scales_guide and chosen.guide_scale != 0 and not chosen.guide
    if lacks_guide or chosen.guide == EARLY_GUIDE:
        overrides = [*overrides, f"sampling.guide={_early_guide(model)}"]
        chosen = with_overrides(config, overrides).sampling
    check_guide(model, chosen)
    check_classifier(model.spec, chosen)
    if "sampling.chunk" in keys:
        check_chunk_memory(model, chosen.chunk)
    defaults: list[str] = []
    if "sampling.sampler" in keys:
        sampler = SAMPLERS[chosen.sampler]
        if "sampling.steps" not in keys:
            steps = sampler.default_steps or config.diffusion.num_steps
            defaults.append(f"sampling.steps={min(steps, config.diffusion.num_steps)}")
        if "sampling.spacing" not in keys:
            defaults.append(f"sampling.spacing={sampler.default_spacing}")
    return with_overrides(config, [*overrides, *defaults]).sampling


def set_guidance(model: GenerativeModel, scale: float) -> None:
    """Let `model` sample with guidance `scale`, as `resolve_settings` reads it; 0: its own.

    RequestError if the model cannot be guided.
    """
    if scale:
        sampling = resolve_settings(model, [f"sampling.guidance={scale!r}"])
        model.spec = model.spec.with_config(replace(model.spec.config, sampling=sampling))


def _early_guide(model: GenerativeModel) -> str:
    """Return the early state of the model's run that guides it. RequestError if there is none."""
    diffusion = as_diffusion(model)
    if diffusion is None or not diffusion.guides.early:
        if model.spec.num_classes:
            raise RequestError(
                "A run is guided by a checkpoint of its first half; this model has none. Leave out "
                "sampling.guide and sampling.guide_scale, or name another model: sampling.guide=model:RUN."
            )
        raise RequestError(
            "This model learned no labels, so guidance has no effect. Leave guidance at 1, train with --set "
            "data.labels=true, or guide with a weaker model: sampling.guide=model:RUN, by --set of ddpm "
            "sample or in config.json. A run guides itself by a checkpoint of its first half; this has none."
        )
    return diffusion.guides.early


def check_steps(model: GenerativeModel, settings: SamplingConfig) -> None:
    """Raise RequestError if `settings` take more steps than the model's schedule has."""
    steps = model.spec.config.diffusion.num_steps
    if settings.steps > steps:
        raise RequestError(
            f"--steps {settings.steps} is more than the {steps} noise levels this model was trained on; "
            f"pass at most {steps}."
        )


def check_guide(model: GenerativeModel, settings: SamplingConfig) -> None:
    """Raise RequestError if the guide that `settings` name is missing."""
    diffusion = as_diffusion(model)
    if diffusion is not None and settings.autoguided:
        diffusion.guide(settings.guide)


def settings_suffix(overrides: Sequence[str]) -> str:
    """Return the overrides as part of a file name, such as `-ddim-steps-50`; "" if there are none.

    Keys are sorted. `chunk` is left out, as it does not change the images.
    """
    values = dict(assignment.removeprefix("sampling.").split("=", 1) for assignment in overrides)
    values = {key.strip(): re.sub(r"[^\w.+-]+", "-", values[key]).strip("-") for key in values}
    values.pop("chunk", None)
    sampler = values.pop("sampler", "")
    parts = [f"-{key.replace('_', '-')}-{values[key]}" for key in sorted(values)]
    return "".join([f"-{sampler}" if sampler else "", *parts])


def preview_settings(settings: SamplingConfig) -> SamplingConfig:
    """Return settings for a quick preview: UniPC in few steps, guided by labels only."""
    steps = min(PREVIEW_STEPS, settings.steps)
    return replace(without_guide(settings), sampler="unipc", spacing="compact", steps=steps)


def animation_settings(model: GenerativeModel, settings: SamplingConfig) -> SamplingConfig:
    """Return `settings` with at least `ANIMATION_STEPS` steps; unchanged for a few-step student."""
    config = model.spec.config
    steps = min(ANIMATION_STEPS, config.diffusion.num_steps)
    if not config.family.is_diffusion or settings.steps >= steps:
        return settings
    return replace(settings, steps=steps)
