"""Operations against their closed form, and the shapes that are timed for the peak."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.flops import Convolution, convolutions, count, peak


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.again = nn.Conv2d(8, 8, 1)
        self.last = nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        out: Tensor = self.last(self.again(self.second(self.first(x))))
        return out


def test_operations_of_a_pass_there_and_back() -> None:
    first, second, one = 2 * 36 * 8 * 9, 2 * 9 * 8 * 8 * 9, 2 * 9 * 8 * 8
    forward = first + second + 2 * one
    backward = 2 * (forward - first) + first  # nobody asks for the image's gradient
    for images in (1, 3):
        assert count(Small(), torch.zeros(images, 1, 6, 6)) == forward + backward


def test_each_different_convolution_is_listed_once() -> None:
    network = Small()
    found = convolutions(network, network, torch.zeros(5, 1, 6, 6))
    assert found == [
        Convolution((5, 1, 6, 6), (8, 1, 3, 3), (1, 1), (1, 1)),
        Convolution((5, 8, 6, 6), (8, 8, 3, 3), (2, 2), (1, 1)),
        Convolution((5, 8, 3, 3), (8, 8, 1, 1), (1, 1), (0, 0)),
    ]
    assert not any(layer._forward_hooks for layer in network.modules())


def test_the_peak_is_that_of_the_best_shape() -> None:
    tiny = Convolution((1, 1, 2, 2), (1, 1, 1, 1), (1, 1), (0, 0))  # all call, no work
    large = Convolution((8, 32, 32, 32), (32, 32, 3, 3), (1, 1), (1, 1))
    alone = peak([tiny], torch.float32, "cpu", 0.001)
    assert peak([tiny, large], torch.float32, "cpu", 0.001) > 10 * alone
