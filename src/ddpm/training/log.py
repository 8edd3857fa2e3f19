"""Training log: metrics.jsonl, one row per step, cut back to the checkpoint on resume."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from torch import Tensor

from ddpm.files import name_path_in_errors, write_text
from ddpm.messages import message
from ddpm.runs import read_metrics
from ddpm.training.faults import NotFiniteError

Row = dict[str, Any]


class TrainingLog:
    """Writer of metrics.jsonl. It writes rows in blocks and reads their tensors from the device only then.

    `path`: the file; None: no file, for every process but the main one.
    `step`: rows after it are dropped at opening, since their steps will be repeated. `epoch_size`: images
    per epoch; the mean of each loss over an epoch is written as a row of its own. `block`: rows per write.
    `watch`: maps each row, including those read from the file, to rows to add (warnings). `listener`:
    receives each new row.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        step: int = 0,
        epoch_size: int = 0,
        block: int = 20,
        watch: Callable[[Row], list[Row]] = lambda row: [],
        listener: Callable[[Row], None] = lambda row: None,
    ) -> None:
        self.path = path
        self.watch = watch
        self.listener = listener
        self.block = block
        self.epoch_size = epoch_size
        self.pending: list[Row] = []
        self.epoch_sums: dict[str, float] = {}  # per loss, over the images of the current epoch
        self.images = 0
        rows = [row for row in read_metrics(path) if row["step"] <= step] if path else []
        for row in rows:
            self._derived_rows(row)
        self.file: IO[str] = io.StringIO()
        if path:
            write_text(path, "".join(_line(row) for row in rows))
            self.file = path.open("a", encoding="utf-8", newline="\n")

    def write(self, row: Mapping[str, Any]) -> None:
        """Append a row. Its tensors are read when the block is full."""
        self.pending.append(dict(row))
        if len(self.pending) >= self.block:
            self.flush()

    def flush(self) -> None:
        """Write pending rows. NotFiniteError at the first row with NaN or infinity, which drops the rest."""
        pending, self.pending = self.pending, []
        with name_path_in_errors(self.path or Path(os.devnull)):
            self._write_rows(pending)

    def _write_rows(self, pending: list[Row]) -> None:
        try:
            for row in pending:
                plain = {name: _plain(value) for name, value in row.items()}
                _check_finite(plain)
                for line in (plain, *self._derived_rows(plain)):
                    self.file.write(_line(line))
                    self.listener(line)
        finally:
            self.file.flush()

    def sync(self) -> None:
        """Flush, and force the file to the disk. A checkpoint must not be newer than its log."""
        self.flush()
        if self.path:
            with name_path_in_errors(self.path):
                os.fsync(self.file.fileno())

    def close(self) -> None:
        """Flush and close."""
        try:
            self.flush()
        finally:
            with name_path_in_errors(self.path or Path(os.devnull)):
                self.file.close()

    def _derived_rows(self, row: Row) -> list[Row]:
        """Return the rows that follow from `row`: means of completed epochs, and warnings."""
        return [*self._epoch_rows(row), *self.watch(row)]

    def _epoch_rows(self, row: Row) -> list[Row]:
        """Add the losses of a step to their epoch; return the rows of completed epochs.

        A batch may contain images of several epochs.
        """
        losses = {name: value for name, value in row.items() if name.endswith("loss")}
        if "batch" not in row or not self.epoch_size or not losses:
            return []
        completed, remaining = [], row["batch"]
        while remaining:
            missing = self.epoch_size - self.images % self.epoch_size
            count = min(missing, remaining)
            for name, value in losses.items():
                self.epoch_sums[name] = self.epoch_sums.get(name, 0.0) + count * value
            self.images += count
            remaining -= count
            if count == missing:
                completed.append(self._epoch_row(row["step"]))
        return completed

    def _epoch_row(self, step: int) -> Row:
        """Return the row of the epoch that is completed at `step`, and start the next one."""
        sums, self.epoch_sums = self.epoch_sums, {}
        means = {f"epoch_{name}": total / self.epoch_size for name, total in sums.items()}
        return {"step": step, "epoch": self.images // self.epoch_size, **means}


def _plain(value: Any) -> Any:
    """Convert a tensor to a number or a list. In a list, None replaces NaN (a noise band without images)."""
    if isinstance(value, Tensor):
        value = value.tolist()
    if isinstance(value, list):
        return [None if isinstance(v, float) and not math.isfinite(v) else v for v in value]
    return value


def _line(row: Row) -> str:
    return json.dumps(row) + "\n"


def _check_finite(row: Row) -> None:
    """Raise NotFiniteError if a number of the row is not finite. Lists may hold None."""
    for name, value in row.items():
        if isinstance(value, float) and not math.isfinite(value):
            words = {"quantity": name.replace("_", " "), "value": str(value)}
            raise NotFiniteError(message("not_finite", step=row["step"], **words))
