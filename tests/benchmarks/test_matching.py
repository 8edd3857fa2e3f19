"""The two networks of a pair are alike: ours is counted against the peers' own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchmarks.flops import count
from benchmarks.matching import MATCHED, WITHIN, apart, check_match, check_torch
from benchmarks.sides import PEERS, Setup
from benchmarks.sides.huggingface import Diffusers
from ddpm.networks.unet import UNet

IMAGES = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
# of Unet(dim=32, dim_mults=(1, 2, 4), channels=1), denoising-diffusion-pytorch 2.3.4, which is in
# `.venv-peers` only; operations of a forward and backward pass by benchmarks.flops
LUCIDRAINS = (2_607_681, 1_936_190_976)


def size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def ours(peer: str) -> tuple[int, float]:
    network = UNet(1, 1, (28, 28), **MATCHED[peer])
    return size(network), count(network, torch.zeros(2, 1, 28, 28))


def check(our: tuple[int, float], peer: tuple[int, float]) -> None:
    assert abs(apart(our[0], peer[0])) < WITHIN
    assert abs(apart(our[1], peer[1])) < WITHIN  # and the same work


def test_every_peer_has_a_match() -> None:
    assert set(MATCHED) == set(PEERS)


def test_ours_is_like_that_of_denoising_diffusion_pytorch() -> None:
    check(ours("lucidrains"), LUCIDRAINS)


def test_ours_is_like_that_of_diffusers() -> None:
    side = Diffusers(Setup("diffusers", batch=2), IMAGES)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        return side.predict(x, t)

    work = count(predict, torch.zeros(2, 1, 28, 28))
    check(ours("diffusers"), (size(side.network), work))


def test_networks_apart_are_refused_with_both_counts() -> None:
    check_match("diffusers", 104, 100)
    with pytest.raises(SystemExit, match=r"106 parameters and that of diffusers 100: more than 5%"):
        check_match("diffusers", 106, 100)
    with pytest.raises(SystemExit, match=r"benchmarks/matching\.py"):
        check_match("diffusers", 94, 100)


def test_another_build_of_torch_is_refused() -> None:
    check_torch("diffusers", "2.13.0+cpu", "2.13.0+cpu")
    with pytest.raises(
        SystemExit, match=r"torch 2\.13\.0\+cpu and that of diffusers on 2\.13\.0\+cu130"
    ):
        check_torch("diffusers", "2.13.0+cpu", "2.13.0+cu130")
