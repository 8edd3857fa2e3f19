"""The U-Net of the course's sample notebook: 28x28 gray images, LayerNorm over whole feature maps.

Three resolutions (28, 14, 7), a bottleneck of 3x3, and a small perceptron of the time before every
part. The table of time embeddings is part of its weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddpm.networks.imported_network import ImportedNetwork
from ddpm.networks.layouts import parse_layout, series, whole

SIDE = 28
CHECKS = {"widths": series(whole(2, 1024)), "time_dim": whole(1, 8192)}


class CourseBlock(nn.Module):
    """LayerNorm over [C, H, W], then two 3x3 convolutions with SiLU."""

    def __init__(self, channels: int, out: int, side: int, normalize: bool = True) -> None:
        super().__init__()
        self.ln = nn.LayerNorm((channels, side, side))
        self.conv1 = nn.Conv2d(channels, out, 3, padding=1)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        self.normalize = normalize

    def forward(self, x: Tensor) -> Tensor:
        h = self.ln(x) if self.normalize else x
        return F.silu(self.conv2(F.silu(self.conv1(h))))


class TimeTable(nn.Module):
    """A fixed table of time embeddings: t [N] → [N, dim]; its rows are part of the weights."""

    weight: Tensor

    def __init__(self, num_steps: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("weight", nn.init.zeros_(torch.empty(num_steps, dim)))

    def forward(self, t: Tensor) -> Tensor:
        return self.weight[t]


class CourseUNet(ImportedNetwork):
    """The course's U-Net: x [N, 1, 28, 28], t [N] → [N, 1, 28, 28].

    `widths`: channels at 28, 14 and 7 pixels. `time_dim`: columns of the table of time embeddings.
    ValueError: another image shape, or an unsupported layout.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image_size: tuple[int, int],
        *,
        num_steps: int = 1000,
        layout: str = "",
        **conditions: int,
    ) -> None:
        super().__init__(**conditions)
        settings = parse_layout(layout, CHECKS)
        if tuple(image_size) != (SIDE, SIDE) or (in_channels, out_channels) != (1, 1):
            raise ValueError("the course's network works on gray images of 28x28 only")
        if len(settings["widths"]) != 3:
            raise ValueError("the course's network has three widths")
        a, b, c = settings["widths"]
        dim = settings["time_dim"]

        def time(out: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(dim, out), nn.SiLU(), nn.Linear(out, out))

        def blocks(side: int, *widths: int, last: bool = True) -> nn.Sequential:
            pairs = list(itertools.pairwise(widths))
            made = [CourseBlock(cin, out, side) for cin, out in pairs]
            made[-1].normalize = last
            return nn.Sequential(*made)

        self.time_embed = TimeTable(num_steps, dim)
        self.te1, self.b1 = time(in_channels), blocks(28, in_channels, a, a, a)
        self.down1 = nn.Conv2d(a, a, 4, 2, 1)
        self.te2, self.b2 = time(a), blocks(14, a, b, b, b)
        self.down2 = nn.Conv2d(b, b, 4, 2, 1)
        self.te3, self.b3 = time(b), blocks(7, b, c, c, c)
        self.down3 = nn.Sequential(nn.Conv2d(c, c, 2, 1), nn.SiLU(), nn.Conv2d(c, c, 4, 2, 1))
        self.te_mid, self.b_mid = time(c), blocks(3, c, c // 2, c // 2, c)
        self.up1 = nn.Sequential(
            nn.ConvTranspose2d(c, c, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(c, c, 2, 1)
        )
        self.te4, self.b4 = time(2 * c), blocks(7, 2 * c, c, b, b)
        self.up2 = nn.ConvTranspose2d(b, b, 4, 2, 1)
        self.te5, self.b5 = time(2 * b), blocks(14, 2 * b, b, a, a)
        self.up3 = nn.ConvTranspose2d(a, a, 4, 2, 1)
        self.te_out, self.b_out = time(2 * a), blocks(28, 2 * a, a, a, a, last=False)
        self.conv_out = nn.Conv2d(a, out_channels, 3, 1, 1)

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the predicted noise [N, 1, 28, 28] for images x at times t [N]."""
        table = self.time_embed(t)  # [N, time_dim]

        def with_time(layer: nn.Module, h: Tensor) -> Tensor:
            added: Tensor = layer(table)[:, :, None, None]
            return h + added

        one = self.b1(with_time(self.te1, x))  # [N, a, 28, 28]
        two = self.b2(with_time(self.te2, self.down1(one)))  # [N, b, 14, 14]
        three = self.b3(with_time(self.te3, self.down2(two)))  # [N, c, 7, 7]
        middle = self.b_mid(with_time(self.te_mid, self.down3(three)))  # [N, c, 3, 3]
        h = self.b4(with_time(self.te4, torch.cat([three, self.up1(middle)], 1)))
        h = self.b5(with_time(self.te5, torch.cat([two, self.up2(h)], 1)))
        h = self.b_out(with_time(self.te_out, torch.cat([one, self.up3(h)], 1)))
        out: Tensor = self.conv_out(h)
        return out

    def stages(self) -> Iterable[nn.Module]:
        """Return the blocks."""
        return [module for module in self.modules() if isinstance(module, CourseBlock)]
