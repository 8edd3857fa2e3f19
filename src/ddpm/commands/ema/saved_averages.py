"""The averages that a run saved during training, and averages of other lengths built from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ddpm.config import load_config, with_early_state
from ddpm.errors import RequestError
from ddpm.loading.checkpoints import newest_checkpoint
from ddpm.models.spec import ModelSpec
from ddpm.optim.posthoc_ema import Basis, Profile, Solution, averages_by_length, gamma_of
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import load_weights

DEFAULT_SNAPSHOTS = 24  # named in error messages


@dataclass(frozen=True)
class SavedAverages:
    """Saved averages of a run: those of its snapshots, and of its newest checkpoint."""

    run: RunFolder
    step: int  # step of the newest checkpoint, where every average ends
    spec: ModelSpec
    own: dict[str, Tensor]  # weights that the run samples with by default
    newest: dict[float, dict[str, Tensor]]  # by length, at `step`
    snapshot_steps: tuple[int, ...]
    basis: Basis

    def solve(self, length: float) -> Solution:
        """Return the least-squares solution for an average of length σ_rel (Karras et al. 2024, eq. 76)."""
        return self.basis.solve(Profile(gamma_of(length), self.step))

    @cached_property
    def covered(self) -> tuple[float, float]:
        """Shortest and longest σ_rel that can be built with a small error."""
        return self.basis.covered(self.step)

    def average(self, length: float) -> dict[str, Tensor]:
        """Return the weights averaged with length σ_rel; buffers come from the run's own average."""
        solution = self.solve(length)
        total = {
            name: torch.zeros_like(t, dtype=torch.float64) for name, t in self._first().items()
        }
        for coefficient, tensors in zip(solution.coefficients, self._averages(), strict=True):
            if tensors.keys() != total.keys():
                raise RequestError(
                    f"{self.run.snapshots} holds averages of another network; restore the run."
                )
            for name, tensor in tensors.items():
                total[name] += float(coefficient) * tensor.double()
        return {**self.own, **{name: tensor.float() for name, tensor in total.items()}}

    def sampling_spec(self) -> ModelSpec:
        """Return the spec with the run's present sampling settings."""
        sampling = load_config(self.run.config).sampling
        sampling = with_early_state(sampling, self.run.early_state())
        return self.spec.with_config(replace(self.spec.config, sampling=sampling))

    def _first(self) -> dict[str, Tensor]:
        return next(iter(self.newest.values()))

    def _averages(self) -> Iterator[dict[str, Tensor]]:
        """Yield the saved averages in the order of the basis."""
        for step in self.snapshot_steps:
            snapshot = averages_by_length(load_weights(self.run.snapshot(step))[0])
            yield from (snapshot[length] for length in self.newest)
        yield from self.newest.values()


def load_saved_averages(run: RunFolder) -> SavedAverages:
    """Load the averages of a run. RequestError if it has no checkpoint or saved no averages."""
    found = newest_checkpoint(run, ("ema", "posthoc"))
    if found is None:
        raise RequestError(
            f"{run.root} has no checkpoint yet; continue its training until the first one."
        )
    if "posthoc" not in found.state:
        raise RequestError(
            f"{run.root} saved no averages during training; train again with "
            f"--set training.posthoc_ema={DEFAULT_SNAPSHOTS}."
        )
    step, newest = found.progress["step"], averages_by_length(found.state["posthoc"])
    before = tuple(s for s in run.snapshot_steps() if s < step)
    profiles = [Profile(gamma_of(length), s) for s in (*before, step) for length in newest]
    return SavedAverages(run, step, found.spec, found.state["ema"], newest, before, Basis(profiles))
