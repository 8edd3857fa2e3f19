"""denoising-diffusion-pytorch's U-Net against an independent restatement of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ddpm.networks.layouts import layout_text
from ddpm.networks.lucidrains_unet import LucidrainsUNet
from tests.networks.restatements import lucidrains, random_weights

SMALL: dict[str, Any] = {
    "dim": 8, "init_dim": 8, "dim_mults": [1, 2], "full_attention": [False, True], "heads": [2, 3],
    "dim_head": [4, 8], "theta": 10_000.0,
}  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"init_dim": 12, "full_attention": [True, False]},
        {
            "dim_mults": [1, 2, 4],
            "full_attention": [False] * 3,
            "heads": [1, 2, 4],
            "dim_head": [8] * 3,
        },
    ],
)
def test_it_computes_what_the_restatement_computes(changes: dict[str, Any]) -> None:
    layout = {**SMALL, **changes}
    network = LucidrainsUNet(3, 3, (8, 12), layout=layout_text(layout)).eval()
    weights = random_weights(network.state_dict())
    network.load_state_dict(weights)
    x, t = (
        torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(0)),
        torch.tensor([3, 900]),
    )
    with torch.no_grad():
        found = network(x, t)
    expected = lucidrains(weights, len(layout["dim_mults"]), x, t)
    assert torch.allclose(found, expected, atol=1e-5 * max(1.0, float(expected.abs().max())))
    assert expected.std() > 0.01
    assert len(list(network.stages())) == 4 * len(layout["dim_mults"]) + 3


def test_sizes_that_do_not_halve_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 2, not 7x8"):
        LucidrainsUNet(1, 1, (7, 8), layout=layout_text(SMALL))
    with pytest.raises(ValueError, match="another number of attentions"):
        LucidrainsUNet(1, 1, (8, 8), layout=layout_text({**SMALL, "heads": [1]}))
