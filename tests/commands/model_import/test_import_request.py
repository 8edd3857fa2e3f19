"""The request of `ddpm import`: a size is N or HxW."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.commands.model_import.import_request import ImportRequest


@pytest.mark.parametrize(("text", "size"), [("32", (32, 32)), ("28x36", (28, 36)), (None, None)])
def test_a_size_is_read(text: str | None, size: tuple[int, int] | None) -> None:
    assert ImportRequest(Path("x"), size=text).image_size == size


def test_other_texts_are_errors() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        _ = ImportRequest(Path("x"), size="large").image_size
