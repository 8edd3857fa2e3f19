"""The rows of the log as TensorBoard scalars (the extra `track`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ddpm.errors import RequestError
from ddpm.training.log import Row

NOT_CURVES = ("step", "batch", "epoch")


def writer_class() -> type[Any]:
    """torch's SummaryWriter; RequestError, before anything is written, where TensorBoard is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise RequestError(
            "training.tensorboard needs TensorBoard: pip install 'ddpm-studio[track]', or leave "
            "training.tensorboard off."
        ) from error
    return SummaryWriter


class TensorBoard:
    """Writes every number of a row as a scalar at its step; events after `step` are superseded."""

    def __init__(self, folder: Path, step: int = 0) -> None:
        self.writer = writer_class()(str(folder), purge_step=step + 1 if step else None)

    def write(self, row: Row) -> None:
        """Add one row of metrics.jsonl."""
        for name, value in row.items():
            if name in NOT_CURVES:
                continue
            values = value if isinstance(value, list) else [value]
            names = [f"{name}/{i}" for i in range(len(values))] if len(values) > 1 else [name]
            for tag, number in zip(names, values, strict=True):
                if isinstance(number, int | float):  # not the words of a warning, nor an empty band
                    self.writer.add_scalar(tag, number, row["step"])

    def close(self) -> None:
        """Flush and close the event file."""
        self.writer.close()
