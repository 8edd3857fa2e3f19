"""Augmentation that does not leak into what is drawn: the network is told how each image was transformed.

Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", appendix F.2:
transforms of the plane with random amounts, each applied with a fixed probability, and nine numbers that
tell the network which. Untransformed means nine zeros, and drawing asks with zeros.
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
AUGMENT_LABELS = 9  # numbers that tell the network of a transform
SCALE = STRETCH = 2**0.2  # A_scale, A_aniso: the factor at one standard deviation
SHIFT = 1 / 8  # A_trans: the share of the side at one standard deviation


class Amounts(NamedTuple):
    """How much of each transform every image gets, float32 [N] each; the paper's a0 … a7. 0 is none."""

    x_flip: Tensor  # a0: 1 mirrors left-right
    y_flip: Tensor  # a1: 1 mirrors top-bottom
    scale: Tensor  # a2: the factor is SCALE^a2
    angle: Tensor  # a3: radians
    axis: Tensor  # a4: radians, the direction of the stretch
    stretch: Tensor  # a5: STRETCH^a5 along the axis, its inverse across
    right: Tensor  # a6: in units of SHIFT widths
    down: Tensor  # a7: in units of SHIFT heights


@dataclass(frozen=True)
class AugmentPipe:
    """`transforms` of the plane, each applied to an image with probability `chance`.

    The mirrors are for images that stay what they are; every image may get an x-flip, which then happens
    to half of them, as in the paper's table. Simplified against the paper: an image is resampled once by
    bicubic interpolation, without the wavelet filters of twice the resolution around it. Where a transform
    shrinks, by a factor of 1.15 at one standard deviation, that aliases a little; as the network is told,
    it does not learn to draw so.
    """

    chance: float
    transforms: tuple[str, ...]

    def __call__(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """float [N, C, H, W] in [-1, 1] → views of them and what the network is told, [N, 9].

        `generator` is one of the CPU, so that every device sees the same transforms. Images of which
        nothing is told come back as they are.
        """
        amounts = draw_amounts(len(images), self.chance, self.transforms, generator)
        told = to_device(telling(amounts), images.device)
        views = transformed(images, amounts)
        touched = told.any(dim=1)[:, None, None, None]
        return torch.where(touched, views, images), told


def draw_amounts(
    count: int, chance: float, transforms: Collection[str], generator: torch.Generator
) -> Amounts:
    """The paper's table: what is drawn for `count` images. Each row of numbers is one image's."""
    happens = torch.rand(count, len(TRANSFORMS), generator=generator) < chance
    uniform = torch.rand(count, 4, generator=generator)
    normal = torch.randn(count, 4, generator=generator)
    on = {
        name: happens[:, i].float() if name in transforms else torch.zeros(count)
        for i, name in enumerate(TRANSFORMS)
    }
    always = float(chance > 0 and "x-flip" in transforms)
    return Amounts(
        x_flip=always * (uniform[:, 0] < 0.5),
        y_flip=on["y-flip"] * (uniform[:, 1] < 0.5),
        scale=on["scale"] * normal[:, 0],
        angle=on["rotate"] * math.pi * (2 * uniform[:, 2] - 1),
        axis=on["stretch"] * math.pi * (2 * uniform[:, 3] - 1),
        stretch=on["stretch"] * normal[:, 1],
        right=on["translate"] * normal[:, 2],
        down=on["translate"] * normal[:, 3],
    )


def telling(amounts: Amounts) -> Tensor:
    """What the network is told, [N, 9]: smooth in every amount, zero where nothing happens."""
    a = amounts
    turned = [a.angle.cos() - 1, a.angle.sin()]
    stretched = [a.stretch * a.axis.cos(), a.stretch * a.axis.sin()]
    columns = [a.x_flip, a.y_flip, a.scale, *turned, *stretched, a.right, a.down]
    return torch.stack(columns, dim=1)


def transformed(images: Tensor, amounts: Amounts) -> Tensor:
    """float [N, C, H, W] in [-1, 1], flipped, scaled, turned, stretched and moved about its middle.

    Bicubic; what comes in from outside is the image reflected at its edges.
    """
    theta = to_device(backward(amounts, images.shape[2], images.shape[3]), images.device)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    views = F.grid_sample(
        images, grid, mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return views.clamp(-1, 1)


def backward(amounts: Amounts, height: int, width: int) -> Tensor:
    """[N, 2, 3]: from a place in the view to its place in the image, in affine_grid's [-1, 1].

    The image's point p goes to A R S M p + t (mirror, scale, turn, stretch, move); so a view's point q
    shows M S⁻¹ R⁻¹ A⁻¹ (q - t).
    """
    a = amounts
    mirror = _diagonal(1 - 2 * a.x_flip, 1 - 2 * a.y_flip)
    shrink = (SCALE**-a.scale)[:, None, None]
    along = _diagonal(STRETCH**-a.stretch, STRETCH**a.stretch)
    stretch = _turn(a.axis) @ along @ _turn(-a.axis)
    linear = mirror @ _turn(-a.angle) @ stretch * shrink  # in pixels
    sides = torch.tensor([width, height], dtype=linear.dtype)
    linear = linear * sides / sides[:, None]
    moved = linear @ (2 * SHIFT * torch.stack([a.right, a.down], dim=1))[:, :, None]
    return torch.cat([linear, -moved], dim=2)


def _turn(angle: Tensor) -> Tensor:
    """Rotations [N, 2, 2]."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)


def _diagonal(x: Tensor, y: Tensor) -> Tensor:
    return torch.diag_embed(torch.stack([x, y], dim=1))
