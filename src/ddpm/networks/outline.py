"""The layers of a network as rows of a diagram, in the order in which an image passes through them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

Row = dict[str, Any]


@torch.no_grad()
def outline(network: nn.Module, *inputs: Tensor) -> list[Row]:
    """Return one row per part, from a forward pass of `inputs` (the first of them [N, C, ...]).

    Parts are convolutions and modules with an `outline_kind`, but not modules inside such a part. A row has
    kind: input, conv, block, down, up or output; channels, height, width of the part's output;
    attention: whether it attends; joined: channels added by a skip connection from an earlier part.
    """
    rows = [_row("input", inputs[0])]

    def record(part: nn.Module, args: tuple[Tensor, ...], result: Tensor) -> None:
        kind = _kind(part)
        joined = max(0, args[0].shape[1] - rows[-1]["channels"]) if kind == "block" else 0
        attends = bool(getattr(part, "attends", False))
        rows.append({**_row(kind, result), "attention": attends, "joined": joined})

    hooks = [part.register_forward_hook(record) for part in _parts(network)]
    was_training = network.training
    try:
        result = network.eval()(*inputs)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return [*rows, _row("output", result)]


def _parts(module: nn.Module) -> list[nn.Module]:
    """Return the parts inside a module, never one inside another."""
    found: list[nn.Module] = []
    for child in module.children():
        is_part = hasattr(child, "outline_kind") or isinstance(child, _CONVOLUTIONS)
        found += [child] if is_part else _parts(child)
    return found


_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def _kind(part: nn.Module) -> str:
    if hasattr(part, "outline_kind"):
        return str(part.outline_kind)
    stride = part.stride[0] if isinstance(part, _CONVOLUTIONS) else 1
    if int(stride) == 1:
        return "conv"
    return "up" if isinstance(part, nn.ConvTranspose2d) else "down"


def _row(kind: str, values: Tensor) -> Row:
    """Return the row of an output [N, C, H, W]; [N, C] and [N] count as one pixel."""
    channels, height, width = (*values.shape[1:], 1, 1, 1)[:3]
    size = {"channels": channels, "height": height, "width": width}
    return {"kind": kind, **size, "attention": False, "joined": 0}
