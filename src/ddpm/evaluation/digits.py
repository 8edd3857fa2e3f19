"""The feature network `digits`: the bundled classifier, for grey digits of any size."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.classifier import SIDE, DigitClassifier
from ddpm.evaluation.color import luma
from ddpm.evaluation.features import CHUNK, hash_weights

WEIGHTS = Path(__file__).parent / "weights" / "digits.safetensors"


class DigitFeatures:
    """64 features of uint8 images [N, C, H, W], and the probabilities of the ten digits."""

    name = "digits"
    resize = "grey, longer side to 28 (antialiased bilinear), centred on black"

    def __init__(self, model: DigitClassifier) -> None:
        self.model = model.eval().requires_grad_(False)
        self.weights_hash = hash_weights(model)

    def features(self, images: Tensor) -> Tensor:
        """uint8 [N, C, H, W] to the last hidden layer, float32 [N, 64]."""
        return torch.cat(
            [self.model.features(prepare(part)) for part in torch.split(images, CHUNK)]
        )

    def classify(self, features: Tensor) -> Tensor:
        """Features [N, 64] to the probabilities of 0 … 9, float32 [N, 10]."""
        probabilities: Tensor = self.model.head(features).softmax(dim=1)
        return probabilities

    def probabilities(self, images: Tensor) -> Tensor:
        """uint8 [N, C, H, W] to the probabilities of 0 … 9, float32 [N, 10]."""
        return self.classify(self.features(images))


def load_digits(path: Path = WEIGHTS) -> DigitFeatures:
    """The classifier with the bundled weights, or those at `path`; RequestError without."""
    if not path.is_file():
        raise RequestError(
            f"The digit classifier's weights are missing ({path.name}); install ddpm-studio again."
        )
    model = DigitClassifier()
    try:
        weights = {key: value.float() for key, value in load_file(path).items()}
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


def prepare(images: Tensor) -> Tensor:
    """uint8 [N, C, H, W] to float [N, 1, 28, 28] in [0, 1]: the one resize rule of this network.

    Colour becomes grey (ITU-R BT.601); the longer side is brought to 28 pixels, and the shorter one
    is filled with black on both sides.
    """
    x = (luma(images) / 255).float()[:, None]
    height, width = x.shape[2:]
    if (height, width) == (SIDE, SIDE):
        return x
    scale = SIDE / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    x = F.interpolate(x, size, mode="bilinear", antialias=True)
    top, left = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    return F.pad(x, (left, SIDE - size[1] - left, top, SIDE - size[0] - top))
