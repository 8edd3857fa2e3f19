"""What can go wrong in a training step: a number that is none, and memory that is not there."""

from __future__ import annotations

from torch import Tensor

from ddpm.errors import WorkError, is_out_of_memory
from ddpm.messages import Message, message, sentence
from ddpm.models.base import GenerativeModel, Losses
from ddpm.optim.parallel import step_on_all_ranks


class StepError(WorkError):
    """A training step failed and left weights that training cannot continue from."""

    def __init__(self, found: Message) -> None:
        super().__init__(f"{sentence(found)}.")
        self.message, self.step = found, int(found["step"])


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
    raise OutOfMemoryError(message("out_of_memory", step=step))
