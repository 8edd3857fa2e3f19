"""The network of the digit classifier: a small CNN on 28x28 gray images, 64 features, 10 classes.

`scripts/train_digit_classifier.py` trains it on the MNIST training files; `digits.py` offers the
bundled weights as a feature network.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 28
CLASSES = 10
FEATURES = 64


class DigitClassifier(nn.Module):
    """Three convolutions and two linear layers, 258,000 weights, for images [N, 1, 28, 28] in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 5, stride=2, padding=2, bias=False),  # 28 -> 14
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 14 -> 7
            nn.Conv2d(64, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """Map images [N, 1, 28, 28] in [0, 1] to the last hidden layer, [N, 64]."""
        features: Tensor = self.body((x - 0.13) / 0.31)  # mean and standard deviation of MNIST
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Map images [N, 1, 28, 28] in [0, 1] to logits [N, 10]."""
        logits: Tensor = self.head(self.features(x))
        return logits


def classification_loss(model: DigitClassifier, x: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of images [N, 1, 28, 28] in [0, 1] and class indices [N]."""
    return F.cross_entropy(model(x), labels)
