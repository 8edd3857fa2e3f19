"""What autoguidance leads away from: the same network as it once was.

Karras et al. 2024, "Guiding a diffusion model with a bad version of itself" (arXiv:2406.02507).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from ddpm.errors import RequestError

Find = Callable[[str], Mapping[str, Tensor]]  # a guide's name → what the parameters were


def _nowhere(name: str) -> Mapping[str, Tensor]:
    raise RequestError(
        f"sampling.guide={name} asks for the model as it once was, which only the run that trained it "
        "knows; name the run, or leave the guide out."
    )


class Guides:
    """Earlier versions of a network, by name; each is looked for once."""

    def __init__(self, find: Find = _nowhere) -> None:
        self.find = find
        self.made: dict[str, nn.Module] = {}

    def network(self, name: str, like: nn.Module) -> nn.Module:
        """The network `like` with the weights called `name`; RequestError where there are none such."""
        if name not in self.made:
            weights = self.find(name)
            guide = copy.deepcopy(like).eval()
            try:
                guide.load_state_dict({**guide.state_dict(), **weights})
            except RuntimeError as error:
                raise RequestError(
                    f"The weights of sampling.guide={name} are those of another network; choose another "
                    "guide."
                ) from error
            self.made[name] = guide
        return self.made[name]
