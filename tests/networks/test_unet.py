"""The U-Net: any shape in, the same shape out, and nothing it should not see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ddpm.networks.unet import (
    AddSkip,
    Attention,
    ChannelNorm,
    GroupNorm,
    ResidualBlock,
    UNet,
    Upsample,
)
from tests.examples import examples

T = torch.tensor


def awake(network: nn.Module) -> nn.Module:
    """The network in evaluation mode, its zero-initialised layers (and all others) drawn at random."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def maps_seen_by_attention(network: UNet, height: int, width: int) -> list[tuple[int, ...]]:
    """(H, W) of every feature map that an attention layer is given."""
    seen: list[tuple[int, ...]] = []
    for module in network.modules():
        if isinstance(module, Attention):
            module.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[-2:]))
    network(noise(1, network.head.in_channels // network.patch**2, height, width), T([0]))
    return [tuple(shape) for shape in seen]


@settings(deadline=None, max_examples=examples(25))
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    channels=st.sampled_from([1, 3]),
    patch=st.integers(1, 3),
    levels=st.integers(1, 3),
    skips=st.sampled_from(["concat", "add"]),
)
@example(height=28, width=28, channels=1, patch=2, levels=2, skips="concat")
@example(height=45, width=33, channels=3, patch=2, levels=3, skips="add")
@example(height=7, width=9, channels=3, patch=1, levels=3, skips="concat")
@example(height=1, width=1, channels=1, patch=1, levels=3, skips="add")
def test_any_image_shape_comes_back(
    height: int, width: int, channels: int, patch: int, levels: int, skips: str
) -> None:
    shape = (2, channels, height, width)
    network = UNet(
        channels,
        2 * channels,
        (height, width),
        channels=8,
        multipliers=range(1, levels + 1),
        patch=patch,
        skips=skips,
    )
    out = awake(network)(noise(*shape), T([0, 999]))
    assert out.shape == (2, 2 * channels, height, width)
    assert out.isfinite().all()


def test_padding_is_zeros_at_the_far_edges_and_is_cropped_away() -> None:
    network = awake(UNet(1, 1, (7, 9), channels=8, multipliers=(1, 2, 2)))
    x = noise(2, 1, 7, 9)
    padded = torch.zeros(2, 1, 8, 12)
    padded[..., :7, :9] = x
    torch.testing.assert_close(network(x, T([3, 4])), network(padded, T([3, 4]))[..., :7, :9])


def test_it_answers_zero_before_it_has_learned_anything() -> None:
    network = UNet(3, 6, (8, 8), channels=8, attention=(8,), num_classes=2)
    assert torch.equal(network(noise(2, 3, 8, 8), T([0, 5]), T([0, 1])), torch.zeros(2, 6, 8, 8))


def test_blocks_and_attention_begin_as_the_identity() -> None:
    x, embedding = noise(2, 8, 4, 4), noise(2, 16)
    assert torch.equal(ResidualBlock(8, 8, 16, 0.0)(x, embedding), x)
    assert torch.equal(Attention(8)(x), x)


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    network = UNet(1, 1, (8, 8), channels=8, multipliers=(1, 2), attention=(4,), num_classes=2)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    x, target = noise(4, 1, 8, 8), noise(4, 1, 8, 8, seed=1)
    for _ in range(4):  # zero-initialised layers open one after the other
        optimizer.zero_grad()
        F.mse_loss(network(x, T([0, 100, 500, 999]), T([0, 1, 2, 2])), target).backward()
        optimizer.step()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("size", "patch", "multipliers", "asked", "expected"),
    [
        ((28, 28), 2, (1, 2), (7,), [(7, 7)] * 4),  # one down, the middle, two up
        ((28, 28), 2, (1, 2), (14, 7), [(14, 14), *[(7, 7)] * 4, *[(14, 14)] * 2]),
        ((28, 28), 2, (1, 2), (28, 8), []),
        ((45, 33), 1, (1, 1, 1), (9,), [(12, 9)] * 4),  # padded to 48 x 36; the shorter side counts
        ((33, 45), 1, (1, 1, 1), (12,), []),
        ((8, 8), 1, (1,), (8,), [(8, 8)] * 4),
    ],
)
def test_attention_falls_where_it_is_asked_for(
    size: tuple[int, int],
    patch: int,
    multipliers: tuple[int, ...],
    asked: tuple[int, ...],
    expected: list[tuple[int, int]],
) -> None:
    network = UNet(
        1, 1, size, channels=8, multipliers=multipliers, patch=patch, attention=asked, blocks=1
    )
    assert maps_seen_by_attention(network, *size) == expected


