"""The magnitude-preserving U-Net against the equations of Karras et al. 2024, restated here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ddpm.networks.edm2 import (
    Block,
    CosineAttention,
    MagnitudePreservingUNet,
    MPConv,
    MPEmbedding,
    MPLinear,
    mp_cat,
    mp_silu,
    mp_sum,
    normalize,
)

T = torch.tensor
SMALL: dict[str, Any] = {"channels": 16, "multipliers": (1, 2), "attention": (4,)}


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def magnitude(x: Tensor) -> float:
    return float(x.detach().square().mean().sqrt())


def network(**given: Any) -> MagnitudePreservingUNet:
    torch.manual_seed(0)
    return MagnitudePreservingUNet(1, 1, (8, 8), **(SMALL | given))


def opened(made: MagnitudePreservingUNet) -> MagnitudePreservingUNet:
    """With gains that are not zero."""
    with torch.no_grad():
        for i, module in enumerate(m for m in made.modules() if hasattr(m, "gain")):
            module.gain.fill_(0.3 + 0.1 * i)
    return made.eval()


# --- the operations ---------------------------------------------------------------------------------


def test_the_magnitude_of_silu_is_its_integral() -> None:
    """Eq. 80: the root mean square of silu under a standard normal, by the trapezoid rule."""
    z = np.linspace(-12, 12, 200_001)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    squares = (z / (1 + np.exp(-z))) ** 2 * density
    expected = math.sqrt(np.sum((squares[1:] + squares[:-1]) / 2) * (z[1] - z[0]))
    assert expected == pytest.approx(0.596, abs=5e-4)
    x = noise(1000)
    torch.testing.assert_close(mp_silu(x), x * torch.sigmoid(x) / 0.596)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_sum_keeps_the_magnitude_of_strangers(share: float) -> None:
    a, b = noise(100_000), noise(100_000, seed=1)
    total = mp_sum(a, b, share)
    torch.testing.assert_close(
        total, ((1 - share) * a + share * b) / ((1 - share) ** 2 + share**2) ** 0.5
    )
    assert magnitude(total) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("na", "nb"), [(8, 8), (24, 8), (5, 40)])
def test_a_concatenation_gives_both_the_same_say(na: int, nb: int) -> None:
    """Eq. 103 with t = 1/2: each part holds half of the squared length, the whole has unit magnitude."""
    a, b = noise(50, na, 16, 16), noise(50, nb, 16, 16, seed=1)
    joined = mp_cat(a, b)
    parts = joined.square().sum(dim=1)
    assert parts.mean() / (na + nb) == pytest.approx(1, abs=0.02)
    for part in (joined[:, :na], joined[:, na:]):
        assert part.square().sum(dim=1).mean() == pytest.approx((na + nb) / 2, rel=0.02)


def test_a_weight_is_used_with_rows_of_length_one() -> None:
    layer = MPConv(6, 10, 3)
    with torch.no_grad():
        layer.weight.mul_(torch.linspace(0.1, 9, 10).view(-1, 1, 1, 1))
    lengths = layer.unit_rows().flatten(1).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(10), atol=2e-3, rtol=0)
    x = noise(2, 6, 5, 5)
    by_hand = layer.weight / layer.weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    torch.testing.assert_close(layer(x), F.conv2d(x, by_hand, padding=1), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(layer(x, T([2.0])), 2 * layer(x))


def test_forced_normalization_brings_rows_back_and_gradients_leave_their_length() -> None:
    layer = MPLinear(12, 7)
    before = layer(noise(3, 12))
    with torch.no_grad():
        layer.weight.mul_(3)
    torch.testing.assert_close(layer(noise(3, 12)), before, atol=1e-3, rtol=1e-3)
    layer(noise(3, 12)).square().sum().backward()
    assert layer.weight.grad is not None
    along = (layer.weight.grad * layer.weight).sum(dim=1)  # no gradient along the row itself
    assert along.abs().max() < 1e-3 * layer.weight.grad.norm() * layer.weight.norm()
    layer.normalize_weights()
    torch.testing.assert_close(layer.weight.norm(dim=1), torch.ones(7), atol=1e-3, rtol=0)


def test_the_network_forces_all_its_layers_and_its_function_stays() -> None:
    made = opened(network())
    x, t = noise(2, 1, 8, 8), T([3, 700])
    before = made(x, t)
    layers = [m for m in made.modules() if isinstance(m, MPLinear)]
    with torch.no_grad():
        for i, layer in enumerate(layers):
            layer.weight.mul_(1 + i)
    torch.testing.assert_close(made(x, t), before, atol=1e-3, rtol=1e-3)
    made.normalize_weights()
    for layer in layers:
        rows = layer.weight.flatten(1).norm(dim=1)
        torch.testing.assert_close(rows, torch.ones_like(rows), atol=1e-3, rtol=0)


def test_a_class_is_a_column_of_the_linear_layer_of_one_hot_vectors() -> None:
    """Section 2.3 and the appendix: labels enter one-hot, times the root of their number."""
    layer = MPEmbedding(5, 8)
    one_hot = F.one_hot(T([4, 0, 2]), 5).float() * 5**0.5
    expected = one_hot @ (layer.weight / layer.weight.norm(dim=1, keepdim=True)).T
    torch.testing.assert_close(layer(T([4, 0, 2])), expected, atol=1e-3, rtol=1e-3)


def test_cosine_attention_against_the_textbook() -> None:
    torch.manual_seed(0)
    layer, x = CosineAttention(6), noise(1, 6, 2, 3)
    q, k, v = (normalize(part, 0) for part in layer.qkv(x).flatten(2)[0].chunk(3))  # [6, HW]
    cosines = F.cosine_similarity(q.T[:, None], k.T[None], dim=2)
    torch.testing.assert_close(q.T @ k / 6**0.5, cosines * 6**0.5, atol=2e-3, rtol=0)
    mixed = (torch.softmax(cosines * 6**0.5, dim=1) @ v.T).T.reshape(1, 6, 2, 3)
    expected = (0.7 * x + 0.3 * layer.out(mixed)) / (0.7**2 + 0.3**2) ** 0.5
    torch.testing.assert_close(layer(x), expected, atol=1e-3, rtol=1e-3)


# --- magnitudes, layer by layer ---------------------------------------------------------------------


def record(seen: dict[str, float], name: str, *call: Any) -> None:
    """A forward hook that keeps the output's magnitude."""
    seen[name] = magnitude(call[-1])


