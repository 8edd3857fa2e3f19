"""The version that the page shows."""

from __future__ import annotations

import pytest

from ddpm.studio import studio_version as module


def test_the_version_is_the_installed_one_or_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise module.PackageNotFoundError(name)

    find = module.studio_version.__wrapped__
    monkeypatch.setattr(module, "version", lambda name: "1.2.3")
    assert find() == "1.2.3"
    monkeypatch.setattr(module, "version", missing)
    assert find() == "source"
