"""Faults of a training step: non-finite numbers, and running out of memory."""

from __future__ import annotations

from torch import Tensor

from ddpm.errors import WorkError, is_out_of_memory
from ddpm.messages import Message, message, sentence
from ddpm.models.base import GenerativeModel, Metrics
from ddpm.optim.parallel import step_on_all_ranks


class StepError(WorkError):
    """A training step failed and left weights that training cannot continue from."""

    def __init__(self, reason: Message) -> None:
        super().__init__(f"{sentence(reason)}.")
        self.message, self.step = reason, int(reason["step"])


class NotFiniteError(StepError):
    """A loss, a gradient or a weight is NaN or infinite."""


class OutOfMemoryError(StepError):
    """The step did not fit into memory."""


def guarded_step(
    model: GenerativeModel, images: Tensor, labels: Tensor | None, step: int
) -> Metrics:
    """Call `model.training_step`. OutOfMemoryError if memory runs out."""
    try:
        with step_on_all_ranks():
            return model.training_step(images, labels, step)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    # outside the except block, so that no traceback keeps the step's tensors
    raise OutOfMemoryError(message("out_of_memory", step=step))
