"""Images of three brightnesses, and what the sheets of a blind test show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ddpm.commands.compare import blind
from tests.commands.compare.judges import GREY, Images


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, Images]:
    """The images that the sheets show."""
    seen: dict[str, Images] = {}
    sheet, pairs = blind.save_numbered_sheet, blind.save_paired_sheet

    def spy_sheet(path: Path, images: Images, *, note: str) -> None:
        seen["pictures"], seen["note"] = images, np.array(note)
        sheet(path, images, note=note)

    def spy_pairs(path: Path, left: Images, right: Images, *, note: str) -> None:
        seen["left"], seen["right"] = left, right
        pairs(path, left, right, note=note)

    monkeypatch.setattr(blind, "save_numbered_sheet", spy_sheet)
    monkeypatch.setattr(blind, "save_paired_sheet", spy_pairs)
    return seen


@pytest.fixture
def image_files(workplace: Path) -> None:
    """Files good.npz, bad.npz and real.npz in the current folder."""
    for name, count in (("good", 40), ("bad", 40), ("real", 150)):
        rng = np.random.default_rng(count)
        images = np.full((count, 1, 8, 8), GREY[name], np.uint8)
        images[:, 0, 0] = rng.integers(0, 256, (count, 8))  # no two images are equal
        np.savez(f"{name}.npz", images=images)
