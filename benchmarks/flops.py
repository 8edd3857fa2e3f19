"""Floating-point operations: of a network, and per second of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

Predict = Callable[[Tensor, Tensor], Tensor]  # (x [N, C, H, W], t [N]) to a tensor like x


@dataclass(frozen=True)
class Convolution:
    """A convolution with the shapes in which a network runs it on a batch."""

    shape: tuple[int, ...]  # of its input, [N, C, H, W]
    weight: tuple[int, ...]  # [out, in, height, width]
    stride: tuple[int, ...]
    padding: tuple[int, ...]


def count(predict: Predict, x: Tensor) -> float:
    """Count the operations of one forward and backward pass, for each image of `x` [N, C, H, W].

    A multiplication and an addition count as two. Convolutions and matrix products are counted;
    torch's fused attention on CPUs is not, which at 7x7 is under one percent of a U-Net.
    """
    counter = FlopCounterMode(display=False)
    with counter:
        predict(x, torch.arange(len(x), device=x.device)).sum().backward()  # type: ignore[no-untyped-call]
    return counter.get_total_flops() / len(x)


def convolutions(network: nn.Module, predict: Predict, x: Tensor) -> list[Convolution]:
    """Return the distinct convolutions that `network` runs on `x`."""
    found: dict[Convolution, None] = {}

    def see(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d) and not isinstance(layer.padding, str)
        shape, weight = tuple(inputs[0].shape), tuple(layer.weight.shape)
        found[Convolution(shape, weight, layer.stride, layer.padding)] = None

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    handles = [layer.register_forward_hook(see) for layer in layers]
    with torch.no_grad():
        predict(x, torch.zeros(len(x), dtype=torch.long, device=x.device))
    for handle in handles:
        handle.remove()
    return list(found)


def peak(shapes: list[Convolution], dtype: torch.dtype, device: str, seconds: float) -> float:
    """Return the most operations per second that any of the convolutions reaches alone, forward only.

    Each runs for `seconds`, on inputs in channels-last layout as in our network.
    """
    return max(_rate(shape, dtype, device, seconds) for shape in shapes)


def _rate(case: Convolution, dtype: torch.dtype, device: str, seconds: float) -> float:
    layout = torch.channels_last
    x = torch.randn(case.shape, device=device).to(dtype, memory_format=layout)
    weight = torch.randn(case.weight, device=device).to(dtype, memory_format=layout)

    def run() -> Tensor:
        return F.conv2d(x, weight, stride=case.stride, padding=case.padding)

    with torch.no_grad():
        work = 2 * run().numel() * weight[0].numel()
        return work / _seconds(run, device, seconds)


def _seconds(run: Callable[[], Tensor], device: str, seconds: float) -> float:
    """Return the time of one call, averaged over `seconds` of calls after two warm-up calls."""
    for _ in range(2):
        run()
    done = 0
    with clock(device) as elapsed:
        while elapsed() < seconds or not done:
            run()
            done += 1
        total = elapsed(wait=True)
    return total / done


@contextmanager
def clock(device: str) -> Iterator[Callable[..., float]]:
    """Yield a clock of the seconds since the block began; with `wait`, it synchronizes the device first."""

    def settle() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    settle()
    began = time.perf_counter()

    def elapsed(wait: bool = False) -> float:
        if wait:
            settle()
        return time.perf_counter() - began

    yield elapsed
