"""Networks of other programs, restated as functions of a state dict: they hold no module of this package."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]


def part(weights: Weights, prefix: str) -> Weights:
    """The weights below a prefix, without it."""
    return {name[len(prefix) :]: w for name, w in weights.items() if name.startswith(prefix)}


def lucidrains(weights: Weights, levels: int, x: Tensor, t: Tensor) -> Tensor:
    """denoising-diffusion-pytorch's Unet of 1.9 to 2.x on x [N, C, H, W] at times t [N]."""
    dim = weights["time_mlp.1.weight"].shape[1]
    rates = [10_000 ** (-k / (dim // 2 - 1)) for k in range(dim // 2)]
    angles = torch.stack([t.float() * rate for rate in rates], 1)
    table = torch.cat([angles.sin(), angles.cos()], 1)
    hidden = F.gelu(F.linear(table, weights["time_mlp.1.weight"], weights["time_mlp.1.bias"]))
    time = F.linear(hidden, weights["time_mlp.3.weight"], weights["time_mlp.3.bias"])
    x = F.conv2d(x, weights["init_conv.weight"], weights["init_conv.bias"], padding=3)
    entrance, skips = x, []
    for level in range(levels):
        own = part(weights, f"downs.{level}.")
        x = _residual(part(own, "0."), x, time)
        skips.append(x)
        x = _attend(part(own, "2."), _residual(part(own, "1."), x, time))
        skips.append(x)
        if "3.1.weight" in own:
            n, c, h, w = x.shape
            blocks = x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4)
            x = F.conv2d(
                blocks.reshape(n, 4 * c, h // 2, w // 2), own["3.1.weight"], own["3.1.bias"]
            )
        else:
            x = F.conv2d(x, own["3.weight"], own["3.bias"], padding=1)
    x = _residual(part(weights, "mid_block1."), x, time)
    x = _residual(part(weights, "mid_block2."), _attend(part(weights, "mid_attn."), x), time)
    for level in range(levels):
        own = part(weights, f"ups.{level}.")
        x = _residual(part(own, "0."), torch.cat([x, skips.pop()], 1), time)
        x = _residual(part(own, "1."), torch.cat([x, skips.pop()], 1), time)
        x = _attend(part(own, "2."), x)
        if "3.1.weight" in own:
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
            x = F.conv2d(x, own["3.1.weight"], own["3.1.bias"], padding=1)
        else:
            x = F.conv2d(x, own["3.weight"], own["3.bias"], padding=1)
    x = _residual(part(weights, "final_res_block."), torch.cat([x, entrance], 1), time)
    return F.conv2d(x, weights["final_conv.weight"], weights["final_conv.bias"])


def _rms(gain: Tensor, x: Tensor) -> Tensor:
    return x / x.square().sum(1, keepdim=True).sqrt() * gain * math.sqrt(x.shape[1])


def _residual(own: Weights, x: Tensor, time: Tensor) -> Tensor:
    told = F.linear(F.silu(time), own["mlp.1.weight"], own["mlp.1.bias"])[:, :, None, None]
    scale, shift = told.chunk(2, 1)
    h = F.conv2d(x, own["block1.proj.weight"], own["block1.proj.bias"], padding=1)
    h = F.silu(_rms(own["block1.norm.g"], h) * (1 + scale) + shift)
    h = F.conv2d(h, own["block2.proj.weight"], own["block2.proj.bias"], padding=1)
    h = F.silu(_rms(own["block2.norm.g"], h))
    if "res_conv.weight" in own:
        x = F.conv2d(x, own["res_conv.weight"], own["res_conv.bias"])
    return h + x


def _attend(own: Weights, x: Tensor) -> Tensor:
    """Attention with four learned keys and values, a loop over images and heads; plus x."""
    heads, linear = own["mem_kv"].shape[1], "to_out.0.weight" in own
    qkv = F.conv2d(_rms(own["norm.g"], x), own["to_qkv.weight"]).flatten(2)
    q, k, v = (one.chunk(heads, 1) for one in qkv.chunk(3, 1))  # of heads: [N, d, HW]
    mixed = []
    for head in range(heads):
        memory = own["mem_kv"][:, head] if linear else own["mem_kv"][:, head].transpose(-1, -2)
        images = []
        for i in range(len(x)):
            keys = torch.cat([memory[0], k[head][i]], 1)  # [d, 4 + HW]
            values = torch.cat([memory[1], v[head][i]], 1)
            queries = q[head][i]  # [d, HW]
            scale = 1 / math.sqrt(len(queries))
            if linear:
                context = keys.softmax(1) @ values.T
                images.append(context.T @ (queries.softmax(0) * scale))
            else:
                images.append(values @ (queries.T @ keys * scale).softmax(1).T)
        mixed.append(torch.stack(images))
    out = torch.cat(mixed, 1).reshape(len(x), -1, *x.shape[2:])
    if linear:
        out = F.conv2d(out, own["to_out.0.weight"], own["to_out.0.bias"])
        return _rms(own["to_out.1.g"], out) + x
    return F.conv2d(out, own["to_out.weight"], own["to_out.bias"]) + x


def course(weights: Weights, x: Tensor, t: Tensor) -> Tensor:
    """The U-Net of the course's sample notebook on x [N, 1, 28, 28] at times t [N]."""
    table = weights["time_embed.weight"][t]

    def time(name: str) -> Tensor:
        h = F.silu(F.linear(table, weights[f"{name}.0.weight"], weights[f"{name}.0.bias"]))
        return F.linear(h, weights[f"{name}.2.weight"], weights[f"{name}.2.bias"])[:, :, None, None]

    def conv(name: str, h: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(h, weights[f"{name}.weight"], weights[f"{name}.bias"], stride, padding)

    def up(name: str, h: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        w, b = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return F.conv_transpose2d(h, w, b, stride, padding)

    def blocks(name: str, h: Tensor, bare_end: bool = False) -> Tensor:
        for i in range(3):
            if not (bare_end and i == 2):
                gain, bias = weights[f"{name}.{i}.ln.weight"], weights[f"{name}.{i}.ln.bias"]
                h = F.layer_norm(h, h.shape[1:], gain, bias)
            h = F.silu(conv(f"{name}.{i}.conv1", h, 1, 1))
            h = F.silu(conv(f"{name}.{i}.conv2", h, 1, 1))
        return h

    one = blocks("b1", x + time("te1"))
    two = blocks("b2", conv("down1", one, 2, 1) + time("te2"))
    three = blocks("b3", conv("down2", two, 2, 1) + time("te3"))
    down = conv("down3.2", F.silu(conv("down3.0", three)), 2, 1)
    middle = blocks("b_mid", down + time("te_mid"))
    raised = up("up1.2", F.silu(up("up1.0", middle, 2, 1)), 1, 0)
    h = blocks("b4", torch.cat([three, raised], 1) + time("te4"))
    h = blocks("b5", torch.cat([two, up("up2", h, 2, 1)], 1) + time("te5"))
    h = blocks("b_out", torch.cat([one, up("up3", h, 2, 1)], 1) + time("te_out"), bare_end=True)
    return conv("conv_out", h, 1, 1)


def random_weights(shapes: dict[str, Tensor], seed: int = 0, scale: float = 0.2) -> Weights:
    """Random weights of the shapes of a state dict; gains near 1."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: scale * torch.randn(tensor.shape, generator=generator)
        + (1.0 if name.endswith((".g", "ln.weight")) else 0.0)
        for name, tensor in shapes.items()
    }
