"""Guides of autoguidance: weaker models that sampling is guided away from.

Karras et al. 2024, "Guiding a diffusion model with a bad version of itself" (arXiv:2406.02507).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar

from torch import Tensor, nn

from ddpm.config import EARLY_GUIDE, Config, SamplingConfig, without_guide
from ddpm.diffusion.objectives import Objective
from ddpm.errors import RequestError


class Predictor(NamedTuple):
    """A network, and the objective that converts its output to a clean image."""

    network: nn.Module
    objective: Objective


class Guidance(NamedTuple):
    """One of the predictions that guidance leads away from."""

    by_guide: bool  # the guide's; False: the model's own without labels
    scale: float


def guidances(sampling: SamplingConfig, *, labelled: bool) -> list[Guidance]:
    """Return what guides: the missing label, the guide, or both; [] without guidance.

    Both act if `sampling.guide_scale` is set.
    """
    has_guide = sampling.guide != ""
    if sampling.guidance == 1 or not (labelled or has_guide):
        return []
    if labelled and has_guide and sampling.guide_scale:
        return [Guidance(False, sampling.guidance), Guidance(True, sampling.guide_scale)]
    return [Guidance(has_guide, sampling.guidance)]


# name → another model's predictor, or earlier weights of the same model
FindGuide = Callable[[str], Predictor | Mapping[str, Tensor]]


def missing_run_error(name: str) -> RequestError:
    """Return the error for a guide that is stored only in the model's run."""
    return RequestError(
        f"sampling.guide={name} is an earlier state of the model, which is stored only in its run; pass "
        "the run, or leave the guide out."
    )


def _find_no_guide(name: str) -> Predictor:
    raise missing_run_error(name)


class Guides:
    """Guides by name. Each is loaded once.

    `early`: the name of an early state of the model's run, the guide of a model without labels unless another
    is named; "" if there is none.
    """

    def __init__(self, find: FindGuide = _find_no_guide, early: str = "") -> None:
        self.find = find
        self.early = early
        self.loaded: dict[str, Predictor] = {}

    def guide(self, name: str, base: Predictor) -> Predictor:
        """Return the guide called `name`: another model, or `base` with earlier weights.

        RequestError: there is no such guide.
        """
        if name not in self.loaded:
            found = self.find(name)
            self.loaded[name] = (
                found if isinstance(found, Predictor) else _with_weights(name, base, found)
            )
        return self.loaded[name]


def _with_weights(name: str, base: Predictor, weights: Mapping[str, Tensor]) -> Predictor:
    network = copy.deepcopy(base.network).eval()
    try:
        network.load_state_dict({**network.state_dict(), **weights})
    except RuntimeError as error:
        raise RequestError(
            f"The weights of sampling.guide={name} do not fit this network; choose another guide."
        ) from error
    return Predictor(network, base.objective)


MODEL_PREFIX = "model"  # in sampling.guide, before the name of another model
GUIDE_PREFIX = "guide"  # before the name of another model whose guide is the guide
_STORED_PREFIX = "guide."  # in a weights file, before the names of the tensors of its guide

Stored = TypeVar("Stored")  # tensors, or their shapes


def is_own_state(sampling: SamplingConfig) -> bool:
    """Return whether the guide is an earlier state of the model itself."""
    return sampling.guide.partition(":")[0] in ("step", "snapshot")


def with_guide(model: Mapping[str, Stored], guide: Mapping[str, Stored]) -> dict[str, Stored]:
    """Return the tensors of a model and of its guide under the names of one weights file."""
    return {**model, **{_STORED_PREFIX + name: tensor for name, tensor in guide.items()}}


def split_guide(stored: Mapping[str, Stored]) -> tuple[dict[str, Stored], dict[str, Stored]]:
    """Return the tensors of the model and those of its guide; the inverse of `with_guide`."""
    own = {name: value for name, value in stored.items() if not name.startswith(_STORED_PREFIX)}
    guide = {
        name.removeprefix(_STORED_PREFIX): value
        for name, value in stored.items()
        if name.startswith(_STORED_PREFIX)
    }
    return own, guide


def guide_step(sampling: SamplingConfig) -> int | None:
    """Return the step of the checkpoint that is the guide; None if the guide is not a checkpoint."""
    kind, _, step = sampling.guide.partition(":")
    return int(step) if sampling.autoguided and kind == "step" else None


def guide_is_bundled(sampling: SamplingConfig) -> bool:
    """Return whether the guide is bundled with the package, so that it is always available."""
    return sampling.guide.startswith((f"{MODEL_PREFIX}:bundled:", f"{GUIDE_PREFIX}:bundled:"))


def exported_config(config: Config) -> Config:
    """Return the configuration for exported weights: a guide that is not bundled is removed."""
    sampling = config.sampling
    if guide_is_bundled(sampling):
        return config
    return replace(config, sampling=without_guide(sampling))


def check_no_guide(config: Config) -> None:
    """Raise RequestError if a new training has a guide that is neither its early state nor bundled."""
    if config.sampling.guide not in ("", EARLY_GUIDE) and not guide_is_bundled(config.sampling):
        raise RequestError(
            f"sampling.guide={config.sampling.guide} needs a trained model: leave it out, and pass it to "
            "ddpm sample."
        )
