"""The feature network `self`: an encoder trained on the reference images, without labels.

Contrastive learning (SimCLR, Chen et al. 2020, eq. 1): two views of an image attract, all other
images repel. A blurred or noisy copy of each image repels as well, so that distances see quality.
Before it is offered it must rank known damage rightly (`self_check.py`).
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ddpm.errors import RequestError
from ddpm.evaluation.features import hash_weights
from ddpm.evaluation.protocol import content_hash
from ddpm.evaluation.self_check import damage, require_right_order
from ddpm.files import replacing

SIDE = 32  # pixels of the longer side that the encoder sees at most
STEPS = 200
BATCH = 64
TEMPERATURE = 0.2
FEWEST = 100  # reference images


class Encoder(nn.Module):
    """Three strided convolutions; the means over the last two maps are the features."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(_convolution(channels, 32), _convolution(32, 64))
        self.second = _convolution(64, 96)
        self.project = nn.Sequential(nn.Linear(160, 96), nn.ReLU(), nn.Linear(96, 64))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] in [0, 1] to features [N, 160]."""
        middle = self.first(2 * x - 1)
        last = self.second(middle)
        return torch.cat([middle.mean(dim=(2, 3)), last.mean(dim=(2, 3))], dim=1)


def _convolution(inputs: int, outputs: int) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
    return nn.Sequential(convolution, nn.GroupNorm(8, outputs), nn.SiLU())


class SelfFeatures:
    """160 features of uint8 images [N, C, H, W] with the reference's number of channels."""

    resize = "longer side to 32 where it is more (antialiased bilinear)"

    def __init__(self, encoder: Encoder, channels: int) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.channels = channels
        self.weights_hash = hash_weights(encoder)
        self.name = f"self-{self.weights_hash[:6]}"  # encoders of other images measure otherwise

    def features(self, images: Tensor) -> Tensor:
        """uint8 [N, C, H, W] to float32 [N, 160]."""
        if images.shape[1] != self.channels:
            raise RequestError(
                f"The self-trained encoder has seen images of {self.channels} channels, not "
                f"{images.shape[1]}; use a reference of the same channels."
            )
        features: Tensor = self.encoder(prepare(images))
        return features


def load_self(reference: Tensor, cache: Path | None = None) -> SelfFeatures:
    """The encoder of these uint8 images [M, C, H, W]: from the folder `cache`, else trained now.

    Training takes about a minute on two cores and depends on the images alone. RequestError where
    there are fewer than 100, or where the encoder fails its check.
    """
    if len(reference) < FEWEST:
        raise RequestError(
            f"The self-trained encoder needs at least {FEWEST} reference images, not "
            f"{len(reference)}; give more images, or another feature network."
        )
    channels = reference.shape[1]
    file = None if cache is None else cache / f"encoder-self-{content_hash(reference)}.safetensors"
    encoder = None if file is None else _read(file, channels)
    if encoder is not None:
        return SelfFeatures(encoder, channels)
    network = SelfFeatures(train(reference), channels)
    require_right_order(reference, network)
    if file is not None:
        with replacing(file) as temporary:
            save_file(network.encoder.state_dict(), temporary)
    return network


def _read(file: Path, channels: int) -> Encoder | None:
    encoder = Encoder(channels)
    with contextlib.suppress(OSError, SafetensorError, RuntimeError):
        encoder.load_state_dict(load_file(file))
        return encoder
    return None


def train(reference: Tensor, steps: int = STEPS) -> Encoder:
    """`steps` batches of 64, Adam with a cosine learning rate; the same for the same images."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = Encoder(reference.shape[1])
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        chosen = torch.randint(len(reference), (BATCH,), generator=generator)
        value = contrastive_loss(encoder, prepare(reference[chosen]), generator)
        optimizer.zero_grad()
        torch.autograd.backward(value)
        optimizer.step()
        schedule.step()
    return encoder


def contrastive_loss(encoder: Encoder, x: Tensor, generator: torch.Generator) -> Tensor:
    """-log of the share of an image's other view among all other views and damaged copies.

    x: [B, C, H, W] in [0, 1]. Similarities are cosines over a temperature.
    """
    views = [view(x, generator), view(x, generator), damage(view(x, generator), generator)]
    z = F.normalize(encoder.project(encoder(torch.cat(views))), dim=1)  # [3B, 64]
    count = len(x)
    similarity = z[: 2 * count] @ z.T / TEMPERATURE  # [2B, 3B]
    itself = torch.eye(2 * count, 3 * count, dtype=torch.bool)
    partner = torch.arange(2 * count).roll(count)
    return F.cross_entropy(similarity.masked_fill(itself, -math.inf), partner)


def view(x: Tensor, generator: torch.Generator) -> Tensor:
    """A random view of each image [B, C, H, W]: scale 0.85-1.2, shift 1/8, brightness 1/10."""
    n = len(x)

    def uniform(limit: float, *shape: int) -> Tensor:
        return (torch.rand(n, *shape, generator=generator) * 2 - 1) * limit

    matrix = torch.zeros(n, 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = torch.exp(uniform(0.17))
    matrix[:, :, 2] = uniform(0.25, 2)  # half the side is 1
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, mode="bicubic", padding_mode="border", align_corners=False)
    gain = 1 + uniform(0.1, 1, 1, 1)
    return (moved * gain + uniform(0.05, 1, 1, 1)).clamp(0, 1)


def prepare(images: Tensor) -> Tensor:
    """uint8 [N, C, H, W] to float in [0, 1], the longer side at most 32."""
    x = images.float() / 255
    longest = max(x.shape[2:])
    if longest <= SIDE:
        return x
    size = [max(1, round(side * SIDE / longest)) for side in x.shape[2:]]
    return F.interpolate(x, size, mode="bilinear", antialias=True)
