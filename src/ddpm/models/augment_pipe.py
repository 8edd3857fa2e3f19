"""Non-leaking augmentation: the network receives the transforms of each image as labels.

Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", appendix F.2:
geometric transforms with random amounts, each applied with a fixed probability, and nine numbers that
describe them to the network. Nine zeros mean no transform; samples are made with zeros.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ddpm.data.transfer import to_device

TRANSFORMS = ("x-flip", "y-flip", "scale", "rotate", "stretch", "translate")
AUGMENT_LABELS = 9  # numbers that describe an image's transforms
SCALE = STRETCH = 2**0.2  # A_scale, A_aniso: the factor at one standard deviation
SHIFT = 1 / 8  # A_trans: the fraction of the side at one standard deviation


class Amounts(NamedTuple):
    """The amounts of each transform, float32 [N] each; the paper's a0 … a7. 0 is none."""

    x_flip: Tensor  # a0: 1 mirrors left-right
    y_flip: Tensor  # a1: 1 mirrors top-bottom
    scale: Tensor  # a2: the factor is SCALE^a2
    angle: Tensor  # a3: radians
    axis: Tensor  # a4: radians, the direction of the stretch
    stretch: Tensor  # a5: STRETCH^a5 along the axis, its inverse across
    shift_right: Tensor  # a6: in units of SHIFT widths
    shift_down: Tensor  # a7: in units of SHIFT heights


@dataclass(frozen=True)
class AugmentPipe:
    """Geometric `transforms`, each applied to an image with `probability`.

    Flips suit images that keep their meaning when mirrored. Half of the images get an x-flip whatever
    `probability` is (above 0), as in the paper's table. Unlike in the paper, images are resampled once by
    bicubic interpolation, without wavelet filters at twice the resolution. Shrinking (by 1.15 at one
    standard deviation) aliases slightly; the labels keep this out of the samples.
    """

    probability: float
    transforms: tuple[str, ...]

    def __call__(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return transformed images, and their augment_labels [N, 9], for images [N, C, H, W] in [-1, 1].

        `generator` is on the CPU, so that every device gets the same transforms. Images whose labels are
        all zero are returned unchanged.
        """
        amounts = draw_amounts(len(images), self.probability, self.transforms, generator)
        labels = to_device(augment_labels(amounts), images.device)
        transformed = transform_images(images, amounts)
        is_changed = labels.any(dim=1)[:, None, None, None]
        return torch.where(is_changed, transformed, images), labels


def draw_amounts(
    count: int, probability: float, transforms: Collection[str], generator: torch.Generator
) -> Amounts:
    """Draw the amounts of the paper's table for `count` images."""
    is_applied = (
        torch.rand(count, len(TRANSFORMS), generator=generator, dtype=torch.float32, device="cpu")
        < probability
    )
    uniform = torch.rand(count, 4, generator=generator, dtype=torch.float32, device="cpu")
    normal = torch.randn(count, 4, generator=generator, dtype=torch.float32, device="cpu")
    active = {
        name: is_applied[:, i].float()
        if name in transforms
        else torch.zeros(count, dtype=torch.float32, device="cpu")
        for i, name in enumerate(TRANSFORMS)
    }
    can_flip = float(probability > 0 and "x-flip" in transforms)
    return Amounts(
        x_flip=can_flip * (uniform[:, 0] < 0.5),
        y_flip=active["y-flip"] * (uniform[:, 1] < 0.5),
        scale=active["scale"] * normal[:, 0],
        angle=active["rotate"] * math.pi * (2 * uniform[:, 2] - 1),
        axis=active["stretch"] * math.pi * (2 * uniform[:, 3] - 1),
        stretch=active["stretch"] * normal[:, 1],
        shift_right=active["translate"] * normal[:, 2],
        shift_down=active["translate"] * normal[:, 3],
    )


def augment_labels(amounts: Amounts) -> Tensor:
    """Return the labels of the amounts [N, 9]: smooth in every amount, zero for no transform."""
    a = amounts
    rotation = [a.angle.cos() - 1, a.angle.sin()]
    stretch = [a.stretch * a.axis.cos(), a.stretch * a.axis.sin()]
    columns = [a.x_flip, a.y_flip, a.scale, *rotation, *stretch, a.shift_right, a.shift_down]
    return torch.stack(columns, dim=1)


def transform_images(images: Tensor, amounts: Amounts) -> Tensor:
    """Flip, scale, rotate, stretch and translate images [N, C, H, W] in [-1, 1] about their centers.

    Uses bicubic interpolation. Pixels outside the image are filled by reflection at its edges.
    """
    theta = to_device(sampling_matrices(amounts, images.shape[2], images.shape[3]), images.device)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    transformed = F.grid_sample(
        images, grid, mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return transformed.clamp(-1, 1)


def sampling_matrices(amounts: Amounts, height: int, width: int) -> Tensor:
    """Return the affine matrices [N, 2, 3] from output points to input points, in affine_grid's [-1, 1].

    The transform maps an input point p to A R S M p + t (mirror, scale, rotate, stretch, translate), so the
    output point q shows the input point M S⁻¹ R⁻¹ A⁻¹ (q - t).
    """
    a = amounts
    mirror = _diagonal(1 - 2 * a.x_flip, 1 - 2 * a.y_flip)
    shrink = (SCALE**-a.scale)[:, None, None]
    scaling = _diagonal(STRETCH**-a.stretch, STRETCH**a.stretch)
    stretch = _rotation(a.axis) @ scaling @ _rotation(-a.axis)
    linear = mirror @ _rotation(-a.angle) @ stretch * shrink  # in pixels
    sides = torch.tensor([width, height], dtype=linear.dtype, device="cpu")
    linear = linear * sides / sides[:, None]
    offset = linear @ (2 * SHIFT * torch.stack([a.shift_right, a.shift_down], dim=1))[:, :, None]
    return torch.cat([linear, -offset], dim=2)


def _rotation(angle: Tensor) -> Tensor:
    """Return rotation matrices [N, 2, 2]."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)


def _diagonal(x: Tensor, y: Tensor) -> Tensor:
    return torch.diag_embed(torch.stack([x, y], dim=1))
