"""The check that a feature network ranks degraded images in the right order."""

from __future__ import annotations

import torch
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.degradations import DEGRADATIONS
from ddpm.evaluation.features import FeatureNetwork, extract_features
from ddpm.evaluation.fid import frechet_distance_to
from ddpm.evaluation.statistics import statistics

MAX_IMAGES = 1000  # on each side
CHECKED_DEGRADATIONS = ("blur", "noise", "collapse", "imbalance")


def require_right_order(reference: Tensor, network: FeatureNetwork) -> None:
    """Raise RequestError unless floor < mild < strong by Fréchet distance, for each degradation.

    One half of the images is the reference, the other half is degraded. Undegraded it gives the floor.
    """
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(reference), generator=generator, device="cpu")
    half = min(MAX_IMAGES, len(reference) // 2)
    distance = frechet_distance_to(statistics(extract_features(reference[order[:half]], network)))
    other = reference[order[half : 2 * half]]

    def score(images: Tensor) -> float:
        return distance(statistics(extract_features(images, network)))

    floor = score(other)
    for name in CHECKED_DEGRADATIONS:
        mild, strong = DEGRADATIONS[name](other)
        if not floor < score(mild) < score(strong):
            raise RequestError(
                f"The feature network {network.name} does not detect {name} on these images; "
                "give more reference images, or choose another network with --features."
            )
