"""The diffusion transformer against the equations of its papers, restated here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddpm.networks.dit import (
    DiffusionTransformer,
    TransformerBlock,
    map_of,
    rotary_angles,
    rotate,
    sinusoid_positions,
    tokens_of,
)

T = torch.tensor
CPU = torch.device("cpu")


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def awake(made: nn.Module) -> Any:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return made.eval()


def network(**given: Any) -> DiffusionTransformer:
    return DiffusionTransformer(1, 1, (8, 8), **({"width": 16, "depth": 3, "heads": 2} | given))


def test_tokens_are_pixels_row_by_row_and_back() -> None:
    x = noise(2, 3, 4, 5)
    tokens = tokens_of(x)
    assert torch.equal(tokens[1, 7], x[1, :, 1, 2])  # row 1, column 2 of rows of 5
    assert torch.equal(map_of(tokens, 4, 5), x)


def test_sinusoid_positions_by_hand() -> None:
    found = sinusoid_positions(8, 3, 4, CPU)
    assert found.shape == (12, 8)
    row, column = 2, 1
    by_hand = [f(p * w) for p in (row, column) for f in (math.sin, math.cos) for w in (1, 1e-2)]
    torch.testing.assert_close(found[row * 4 + column], T(by_hand))
    assert len({tuple(p.tolist()) for p in found.round(decimals=5)}) == 12


@pytest.mark.parametrize("channels", [8, 6])
def test_rotary_scores_depend_on_the_distance_alone(channels: int) -> None:
    """Su et al. 2021, Eq. 16, on two axes: q and k moved together keep their product."""
    rows, columns = 6, 7
    angles = rotary_angles(channels, rows, columns, CPU).view(rows, columns, -1)
    q, k = noise(channels), noise(channels, seed=1)

    def score(a: tuple[int, int], b: tuple[int, int]) -> float:
        return float(rotate(q[None], angles[a][None]) @ rotate(k[None], angles[b][None]).T)

    assert score((1, 2), (3, 5)) == pytest.approx(score((3, 3), (5, 6)), abs=1e-5)
    assert score((0, 0), (0, 0)) == pytest.approx(float(q @ k), abs=1e-5)
    assert score((1, 2), (3, 5)) != pytest.approx(score((1, 2), (2, 5)), abs=1e-4)
    assert score((1, 2), (3, 5)) != pytest.approx(score((1, 2), (3, 4)), abs=1e-4)


def test_rotation_is_multiplication_by_a_unit_complex_number() -> None:
    x, angles = noise(5, 8), noise(5, 4, seed=1)
    turned = torch.complex(x[:, :4], x[:, 4:]) * torch.polar(torch.ones(5, 4), angles)
    torch.testing.assert_close(rotate(x, angles), torch.cat([turned.real, turned.imag], dim=1))


def restated_block(w: dict[str, Tensor], x: Tensor, c: Tensor, heads: int) -> Tensor:
    """Figure 3 of Peebles & Xie, "DiT Block with adaLN-Zero", for tokens [N, L, D] and silu(c) [N, D]."""

    def linear(name: str, y: Tensor) -> Tensor:
        return y @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(y: Tensor) -> Tensor:
        centered = y - y.mean(dim=2, keepdim=True)
        return centered / (centered.square().mean(dim=2, keepdim=True) + 1e-6).sqrt()

    d = x.shape[2]
    beta1, gamma1, alpha1, beta2, gamma2, alpha2 = linear("modulation", c)[:, None].split(d, dim=2)
    q, k, v = linear("qkv", norm(x) * (1 + gamma1) + beta1).split(d, dim=2)
    mixed = []
    for part in range(heads):  # head by head
        mine = slice(part * d // heads, (part + 1) * d // heads)
        scores = q[..., mine] @ k[..., mine].mT / math.sqrt(d // heads)
        mixed.append(scores.softmax(dim=2) @ v[..., mine])
    x = x + alpha1 * linear("out", torch.cat(mixed, dim=2))
    hidden = linear("expand", norm(x) * (1 + gamma2) + beta2)
    cubic = math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)
    return x + alpha2 * linear("shrink", hidden / 2 * (1 + cubic.tanh()))


def test_a_block_is_its_figure() -> None:
    block = awake(TransformerBlock(16, 2, dropout=0.0, joins=False))
    x, c = noise(2, 16, 3, 4), noise(2, 16, seed=1)
    expected = restated_block(dict(block.state_dict()), tokens_of(x), c, 2)
    torch.testing.assert_close(tokens_of(block(x, c)), expected, atol=1e-4, rtol=1e-4)


def test_blocks_begin_as_the_identity() -> None:
    x, c = noise(2, 16, 3, 4), noise(2, 16, seed=1)
    assert torch.equal(TransformerBlock(16, 2, dropout=0.0, joins=False)(x, c), x)


def test_a_block_knows_no_place_without_angles() -> None:
    """Permuted tokens give permuted outputs; with rotary positions they do not."""
    block = awake(TransformerBlock(16, 2, dropout=0.0, joins=False))
    x, c = noise(1, 16, 3, 4), noise(1, 16, seed=1)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(2))
    moved = map_of(tokens_of(x)[:, order], 3, 4)
    torch.testing.assert_close(
        tokens_of(block(moved, c)), tokens_of(block(x, c))[:, order], atol=1e-5, rtol=1e-4
    )
    angles = rotary_angles(8, 3, 4, CPU)
    here, there = tokens_of(block(x, c, angles))[:, order], tokens_of(block(moved, c, angles))
    assert not torch.allclose(here, there, atol=1e-3)


@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize("positions", ["sinusoid", "rotary"])
@pytest.mark.parametrize("long_skips", [False, True])
def test_the_network_is_its_parts_in_order(depth: int, positions: str, long_skips: bool) -> None:
    made = awake(network(depth=depth, positions=positions, long_skips=long_skips, num_classes=2))
    x, t, labels = noise(2, 1, 8, 8), T([3, 700]), T([1, 2])
    patches = torch.from_numpy(  # the four pixels of each 2 x 2 square
        np.stack([x.numpy()[:, 0, i::2, j::2] for i in (0, 1) for j in (0, 1)], axis=3)
    )
    h = patches @ made.head.weight.flatten(1).T + made.head.bias  # [N, 4, 4, D]
    h = h.flatten(1, 2)
    angles = rotary_angles(8, 4, 4, CPU) if positions == "rotary" else None
    h = h if positions == "rotary" else h + sinusoid_positions(16, 4, 4, CPU)
    c = F.silu(made.time(t) + made.label.weight[labels])
    held: list[Tensor] = []
    half = depth // 2
    for i, block in enumerate(made.blocks):
        if long_skips and i < half:
            held.append(h)
        if long_skips and i >= depth - half:
            h = torch.cat([h, held[depth - 1 - i]], dim=2) @ block.join.weight.T + block.join.bias
            plain = TransformerBlock(16, 2, dropout=0.0, joins=False).eval()
            plain.load_state_dict(block.state_dict(), strict=False)
            h = tokens_of(plain(map_of(h, 4, 4), c, angles))
        else:
            h = tokens_of(block(map_of(h, 4, 4), c, angles))
    shift, scale = (c @ made.modulation.weight.T + made.modulation.bias)[:, None].chunk(2, dim=2)
    h = F.layer_norm(h, (16,), eps=1e-6) * (1 + scale) + shift
    out = h @ made.tail.weight.flatten(1).T + made.tail.bias  # [N, 16, 4]
    image = torch.zeros(2, 1, 8, 8)
    for place in range(4):
        image[:, 0, place // 2 :: 2, place % 2 :: 2] = out[..., place].view(2, 4, 4)
    torch.testing.assert_close(made(x, t, labels), image, atol=1e-4, rtol=1e-3)


def test_positions_matter_to_the_network() -> None:
    for positions in ("sinusoid", "rotary"):
        made, x = awake(network(positions=positions)), noise(1, 1, 8, 8)
        rolled = made(x.roll(2, dims=3), T([9])).roll(-2, dims=3)
        assert not torch.allclose(rolled, made(x, T([9])), atol=1e-3)


def test_a_hand_counted_network() -> None:
    d, depth = 16, 3
    embedding = 2 * (d * d + d)
    block = (d * 3 * d + 3 * d) + (d * d + d) + (d * 4 * d + 4 * d) + (4 * d * d + d)
    modulation = d * 6 * d + 6 * d
    ends = (4 * d + d) + (d * 2 * d + 2 * d) + (d * 4 + 4)
    total = sum(p.numel() for p in network().parameters())
    assert total == embedding + depth * (block + modulation) + ends
    joined = sum(p.numel() for p in network(long_skips=True).parameters())
    assert joined == total + (2 * d * d + d)  # one of three blocks joins


@pytest.mark.parametrize(("width", "heads"), [(18, 1), (24, 8), (16, 3)])
def test_a_width_that_cannot_be_shared_is_named(width: int, heads: int) -> None:
    with pytest.raises(ValueError, match=rf"network.width is {width}"):
        network(width=width, heads=heads)
