"""The U-Net of denoising-diffusion-pytorch (versions 1.9 to 2.x), for weights trained with it.

A 7x7 first convolution, RMSNorm, linear attention at the fine resolutions and full attention at the
coarse ones, with four learned keys and values each. Names of layers are those of its checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddpm.networks.attention import attend
from ddpm.networks.dropout import Dropout
from ddpm.networks.imported_network import ImportedNetwork
from ddpm.networks.layouts import MAX_WIDTH, either, number, parse_layout, series, whole

CHECKS = {
    "dim": whole(4, 2048),  # width of the first level
    "init_dim": whole(1, 2048),  # channels after the first convolution
    "dim_mults": series(whole(1, 64)),
    "full_attention": series(either(False, True)),  # of each level; false: linear attention
    "heads": series(whole(1, 64)),
    "dim_head": series(whole(1, MAX_WIDTH)),
    "theta": number(1, 1e9),  # of the sinusoid of t
}
MEMORY = 4  # learned keys and values of an attention


class RMSNorm(nn.Module):
    """x / ‖x‖ over the channels, times √C and a learned gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.scale = math.sqrt(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=1) * self.g * self.scale


class Block(nn.Module):
    """A 3x3 convolution, RMSNorm, a scale and shift, SiLU, dropout."""

    def __init__(self, channels: int, out: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, out, 3, padding=1)
        self.norm = RMSNorm(out)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, scale_shift: tuple[Tensor, Tensor] | None = None) -> Tensor:
        h = self.norm(self.proj(x))
        if scale_shift is not None:
            h = h * (scale_shift[0] + 1) + scale_shift[1]
        out: Tensor = self.dropout(F.silu(h))
        return out


class LucidrainsResidual(nn.Module):
    """Two blocks beside a skip connection; the first is scaled and shifted by the time."""

    outline_kind = "block"

    def __init__(self, channels: int, out: int, time_dim: int, dropout: float) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time_dim, 2 * out))
        self.block1 = Block(channels, out, dropout)
        self.block2 = Block(out, out)
        self.res_conv = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.mlp(embedding)[:, :, None, None].chunk(2, dim=1)
        out: Tensor = self.block2(self.block1(x, (scale, shift))) + self.res_conv(x)
        return out


class LinearAttention(nn.Module):
    """Attention in linear time (Shen et al. 2021, arXiv:1812.01243), with learned keys and values."""

    def __init__(self, channels: int, heads: int, dim_head: int) -> None:
        super().__init__()
        self.heads, hidden = heads, heads * dim_head
        self.norm = RMSNorm(channels)
        self.mem_kv = nn.Parameter(torch.zeros(2, heads, dim_head, MEMORY))
        self.to_qkv = nn.Conv2d(channels, 3 * hidden, 1, bias=False)
        self.to_out = nn.Sequential(nn.Conv2d(hidden, channels, 1), RMSNorm(channels))

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        qkv = self.to_qkv(self.norm(x)).reshape(n, 3, self.heads, -1, height * width)
        q, k, v = qkv.unbind(1)  # [N, heads, dim_head, HW]
        memory = self.mem_kv[:, None].expand(-1, n, -1, -1, -1)
        k, v = torch.cat([memory[0], k], -1), torch.cat([memory[1], v], -1)
        q = q.softmax(-2) * q.shape[-2] ** -0.5
        context = k.softmax(-1) @ v.transpose(-1, -2)  # [N, heads, dim_head, dim_head]
        mixed = context.transpose(-1, -2) @ q  # [N, heads, dim_head, HW]
        out: Tensor = self.to_out(mixed.reshape(n, -1, height, width))
        return out


class FullAttention(nn.Module):
    """Attention over all positions, with learned keys and values."""

    def __init__(self, channels: int, heads: int, dim_head: int) -> None:
        super().__init__()
        self.heads, hidden = heads, heads * dim_head
        self.norm = RMSNorm(channels)
        self.mem_kv = nn.Parameter(torch.zeros(2, heads, MEMORY, dim_head))
        self.to_qkv = nn.Conv2d(channels, 3 * hidden, 1, bias=False)
        self.to_out = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        qkv = self.to_qkv(self.norm(x)).reshape(n, 3, self.heads, -1, height * width)
        q, k, v = qkv.transpose(-1, -2).unbind(1)  # [N, heads, HW, dim_head]
        memory = self.mem_kv[:, None].expand(-1, n, -1, -1, -1)
        k, v = torch.cat([memory[0], k], -2), torch.cat([memory[1], v], -2)
        mixed = attend(q, k, v).transpose(-1, -2)  # [N, heads, dim_head, HW]
        out: Tensor = self.to_out(mixed.reshape(n, -1, height, width))
        return out


