"""The vector of time, label and augmentation, against its sum written out."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddpm.networks.conditioned_network import ConditionedNetwork, augmentation_embedding

T = torch.tensor


class Clock(nn.Module):
    def forward(self, t: Tensor) -> Tensor:
        return t.float()[:, None]


class Adding(ConditionedNetwork):
    """It adds the embedding [N, 1] to the image."""

    def __init__(self, num_classes: int = 0, augment_labels: int = 0, multiple: int = 1) -> None:
        super().__init__(num_classes, multiple)
        self.time = Clock()
        self.label = nn.Embedding(num_classes + 1, 1) if num_classes else None
        self.transform = augmentation_embedding(augment_labels, 1)

    def predict(self, x: Tensor, embedding: Tensor) -> Tensor:
        assert all(side % self.multiple == 0 for side in x.shape[-2:])
        return x + embedding[:, :, None, None]


def test_the_embedding_is_the_activated_sum_of_its_parts() -> None:
    network = Adding(num_classes=2, augment_labels=3)
    assert network.label is not None and network.transform is not None
    assert not network.transform.weight.any()
    nn.init.normal_(network.transform.weight)
    t, labels, augmentation = T([5, 1]), T([1, 2]), torch.randn(2, 3)
    parts = network.label.weight[labels] + augmentation @ network.transform.weight.T
    found = network.embed(t, labels, augmentation)
    torch.testing.assert_close(found, F.silu(t[:, None] + parts))
    unlabeled = network.embed(t, None)
    torch.testing.assert_close(unlabeled, F.silu(t[:, None] + network.label.weight[2]))


def test_a_network_without_classes_or_augmentation_ignores_both() -> None:
    network = Adding()
    assert not list(network.parameters())
    out = network(torch.zeros(1, 1, 2, 2), T([3]), T([0]), torch.ones(1, 9))
    torch.testing.assert_close(out, F.silu(T(3.0)).expand(1, 1, 2, 2))


def test_wrong_numbers_of_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="3 labels for 2 images"):
        Adding(num_classes=2).embed(T([0, 1]), T([0, 0, 0]))


def test_images_are_padded_for_predict_and_cropped_after_it() -> None:
    network, x = Adding(multiple=4), torch.randn(2, 1, 5, 3)
    torch.testing.assert_close(network(x, T([0, 0])), x)
