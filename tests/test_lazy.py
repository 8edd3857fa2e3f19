"""Names that are imported on first use."""

from __future__ import annotations

import sys

import pytest

from ddpm.lazy import lazy_getattr


def test_a_name_is_imported_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    lookup = lazy_getattr("package", {"hls_to_rgb": "colorsys"})
    assert "colorsys" not in sys.modules
    assert lookup("hls_to_rgb") is sys.modules["colorsys"].hls_to_rgb  # type: ignore[attr-defined]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'package' has no attribute 'other'"):
        lazy_getattr("package", {})("other")