@pytest.mark.parametrize("patch", [1, 2])
def test_every_layer_of_a_deep_network_keeps_a_magnitude_of_one(patch: int) -> None:
    """At the start, on unit noise: every part stays in [0.6, 1.4], however deep it lies."""
    torch.manual_seed(0)
    side = 32 * patch
    made = MagnitudePreservingUNet(
        1,
        1,
        (side, side),
        channels=32,
        multipliers=(1, 2, 2),
        blocks=3,
        attention=(8,),
        patch=patch,
    )
    with torch.no_grad():
        made.gain.fill_(1)
    seen: dict[str, float] = {}
    for name, module in made.named_modules():
        if isinstance(module, MPLinear | Block | CosineAttention):
            module.register_forward_hook(partial(record, seen, name))
    made(noise(2, 1, side, side), T([0, 999]))
    modulations = {name: seen.pop(name) for name in list(seen) if name.endswith("modulation")}
    assert len(seen) > 60 and max(modulations.values()) == 0  # their gain starts at 0
    assert all(0.6 < value < 1.4 for value in seen.values()), seen


def test_the_embedding_has_unit_magnitude() -> None:
    made = network(num_classes=10)
    embedded = made.embed(torch.arange(0, 1000, 50), torch.arange(20) % 11)
    assert magnitude(embedded) == pytest.approx(1, abs=0.15)
    assert magnitude(math.sqrt(2) * made.time.fourier.sinusoids(T([17]))) == pytest.approx(1)


# --- the whole, restated ----------------------------------------------------------------------------


