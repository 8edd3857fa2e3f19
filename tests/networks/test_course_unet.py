"""The course's U-Net against an independent restatement of it."""

from __future__ import annotations

import pytest
import torch

from ddpm.networks.course_unet import CourseUNet
from tests.networks.restatements import course, random_weights

LAYOUT = '{"widths": [4, 8, 16], "time_dim": 12}'


def test_it_computes_what_the_restatement_computes() -> None:
    network = CourseUNet(1, 1, (28, 28), layout=LAYOUT, num_steps=50).eval()
    weights = random_weights(network.state_dict())
    network.load_state_dict(weights)
    x = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0, 49])
    with torch.no_grad():
        found = network(x, t)
    expected = course(weights, x, t)
    assert torch.allclose(found, expected, atol=1e-5) and expected.std() > 0.001
    assert all(name != "time_embed.weight" for name, _ in network.named_parameters())
    assert len(list(network.stages())) == 21


@pytest.mark.parametrize(
    ("shape", "layout", "message"),
    [
        ((1, 64, 64), LAYOUT, "28x28 only"),
        ((3, 28, 28), LAYOUT, "28x28 only"),
        ((1, 28, 28), '{"widths": [4, 8], "time_dim": 12}', "three widths"),
        ((1, 28, 28), '{"widths": [4, 8, 99999], "time_dim": 12}', "not supported"),
    ],
)
def test_other_shapes_are_refused(shape: tuple[int, int, int], layout: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CourseUNet(shape[0], shape[0], shape[1:], layout=layout)
