"""Exported weights load where they should."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ddpm.commands.export.export import export
from ddpm.commands.export.export_request import ExportRequest
from ddpm.commands.export.weights_file import write_safetensors, write_state_dict
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.networks.kinds import NETWORKS
from ddpm.sampling.samples import sample_images
from tests.commands.export.exported_folders import small_model

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


@pytest.mark.parametrize("kind", [name for name, row in NETWORKS.items() if not row.imported])
def test_files_of_every_kind_of_network_draw_the_images_of_the_model(kind: str) -> None:
    settings = ("network.width=16", "network.depth=2", "network.long_skips=true")
    opened = small_model(f"network.kind={kind}", *settings, classes=2)
    request = ExportRequest("small", "safetensors")
    (path,) = write_safetensors(opened, request, Path("small.safetensors"))
    again = open_model(str(path), "cpu").model
    assert again.spec == opened.model.spec
    drawn = [
        sample_images(model, range(3), [0, 1, 0], model.spec.config.sampling)
        for model in (opened.model, again)
    ]
    assert (drawn[0] == drawn[1]).all() and drawn[0].std() > 0
    (plain,) = write_state_dict(opened, request, Path("small.pt"))
    again.load_state({"ema": torch.load(plain, weights_only=True)})
    own = opened.model.averaged_weights()
    assert all(torch.equal(value, own[name]) for name, value in again.averaged_weights().items())
