"""Known damage, and the test that a feature network ranks it rightly on one reference."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.features import FeatureNetwork, extract_features
from ddpm.evaluation.fid import frechet_distance_to
from ddpm.evaluation.statistics import statistics

MOST = 1000  # images on each side of the check


def blur(x: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of `sigma` pixels, edges repeated; float [N, C, H, W]."""
    reach = min(math.ceil(3 * sigma), min(x.shape[2:]) - 1)
    at = torch.arange(-reach, reach + 1, dtype=x.dtype)
    weight = torch.exp(-at.square() / (2 * sigma**2))
    weight = (weight / weight.sum()).expand(x.shape[1], 1, -1)
    padded = F.pad(x, [reach] * 4, mode="replicate")
    rows = F.conv2d(padded, weight[:, :, :, None], groups=x.shape[1])
    return F.conv2d(rows, weight[:, :, None, :], groups=x.shape[1])


def noise(x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Gaussian noise of deviation `sigma`, clipped; float [N, C, H, W] in [0, 1]."""
    return (x + sigma * torch.randn(x.shape, generator=generator)).clamp(0, 1)


def damage(x: Tensor, generator: torch.Generator) -> Tensor:
    """The first half of a batch blurred, the other half noisy; float [N, C, H, W] in [0, 1]."""
    strength = torch.rand(1, generator=generator).item()
    half = len(x) // 2
    worse = noise(x[half:], 0.05 + 0.15 * strength, generator)
    return torch.cat([blur(x[:half], 0.5 + 1.5 * strength), worse])


def damaged_sets(images: Tensor) -> dict[str, list[Tensor]]:
    """uint8 images damaged in four ways, each mildly and then strongly."""
    generator = torch.Generator().manual_seed(0)
    x = images.float() / 255
    count = len(images)
    order = _principal(x).argsort()
    few = torch.arange(count)
    return {
        "blur": [_bytes(blur(x, sigma)) for sigma in (0.8, 1.6)],
        "noise": [_bytes(noise(x, sigma, generator)) for sigma in (0.1, 0.25)],
        "collapse": [images[few % kinds] for kinds in (max(4, count // 20), 2)],
        "imbalance": [images[order[few % kept]] for kept in (count // 2, count // 5)],
    }


def require_right_order(reference: Tensor, network: FeatureNetwork) -> None:
    """RequestError unless, of each damage, floor < mild < strong by Fréchet distance.

    One half of the images is the reference, the other is damaged; undamaged it gives the floor.
    """
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(reference), generator=generator)
    half = min(MOST, len(reference) // 2)
    distance = frechet_distance_to(statistics(extract_features(reference[order[:half]], network)))
    other = reference[order[half : 2 * half]]

    def score(images: Tensor) -> float:
        return distance(statistics(extract_features(images, network)))

    floor = score(other)
    for name, (mild, strong) in damaged_sets(other).items():
        if not floor < score(mild) < score(strong):
            raise RequestError(
                f"The feature network {network.name} does not see {name} on these images; "
                "give more reference images, or another feature network."
            )


def _principal(x: Tensor) -> Tensor:
    """Each image's coordinate along the direction in which the images differ most, [N]."""
    vectors = F.adaptive_avg_pool2d(x, 8).flatten(1)
    centered = vectors - vectors.mean(dim=0)
    direction = torch.linalg.eigh(centered.T @ centered).eigenvectors[:, -1]
    coordinate: Tensor = centered @ direction
    return coordinate


def _bytes(x: Tensor) -> Tensor:
    return (x * 255).round().clamp(0, 255).byte()
