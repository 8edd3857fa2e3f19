"""A blind test of bright and dark images, and judges who go by brightness alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.commands.compare.blind import BlindRequest

Images = np.ndarray


GREY = {"good": 200, "bad": 90, "real": 250}  # how bright each source's images are


def request(**others: Any) -> BlindRequest:
    known: dict[str, Any] = {"targets": ["good.npz", "bad.npz"], "reference": "real.npz", "n": 15}
    return BlindRequest(**{**known, **others})


def grey(image: Images) -> int:
    return int(image[0, 4, 4])


def fill(path: Path, answers: list[str]) -> Path:
    """A copy of the form with the answers, as a second file."""
    text = path.read_text("utf-8")
    for number, answer in enumerate(answers, start=1):
        blank = next(line for line in text.splitlines() if line.startswith(f"{number},"))
        text = text.replace(f"\n{blank}\n", f"\n{number},{answer}\n")
    filled = path.with_name(f"filled-{path.name}")
    filled.write_text(text, "utf-8")
    return filled


def judged(
    shown: dict[str, Images], paths: list[Path], mark: Callable[[Images], str] | None = None
) -> list[Path]:
    """The forms as someone fills them who goes by brightness alone."""
    _, form, _, pairs = paths
    mark = mark or (lambda image: f"{'y' if grey(image) > 220 else 'n'},{1 + grey(image) // 60}")
    sides = zip(shown["left"], shown["right"], strict=True)
    better = ["left" if grey(a) > grey(b) else "right" for a, b in sides]
    return [fill(form, [mark(image) for image in shown["pictures"]]), fill(pairs, better)]
