"""How to draw: a model's own sampling settings with what the user asks for laid over them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ddpm.config import SamplingConfig, with_overrides
from ddpm.diffusion.samplers import USUAL_STEPS
from ddpm.errors import RequestError
from ddpm.models.autoguidance import without_guide
from ddpm.models.base import GenerativeModel, as_diffusion
from ddpm.training.loop import PREVIEW_STEPS

ANIMATION_STEPS = 20  # of a reverse process that is to be looked at


def resolve_settings(model: GenerativeModel, overrides: Sequence[str]) -> SamplingConfig:
    """The model's settings under overrides such as ``sampling.steps=50``.

    A sampler asked for without steps takes its usual number of them (ancestral every level), without a
    spacing `compact` (ancestral `uniform`), however many steps were asked for.
    """
    config = model.spec.config
    for assignment in overrides:
        if not assignment.startswith("sampling."):
            raise RequestError(
                f"{assignment} cannot change a trained model; only sampling.* settings can be given here."
            )
    asked = [assignment.split("=")[0].strip() for assignment in overrides]
    chosen = with_overrides(config, overrides).sampling
    aims = model.spec.num_classes > 0 or chosen.guide
    if "sampling.guidance" in asked and chosen.guidance != 1 and not aims:
        raise RequestError(
            "This model learned no labels, so there is nothing to guide towards; leave guidance at 1, train "
            "with --set data.labels=true, or draw away from a worse model (--set sampling.guide=model:RUN, "
            "or step:N of its own run)."
        )
    check_guide(model, chosen)
    usual: list[str] = []
    if "sampling.sampler" in asked:
        if "sampling.steps" not in asked:
            steps = USUAL_STEPS[chosen.sampler] or config.diffusion.num_steps
            usual.append(f"sampling.steps={min(steps, config.diffusion.num_steps)}")
        if "sampling.spacing" not in asked:
            spacing = "uniform" if chosen.sampler == "ancestral" else "compact"
            usual.append(f"sampling.spacing={spacing}")
    return with_overrides(config, [*overrides, *usual]).sampling


def settings_suffix(overrides: Sequence[str]) -> str:
    """`-ddim-steps-50` for a file's name: the settings asked for, in the order of their names; "" for none.

    `chunk`, which decides how fast images come and not which, is left out.
    """
    asked = dict(words.removeprefix("sampling.").split("=", 1) for words in overrides)
    asked = {key.strip(): re.sub(r"[^\w.+-]+", "-", asked[key]).strip("-") for key in asked}
    asked.pop("chunk", None)
    sampler = asked.pop("sampler", "")
    parts = [f"-{key.replace('_', '-')}-{asked[key]}" for key in sorted(asked)]
    return "".join([f"-{sampler}" if sampler else "", *parts])


def preview_settings(settings: SamplingConfig) -> SamplingConfig:
    """Few steps of a solver that needs few, with the run's own guidance by labels."""
    few = min(PREVIEW_STEPS, settings.steps)
    return replace(without_guide(settings), sampler="unipc", spacing="compact", steps=few)


def animation_settings(model: GenerativeModel, settings: SamplingConfig) -> SamplingConfig:
    """The same settings with steps enough for the reverse process to be seen; a student keeps its few."""
    config = model.spec.config
    enough = min(ANIMATION_STEPS, config.diffusion.num_steps)
    if not config.family.is_diffusion or settings.steps >= enough:
        return settings
    return replace(settings, steps=enough)


def check_guide(model: GenerativeModel, settings: SamplingConfig) -> None:
    """RequestError, before anything is drawn, where the guide that `settings` name is not there."""
    diffusion = as_diffusion(model)
    if diffusion is not None and settings.autoguided:
        diffusion.guide(settings.guide)
