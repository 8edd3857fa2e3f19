"""The feature network `self`: an encoder trained on the reference images, without labels.

Contrastive learning (SimCLR, Chen et al. 2020, eq. 1): two views of an image attract, all other
images repel. A blurred or noisy copy of each image repels too, so that distances reflect quality.
The trained encoder must pass `ranking_check.py`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor, nn

from ddpm.construction import Construction
from ddpm.errors import RequestError
from ddpm.evaluation.degradations import degrade_batch
from ddpm.evaluation.features import hash_weights
from ddpm.evaluation.protocol import content_hash
from ddpm.evaluation.ranking_check import require_right_order
from ddpm.files import atomic_file

ENCODER_VERSION = 2  # part of the cache file's name; increase it when the training changes
SIDE = 64  # pixels; a longer side is resized to it
WIDTHS = (16, 32, 64, 96)
STEPS = 300
BATCH = 64
TEMPERATURE = 0.2
MIN_IMAGES = 60  # of the reference

Progress = Callable[[int, int], None]  # receives (steps done, total)


def ignore_progress(done: int, total: int) -> None:
    """Do nothing."""


class Encoder(nn.Module):
    """Four strided convolutions. Features are the spatial means of all their channels.

    The first convolution also contributes its RMS before normalization, which noise and blur change.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        pairs = zip((channels, *WIDTHS), WIDTHS, strict=False)
        self.convolutions = nn.ModuleList(nn.Conv2d(*pair, 3, 2, 1) for pair in pairs)
        self.norms = nn.ModuleList(nn.GroupNorm(8, width) for width in WIDTHS)
        features = WIDTHS[0] + sum(WIDTHS)
        self.project = nn.Sequential(nn.Linear(features, 96), nn.ReLU(), nn.Linear(96, 64))

    def forward(self, x: Tensor) -> Tensor:
        """Map images [N, C, H, W] in [0, 1] to features [N, 224]."""
        features: list[Tensor] = []
        x = 2 * x - 1
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = convolution(x)
            if not features:
                features.append((x.square().mean(dim=(2, 3)) + 1e-6).sqrt())
            x = F.silu(norm(x))
            features.append(x.mean(dim=(2, 3)))
        return torch.cat(features, dim=1)


class SelfFeatures:
    """The feature network: 224 features of images with as many channels as the reference."""

    resize = "longer side to 64 where it is more (antialiased bilinear)"

    def __init__(self, encoder: Encoder, channels: int) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.channels = channels
        self.weights_hash = hash_weights(encoder)
        # the hash is part of the name: encoders of different images are not comparable
        self.name = f"self-{self.weights_hash[:6]}"

    def features(self, images: Tensor) -> Tensor:
        """Map images uint8 [N, C, H, W] to features float32 [N, 224]."""
        if images.shape[1] != self.channels:
            raise RequestError(
                f"The self-trained encoder takes images of {self.channels} channels, not "
                f"{images.shape[1]}; use a reference with as many channels."
            )
        features: Tensor = self.encoder(preprocess(images))
        return features


def load_self(
    reference: Tensor, cache: Path | None = None, progress: Progress = ignore_progress
) -> SelfFeatures:
    """Load the encoder of reference images uint8 [M, C, H, W] from the folder `cache`, or train it.

    Training takes up to a minute on two cores and depends on the images only. `progress` receives
    the training steps. RequestError for fewer than 60 images, or if the encoder fails its check.
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
        with atomic_file(file) as temporary:
            save_file(network.encoder.state_dict(), temporary)
    return network


def _file_name(reference: Tensor) -> str:
    return f"encoder-self-{ENCODER_VERSION}-{content_hash(reference)}.safetensors"


def _read(file: Path, channels: int) -> Encoder | None:
    encoder = _untrained(channels)
    with contextlib.suppress(OSError, SafetensorError, RuntimeError):
        encoder.load_state_dict(load(file.read_bytes()))
        return encoder
    return None


def _untrained(channels: int) -> Encoder:
    """Return an encoder with its initial weights, always the same ones."""
    with Construction(torch.Generator().manual_seed(0)):
        return Encoder(channels)


def train_encoder(
    reference: Tensor, steps: int = STEPS, progress: Progress = ignore_progress
) -> Encoder:
    """Train an encoder for `steps` batches of 64 (AdamW, cosine learning rate). Deterministic."""
    generator = torch.Generator().manual_seed(0)
    encoder = _untrained(reference.shape[1])
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        chosen = torch.randint(len(reference), (BATCH,), generator=generator, device="cpu")
        loss = contrastive_loss(encoder, preprocess(reference[chosen]), generator)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        progress(step + 1, steps)
    return encoder


def contrastive_loss(encoder: Encoder, x: Tensor, generator: torch.Generator) -> Tensor:
    """Return the NT-Xent loss of SimCLR eq. 1, with degraded copies as further negatives.

    x: [B, C, H, W] in [0, 1]. Similarities are cosines divided by a temperature.
    """
    views = [
        random_view(x, generator),
        random_view(x, generator),
        degrade_batch(random_view(x, generator), generator),
    ]
    z = F.normalize(encoder.project(encoder(torch.cat(views))), dim=1)  # [3B, 64]
    count = len(x)
    similarity = z[: 2 * count] @ z.T / TEMPERATURE  # [2B, 3B]
    same_view = torch.eye(2 * count, 3 * count, dtype=torch.bool, device="cpu")
    partner = torch.arange(2 * count, device="cpu").roll(count)
    return F.cross_entropy(similarity.masked_fill(same_view, -math.inf), partner)


def random_view(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return a random view of each image [B, C, H, W]: shifted by up to 1/8, brightness ±1/10.

    Shifts are whole pixels, because resampled views would teach that blur does not matter.
    """
    n, channels, height, width = x.shape

    def shifted_positions(side: int) -> Tensor:
        limit = side // 8
        shift = torch.randint(-limit, limit + 1, (n, 1), generator=generator, device="cpu")
        return (torch.arange(side, device="cpu") - shift).clamp(0, side - 1)  # [B, side]

    def uniform(limit: float) -> Tensor:
        return (
            torch.rand(n, 1, 1, 1, generator=generator, dtype=torch.float32, device="cpu") * 2 - 1
        ) * limit

    rows = shifted_positions(height)[:, None, :, None]
    columns = shifted_positions(width)[:, None, None, :]
    image, channel = (
        torch.arange(n, device="cpu")[:, None, None, None],
        torch.arange(channels, device="cpu")[:, None, None],
    )
    moved = x[image, channel, rows, columns]
    return (moved * (1 + uniform(0.1)) + uniform(0.05)).clamp(0, 1)


def preprocess(images: Tensor) -> Tensor:
    """Map images uint8 [N, C, H, W] to [0, 1] and resize a longer side above 64 to 64."""
    x = images.float() / 255
    longest = max(x.shape[2:])
    if longest <= SIDE:
        return x
    size = [max(1, round(side * SIDE / longest)) for side in x.shape[2:]]
    return F.interpolate(x, size, mode="bilinear", antialias=True)
