"""commands.ema.kept_averages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ddpm.config import load_config
from ddpm.errors import RequestError
from ddpm.loading.checkpoints import newest_checkpoint
from ddpm.models.spec import ModelSpec
from ddpm.optim.posthoc_ema import Basis, Profile, Solution, exponent, parts
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import load_weights

DEFAULT_SNAPSHOTS = 24  # snapshots of a run that keeps any


@dataclass(frozen=True)
class SavedAverages:
    """All that a run holds to make averages of: those put aside, and its newest checkpoint's in full."""

    run: RunFolder
    step: int  # of the newest checkpoint, where every average ends
    spec: ModelSpec
    own: dict[str, Tensor]  # what the run draws with by itself
    newest: dict[float, dict[str, Tensor]]  # by length, at `step`
    before: tuple[int, ...]  # steps of the snapshots
    basis: Basis

    def solve(self, length: float) -> Solution:
        """How to make the average of length σ_rel."""
        return self.basis.solve(Profile(exponent(length), self.step))

    @cached_property
    def covered(self) -> tuple[float, float]:
        """The shortest and the longest σ_rel that can be made well."""
        return self.basis.covered(self.step)

    def average(self, length: float) -> dict[str, Tensor]:
        """The weights of length σ_rel; what is no parameter comes from the run's own."""
        solution = self.solve(length)
        total = {
            name: torch.zeros_like(t, dtype=torch.float64) for name, t in self._first().items()
        }
        for coefficient, tensors in zip(solution.coefficients, self._averages(), strict=True):
            if tensors.keys() != total.keys():
                raise RequestError(f"{self.run.snapshots} holds averages of another network.")
            for name, tensor in tensors.items():
                total[name] += float(coefficient) * tensor.double()
        return {**self.own, **{name: tensor.float() for name, tensor in total.items()}}

    def drawing_spec(self) -> ModelSpec:
        """The spec with the settings that the run draws with now."""
        sampling = load_config(self.run.config).sampling
        return self.spec.with_config(replace(self.spec.config, sampling=sampling))

    def _first(self) -> dict[str, Tensor]:
        return next(iter(self.newest.values()))

    def _averages(self) -> Iterator[dict[str, Tensor]]:
        """One after another, in the order of the basis."""
        for step in self.before:
            found = parts(load_weights(self.run.snapshot(step))[0])
            yield from (found[length] for length in self.newest)
        yield from self.newest.values()


def load_saved_averages(run: RunFolder) -> SavedAverages:
    """What `run` kept; RequestError where it was trained without."""
    found = newest_checkpoint(run, ("ema", "posthoc"))
    if found is None:
        raise RequestError(
            f"{run.root} has no checkpoint yet; let the training go on until its first one."
        )
    if "posthoc" not in found.state:
        raise RequestError(
            f"{run.root} kept no averages while it was trained, so there is only its own; train again with "
            f"--set training.posthoc_ema={DEFAULT_SNAPSHOTS}."
        )
    step, newest = found.progress["step"], parts(found.state["posthoc"])
    before = tuple(s for s in run.snapshot_steps() if s < step)
    profiles = [Profile(exponent(length), s) for s in (*before, step) for length in newest]
    return SavedAverages(run, step, found.spec, found.state["ema"], newest, before, Basis(profiles))
