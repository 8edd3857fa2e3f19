"""Features of a teacher's network: what its blocks put out, by position, channel and whole map."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ddpm.errors import RequestError
from ddpm.models.ddpm import Ddpm
from ddpm.models.teacher_features import check_blocks, teacher_features

MakeDdpm = Callable[..., Ddpm]


def features(teacher: Ddpm, images: Tensor) -> list[Tensor]:
    t, noise = torch.full((len(images),), 3), torch.zeros_like(images)
    return teacher_features(teacher, images, t, noise, None)


def test_each_block_gives_its_map_its_means_its_deviations_and_the_smallest_its_positions(
    small_ddpm: MakeDdpm,
) -> None:
    teacher = small_ddpm(awake=True)
    outputs: list[Tensor] = []
    for stage in teacher.averaged.network.stages():  # type: ignore[operator]
        stage.register_forward_hook(lambda m, i, out: outputs.append(out))
    images = torch.linspace(-1, 1, 3 * 64).reshape(3, 1, 8, 8)
    found = iter(features(teacher, images))
    smallest = min(out.shape[-1] for out in outputs)
    assert smallest < max(out.shape[-1] for out in outputs)
    for out in outputs:
        whole, mean, deviation = next(found), next(found), next(found)
        torch.testing.assert_close(whole[0], out.permute(0, 2, 3, 1).flatten(1))
        torch.testing.assert_close(mean[0], out.mean((2, 3)))
        torch.testing.assert_close(
            deviation[0], out.std((2, 3), correction=0), atol=1e-5, rtol=1e-4
        )
        if out.shape[-1] == smallest:
            positions = next(found)
            torch.testing.assert_close(positions[1], out[:, :, 0, 1])
            assert len(positions) == smallest**2
    assert next(found, None) is None


def test_gradients_reach_the_images_and_no_hook_stays(small_ddpm: MakeDdpm) -> None:
    teacher = small_ddpm(awake=True)
    images = torch.zeros(2, 1, 8, 8, requires_grad=True)
    torch.stack([part.square().mean() for part in features(teacher, images)]).sum().backward()
    assert images.grad is not None and bool((images.grad != 0).any())
    assert not any(module._forward_hooks for module in teacher.averaged.network.modules())


def test_a_network_without_blocks_is_refused(small_ddpm: MakeDdpm) -> None:
    teacher = small_ddpm()
    teacher.learner.ema.network.stages = tuple[nn.Module]  # type: ignore[method-assign]
    with pytest.raises(RequestError, match=r"student\.drift=0"):
        check_blocks(teacher)
