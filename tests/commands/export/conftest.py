"""Models and exported files that the tests of `ddpm export` share."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.commands.export.export import export


@pytest.fixture(scope="session")
def digits_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """digits.onnx, with digits.json beside it."""
    return export("bundled:digits", "onnx", tmp_path_factory.mktemp("onnx") / "digits.onnx")