class PixelUnshuffle(nn.Module):
    """Space to depth by 2: pixels become channels, as nn.PixelUnshuffle orders them."""

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_unshuffle(x, 2)


class LucidrainsUNet(ImportedNetwork):
    """The U-Net of denoising-diffusion-pytorch: x [N, C, H, W], t [N] → [N, out_channels, H, W].

    H and W must be multiples of 2^(levels - 1). ValueError: they are not, or the layout is not supported.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image_size: tuple[int, int],
        *,
        num_steps: int = 1000,
        layout: str = "",
        dropout: float = 0.0,
        **conditions: int,
    ) -> None:
        super().__init__(**conditions)
        settings = parse_layout(layout, CHECKS)
        dim, first, mults = settings["dim"], settings["init_dim"], settings["dim_mults"]
        self.levels = len(mults)
        if any(side % 2 ** (self.levels - 1) for side in image_size):
            raise ValueError(
                f"images must have sides that are multiples of {2 ** (self.levels - 1)}, not "
                f"{image_size[0]}x{image_size[1]}"
            )
        kinds = [settings[name] for name in ("full_attention", "heads", "dim_head")]
        if any(len(values) != self.levels for values in kinds):
            raise ValueError("network.layout has another number of attentions than of levels")
        self.dim, self.theta = dim, float(settings["theta"])
        widths, time_dim = [first, *(dim * mult for mult in mults)], 4 * dim

        def residual(channels: int, out: int) -> LucidrainsResidual:
            return LucidrainsResidual(channels, out, time_dim, dropout)

        def attention(channels: int, level: int) -> nn.Module:
            full, heads, dim_head = (values[level] for values in kinds)
            return (FullAttention if full else LinearAttention)(channels, heads, dim_head)

        self.init_conv = nn.Conv2d(in_channels, first, 7, padding=3)
        self.time_mlp = nn.Sequential(
            nn.Identity(), nn.Linear(dim, time_dim), nn.GELU(), nn.Linear(time_dim, time_dim)
        )
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for level in range(self.levels):
            a, b = widths[level], widths[level + 1]
            last = level == self.levels - 1
            down = nn.Conv2d(a, b, 3, padding=1) if last else _downsample(a, b)
            parts = [residual(a, a), residual(a, a), attention(a, level), down]
            self.downs.append(nn.ModuleList(parts))
        middle = widths[-1]
        self.mid_block1 = residual(middle, middle)
        self.mid_attn = FullAttention(middle, kinds[1][-1], kinds[2][-1])
        self.mid_block2 = residual(middle, middle)
        for level in reversed(range(self.levels)):
            a, b = widths[level], widths[level + 1]
            up = nn.Conv2d(b, a, 3, padding=1) if level == 0 else _upsample(b, a)
            parts = [residual(a + b, b), residual(a + b, b), attention(b, level), up]
            self.ups.append(nn.ModuleList(parts))
        self.final_res_block = residual(2 * first, first)
        self.final_conv = nn.Conv2d(first, out_channels, 1)

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the output [N, out, H, W] for images x [N, C, H, W] at times t [N]."""
        x = self.init_conv(x)
        first, skips = x, []
        time = self.time_mlp(self.sinusoids(t))  # [N, 4 dim]
        for parts in self.downs:
            block1, block2, attention, downsample = _members(parts)
            x = block1(x, time)
            skips.append(x)
            x = block2(x, time)
            x = attention(x) + x
            skips.append(x)
            x = downsample(x)
        x = self.mid_block1(x, time)
        x = self.mid_block2(self.mid_attn(x) + x, time)
        for parts in self.ups:
            block1, block2, attention, upsample = _members(parts)
            x = block1(torch.cat([x, skips.pop()], 1), time)
            x = block2(torch.cat([x, skips.pop()], 1), time)
            x = upsample(attention(x) + x)
        out: Tensor = self.final_conv(self.final_res_block(torch.cat([x, first], 1), time))
        return out

    def sinusoids(self, t: Tensor) -> Tensor:
        """Return sin and cos of t [N] times theta^(-k / (dim/2 - 1)), float32 [N, dim]."""
        half = self.dim // 2
        k = torch.arange(half, device=t.device, dtype=torch.float32)
        angle = t.to(torch.float32)[:, None] * torch.exp(-math.log(self.theta) / (half - 1) * k)
        return torch.cat([angle.sin(), angle.cos()], dim=1)

    def stages(self) -> Iterable[nn.Module]:
        """Return the residual blocks."""
        return [module for module in self.modules() if isinstance(module, LucidrainsResidual)]


def _members(parts: nn.Module) -> list[nn.Module]:
    return list(parts.children())


def _downsample(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(PixelUnshuffle(), nn.Conv2d(4 * channels, out, 1))


def _upsample(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(channels, out, 3, padding=1))
