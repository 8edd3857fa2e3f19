"""Guides of autoguidance: weaker models that sampling leads away from.

Karras et al. 2024, "Guiding a diffusion model with a bad version of itself" (arXiv:2406.02507).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor, nn

from ddpm.config import Config, SamplingConfig
from ddpm.diffusion.objectives import Objective
from ddpm.errors import RequestError


class Predictor(NamedTuple):
    """A network and its objective, which says what its output means."""

    network: nn.Module
    objective: Objective


FindGuide = Callable[[str], Predictor | Mapping[str, Tensor]]  # name → a guide, or earlier weights


def missing_run_error(name: str) -> RequestError:
    """Return the error for a guide that only the model's run can provide."""
    return RequestError(
        f"sampling.guide={name} is an earlier state of the model, which only its run has; name the run, or "
        "leave the guide out."
    )


def _find_nothing(name: str) -> Predictor:
    raise missing_run_error(name)


class Guides:
    """Guides by name; each is looked for once."""

    def __init__(self, find: FindGuide = _find_nothing) -> None:
        self.find = find
        self.made: dict[str, Predictor] = {}

    def guide(self, name: str, like: Predictor) -> Predictor:
        """Return the guide called `name`: another model, or `like` with earlier weights.

        RequestError: there is none.
        """
        if name not in self.made:
            found = self.find(name)
            self.made[name] = (
                found if isinstance(found, Predictor) else _with_weights(name, like, found)
            )
        return self.made[name]


def _with_weights(name: str, like: Predictor, weights: Mapping[str, Tensor]) -> Predictor:
    network = copy.deepcopy(like.network).eval()
    try:
        network.load_state_dict({**network.state_dict(), **weights})
    except RuntimeError as error:
        raise RequestError(
            f"The weights of sampling.guide={name} do not fit this network; choose another guide."
        ) from error
    return Predictor(network, like.objective)


MODEL = "model"  # before the name of another model


def guide_step(sampling: SamplingConfig) -> int | None:
    """Return the step of the checkpoint that guides; None if no checkpoint does."""
    kind, _, step = sampling.guide.partition(":")
    return int(step) if sampling.autoguided and kind == "step" else None


def guide_is_bundled(sampling: SamplingConfig) -> bool:
    """Return whether the guide is bundled with the package, and so found everywhere."""
    return sampling.guide.startswith(f"{MODEL}:bundled:")


def exported_config(config: Config) -> Config:
    """Return the configuration of exported weights: without a guide that stays with the run."""
    own = config.sampling
    return config if guide_is_bundled(own) else replace(config, sampling=without_guide(own))


def without_guide(sampling: SamplingConfig) -> SamplingConfig:
    """Return the settings without autoguidance."""
    return replace(sampling, guide="", guidance=1.0) if sampling.guide else sampling


def check_no_guide(config: Config) -> None:
    """Raise RequestError if a new training has a guide."""
    if config.sampling.guide:
        raise RequestError(
            f"sampling.guide={config.sampling.guide} needs a trained model: leave it out, and pass it to "
            "ddpm sample."
        )