def test_attention_against_the_textbook() -> None:
    layer = awake(Attention(6))
    assert isinstance(layer, Attention) and layer.heads == 1
    x = noise(1, 6, 2, 3)
    q, k, v = layer.qkv(layer.norm(x)).flatten(2)[0].chunk(3)  # [6, HW] each
    weights = torch.softmax(q.T @ k / 6**0.5, dim=1)  # [HW, HW]
    mixed = (weights @ v.T).T.reshape(1, 6, 2, 3)
    torch.testing.assert_close(layer(x), x + layer.out(mixed))


def test_space_to_depth_is_a_network_on_the_folded_image() -> None:
    options = {"channels": 8, "multipliers": (1, 2)}
    folding = awake(UNet(1, 1, (8, 12), patch=2, **options))  # type: ignore[arg-type]
    plain = UNet(4, 4, (4, 6), **options).eval()  # type: ignore[arg-type]
    plain.load_state_dict(folding.state_dict())

    def folded(x: Tensor) -> Tensor:  # the four pixels of each 2 x 2 square, one after the other
        corners = [x.numpy()[:, 0, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        return torch.from_numpy(np.stack(corners, axis=1))

    x, t = noise(2, 1, 8, 12), T([10, 900])
    with torch.no_grad():
        torch.testing.assert_close(folded(folding(x, t)), plain(folded(x), t))


def test_a_hand_counted_network() -> None:
    time = 2 * (128 * 128 + 128)
    modulation = 128 * 4 + 4
    block = 4 + (2 * 2 * 9 + 2) + 4 + (2 * 2 * 9 + 2) + modulation
    joining = 8 + (4 * 2 * 9 + 2) + 4 + (2 * 2 * 9 + 2) + modulation + (4 * 2 + 2)
    ends = (1 * 2 * 9 + 2) + 4 + (2 * 1 * 9 + 1)
    network = UNet(1, 1, (4, 4), channels=2, multipliers=(1,))
    total = sum(parameter.numel() for parameter in network.parameters())
    assert total == time + 2 * block + 2 * joining + ends == 35_567  # down and middle; up and up


def test_no_label_is_the_class_behind_the_last() -> None:
    network = awake(UNet(1, 1, (8, 8), channels=8, num_classes=3))
    x, t = noise(2, 1, 8, 8), T([10, 500])
    without = network(x, t)
    assert torch.equal(without, network(x, t, T([3, 3])))
    for label in range(3):
        assert not torch.allclose(without, network(x, t, T([label, label])), atol=1e-3)


def test_time_matters_and_is_each_image_s_own() -> None:
    network = awake(UNet(1, 1, (8, 8), channels=8))
    x = noise(1, 1, 8, 8).expand(3, 1, 8, 8)
    out = network(x, T([0, 500, 0]))
    assert not torch.allclose(out[0], out[1], atol=1e-3)
    torch.testing.assert_close(out[0], out[2])


def test_an_image_does_not_see_the_rest_of_its_batch() -> None:
    network = awake(UNet(3, 3, (8, 8), channels=8, attention=(2, 4), num_classes=2))
    x, t, labels = noise(4, 3, 8, 8), T([0, 9, 99, 999]), T([0, 1, 2, 0])
    together = network(x, t, labels)
    for i in range(4):
        alone = network(x[i : i + 1], t[i : i + 1], labels[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=1e-5)


def test_dropout_acts_in_training_only() -> None:
    x, t = noise(2, 1, 8, 8), T([1, 2])
    dropping = awake(UNet(1, 1, (8, 8), channels=8, dropout=0.5))
    assert torch.equal(dropping(x, t), dropping(x, t))
    dropping.train()
    assert not torch.equal(dropping(x, t), dropping(x, t))
    keeping = awake(UNet(1, 1, (8, 8), channels=8)).train()
    assert torch.equal(keeping(x, t), keeping(x, t))


def test_the_embedding_scales_and_shifts_the_second_norm() -> None:
    block = awake(ResidualBlock(8, 8, 4, 0.0))
    assert isinstance(block, ResidualBlock)
    x, embedding = noise(1, 8, 3, 3), noise(1, 4)
    scale, shift = block.scale_shift(embedding).view(2, 8, 1, 1)
    hidden = block.norm2(block.conv1(F.silu(block.norm1(x)))) * (1 + scale) + shift
    torch.testing.assert_close(block(x, embedding), x + block.conv2(F.silu(hidden)))


def test_upsampling_repeats_pixels() -> None:
    layer = Upsample(1)
    with torch.no_grad():
        layer.conv.weight.zero_()[0, 0, 1, 1] = 1
        layer.conv.bias.zero_()  # type: ignore[union-attr]
    assert layer(T([[[[1.0, 2.0]]]])).tolist() == [[[[1, 1, 2, 2], [1, 1, 2, 2]]]]


@settings(deadline=None, max_examples=examples(130))
@given(width=st.integers(1, 130))
def test_group_norm_takes_any_width(width: int) -> None:
    layer = GroupNorm(width)
    assert width % layer.num_groups == 0 and layer.num_groups <= 32
    assert width // layer.num_groups >= min(8, width)
    if width % 8 == 0:
        assert layer.num_groups == width // 8
    out = layer(noise(2, width, 4, 4))
    groups = out.view(2, layer.num_groups, -1)
    torch.testing.assert_close(
        groups.mean(dim=2), torch.zeros(2, layer.num_groups), atol=1e-4, rtol=0
    )


def test_group_norm_has_32_groups_at_most() -> None:
    assert GroupNorm(256).num_groups == GroupNorm(512).num_groups == 32


def test_group_norm_computes_in_float32_whatever_it_is_given() -> None:
    layer = GroupNorm(16)
    x = torch.randn(2, 16, 3, 3).bfloat16()
    found = layer(x)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, layer(x.float()).bfloat16())


def test_channel_norm_gives_every_position_mean_0_and_variance_1_over_channels() -> None:
    layer, x = ChannelNorm(12), 3 + 2 * noise(2, 12, 3, 5)
    spread = (x - x.mean(1, keepdim=True)) / (x.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(layer(x), spread)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(12.0))
        layer.bias.fill_(7)
    torch.testing.assert_close(layer(x), spread * torch.arange(12.0).view(1, 12, 1, 1) + 7)
    assert layer(x.bfloat16()).dtype == torch.bfloat16


def test_an_added_skip_keeps_the_variance_and_is_projected_where_widths_differ() -> None:
    h, skip = noise(64, 8, 8, 8), noise(64, 8, 8, 8, seed=1)
    torch.testing.assert_close(AddSkip(8, 8)(h, skip), (h + skip) / 2**0.5)
    assert AddSkip(8, 8)(h, skip).var().item() == pytest.approx(1, abs=0.03)
    assert not list(AddSkip(8, 8).parameters())
    join = AddSkip(8, 4)
    projected = F.conv2d(skip[:, :4], join.project.weight, join.project.bias)
    torch.testing.assert_close(join(h, skip[:, :4]), (h + projected) / 2**0.5)


def test_upsampling_to_another_width_narrows_before_it_repeats() -> None:
    layer, x = awake(Upsample(6, 2)), noise(1, 6, 3, 3)
    repeated = F.interpolate(layer.narrow(x), scale_factor=2.0)
    torch.testing.assert_close(layer(x), layer.conv(repeated))
    assert layer(x).shape == (1, 2, 6, 6)


def test_layer_norm_and_added_skips_make_a_smaller_network() -> None:
    sizes = {
        (norm, skips): sum(
            p.numel() for p in UNet(1, 1, (8, 8), norm=norm, skips=skips).parameters()
        )
        for norm in ("group", "layer")
        for skips in ("concat", "add")
    }
    assert sizes["group", "concat"] == sizes["layer", "concat"]
    assert sizes["group", "add"] == sizes["layer", "add"] < sizes["group", "concat"]
