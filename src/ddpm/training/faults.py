"""What can go wrong in a training step: a number that is none, and memory that is not there."""

from __future__ import annotations

from torch import Tensor

from ddpm.errors import WorkError, is_out_of_memory
from ddpm.models.base import GenerativeModel, Losses
from ddpm.optim.parallel import step_on_all_ranks


class StepError(WorkError):
    """Step `step` went wrong: what it left of the weights cannot be gone on from."""

    def __init__(self, step: int, words: str) -> None:
        super().__init__(f"At step {step} {words}.")
        self.step = step


class NotFiniteError(StepError):
    """A loss, a gradient or a weight is NaN or infinite."""


class OutOfMemoryError(StepError):
    """The step did not fit into memory."""


def guarded_step(
    model: GenerativeModel, images: Tensor, labels: Tensor | None, step: int
) -> Losses:
    """`model.training_step`; OutOfMemoryError where memory did not suffice."""
    try:
        with step_on_all_ranks():
            return model.training_step(images, labels, step)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    # out here, so that no traceback keeps the step's tensors
    raise OutOfMemoryError(step, "the memory did not suffice")
