"""What autoguidance leads away from: a worse model, such as the same network as it once was.

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


class Guide(NamedTuple):
    """A network, and what its answers mean."""

    network: nn.Module
    objective: Objective


Find = Callable[[str], Guide | Mapping[str, Tensor]]  # a name → the guide, or the parameters it had


def without_run(name: str) -> RequestError:
    """The answer to those who ask for a past that is not known."""
    return RequestError(
        f"sampling.guide={name} asks for the model as it once was, which only the run that trained it "
        "knows; name the run, or leave the guide out."
    )


def _nowhere(name: str) -> Guide:
    raise without_run(name)


class Guides:
    """Worse models, by name; each is looked for once."""

    def __init__(self, find: Find = _nowhere) -> None:
        self.find = find
        self.made: dict[str, Guide] = {}

    def guide(self, name: str, like: Guide) -> Guide:
        """The guide called `name`: a model of its own, or `like` with other weights.

        RequestError where there is none such.
        """
        if name not in self.made:
            found = self.find(name)
            self.made[name] = found if isinstance(found, Guide) else _as_it_was(name, like, found)
        return self.made[name]


def _as_it_was(name: str, like: Guide, weights: Mapping[str, Tensor]) -> Guide:
    network = copy.deepcopy(like.network).eval()
    try:
        network.load_state_dict({**network.state_dict(), **weights})
    except RuntimeError as error:
        raise RequestError(
            f"The weights of sampling.guide={name} are those of another network; choose another guide."
        ) from error
    return Guide(network, like.objective)


MODEL = "model"  # before the name of another model


def guiding_step(sampling: SamplingConfig) -> int | None:
    """The step whose checkpoint a run draws away from; None where it does not."""
    kind, _, step = sampling.guide.partition(":")
    return int(step) if sampling.autoguided and kind == "step" else None


def guide_is_bundled(sampling: SamplingConfig) -> bool:
    """Whether a guide is found wherever the weights are: those in the package."""
    return sampling.guide.startswith(f"{MODEL}:bundled:")


def config_without_guide(config: Config) -> Config:
    """The configuration of weights that leave their run: a guide that stays behind is not asked for."""
    own = config.sampling
    return config if guide_is_bundled(own) else replace(config, sampling=without_guide(own))


def without_guide(sampling: SamplingConfig) -> SamplingConfig:
    """The same settings without autoguidance, where there is some."""
    return replace(sampling, guide="", guidance=1.0) if sampling.guide else sampling


def check_no_guide(config: Config) -> None:
    """RequestError where a training that is yet to begin is to be guided."""
    if config.sampling.guide:
        raise RequestError(
            f"sampling.guide={config.sampling.guide} is for drawing with a model that has been trained; "
            "leave it out, and give it to ddpm sample."
        )
