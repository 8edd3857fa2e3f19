"""The feature network `self`: an encoder trained on the reference images, without labels.

Contrastive learning (SimCLR, Chen et al. 2020, eq. 1): two views of an image attract, all other
images repel. A blurred or noisy copy of each image repels as well, so that distances see quality.
Before it is offered it must rank known damage rightly (`self_check.py`).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
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

ENCODER_VERSION = 2  # part of the cached encoder's name: count up when its training changes
SIDE = 64  # pixels of the longer side that the encoder sees at most
WIDTHS = (16, 32, 64, 96)
STEPS = 300
BATCH = 64
TEMPERATURE = 0.2
MIN_IMAGES = 60  # reference images

Progress = Callable[[int, int], None]  # (done, total)


def ignore_progress(done: int, total: int) -> None:
    """The progress of which nobody is told."""


class Encoder(nn.Module):
    """Four strided convolutions; what each map holds on average is a feature.

    Of the first one also the energy, before its norm takes it away: noise and blur show there.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        pairs = zip((channels, *WIDTHS), WIDTHS, strict=False)
        self.convolutions = nn.ModuleList(nn.Conv2d(*pair, 3, 2, 1) for pair in pairs)
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for width in WIDTHS)
        features = WIDTHS[0] + sum(WIDTHS)
        self.project = nn.Sequential(nn.Linear(features, 96), nn.ReLU(), nn.Linear(96, 64))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] in [0, 1] to features [N, 224]."""
        found: list[Tensor] = []
        x = 2 * x - 1
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = convolution(x)
            if not found:
                found.append((x.square().mean(dim=(2, 3)) + 1e-6).sqrt())
            x = F.silu(norm(x))
            found.append(x.mean(dim=(2, 3)))
        return torch.cat(found, dim=1)


class SelfFeatures:
    """224 features of uint8 images [N, C, H, W] with the reference's number of channels."""

    resize = "longer side to 64 where it is more (antialiased bilinear)"

    def __init__(self, encoder: Encoder, channels: int) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.channels = channels
        self.weights_hash = hash_weights(encoder)
        self.name = f"self-{self.weights_hash[:6]}"  # encoders of other images measure otherwise

    def features(self, images: Tensor) -> Tensor:
        """uint8 [N, C, H, W] to float32 [N, 224]."""
        if images.shape[1] != self.channels:
            raise RequestError(
                f"The self-trained encoder has seen images of {self.channels} channels, not "
                f"{images.shape[1]}; use a reference of the same channels."
            )
        features: Tensor = self.encoder(preprocess(images))
        return features


def load_self(
    reference: Tensor, cache: Path | None = None, progress: Progress = ignore_progress
) -> SelfFeatures:
    """The encoder of these uint8 images [M, C, H, W]: from the folder `cache`, else trained now.

    Training takes up to a minute on two cores and depends on the images alone. RequestError where
    there are fewer than 60, or where the encoder fails its check. `progress(done, total)`: steps.
    """
    if len(reference) < MIN_IMAGES:
        raise RequestError(
            f"The self-trained encoder needs at least {MIN_IMAGES} reference images, not "
            f"{len(reference)}; give more images, or another feature network."
        )
    channels = reference.shape[1]
    file = None if cache is None else cache / _file_name(reference)
    encoder = None if file is None else _read(file, channels)
    if encoder is not None:
        return SelfFeatures(encoder, channels)
    network = SelfFeatures(train_encoder(reference, progress=progress), channels)
    require_right_order(reference, network)
    if file is not None:
        with replacing(file) as temporary:
            save_file(network.encoder.state_dict(), temporary)
    return network


def _file_name(reference: Tensor) -> str:
    return f"encoder-self-{ENCODER_VERSION}-{content_hash(reference)}.safetensors"


def _read(file: Path, channels: int) -> Encoder | None:
    encoder = Encoder(channels)
    with contextlib.suppress(OSError, SafetensorError, RuntimeError):
        encoder.load_state_dict(load_file(file))
        return encoder
    return None


def train_encoder(
    reference: Tensor, steps: int = STEPS, progress: Progress = ignore_progress
) -> Encoder:
    """`steps` batches of 64, Adam with a cosine learning rate; the same for the same images."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = Encoder(reference.shape[1])
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        chosen = torch.randint(len(reference), (BATCH,), generator=generator)
        value = contrastive_loss(encoder, preprocess(reference[chosen]), generator)
        optimizer.zero_grad()
        torch.autograd.backward(value)
        optimizer.step()
        schedule.step()
        progress(step + 1, steps)
    return encoder


def contrastive_loss(encoder: Encoder, x: Tensor, generator: torch.Generator) -> Tensor:
    """-log of the share of an image's other view among all other views and damaged copies.

    x: [B, C, H, W] in [0, 1]. Similarities are cosines over a temperature.
    """
    views = [
        random_view(x, generator),
        random_view(x, generator),
        damage(random_view(x, generator), generator),
    ]
    z = F.normalize(encoder.project(encoder(torch.cat(views))), dim=1)  # [3B, 64]
    count = len(x)
    similarity = z[: 2 * count] @ z.T / TEMPERATURE  # [2B, 3B]
    itself = torch.eye(2 * count, 3 * count, dtype=torch.bool)
    partner = torch.arange(2 * count).roll(count)
    return F.cross_entropy(similarity.masked_fill(itself, -math.inf), partner)


def random_view(x: Tensor, generator: torch.Generator) -> Tensor:
    """A random view of each image [B, C, H, W]: moved by up to 1/8, edges repeated; brightness ±1/10.

    By whole pixels: a view that was resampled would teach that blur does not matter.
    """
    n, channels, height, width = x.shape

    def places(side: int) -> Tensor:
        most = side // 8
        by = torch.randint(-most, most + 1, (n, 1), generator=generator)
        return (torch.arange(side) - by).clamp(0, side - 1)  # [B, side]

    def uniform(limit: float) -> Tensor:
        return (torch.rand(n, 1, 1, 1, generator=generator) * 2 - 1) * limit

    rows, columns = places(height)[:, None, :, None], places(width)[:, None, None, :]
    image, channel = torch.arange(n)[:, None, None, None], torch.arange(channels)[:, None, None]
    moved = x[image, channel, rows, columns]
    return (moved * (1 + uniform(0.1)) + uniform(0.05)).clamp(0, 1)


def preprocess(images: Tensor) -> Tensor:
    """uint8 [N, C, H, W] to float in [0, 1], the longer side at most 64."""
    x = images.float() / 255
    longest = max(x.shape[2:])
    if longest <= SIDE:
        return x
    size = [max(1, round(side * SIDE / longest)) for side in x.shape[2:]]
    return F.interpolate(x, size, mode="bilinear", antialias=True)
