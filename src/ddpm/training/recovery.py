"""Recovery from a failed step: go back to a checkpoint and halve the learning rate or the micro-batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from ddpm.config import Config, check
from ddpm.distributed import ProcessLostError
from ddpm.errors import RequestError, WorkError
from ddpm.messages import Message, message
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import Checkpoint
from ddpm.training.faults import OutOfMemoryError, StepError
from ddpm.training.log import Row

RATE_FACTOR = 0.5  # factor on the configured learning rate after a non-finite step


@dataclass(frozen=True)
class Adjustments:
    """Settings that a run changed in order to continue. Later checkpoints record them."""

    rate: float = 1.0  # factor on training.learning_rate
    accumulate: int = 0  # replaces training.accumulate; 0: as configured

    @classmethod
    def from_progress(cls, progress: dict[str, Any]) -> Adjustments:
        """Read the adjustments from a checkpoint's progress row."""
        return cls(progress.get("rate", 1.0), progress.get("accumulate", 0))

    def row(self) -> dict[str, Any]:
        """Return the entries of the progress row; empty if nothing was adjusted."""
        return asdict(self) if self != Adjustments() else {}

    def applied(self, config: Config) -> Config:
        """Return `config` with the adjusted learning rate and number of micro-batches."""
        training = config.training
        return replace(
            config,
            training=replace(
                training,
                learning_rate=training.learning_rate * self.rate,
                accumulate=self.accumulate or training.accumulate,
            ),
        )

    def after(self, fault: StepError, config: Config) -> Adjustments:
        """Return the adjustments to recover from `fault`. WorkError if nothing is left to adjust."""
        if isinstance(fault, OutOfMemoryError):
            return self._with_smaller_micro_batches(fault, config)
        if self.rate < 1:
            raise WorkError(
                f"{fault} The learning rate had been halved already. Train again with a lower "
                "training.learning_rate and another --out."
            )
        return replace(self, rate=RATE_FACTOR)

    def _with_smaller_micro_batches(self, fault: StepError, config: Config) -> Adjustments:
        training = self.applied(config).training
        if training.accumulate >= training.batch_size:
            raise WorkError(
                f"{fault} One image at a time does not fit either; use a smaller network or smaller images."
            )
        parts = min(2 * training.accumulate, training.batch_size)
        adjustments = replace(self, accumulate=parts)
        try:
            check(adjustments.applied(config))
        except RequestError as error:  # batch normalization needs the whole batch
            raise WorkError(f"{fault} {error}") from None
        return adjustments

    def describe(self, fault: StepError, config: Config) -> Message:
        """Return a message about the adjustment made after `fault`."""
        if not isinstance(fault, OutOfMemoryError):
            return message("half_rate")
        size = -(-config.training.batch_size // self.accumulate)
        return message("smaller_micro_batches", size=size, accumulate=self.accumulate)


@dataclass(frozen=True)
class StartPoint:
    """State from which training starts or resumes."""

    step: int = 0
    seconds: float = 0.0  # of training before it
    adjustments: Adjustments = Adjustments()
    warning: Message | None = None  # for the log: why the run went back here

    @classmethod
    def at(cls, found: Checkpoint | None, adjustments: Adjustments | None = None) -> StartPoint:
        """Return the start at a checkpoint (None: step 0), with `adjustments` or the checkpoint's own."""
        progress: dict[str, Any] = {"step": 0, "seconds": 0.0} if found is None else found.progress
        own = Adjustments.from_progress(progress)
        return cls(progress["step"], progress.get("seconds", 0.0), adjustments or own)

    def with_warning(self, fault: StepError, config: Config) -> StartPoint:
        """Return this start with a warning that says why the run went back to it."""
        change = self.adjustments.describe(fault, config)
        values = {"fault": fault.message, "step": self.step, "change": change}
        return replace(self, warning=message("training_recovered", **values))

    def rows(self) -> list[Row]:
        """Return the warning as a row of the log, at the first step that a later resume would repeat."""
        return [{"step": self.step + 1, "warning": self.warning}] if self.warning else []


@contextmanager
def explained_errors(run: RunFolder) -> Iterator[None]:
    """Convert training errors to WorkError that names the intact checkpoint and says how to continue."""
    try:
        yield
    except ProcessLostError:
        raise
    except WorkError as error:
        raise WorkError(f"{error} {_intact_checkpoint_sentence(run)}".rstrip()) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise WorkError(
            f"{where}{error.strerror or error}. {_intact_checkpoint_sentence(run)}Check the free space and "
            "the permissions there, then run the same command again to continue."
        ) from error


def _intact_checkpoint_sentence(run: RunFolder) -> str:
    """Return a sentence that names the newest checkpoint, or an empty string."""
    steps = run.checkpoint_steps()
    return f"The checkpoint of step {steps[-1]} is intact. " if steps else ""
