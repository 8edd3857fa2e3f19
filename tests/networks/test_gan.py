"""The DCGAN's networks: sizes known from elsewhere, any image shape, the paper's first weights."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ddpm.networks.gan import Discriminator, Generator, level_widths, map_sizes
from tests.examples import examples


def size_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def latents(n: int, latent: int = 100) -> Tensor:
    return torch.randn(n, latent, generator=torch.Generator().manual_seed(0))


def test_at_64x64_in_color_it_is_the_well_known_network() -> None:
    # pytorch/examples, dcgan/main.py with nz=100, ngf=ndf=64
    assert size_of(Generator(3, (64, 64))) == 3_576_704
    assert size_of(Discriminator(3, (64, 64))) == 2_765_568


@pytest.mark.parametrize(
    ("size", "maps", "widths"),
    [
        ((64, 64), [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64)], [64, 128, 256, 512]),
        ((28, 28), [(7, 7), (14, 14), (28, 28)], [64, 128]),
        ((32, 32), [(4, 4), (8, 8), (16, 16), (32, 32)], [64, 128, 256]),
        ((45, 33), [(6, 5), (12, 10), (24, 20), (48, 40)], [64, 128, 256]),
        ((8, 8), [(4, 4), (8, 8)], [64]),
        ((3, 5), [(2, 3), (4, 6)], [64]),
        ((128, 128), [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64), (128, 128)],
         [64, 128, 256, 512, 512]),
    ],
)  # fmt: skip
def test_maps_and_widths_follow_the_shorter_side(
    size: tuple[int, int], maps: list[tuple[int, int]], widths: list[int]
) -> None:
    assert map_sizes(size) == maps
    assert level_widths(size, 64) == widths


@settings(max_examples=examples(25), deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    channels=st.sampled_from([1, 3]),
    n=st.integers(2, 3),
)
def test_any_shape_goes_in_and_comes_out(height: int, width: int, channels: int, n: int) -> None:
    maker = Generator(channels, (height, width), latent=5, channels=2)
    images = maker(latents(n, 5))
    assert images.shape == (n, channels, height, width)
    assert images.abs().max() < 1
    assert Discriminator(channels, (height, width), channels=2)(images).shape == (n,)


def test_every_pixel_is_made_and_judged() -> None:
    torch.manual_seed(0)  # with few channels a start may leave a corner to units that are off
    size = (45, 33)
    maker, critic = Generator(1, size, channels=4), Discriminator(1, size, channels=4)
    images = maker(latents(3)).detach().requires_grad_()
    # batch statistics make a sum over the batch blind to much: weigh the images differently
    (critic(images) * torch.tensor([1.0, 2.0, 5.0])).sum().backward()
    assert images.grad is not None and (images.grad != 0).all()
    for row, column in ((0, 0), (44, 32)):
        weights = torch.autograd.grad(maker(latents(3))[0, 0, row, column], maker.parameters())
        assert all(bool((gradient != 0).any()) for gradient in weights)


def test_first_weights_are_the_papers() -> None:
    torch.manual_seed(0)
    for network in (Generator(3, (64, 64)), Discriminator(3, (64, 64))):
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                assert layer.bias is None
                spread = layer.weight.std().item()
                assert spread == pytest.approx(
                    0.02, abs=4 * 0.02 / (2 * layer.weight.numel()) ** 0.5
                )
            if isinstance(layer, nn.BatchNorm2d):
                assert abs(layer.weight.mean().item() - 1) < 0.01 and not layer.bias.any()


def test_the_image_is_not_normalized() -> None:
    kinds = [type(layer) for layer in Generator(1, (28, 28)).layers]
    assert kinds[-2:] == [nn.ConvTranspose2d, nn.Tanh]
    kinds = [type(layer) for layer in Discriminator(1, (28, 28)).layers]
    assert kinds[:2] == [nn.Conv2d, nn.LeakyReLU] and kinds[-1] is nn.Conv2d


def test_the_discriminator_treats_a_batch_alike_in_either_mode_and_keeps_no_statistics() -> None:
    critic = Discriminator(1, (28, 28), channels=4)
    images = torch.randn(5, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    assert not list(critic.buffers())
    assert torch.equal(critic.train()(images), critic.eval()(images))
