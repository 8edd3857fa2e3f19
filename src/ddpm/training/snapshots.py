"""Snapshots: averages of the weights that a run saves for `ddpm ema`."""

from __future__ import annotations

from ddpm.distributed import is_main, raise_on_all_ranks
from ddpm.files import atomic_file
from ddpm.models.base import GenerativeModel
from ddpm.optim.posthoc_ema import snapshot_steps
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import save_weights


class Snapshots:
    """Writer of weight averages at `training.posthoc_ema` steps of the run."""

    def __init__(self, run: RunFolder, model: GenerativeModel, start: int) -> None:
        """Delete the snapshots after `start`, where training resumes: they will be written again."""
        self.run, self.model = run, model
        training = model.spec.config.training
        self.due_steps = snapshot_steps(training.steps, training.posthoc_ema)
        for step in run.snapshot_steps() if is_main() else ():
            if step > start:
                run.snapshot(step).unlink(missing_ok=True)

    def save_if_due(self, step: int) -> None:
        """Write the averages of `step` if the run keeps them."""
        if step not in self.due_steps:
            return
        averages = self.model.state()["posthoc"]
        with raise_on_all_ranks():
            if is_main():
                with atomic_file(self.run.snapshot(step)) as temporary:
                    halves = {name: average.half() for name, average in averages.items()}
                    save_weights(temporary, halves, self.model.spec)
