"""Suitability of a trained denoiser for other images, measured by denoising a few of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.data.pixels import to_model
from ddpm.diffusion.linear_denoiser import linear_denoising_errors
from ddpm.models.base import DiffusionModel
from ddpm.randomness import generator_for

NOISE_RATIOS = (0.5, 1.0, 2.0, 4.0)  # of the noise to the image, in x_t
LAYOUT_RATIOS = 3  # so many of them, the noisiest, hide everything but the arrangement of the parts
MAX_IMAGES, MIN_IMAGES = 64, 8  # fewer images say little
MIN_Z = 3.0  # standard errors; by chance once in 700 measurements
MIN_TURNED_RATIO = 1.1  # anime faces 1.28, avatars in other styles up to 1.06
_CHUNK = 16  # images denoised together


@dataclass(frozen=True)
class Suitability:
    """Errors of a denoiser on images that it was not trained on, each a ratio of geometric means."""

    error_ratio: float  # its mean squared error, relative to that of the best linear denoiser
    turned_ratio: (
        float  # its error on the images turned upside down, relative to the images as they are
    )
    z: float  # the logarithm of `turned_ratio`, in standard errors

    @property
    def knows_layout(self) -> bool:
        """Whether the denoiser knows what the images show: it needs them the right way up."""
        return self.z >= MIN_Z and self.turned_ratio >= MIN_TURNED_RATIO

    def is_suitable(self, max_error_ratio: float) -> bool:
        """Return whether training on the images should start from the weights of the denoiser.

        Its errors are at most `max_error_ratio` of those of a linear denoiser, and clearly higher on images
        that are upside down: low errors alone did not make better samples (docs/planning.md).
        """
        return self.error_ratio <= max_error_ratio and self.knows_layout


def measure_suitability(model: DiffusionModel, images: NDArray[np.uint8]) -> Suitability:
    """Return how well the averaged weights of `model` denoise `images`, uint8 [N, C, H, W].

    At most `MAX_IMAGES`, evenly spaced, are denoised, each at `NOISE_RATIOS`. The noise is the same in every
    call. The images must have the shape of the model.
    """
    rows = np.linspace(0, len(images) - 1, min(len(images), MAX_IMAGES)).round().astype(np.int64)
    upright = to_model(torch.from_numpy(np.array(images[rows])))
    generator = generator_for("suitability")
    noise = torch.randn(upright.shape, generator=generator, dtype=torch.float32, device="cpu")
    errors = _log_errors(model, upright, noise)
    turned = _log_errors(model, upright.flip(2), noise)
    linear = [linear_denoising_errors(upright, noise, ratio).log() for ratio in NOISE_RATIOS]
    differences = (turned - errors)[:, -LAYOUT_RATIOS:].mean(1)  # [N]
    mean, deviation = float(differences.mean()), float(differences.std())
    return Suitability(
        error_ratio=math.exp(float((errors - torch.stack(linear, 1)).mean())),
        turned_ratio=math.exp(mean),
        z=mean / deviation * math.sqrt(len(differences)) if deviation > 0 else 0.0,
    )


@torch.no_grad()
def _log_errors(model: DiffusionModel, images: Tensor, noise: Tensor) -> Tensor:
    """Return the logarithms of the mean squared errors [N, levels] of the predicted images."""
    denoise = model.denoiser(None, SamplingConfig())  # neither guided nor labeled
    schedule, columns = model.schedule, []
    log_ratios = (schedule.sigma / schedule.signal).log()
    for ratio in NOISE_RATIOS:
        index = int((log_ratios - math.log(ratio)).abs().argmin())
        signal, sigma = float(schedule.signal[index]), float(schedule.sigma[index])
        parts = []
        for start in range(0, len(images), _CHUNK):
            clean = images[start : start + _CHUNK]
            x = (signal * clean + sigma * noise[start : start + _CHUNK]).to(model.device)
            t = torch.full((len(x),), index, device=model.device)
            parts.append(denoise(x, t).x0.cpu() - clean)
        columns.append(torch.cat(parts).square().mean((1, 2, 3)).clamp(min=1e-12).log())
    return torch.stack(columns, 1)
