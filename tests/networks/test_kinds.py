"""What every kind of network keeps: shapes, labels, times, a batch of strangers, a silent start."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ddpm.config import Config, NetworkConfig, NetworkName
from ddpm.documents.citations import SOURCES
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.networks.denoising_network import DenoisingNetwork
from ddpm.networks.kinds import NETWORKS, NetworkKind
from tests.examples import examples

SMALL: dict[str, Any] = {
    "channels": 8, "multipliers": (1, 2), "attention": (4,), "blocks": 1,
    "width": 16, "depth": 2, "heads": 2, "patch": 2,
}  # fmt: skip
T = torch.tensor
OWN = [name for name, row in NETWORKS.items() if not row.imported]


def make(
    kind: str, cin: int = 1, cout: int = 1, size: tuple[int, int] = (8, 8), **given: Any
) -> DenoisingNetwork:
    """A small network of the kind; a seed makes its weights."""
    row = NETWORKS[kind]
    chosen = {name: value for name, value in SMALL.items() if name in row.settings}
    torch.manual_seed(0)
    return row.make(cin, cout, size, **(chosen | given))


def awake(network: DenoisingNetwork) -> DenoisingNetwork:
    """The network in evaluation mode, all its weights drawn at random."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_table_is_that_of_the_configuration() -> None:
    assert set(NETWORKS) == set(typing.get_args(NetworkName))
    fields = {field.name for field in dataclasses.fields(NetworkConfig)}
    for row in NETWORKS.values():
        assert set(row.settings) <= fields and row.width in row.settings
        assert row.title and set(row.sources) <= set(SOURCES)


@pytest.mark.parametrize("kind", OWN)
@settings(max_examples=examples(8))
@given(height=st.integers(1, 13), width=st.integers(1, 13), channels=st.sampled_from([1, 3]))
def test_any_image_shape_comes_back(kind: str, height: int, width: int, channels: int) -> None:
    network = awake(make(kind, channels, 2 * channels, (height, width)))
    out = network(noise(2, channels, height, width), T([0, 999]))
    assert out.shape == (2, 2 * channels, height, width)
    assert out.isfinite().all()


@pytest.mark.parametrize("kind", OWN)
def test_padding_is_zeros_at_the_far_edges_and_is_cropped_away(kind: str) -> None:
    network, x = awake(make(kind, size=(7, 7))), noise(2, 1, 7, 7)
    side = 7 + -7 % network.multiple
    padded = torch.zeros(2, 1, side, side)
    padded[..., :7, :7] = x
    torch.testing.assert_close(network(x, T([3, 4])), network(padded, T([3, 4]))[..., :7, :7])


@pytest.mark.parametrize("kind", OWN)
def test_it_answers_zero_before_it_has_learned_anything(kind: str) -> None:
    network = make(kind, 3, 6, num_classes=2)
    assert not network(noise(2, 3, 8, 8), T([0, 5]), T([0, 1])).any()


@pytest.mark.parametrize("kind", OWN)
def test_every_parameter_learns(kind: str) -> None:
    network = make(kind, num_classes=2, augment_labels=9)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    x, target, told = noise(4, 1, 8, 8), noise(4, 1, 8, 8, seed=1), noise(4, 9, seed=2)
    for _ in range(5):  # zero-initialized layers open one after the other
        optimizer.zero_grad()
        out = network(x, T([0, 100, 500, 999]), T([0, 1, 2, 2]), told)
        F.mse_loss(out, target).backward()
        optimizer.step()
        network.normalize_weights()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", OWN)
def test_no_label_is_the_class_behind_the_last(kind: str) -> None:
    network = awake(make(kind, num_classes=3))
    x, t = noise(2, 1, 8, 8), T([10, 500])
    without = network(x, t)
    assert torch.equal(without, network(x, t, T([3, 3])))
    for label in range(3):
        assert not torch.allclose(without, network(x, t, T([label, label])), atol=1e-3)
    with pytest.raises(ValueError, match="3 labels for 2 images"):
        network(x, t, T([0, 0, 0]))


@pytest.mark.parametrize("kind", OWN)
def test_an_image_sees_its_own_time_and_nothing_of_its_batch(kind: str) -> None:
    network = awake(make(kind, 3, 3, num_classes=2))
    x = noise(1, 3, 8, 8).expand(4, 3, 8, 8)
    t, labels = T([0, 500, 500, 999]), T([0, 1, 2, 0])
    together = network(x, t, labels)
    assert not torch.allclose(together[0], together[3], atol=1e-4)
    for i in range(4):
        alone = network(x[i : i + 1], t[i : i + 1], labels[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", OWN)
def test_dropout_acts_in_training_only(kind: str) -> None:
    x, t = noise(2, 1, 8, 8), T([1, 2])
    dropping = awake(make(kind, dropout=0.5))
    assert torch.equal(dropping(x, t), dropping(x, t))
    dropping.train()
    assert not torch.equal(dropping(x, t), dropping(x, t))


@pytest.mark.parametrize("kind", OWN)
def test_zeros_are_no_augmentation_and_weights_pass_between_both_networks(kind: str) -> None:
    told, plain = awake(make(kind, augment_labels=9)), make(kind).eval()
    x, t = noise(2, 1, 8, 8), T([10, 900])
    assert not torch.allclose(told(x, t, None, noise(2, 9)), told(x, t), atol=1e-3)
    torch.testing.assert_close(told(x, t, None, torch.zeros(2, 9)), told(x, t))
    plain.load_state_dict(told.state_dict())
    torch.testing.assert_close(plain(x, t), told(x, t))
    told.load_state_dict(plain.state_dict())
    torch.testing.assert_close(told(x, t, None, noise(2, 9)), told(x, t))


@pytest.mark.parametrize("kind", OWN)
def test_the_stages_hold_most_weights_once(kind: str) -> None:
    network = make(kind)
    parts = [p for stage in network.stages() for p in stage.parameters()]
    assert len({id(p) for p in parts}) == len(parts)
    assert sum(p.numel() for p in parts) > 0.4 * sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("kind", OWN)
def test_the_outline_shows_maps_from_image_to_image(kind: str) -> None:
    rows = make(kind, 3, 3, (8, 8)).outline((3, 8, 8), torch.device("cpu"))
    shapes = [(row["channels"], row["height"], row["width"]) for row in rows]
    assert shapes[0] == shapes[-1] == (3, 8, 8)
    assert sum(row["kind"] == "block" for row in rows) >= 2
    assert all(height == width for _, height, width in shapes)


def test_settings_of_another_kind_do_not_matter() -> None:
    """A preset's U-Net settings are no obstacle to a transformer, and the other way round."""
    config = Config().network
    for row in (NETWORKS[name] for name in OWN):
        taken = {name: getattr(config, name) for name in row.settings}
        assert row.make(1, 1, (8, 8), **taken)(noise(1, 1, 8, 8), T([3])).shape == (1, 1, 8, 8)


# docs/extending.md: a network is one class and one row; all else asks the network


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
