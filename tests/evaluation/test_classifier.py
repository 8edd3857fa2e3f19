from __future__ import annotations

import torch

from ddpm.evaluation.classifier import DigitClassifier, classification_loss


def test_it_maps_28x28_to_features_and_ten_classes() -> None:
    torch.manual_seed(0)
    model = DigitClassifier().eval()
    x = torch.rand(3, 1, 28, 28)
    assert model.features(x).shape == (3, 64)
    assert torch.equal(model.head(model.features(x)), model(x))
    assert sum(p.numel() for p in model.parameters()) * 2 < 600_000  # bytes at half precision


def test_it_learns_three_bars() -> None:
    torch.manual_seed(0)
    model = DigitClassifier()
    x = torch.rand(24, 1, 28, 28) * 0.2
    labels = torch.arange(24) % 3
    for image, label in zip(x, labels.tolist(), strict=True):
        image[0, :, 4 + 8 * label : 8 + 8 * label] = 1
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    first = classification_loss(model, x, labels).item()
    for _ in range(8):
        optimizer.zero_grad()
        classification_loss(model, x, labels).backward()
        optimizer.step()
    assert classification_loss(model, x, labels).item() < first / 3
