"""Linear denoiser of stationary images: the baseline that a trained denoiser has to beat."""

from __future__ import annotations

import torch
from torch import Tensor


def linear_denoising_errors(images: Tensor, noise: Tensor, sigma: float) -> Tensor:
    """Return the mean squared errors [N] of the best linear denoiser on `images + sigma * noise`.

    `images`, `noise`: [N, C, H, W]. The denoiser treats images as stationary and periodic: it knows the mean
    color and, at every frequency, the covariance S of the channels [C, C], both taken from `images`. It
    multiplies the Fourier transform by S (S + sigma² I)⁻¹ (Wiener 1949).
    """
    mean = images.mean((0, 2, 3), keepdim=True)
    spectrum = torch.fft.fft2(images - mean, norm="ortho")
    covariance = torch.einsum("nchw,ndhw->hwcd", spectrum, spectrum.conj()) / len(images)
    identity = torch.eye(images.shape[1], dtype=covariance.dtype, device=images.device)
    gain = torch.linalg.solve(covariance + sigma**2 * identity, covariance, left=False)
    noisy = torch.fft.fft2(images - mean + sigma * noise, norm="ortho")
    estimate: Tensor = torch.fft.ifft2(
        torch.einsum("hwcd,ndhw->nchw", gain, noisy), norm="ortho"
    ).real
    return (estimate + mean - images).square().mean((1, 2, 3))
