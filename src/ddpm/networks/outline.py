"""What a network is made of, in the order in which an image passes through it: rows to be drawn."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ddpm.networks.unet import Attention, Stage, Upsample

Row = dict[str, Any]
_PARTS = (Stage, Upsample, nn.Conv2d, nn.ConvTranspose2d)  # a part is not looked into


@torch.no_grad()
def outline(network: nn.Module, *inputs: Tensor) -> list[Row]:
    """One row a part, taken from a pass of `inputs` (the first of them [N, C, ...]) through it.

    kind: input, conv, block, down, up or output; channels, height, width of what comes out of the part;
    attention: whether it attends; joined: channels that come in from an earlier part (a skip).
    """
    rows = [_row("input", inputs[0])]

    def note(part: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> None:
        joined = max(0, given[0].shape[1] - rows[-1]["channels"]) if isinstance(part, Stage) else 0
        attends = isinstance(part, Stage) and isinstance(part.attention, Attention)
        rows.append({**_row(_kind(part), result), "attention": attends, "joined": joined})

    hooks = [part.register_forward_hook(note) for part in _parts(network)]
    was_training = network.training
    try:
        result = network.eval()(*inputs)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return [*rows, _row("output", result)]


def _parts(module: nn.Module) -> list[nn.Module]:
    """The parts below a module, never one inside another."""
    found: list[nn.Module] = []
    for child in module.children():
        found += [child] if isinstance(child, _PARTS) else _parts(child)
    return found


def _kind(part: nn.Module) -> str:
    if isinstance(part, Stage):
        return "block"
    if isinstance(part, Upsample):
        return "up"
    stride = part.stride[0] if isinstance(part, nn.Conv2d | nn.ConvTranspose2d) else 1
    if int(stride) == 1:
        return "conv"
    return "up" if isinstance(part, nn.ConvTranspose2d) else "down"


def _row(kind: str, values: Tensor) -> Row:
    """The shape of [N, C, H, W], or of [N, C] or [N] as of one pixel."""
    channels, height, width = (*values.shape[1:], 1, 1, 1)[:3]
    size = {"channels": channels, "height": height, "width": width}
    return {"kind": kind, **size, "attention": False, "joined": 0}
