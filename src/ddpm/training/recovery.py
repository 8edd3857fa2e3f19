"""A training goes on after a bad step: from its last good state, at half the rate or in smaller parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from ddpm.config import Config, check
from ddpm.errors import RequestError, WorkError
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import Checkpoint
from ddpm.training.faults import OutOfMemoryError, StepError
from ddpm.training.log import Row

LOWER_RATE = 0.5  # of the configuration's, after a step back


@dataclass(frozen=True)
class Adjustments:
    """What a run changed of its settings in order to go on; kept with every checkpoint made so."""

    rate: float = 1.0  # times training.learning_rate
    accumulate: int = 0  # in place of training.accumulate; 0: as configured

    @classmethod
    def of(cls, progress: dict[str, Any]) -> Adjustments:
        """Those of a checkpoint's progress row, which may be older than they are."""
        return cls(progress.get("rate", 1.0), progress.get("accumulate", 0))

    def row(self) -> dict[str, Any]:
        """For the progress row: nothing where nothing was changed."""
        return asdict(self) if self != Adjustments() else {}

    def applied(self, config: Config) -> Config:
        """The configuration that is trained with."""
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
        """These and what `fault` asks for; WorkError where there is nothing left to change."""
        if isinstance(fault, OutOfMemoryError):
            return self._in_smaller_parts(fault, config)
        if self.rate < 1:
            raise WorkError(f"{fault} It had been at half the learning rate already.")
        return replace(self, rate=LOWER_RATE)

    def _in_smaller_parts(self, fault: StepError, config: Config) -> Adjustments:
        training = self.applied(config).training
        if training.accumulate >= training.batch_size:
            raise WorkError(
                f"{fault} Not even for one image at a time: use a smaller network or smaller images."
            )
        parts = min(2 * training.accumulate, training.batch_size)
        mends = replace(self, accumulate=parts)
        try:
            check(mends.applied(config))
        except RequestError as error:  # a network that needs its batches whole
            raise WorkError(f"{fault} {error}") from None
        return mends

    def words(self, fault: StepError, config: Config) -> str:
        """What was changed after `fault`."""
        if not isinstance(fault, OutOfMemoryError):
            return "at half the learning rate"
        size = -(-config.training.batch_size // self.accumulate)
        return (
            f"with micro-batches of {size} (training.accumulate={self.accumulate}), which changes the "
            "result by rounding only"
        )


@dataclass(frozen=True)
class StartPoint:
    """Where a training goes on from."""

    step: int = 0
    seconds: float = 0.0
    mends: Adjustments = Adjustments()
    note: str = ""  # why it went back, for the log

    @classmethod
    def at(cls, found: Checkpoint | None, mends: Adjustments | None = None) -> StartPoint:
        """At a checkpoint, or at the very start; with its own mends or with new ones."""
        progress: dict[str, Any] = {"step": 0, "seconds": 0.0} if found is None else found.progress
        return cls(
            progress["step"], progress.get("seconds", 0.0), mends or Adjustments.of(progress)
        )

    def rows(self) -> list[Row]:
        """The log's rows of the note, after the step that every later start would cut them back to."""
        return [{"step": self.step + 1, "warning": self.note}] if self.note else []


def train_with_recovery(
    attempt: Callable[[StartPoint], int],
    start: StartPoint,
    config: Config,
    back: Callable[[Adjustments], StartPoint],
) -> int:
    """`attempt` from `start`; after a bad step once more `back` from the last good state, mended.

    WorkError where the same goes wrong again. Returns the last step.
    """
    while True:
        try:
            return attempt(start)
        except StepError as error:
            fault = error.with_traceback(None)  # which would keep the step's tensors
        mends = start.mends.after(fault, config)
        start = back(mends)
        words = mends.words(fault, config)
        note = (
            f"{str(fault).rstrip('.')}; the run went back to step {start.step} and goes on {words}."
        )
        start = replace(start, note=note)


def disk_error_message(run: RunFolder, error: OSError) -> str:
    """Return a sentence that says which write failed and how to continue."""
    where = f"{error.filename}: " if error.filename else ""
    return (
        f"{where}{error.strerror or error}. {safe_checkpoint_note(run)}Check the free space and the "
        "permissions there, then run the same command again to continue."
    )


def safe_checkpoint_note(run: RunFolder) -> str:
    """Return a sentence that names the newest checkpoint, or an empty string."""
    steps = run.checkpoint_steps()
    return f"The checkpoint of step {steps[-1]} is intact. " if steps else ""
