"""docs/extending.md: a denoising network is one class and one row; all else asks the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.networks.denoising_network import DenoisingNetwork
from ddpm.networks.kinds import NETWORKS, NetworkKind


class Block(nn.Module):
    outline_kind = "block"

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv(x)
        return out


class Plain(DenoisingNetwork):
    def __init__(self, cin: int, cout: int, size: tuple[int, int], **settings: Any) -> None:
        super().__init__()
        self.head, self.tail = nn.Conv2d(cin, settings["channels"], 1), nn.Conv2d(8, cout, 1)
        self.block = Block(settings["channels"])

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        labels: Tensor | None = None,
        augment_labels: Tensor | None = None,
    ) -> Tensor:
        out: Tensor = self.tail(self.block(self.head(x)))
        return out

    def stages(self) -> Iterable[nn.Module]:
        return [self.block]


def test_a_network_is_added_by_its_row(
    small_spec: Callable[..., ModelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "plain", NetworkKind(Plain, ("channels",), "plain", ()))
    spec = small_spec("network.channels=8")
    network: Any = replace(spec.config.network, kind="plain")
    model = Ddpm(spec.with_config(replace(spec.config, network=network)))
    assert isinstance(model.network, Plain)
    rows = model.outlines()["network"]
    assert [row["kind"] for row in rows] == ["input", "conv", "block", "conv", "output"]
    before = model.network.tail.weight.detach().clone()
    images = torch.rand(4, *spec.image_shape) * 2 - 1
    assert model.training_step(images, None, 1)["loss"].isfinite()
    assert not torch.equal(model.network.tail.weight, before)
    (*_, last) = model.trajectory([0], None, replace(spec.config.sampling, steps=2))
    assert last.x.shape == (1, *spec.image_shape)
