"""metrics.jsonl: one row an iteration, whole lines only, cut back to the checkpoint on resume."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from torch import Tensor

from ddpm.errors import WorkError
from ddpm.files import write_text
from ddpm.runs import read_rows

Row = dict[str, Any]


class TrainingLog:
    """Collects rows and writes them in blocks; nothing is read from the device until then.

    `epoch_size`: images in one pass over the data; each epoch's mean loss, weighted by samples, gets a
    row of its own. Rows after `step` are dropped at opening: they belong to work that was lost. Each
    new row is also handed to `listener`.
    """

    def __init__(
        self,
        path: Path,
        *,
        step: int = 0,
        epoch_size: int = 0,
        block: int = 20,
        listener: Callable[[Row], None] = lambda row: None,
    ) -> None:
        self.path = path
        self.listener = listener
        self.block = block
        self.epoch_size = epoch_size
        self.pending: list[Row] = []
        self.epoch_sum = 0.0
        self.images = 0
        rows = [row for row in read_rows(path) if row["step"] <= step]
        write_text(path, "".join(_line(row) for row in rows))
        for row in rows:
            self._count(row)
        self.file: IO[str] = path.open("a", encoding="utf-8", newline="\n")

    def write(self, row: Mapping[str, Any]) -> None:
        """Append a row; tensors in it are read when the block is full."""
        self.pending.append(dict(row))
        if len(self.pending) >= self.block:
            self.flush()

    def flush(self) -> None:
        """Write what is pending; WorkError, and nothing more, from the first row that is not finite."""
        pending, self.pending = self.pending, []
        try:
            for row in pending:
                plain = {name: _plain(value) for name, value in row.items()}
                _check(plain)
                for line in (plain, *self._count(plain)):
                    self.file.write(_line(line))
                    self.listener(line)
        finally:
            self.file.flush()

    def sync(self) -> None:
        """Flush to the disk itself: what a checkpoint counts on must be there before it."""
        self.flush()
        os.fsync(self.file.fileno())

    def close(self) -> None:
        """Flush and close."""
        try:
            self.flush()
        finally:
            self.file.close()

    def _count(self, row: Row) -> list[Row]:
        """Add an iteration's loss to its epoch (a batch may straddle two); the rows of ended epochs."""
        if "batch" not in row or not self.epoch_size or "loss" not in row:
            return []
        ended, left = [], row["batch"]
        while left:
            room = self.epoch_size - self.images % self.epoch_size
            taken = min(room, left)
            self.epoch_sum += taken * row["loss"]
            self.images += taken
            left -= taken
            if taken == room:
                mean = self.epoch_sum / self.epoch_size
                epoch = self.images // self.epoch_size
                ended.append({"step": row["step"], "epoch": epoch, "epoch_loss": mean})
                self.epoch_sum = 0.0
        return ended


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
    """WorkError where a single number is not finite."""
    for name, value in row.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise WorkError(f"At step {row['step']} the {name.replace('_', ' ')} became {value}.")
