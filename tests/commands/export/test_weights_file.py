"""Exported weights load where they should."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ddpm.commands.export.export import export
from ddpm.errors import RequestError
from ddpm.loading.models import open_model

pytestmark = pytest.mark.usefixtures("workplace")


def test_exports_load_where_they_should() -> None:
    own = open_model("digits", "cpu").model.state()["ema"]
    plain = torch.load(export("digits", "torch"), weights_only=True)
    assert plain.keys() == own.keys()
    assert all(torch.equal(plain[name], own[name]) for name in own)
    path = export("digits", "safetensors", Path("deep/d.safetensors"), half=True)
    again = open_model(str(path), "cpu")
    assert all(torch.equal(value, own[name]) for name, value in again.model.state()["ema"].items())
    assert again.model.spec == open_model("digits", "cpu").model.spec
    with pytest.raises(RequestError, match="only averaged"):
        export("digits", "torch", raw=True)
