"""The feature network `dino`: DINOv2 (Oquab et al. 2023), loaded with transformers.

Distances in its features agree with people better than those of Inception (Stein et al. 2023).
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.evaluation.features import hash_weights

MODEL = "facebook/dinov2-small"
SIDE = 224
MEAN = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float32, device="cpu").view(
    1, 3, 1, 1
)  # of ImageNet, as in its training
DEVIATION = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float32, device="cpu").view(1, 3, 1, 1)


class DinoFeatures:
    """The feature network: class token of the last layer, 384 features for the small model."""

    name = "dino"
    resize = "gray repeated to RGB, 224x224 (antialiased bicubic)"

    def __init__(self, model: Any, device: str = "cpu") -> None:
        self.model = model.eval().requires_grad_(False).to(device)
        self.device = device
        self.weights_hash = hash_weights(model)

    def features(self, images: Tensor) -> Tensor:
        """Map images uint8 [N, C, H, W] to features float32 [N, D]."""
        parts = [self._part(part) for part in torch.split(images.expand(-1, 3, -1, -1), 50)]
        return torch.cat(parts)

    def _part(self, images: Tensor) -> Tensor:
        x = F.interpolate(images.float() / 255, (SIDE, SIDE), mode="bicubic", antialias=True)
        x = ((x.clamp(0, 1) - MEAN) / DEVIATION).to(self.device)
        tokens: Tensor = self.model(pixel_values=x).last_hidden_state
        return tokens[:, 0].float().cpu()


def load_dino(weights: Path | None = None, device: str = "cpu") -> DinoFeatures:
    """Load DINOv2 from the folder `weights`, or download it. RequestError if that fails."""
    try:
        transformers = importlib.import_module("transformers")
    except (ImportError, RuntimeError) as error:
        raise RequestError(
            "The feature network dino needs transformers; install it with "
            "pip install transformers, or use the network digits or self."
        ) from error
    try:
        with torch.random.fork_rng(devices=[]):  # transformers draws weights before it loads them
            model = transformers.AutoModel.from_pretrained(str(weights or MODEL))
    except (OSError, ValueError) as error:
        raise RequestError(
            f"The DINOv2 weights could not be loaded ({type(error).__name__}); download "
            f"{MODEL} once with an internet connection and pass its folder to --weights."
        ) from error
    return DinoFeatures(model, device)
