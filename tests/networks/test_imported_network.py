"""Networks of other programs: all refuse what they cannot be told."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ddpm.networks.diffusers_unet import DiffusersUNet
from ddpm.networks.imported_network import ImportedNetwork
from ddpm.networks.kinds import NETWORKS
from ddpm.networks.layouts import layout_text
from tests.networks import test_course_unet, test_diffusers_unet, test_lucidrains_unet

LAYOUTS = {
    "diffusers": test_diffusers_unet.layout(),
    "lucidrains": layout_text(test_lucidrains_unet.SMALL),
    "course": test_course_unet.LAYOUT,
}
CONDITIONS: list[tuple[dict[str, Any], str]] = [
    ({"num_classes": 3}, "takes no labels; set data.labels=false"),
    ({"augment_labels": 9}, "not told its augmentation; set data.augment=0"),
]


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize(("condition", "message"), CONDITIONS)
def test_it_takes_no_conditions(kind: str, condition: dict[str, Any], message: str) -> None:
    assert LAYOUTS.keys() == {name for name, row in NETWORKS.items() if row.imported}
    if kind == "diffusers" and "num_classes" in condition:
        return  # it has classes: test_diffusers_unet.py
    with pytest.raises(ValueError, match=message):
        NETWORKS[kind].make(1, 1, (28, 28), layout=LAYOUTS[kind], **condition)


def test_it_sees_the_time_and_ignores_labels() -> None:
    class Clock(ImportedNetwork):
        def predict(self, x: Tensor, t: Tensor) -> Tensor:
            return x + t[:, None, None, None]

    out = Clock()(torch.zeros(2, 1, 3, 3), torch.tensor([1, 2]), torch.tensor([0, 0]))
    assert out[:, 0, 0, 0].tolist() == [1, 2]
    assert issubclass(DiffusersUNet, ImportedNetwork)