def restated(w: Mapping[str, Tensor], x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
    """Configuration G for multipliers (1, 2), one block a level and attention in the lower level."""

    def conv(name: str, y: Tensor, gain: float | Tensor = 1.0) -> Tensor:
        weight = w[f"{name}.weight"]
        unit = weight / weight.flatten(1).norm(dim=1).view(-1, *[1] * (weight.ndim - 1))
        if y.ndim == 2:
            return y @ unit.T * gain
        return F.conv2d(y, unit * gain, padding=weight.shape[-1] // 2)

    def silu(y: Tensor) -> Tensor:
        return y / (1 + torch.exp(-y)) / 0.596

    def add(a: Tensor, b: Tensor, share: float) -> Tensor:
        return ((1 - share) * a + share * b) / math.sqrt((1 - share) ** 2 + share**2)

    def pixel_norm(y: Tensor) -> Tensor:
        return y / y.square().mean(dim=1, keepdim=True).sqrt()

    def cat(a: Tensor, b: Tensor) -> Tensor:
        na, nb = a.shape[1], b.shape[1]
        c = math.sqrt((na + nb) / 0.5)
        return torch.cat([a * (c / math.sqrt(na) / 2), b * (c / math.sqrt(nb) / 2)], dim=1)

    def block(name: str, y: Tensor, emb: Tensor, encodes: bool, attends: bool) -> Tensor:
        skip = f"{name}.skip"
        if encodes:
            y = pixel_norm(conv(skip, y) if f"{skip}.weight" in w else y)
        branch = conv(f"{name}.conv1", silu(y))
        scale = 1 + conv(f"{name}.modulation", emb, w[f"{name}.gain"])
        branch = conv(f"{name}.conv2", silu(branch * scale[:, :, None, None]))
        if not encodes and f"{skip}.weight" in w:
            y = conv(skip, y)
        y = add(y, branch, 0.3)
        if attends:
            n, c, h, width = y.shape
            q, k, v = conv(f"{name}.attention.qkv", y).reshape(n, 3, c, -1).unbind(1)
            q, k, v = (part / part.square().mean(dim=1, keepdim=True).sqrt() for part in (q, k, v))
            weights = torch.softmax(torch.einsum("ncq,nck->nqk", q, k) / math.sqrt(c), dim=2)
            mixed = torch.einsum("nqk,nck->ncq", weights, v).reshape(n, c, h, width)
            y = add(y, conv(f"{name}.attention.out", mixed), 0.3)
        return y

    dim = w["time.weight"].shape[0]
    k = torch.arange(dim // 2)
    angle = t[:, None] * 10_000.0 ** (-2 * k / dim)
    waves = math.sqrt(2) * torch.cat([angle.sin(), angle.cos()], dim=1)
    one_hot = F.one_hot(labels, w["label.weight"].shape[1]).float()
    emb = add(conv("time", waves), conv("label", one_hot * math.sqrt(one_hot.shape[1])), 0.5)
    emb = silu(emb)
    h = conv("head", torch.cat([x, torch.ones_like(x)], dim=1))
    s0 = h
    s1 = h = block("down.0", h, emb, True, False)
    halved = (h[..., ::2, ::2] + h[..., 1::2, ::2] + h[..., ::2, 1::2] + h[..., 1::2, 1::2]) / 4
    s2 = h = block("down.1", halved, emb, True, False)
    s3 = h = block("down.2", h, emb, True, True)
    h = block("middle", h, emb, False, True)
    h = block("up.0", cat(h, s3), emb, False, True)
    h = block("up.1", cat(h, s2), emb, False, True)
    doubled = h.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    h = block("up.2", doubled, emb, False, False)
    h = block("up.3", cat(h, s1), emb, False, False)
    h = block("up.4", cat(h, s0), emb, False, False)
    return conv("tail", h, w["gain"])


def test_the_network_is_its_equations() -> None:
    made = opened(network(num_classes=3))
    x, t, labels = noise(3, 1, 8, 8), T([5, 400, 990]), T([0, 3, 2])
    expected = restated(made.state_dict(), x, t, labels)
    torch.testing.assert_close(made(x, t, labels), expected, atol=3e-3, rtol=3e-3)


def test_mirrored_weights_mirror_the_output() -> None:
    """Nothing but the kernels knows left from right."""
    made = opened(network(patch=1))
    x, t = noise(2, 1, 8, 8), T([5, 400])
    before = made(x, t)
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, MPConv):
                module.weight.copy_(module.weight.flip(3))
    torch.testing.assert_close(made(x.flip(3), t), before.flip(3), atol=1e-4, rtol=1e-4)


def test_activations_are_clipped() -> None:
    block = Block(4, 4, 8, encodes=False, attends=False, dropout=0.0)
    assert block(1000 * noise(1, 4, 4, 4), noise(1, 8)).abs().max() == 256
