"""Recorder of the numbers of a training run: log, warnings, TensorBoard, progress bar and forecast."""

from __future__ import annotations

from types import TracebackType

from ddpm.config import TrainingConfig
from ddpm.distributed import is_main
from ddpm.messages import warning_text
from ddpm.models.base import Metrics
from ddpm.runs import RunFolder
from ddpm.terminal import Progress, format_losses, print_line
from ddpm.training.best_checkpoint import BestCheckpoint
from ddpm.training.collapse import CollapseWatch
from ddpm.training.forecast import Forecast
from ddpm.training.log import Row, TrainingLog
from ddpm.training.memorization import MemorizationWatch
from ddpm.training.recovery import StartPoint
from ddpm.training.tensorboard import TensorBoard

LOSS_EVERY = 10  # steps between losses in the progress bar


class Recorder:
    """Context that records from `start` on and drops the rows of the log after that step.

    Every process checks every row for warnings, but only the main process writes files. `ratio`: mean time of
    the steps over that of the first ones, for the forecast.
    """

    def __init__(
        self,
        run: RunFolder,
        training: TrainingConfig,
        start: StartPoint,
        epoch_size: int,
        *,
        ratio: float = 1.0,
    ) -> None:
        step = start.step
        self.best = BestCheckpoint()
        self._watches = CollapseWatch(), MemorizationWatch(), self.best
        uses_board = training.tensorboard and is_main()
        self._board = TensorBoard(run.tensorboard, step) if uses_board else None
        self._log = TrainingLog(
            run.metrics if is_main() else None,
            step=step,
            epoch_size=epoch_size,
            watch=self._warnings,
            listener=self._show,
        )
        batch_size = training.batch_size
        self._bar = Progress("training", training.steps, scale=batch_size, start=step)
        self._forecast = Forecast(training.steps, batch_size, start=step, ratio=ratio)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._bar:
            try:
                self._log.close()
            finally:
                if self._board:
                    self._board.close()

    def write(self, row: Row) -> None:
        """Append a row to the log."""
        self._log.write(row)

    def flush(self) -> None:
        """Write pending rows to the file. NotFiniteError if one holds NaN or infinity."""
        self._log.flush()

    def sync(self) -> None:
        """Flush, and force the file to the disk."""
        self._log.sync()

    def report(self, step: int, losses: Metrics) -> None:
        """Show that `step` is done."""
        self._bar.advance_to(step, format_losses(losses) if step % LOSS_EVERY == 0 else "")
        self._forecast.update(step, next(iter(losses.values())))

    def _warnings(self, row: Row) -> list[Row]:
        return [warning for watch in self._watches for warning in watch(row)]

    def _show(self, row: Row) -> None:
        if self._board:
            self._board.write(row)
        if "warning" in row:
            print_line(f"warning at step {row['step']}: {warning_text(row['warning'])}")
