"""metrics.jsonl: one row an iteration, whole lines only, cut back to the checkpoint on resume."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from torch import Tensor

from ddpm.files import name_in_errors, write_text
from ddpm.messages import message
from ddpm.runs import read_metrics
from ddpm.training.faults import NotFiniteError

Row = dict[str, Any]


class TrainingLog:
    """Collects rows and writes them in blocks; nothing is read from the device until then.

    `epoch_size`: images in one pass over the data; the mean of each loss over an epoch, weighted by
    samples, gets a row of its own. `watch` is shown every row in order, those of the file at opening
    too, and gives the rows that follow from it (a warning, say). Rows after `step` are dropped at
    opening: they belong to work that was lost. Each new row is also handed to `listener`. Without a
    path rows are looked at all the same, and nothing is kept: so do all processes but the main one.
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
        self.epoch_sums: dict[str, float] = {}  # of each loss, over the epoch's images so far
        self.images = 0
        rows = [row for row in read_metrics(path) if row["step"] <= step] if path else []
        for row in rows:
            self._derived(row)
        self.file: IO[str] = io.StringIO()
        if path:
            write_text(path, "".join(_line(row) for row in rows))
            self.file = path.open("a", encoding="utf-8", newline="\n")

    def write(self, row: Mapping[str, Any]) -> None:
        """Append a row; tensors in it are read when the block is full."""
        self.pending.append(dict(row))
        if len(self.pending) >= self.block:
            self.flush()

    def flush(self) -> None:
        """Write what is pending; NotFiniteError, and nothing more, from the first row that is not finite."""
        pending, self.pending = self.pending, []
        with name_in_errors(self.path or Path(os.devnull)):
            self._put(pending)

    def _put(self, pending: list[Row]) -> None:
        try:
            for row in pending:
                plain = {name: _plain(value) for name, value in row.items()}
                _check(plain)
                for line in (plain, *self._derived(plain)):
                    self.file.write(_line(line))
                    self.listener(line)
        finally:
            self.file.flush()

    def sync(self) -> None:
        """Flush to the disk itself: what a checkpoint counts on must be there before it."""
        self.flush()
        if self.path:
            with name_in_errors(self.path):
                os.fsync(self.file.fileno())

    def close(self) -> None:
        """Flush and close."""
        try:
            self.flush()
        finally:
            with name_in_errors(self.path or Path(os.devnull)):
                self.file.close()

    def _derived(self, row: Row) -> list[Row]:
        """What follows from a row: the epochs it ends, and what the watch says."""
        return [*self._count(row), *self.watch(row)]

    def _count(self, row: Row) -> list[Row]:
        """Add an iteration's losses to their epoch (a batch may straddle two); the rows of ended epochs."""
        losses = {name: value for name, value in row.items() if name.endswith("loss")}
        if "batch" not in row or not self.epoch_size or not losses:
            return []
        ended, left = [], row["batch"]
        while left:
            room = self.epoch_size - self.images % self.epoch_size
            taken = min(room, left)
            for name, value in losses.items():
                self.epoch_sums[name] = self.epoch_sums.get(name, 0.0) + taken * value
            self.images += taken
            left -= taken
            if taken == room:
                ended.append(self._epoch(row["step"]))
        return ended

    def _epoch(self, step: int) -> Row:
        """The row of the epoch that ends here."""
        sums, self.epoch_sums = self.epoch_sums, {}
        means = {f"epoch_{name}": total / self.epoch_size for name, total in sums.items()}
        return {"step": step, "epoch": self.images // self.epoch_size, **means}


def _plain(value: Any) -> Any:
    """Tensors as numbers or lists; nan in a list (a noise band without images) as null."""
    if isinstance(value, Tensor):
        value = value.tolist()
    if isinstance(value, list):
        return [None if isinstance(v, float) and not math.isfinite(v) else v for v in value]
    return value


def _line(row: Row) -> str:
    return json.dumps(row) + "\n"


def _check(row: Row) -> None:
    """NotFiniteError where a single number is not finite."""
    for name, value in row.items():
        if isinstance(value, float) and not math.isfinite(value):
            words = {"quantity": name.replace("_", " "), "value": str(value)}
            raise NotFiniteError(message("not_finite", step=row["step"], **words))
