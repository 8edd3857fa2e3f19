from __future__ import annotations

import pytest
import torch

from ddpm.commands.shared_options import FEATURE_NAMES
from ddpm.errors import RequestError
from ddpm.evaluation import digits
from ddpm.evaluation.feature_networks import (
    FEATURE_NETWORKS,
    FeatureNetworkEntry,
    NetworkRequest,
    choose_network,
    load_network,
)


class Sure:
    """A classifier that is sure of a share of images, spread over some classes."""

    def __init__(self, share: float, classes: int) -> None:
        self.share, self.classes = share, classes

    def probabilities(self, images: torch.Tensor) -> torch.Tensor:
        p = torch.full((len(images), 10), 0.1)
        sure = int(self.share * len(images))
        p[:sure] = torch.eye(10)[torch.arange(sure) % self.classes]
        return p


@pytest.mark.parametrize(
    ("share", "classes", "name"), [(0.8, 10, "digits"), (0.6, 10, "self"), (0.9, 3, "self")]
)
def test_digits_are_chosen_where_the_classifier_is_sure_of_several_classes(
    monkeypatch: pytest.MonkeyPatch, make_images, share: float, classes: int, name: str
) -> None:
    monkeypatch.setattr(digits, "load_digits", lambda: Sure(share, classes))
    assert choose_network(make_images(100)).name == name
    assert choose_network(make_images(100, channels=3)).name == "self"


def test_networks_are_loaded_by_name_and_blobs_are_no_digits(make_images, monkeypatch) -> None:
    request = NetworkRequest(make_images(120))
    assert load_network("digits", request).name == "digits"
    entry = FeatureNetworkEntry(lambda request: Sure(len(request.reference), 1))
    monkeypatch.setitem(FEATURE_NETWORKS, "self", entry)
    assert load_network("auto", request).share == 120


def test_unknown_names_and_empty_references_are_refused(make_images) -> None:
    with pytest.raises(RequestError, match="auto, digits, self, inception, dino"):
        load_network("vgg", NetworkRequest(make_images(20)))
    with pytest.raises(RequestError, match="none at all"):
        load_network("auto", NetworkRequest(make_images(20)[:0]))


def test_the_command_line_knows_the_same_names() -> None:
    assert list(FEATURE_NAMES) == ["auto", *FEATURE_NETWORKS]
