"""Weight averages of any length, chosen after training.

Karras et al. 2024 (arXiv:2312.02696), section 3 and appendix C.

Two averages with power-function profiles are updated during training, and snapshots of them are saved.
An average of another length is a weighted sum of the snapshots. A length is σ_rel: the standard
deviation of the average's profile, relative to the training so far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ddpm.errors import RequestError
from ddpm.optim.sharding import local_part

TRACKED_LENGTHS = (0.05, 0.10)  # lengths σ_rel that are updated during training
LONGEST = 1 / math.sqrt(12)  # σ_rel of the plain mean of all weights: γ = 0
MAX_FIT_ERROR = 0.05  # a length with a larger error is not covered
BYTES_PER_NUMBER = 2  # of a saved number, in half precision


class Profile(NamedTuple):
    """p(τ) = (γ + 1) τ^γ / t^(γ+1) on 0 ≤ τ ≤ t: the share of the weights of time τ."""

    gamma: float
    step: int  # t


class Solution(NamedTuple):
    """The weighted sum of saved averages that is closest to another average."""

    coefficients: NDArray[np.float64]  # one for each saved average
    error: float  # norm of the difference of both profiles, relative to the target's norm


def gamma_of(length: float) -> float:
    """Return γ of the length σ_rel = (γ + 1)^½ (γ + 2)^-1 (γ + 3)^-½: the largest root of a cubic.

    ValueError outside 0 < σ_rel ≤ LONGEST.
    """
    if not 0 < length <= LONGEST:
        raise ValueError(f"a length must lie between 0 and {LONGEST:.3f}, not at {length:g}")
    inverse = length**-2
    roots = np.roots([1.0, 7.0, 16.0 - inverse, 12.0 - inverse])
    return max(0.0, float(roots.real.max()))


def length_of(gamma: float) -> float:
    """Return σ_rel of the exponent γ."""
    return math.sqrt((gamma + 1) / (gamma + 3)) / (gamma + 2)


def overlap(
    gamma: NDArray[np.float64] | float,
    step: NDArray[np.float64] | float,
    other_gamma: NDArray[np.float64] | float,
    other_step: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """Return the inner products ∫ p p' dτ of profiles, in closed form (appendix C); arrays broadcast.

    The integral ends with the profile that ends first: (γ+1)(γ'+1)/(γ+γ'+1) · (first/last)^γ_last / last.
    """
    first, last = np.minimum(step, other_step), np.maximum(step, other_step)
    of_last = np.where(np.greater_equal(step, other_step), gamma, other_gamma)
    scale = (gamma + 1) * (other_gamma + 1) / (gamma + other_gamma + 1)
    return np.asarray(scale * (first / last) ** of_last / last)


class Basis:
    """The profiles of saved averages, whose weighted sums approximate other averages."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self.gammas = np.array([profile.gamma for profile in profiles])
        self.steps = np.array([profile.step for profile in profiles], dtype=np.float64)
        gammas, steps = self.gammas, self.steps
        self.gram = overlap(gammas[:, None], steps[:, None], gammas[None], steps[None])

    def solve(self, target: Profile) -> Solution:
        """Return the weighted sum closest to `target` (least squares; appendix C)."""
        products = overlap(self.gammas, self.steps, target.gamma, target.step)
        size = float(overlap(target.gamma, target.step, target.gamma, target.step))
        found = np.asarray(np.linalg.lstsq(self.gram, products, rcond=1e-12)[0], np.float64)
        squared = size - 2 * found @ products + found @ self.gram @ found
        return Solution(found, math.sqrt(max(0.0, float(squared)) / size))

    def covered(self, step: int) -> tuple[float, float]:
        """Return the shortest and the longest σ_rel at `step` with an error of at most FAITHFUL."""
        lengths = [0.001 * i for i in range(5, int(LONGEST * 1000) + 1)]
        covered = [
            s for s in lengths if self.solve(Profile(gamma_of(s), step)).error <= MAX_FIT_ERROR
        ]
        return min(covered), max(covered)


class PowerEma:
    """The two averages of a network's parameters that are updated during training.

    θ̂(t) = β θ̂(t-1) + (1-β) θ(t) with β = (1 - 1/t)^(γ+1) (section 3.1): the profile's weighted
    mean of the weights after each step; at t = 1 the weights themselves.
    """

    def __init__(self, network: nn.Module) -> None:
        self.names = [name for name, _ in network.named_parameters()]
        self.source = list(network.parameters())
        self.averages = {s: [torch.zeros_like(p) for p in self.source] for s in TRACKED_LENGTHS}
        self.exponents = {s: gamma_of(s) for s in TRACKED_LENGTHS}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update both averages with the weights after optimizer step `step` (from 1)."""
        weights: list[Tensor] = list(self.source)
        for length, averages in self.averages.items():
            beta = (1 - 1 / step) ** (self.exponents[length] + 1)
            torch._foreach_lerp_(averages, weights, 1 - beta)

    def state(self) -> dict[str, Tensor]:
        """Return the averages as `0.05/NAME`. The next update changes them in place."""
        return {
            tensor_name(length, name): average
            for length, averages in self.averages.items()
            for name, average in zip(self.names, averages, strict=True)
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Copy `state` into the averages, in the layout of the network's parameters."""
        for name, average in self.state().items():
            average.copy_(local_part(state[name], average))


def tensor_name(length: float, name: str) -> str:
    """Return the name of a parameter's average in files."""
    return f"{length:g}/{name}"


def averages_by_length(state: Mapping[str, Tensor]) -> dict[float, dict[str, Tensor]]:
    """Return the tensors of a file by length: σ_rel → parameter → tensor.

    RequestError: they are not averages saved by a training.
    """
    found: dict[float, dict[str, Tensor]] = {length: {} for length in TRACKED_LENGTHS}
    lengths = {f"{length:g}": length for length in TRACKED_LENGTHS}
    for key, tensor in state.items():
        length, _, name = key.partition("/")
        if length not in lengths:
            raise RequestError(f"{key!r} does not name an average saved by a training.")
        found[lengths[length]][name] = tensor
    if len({frozenset(names) for names in found.values()}) > 1:
        raise RequestError("The saved averages belong to different networks.")
    return found


def snapshot_steps(total: int, count: int) -> set[int]:
    """Return the `count` equally spaced steps at which averages are saved, the last step among them."""
    return {step for i in range(count) if (step := round(total * (i + 1) / count))}


def snapshot_bytes(parameters: int, total: int, count: int) -> int:
    """Return the bytes of all saved averages on disk, without headers; `parameters`: of the network."""
    return len(TRACKED_LENGTHS) * BYTES_PER_NUMBER * parameters * len(snapshot_steps(total, count))
