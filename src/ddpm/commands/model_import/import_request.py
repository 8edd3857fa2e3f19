"""The request of `ddpm import`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ImportRequest:
    """Weights of another program, and the run to make of them."""

    path: Path
    out: Path | None = None  # None: runs/NAME, NAME from the path
    data: str | None = None  # images that the model was trained on; None: unknown
    size: str | None = None  # N or HxW, for weights that do not say it

    @property
    def image_size(self) -> tuple[int, int] | None:
        """`size` as (H, W); ValueError if it is not a size."""
        if self.size is None:
            return None
        height, _, width = self.size.lower().partition("x")
        return int(height), int(width or height)
