"""Small images and a small feature network, so that every test of meaning takes milliseconds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ddpm.evaluation.features import hash_weights


class Projection(nn.Module):
    """A fixed random layer on pixels averaged to 8x8; torchmetrics takes it as its own extractor."""

    num_features = 12

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("weight", torch.randn(64, self.num_features, generator=generator) / 8)

    def forward(self, images: Tensor) -> Tensor:
        x = nn.functional.adaptive_avg_pool2d(images.double().mean(dim=1, keepdim=True), 8)
        return (x.flatten(1) / 64) @ self.weight.double()


class ProjectionFeatures:
    """A feature network of `Projection`."""

    name = "projection"
    resize = "8x8 by averages"

    def __init__(self, seed: int = 0) -> None:
        self.module = Projection(seed)
        self.weights_hash = hash_weights(self.module)
        self.seen: list[int] = []

    def features(self, images: Tensor) -> Tensor:
        self.seen.append(len(images))
        return self.module(images).float()


class ProjectionClassifier(ProjectionFeatures):
    """A feature network of `Projection` with four classes."""

    def classify(self, features: Tensor) -> Tensor:
        return (3 * features[:, :4]).softmax(dim=1)


def blobs(count: int, seed: int = 0, side: int = 16, channels: int = 1) -> Tensor:
    """Bright squares at random places on a dim wave: uint8 [count, channels, side, side]."""
    generator = torch.Generator().manual_seed(seed)
    at = torch.rand(count, 2, generator=generator) * (side - 6)
    size = 3 + 3 * torch.rand(count, 1, generator=generator)
    places = torch.arange(side).float()
    inside = [
        ((places - at[:, i : i + 1]) * (at[:, i : i + 1] + size - places) > 0).float()
        for i in (0, 1)
    ]
    squares = inside[0][:, :, None] * inside[1][:, None, :]
    noise = torch.rand(count, channels, side, side, generator=generator)
    return (squares[:, None] * 180 + noise * 60).byte()


@pytest.fixture
def make_images():
    return blobs


@pytest.fixture
def network() -> ProjectionFeatures:
    return ProjectionFeatures()


@pytest.fixture
def classifier() -> ProjectionClassifier:
    return ProjectionClassifier()


@pytest.fixture
def make_network():
    return ProjectionFeatures
