"""What autoguidance leads away from: a worse model, such as the same network as it once was.

Karras et al. 2024, "Guiding a diffusion model with a bad version of itself" (arXiv:2406.02507).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor, nn

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
