"""Edits as jobs: a request of the page becomes a task of the worker and a command line."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from ddpm.commands.options import command_line
from ddpm.errors import RequestError
from ddpm.files import atomic_file
from ddpm.studio.draw_jobs import (
    OPTION_KEYS,
    DrawJobs,
    PreparedDrawing,
    differing_settings,
    setting_text,
)
from ddpm.studio.drawings import Drawing
from ddpm.studio.jobs import DRAW, Job
from ddpm.studio.model_cards import ModelCard, ModelCards
from ddpm.studio.trainings import STUDIO_FOLDER

EditKind = Literal["inpaint", "refine", "interpolate"]
GRID_COLUMNS = 4  # of variants
KEPT_PICTURES = 200  # files; the oldest are deleted
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


@dataclass(frozen=True)
class EditOrder:
    """An edit that the page asks for. What a kind does not use is ignored."""

    kind: EditKind
    model: str  # id
    image: bytes | None = None  # of a PNG or JPEG
    mask: bytes | None = None
    strength: float = 0.5
    n: int = 4
    pairs: int = 4
    between: int = 7
    seed: int = 0
    label: str | None = None
    sampling: tuple[tuple[str, Any], ...] = ()
    group: str = ""
    reader: str = ""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        if self.kind == "interpolate":
            return self.pairs, self.between + 2
        return math.ceil(self.n / GRID_COLUMNS), min(self.n, GRID_COLUMNS)

    @property
    def seeds(self) -> list[int]:
        """The seed of each image; of a walk, the one it begins with."""
        if self.kind == "interpolate":
            rows, columns = self.shape
            return [self.seed + 2 * row for row in range(rows) for _ in range(columns)]
        return list(range(self.seed, self.seed + self.n))


class EditJobs:
    """The edits of the server. Pictures are kept beside the runs, so that the command can read them."""

    def __init__(self, runs: Path, draws: DrawJobs, models: ModelCards) -> None:
        self._folder = runs / STUDIO_FOLDER / "edits"
        self._draws, self._models = draws, models

    async def submit(self, order: EditOrder, sent: dict[str, Any]) -> Job:
        """Queue an edit; `sent` is the request as the page shows it.

        RequestError: a picture is missing or none; RefusalError: no such model, or the queue is full.
        """
        prepared = await asyncio.to_thread(self._prepare, order, sent)
        (job,) = self._draws.queue([prepared])
        return job

    def _prepare(self, order: EditOrder, sent: dict[str, Any]) -> PreparedDrawing:
        """Write the pictures and return the drawing."""
        card = self._models.get(order.model)
        files = {name: str(path) for name, path in self._files(order).items()}
        overrides = differing_settings(order.sampling, card)
        count, (rows, columns) = len(order.seeds), order.shape
        _, height, width = card.spec.image_shape
        place = {"rows": rows, "columns": columns, "height": height, "width": width}
        details = {"request": sent, "n": count, "seeds": order.seeds, "frames": [], **place}
        job = Job(
            DRAW,
            f"{order.kind} with {card.name}",
            sent,
            _command(order, card, files, overrides),
            order.group,
            order.reader,
            model=card.id,
            details=details,
        )
        arguments = {
            "kind": order.kind, "target": card.target, "seed": order.seed, "n": order.n,
            "label": order.label, "strength": order.strength, "pairs": order.pairs,
            "between": order.between, **files,
            "overrides": [f"sampling.{key}={setting_text(value)}" for key, value in overrides.items()],
        }  # fmt: skip
        drawing = Drawing(order.seed, count, rows, columns)
        return PreparedDrawing(job, drawing, "edit", arguments)

    def _files(self, order: EditOrder) -> dict[str, Path]:
        """Keep the pictures that an edit needs and return their paths."""
        if order.kind == "interpolate":
            return {}
        names = ("image", "mask") if order.kind == "inpaint" else ("image",)
        return {name: self._keep(name, getattr(order, name)) for name in names}

    def _keep(self, name: str, content: bytes | None) -> Path:
        """Write a picture under a hash of its content and return the path."""
        if content is None or not content.startswith(_PICTURES):
            raise RequestError(f"The {name} of the edit is missing, or is no PNG or JPEG.")
        digest = hashlib.sha256(content).hexdigest()[:16]
        path = self._folder / f"{name}-{digest}.png"
        with atomic_file(path) as temporary:
            temporary.write_bytes(content)
        kept = sorted(self._folder.glob("*.png"), key=lambda path: path.stat().st_mtime)
        for old in kept[:-KEPT_PICTURES]:
            old.unlink(missing_ok=True)
        return path


def decode_picture(text: str) -> bytes:
    """Return the bytes of a picture in base64. RequestError if it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError("A picture of the edit is not valid base64.") from error


def _command(
    order: EditOrder, card: ModelCard, files: dict[str, str], overrides: dict[str, Any]
) -> str:
    """Return the command line that draws the same images."""
    options = {f"sampling.{key}": value for key, value in overrides.items() if key in OPTION_KEYS}
    others = [
        f"sampling.{key}={setting_text(value)}"
        for key, value in overrides.items()
        if key not in OPTION_KEYS
    ]
    names = ("n", "seed", "label", "strength", "pairs", "between")
    values = {name: getattr(order, name) for name in names}
    more = {"target": card.target, **files, **options, "overrides": tuple(others)}
    return command_line(order.kind, SimpleNamespace(**values, **more))
