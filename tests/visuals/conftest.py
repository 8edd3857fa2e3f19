"""Fixtures of the tests of pictures with text."""

from __future__ import annotations

import pytest
from PIL import Image

from ddpm.visuals import neighbor_strips, sheets
from ddpm.visuals.annotations import annotate

Titles = list[tuple[str, list[str]]]


@pytest.fixture
def titles(monkeypatch: pytest.MonkeyPatch) -> Titles:
    """Title, and column and row titles, of each annotated block."""
    seen: Titles = []

    def spy(picture: Image.Image, layout: object, **text: object) -> Image.Image:
        names = [*(text.get("column_titles") or ()), *(text.get("row_titles") or ())]
        seen.append((str(text.get("title") or ""), [str(name).strip() for name in names]))
        return annotate(picture, layout, **text)  # type: ignore[arg-type]

    for module in (neighbor_strips, sheets):
        monkeypatch.setattr(module, "annotate", spy)
    return seen
