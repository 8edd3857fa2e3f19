"""The feature network `digits`: the bundled digit classifier, for gray digits of any size."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from ddpm.construction import Construction
from ddpm.errors import RequestError
from ddpm.evaluation.classifier import SIDE, DigitClassifier
from ddpm.evaluation.color import luma
from ddpm.evaluation.features import CHUNK, hash_weights

DIGIT_BOX = 20  # MNIST digits fill a box of 20 pixels within the 28
WEIGHTS = Path(__file__).parent / "weights" / "digits.safetensors"


class DigitFeatures:
    """64 features of images uint8 [N, C, H, W], and the probabilities of the ten digits."""

    name = "digits"
    resize = "gray, longer side to 28 (below 20: to 20), antialiased bicubic, centered on black"

    def __init__(self, model: DigitClassifier) -> None:
        self.model = model.eval().requires_grad_(False)
        self.weights_hash = hash_weights(model)

    def features(self, images: Tensor) -> Tensor:
        """Map images uint8 [N, C, H, W] to the last hidden layer, float32 [N, 64]."""
        return torch.cat(
            [self.model.features(preprocess(part)) for part in torch.split(images, CHUNK)]
        )

    def classify(self, features: Tensor) -> Tensor:
        """Map features [N, 64] to the probabilities of 0 to 9, float32 [N, 10]."""
        probabilities: Tensor = self.model.head(features).softmax(dim=1)
        return probabilities

    def log_probabilities(self, images: Tensor) -> Tensor:
        """Map floats [N, C, H, W] in [0, 1] to the log-probabilities of 0 to 9, [N, 10], with gradients."""
        logits: Tensor = self.model(fit_digits(luma(images).float()[:, None]))
        return logits.log_softmax(dim=1)

    def probabilities(self, images: Tensor) -> Tensor:
        """Map images uint8 [N, C, H, W] to the probabilities of 0 to 9, float32 [N, 10]."""
        return self.classify(self.features(images))


def load_digits(path: Path = WEIGHTS) -> DigitFeatures:
    """Load the classifier from `path`. RequestError if the weights are missing or damaged."""
    if not path.is_file():
        raise RequestError(
            f"The digit classifier's weights are missing ({path.name}); install ddpm-studio again."
        )
    with Construction(torch.Generator()):  # its weights are loaded below
        model = DigitClassifier()
    try:
        weights = {key: value.float() for key, value in load(path.read_bytes()).items()}
        missing = model.load_state_dict(weights, strict=False).missing_keys
    except (SafetensorError, RuntimeError) as error:
        raise RequestError(
            f"{path.name} holds no weights of the digit classifier; install ddpm-studio again."
        ) from error
    if any(not key.endswith("num_batches_tracked") for key in missing):  # counters are not stored
        raise RequestError(
            f"{path.name} lacks weights of the digit classifier; install ddpm-studio again."
        )
    return DigitFeatures(model)


def preprocess(images: Tensor) -> Tensor:
    """Convert images uint8 [N, C, H, W] to [N, 1, 28, 28] in [0, 1].

    Color becomes gray (ITU-R BT.601). The longer side is resized to 28 pixels, or to 20 for images
    below 20 pixels, whose digits reach from edge to edge. Black borders center the result.
    """
    return fit_digits((luma(images) / 255).float()[:, None])


def fit_digits(x: Tensor) -> Tensor:
    """Resize and center gray images [N, 1, H, W] in [0, 1] to [N, 1, 28, 28]; see `preprocess`."""
    height, width = x.shape[2:]
    longest = max(height, width)
    if longest != SIDE:
        scale = (SIDE if longest >= DIGIT_BOX else DIGIT_BOX) / longest
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        x = F.interpolate(x, size, mode="bicubic", antialias=True).clamp(0, 1)
        height, width = size
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    return F.pad(x, (left, SIDE - width - left, top, SIDE - height - top))
