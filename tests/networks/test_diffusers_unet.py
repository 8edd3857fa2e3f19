"""diffusers' UNet2DModel as a network: it is the original, behind this package's interface."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DModel

from ddpm.networks.diffusers_unet import SETTINGS, DiffusersUNet
from ddpm.networks.layouts import layout_text

SMALL = {
    "block_out_channels": [8, 16],
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
    "norm_num_groups": 4,
    "layers_per_block": 1,
}


def layout(**changes: object) -> str:
    defaults = {name: default for name, (_, default) in SETTINGS.items()}
    return layout_text({**defaults, **SMALL, **changes})


def test_it_computes_what_the_original_computes() -> None:
    torch.manual_seed(0)
    original = UNet2DModel(sample_size=8, in_channels=3, out_channels=6, **SMALL).eval()
    own = DiffusersUNet(3, 6, (8, 8), layout=layout()).eval()
    own.load_state_dict({f"unet.{name}": w for name, w in original.state_dict().items()})
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([0, 999])
    assert torch.equal(own(x, t), original(x, t).sample)
    assert own(torch.randn(1, 3, 7, 5), t[:1]).shape == (1, 6, 7, 5)  # padded inside
    assert sum(p.numel() for stage in own.stages() for p in stage.parameters()) > 1000


def test_classes_are_a_table_with_a_row_for_no_label() -> None:
    torch.manual_seed(0)
    original = UNet2DModel(
        sample_size=8, in_channels=3, out_channels=3, num_class_embeds=5, **SMALL
    ).eval()
    own = DiffusersUNet(3, 3, (8, 8), layout=layout(), num_classes=4).eval()
    own.load_state_dict({f"unet.{name}": w for name, w in original.state_dict().items()})
    x, t, labels = torch.randn(2, 3, 8, 8), torch.tensor([0, 999]), torch.tensor([3, 1])
    assert torch.equal(own(x, t, labels), original(x, t, class_labels=labels).sample)
    none = torch.full((2,), 4)
    assert torch.equal(own(x, t), original(x, t, class_labels=none).sample)
    assert not torch.equal(own(x, t), own(x, t, labels))


def test_settings_are_the_arguments_of_the_class() -> None:
    config = UNet2DModel(**SMALL).config
    for name, (check, default) in SETTINGS.items():
        listed = list(config[name]) if isinstance(config[name], tuple) else config[name]
        assert check(listed), name
        if name not in SMALL:
            assert listed == default, name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_out_channels": [10**9, 8]}, "block_out_channels"),
        ({"layers_per_block": 10**9}, "layers_per_block"),
        ({"block_out_channels": [8, 8, 8]}, "another number of blocks"),
        ({"down_block_types": ["os.system", "DownBlock2D"]}, "down_block_types"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DiffusersUNet(1, 1, (8, 8), layout=layout(**changes))
