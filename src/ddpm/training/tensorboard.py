"""TensorBoard scalars from the rows of the log (extra `track`)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from ddpm.errors import RequestError
from ddpm.training.log import Row

NOT_SCALARS = ("step", "batch", "epoch")


def writer_class() -> type[Any]:
    """Return torch's SummaryWriter. RequestError if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise RequestError(
            "training.tensorboard needs TensorBoard. Install it with: pip install 'ddpm-studio[track]', or "
            "set training.tensorboard=false."
        ) from error
    return SummaryWriter


class TensorBoard:
    """Writer of each number of a row as a scalar at its step. Events after `step` are replaced."""

    def __init__(self, folder: Path, step: int = 0) -> None:
        self.alias = None if _is_utf8(folder) else _link_to(folder)
        shown = folder if self.alias is None else self.alias
        self.writer = writer_class()(str(shown), purge_step=step + 1 if step else None)

    def write(self, row: Row) -> None:
        """Add one row of metrics.jsonl."""
        for name, value in row.items():
            if name in NOT_SCALARS:
                continue
            values = value if isinstance(value, list) else [value]
            names = [f"{name}/{i}" for i in range(len(values))] if len(values) > 1 else [name]
            for tag, number in zip(names, values, strict=True):
                if isinstance(number, int | float):  # skips warnings and noise bands without images
                    self.writer.add_scalar(tag, number, row["step"])

    def close(self) -> None:
        """Flush and close the event file."""
        self.writer.close()
        if self.alias is not None:
            shutil.rmtree(self.alias.parent, ignore_errors=True)


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _link_to(folder: Path) -> Path:
    """Return a link to `folder` in a temporary folder, since TensorBoard opens no path that is not UTF-8."""
    folder.mkdir(parents=True, exist_ok=True)
    link = Path(tempfile.mkdtemp(prefix="ddpm-tensorboard-")) / "events"
    link.symlink_to(folder.absolute(), target_is_directory=True)
    return link
