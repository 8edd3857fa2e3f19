from __future__ import annotations

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation.ranking_check import require_right_order


def test_a_pixel_network_passes_and_a_constant_one_is_refused(network, make_images) -> None:
    images = make_images(600)
    require_right_order(images, network)
    network.features = lambda x: torch.zeros(len(x), 3)
    with pytest.raises(RequestError, match="projection does not detect"):
        require_right_order(images, network)
