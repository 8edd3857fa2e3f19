"""The feature network `inception`: the Inception-v3 of torch-fidelity, the standard network for FID.

torch-fidelity downloads the weights (converted from the TensorFlow graph of 2015-12-05) unless a
file is given. Their hash is part of the protocol. Only this module imports torch-fidelity.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ddpm.errors import RequestError
from ddpm.evaluation.features import hash_weights


class InceptionFeatures:
    """2,048 features of images uint8 [N, C, H, W], and the 1,008 classes of the Inception score."""

    name = "inception"
    resize = "gray repeated to RGB, 299x299 (bilinear as in TensorFlow 1, no antialiasing)"

    def __init__(self, extractor: nn.Module, device: str = "cpu") -> None:
        self.extractor = extractor.eval().requires_grad_(False).to(device)
        self.device = device
        self.weights_hash = hash_weights(extractor)

    def features(self, images: Tensor) -> Tensor:
        """Map images uint8 [N, C, H, W] to the last pooling layer, float32 [N, 2048]."""
        color = images.expand(-1, 3, -1, -1).to(self.device)
        parts = [self.extractor(part)[0].float().cpu() for part in torch.split(color, 50)]
        return torch.cat(parts)

    def classify(self, features: Tensor) -> Tensor:
        """Map features [N, 2048] to probabilities [N, 1008], without the bias as in Salimans et al. 2016."""
        head: Any = self.extractor.fc
        logits: Tensor = features @ head.weight.cpu().T
        return logits.softmax(dim=1)


def load_inception(weights: Path | None = None, device: str = "cpu") -> InceptionFeatures:
    """Load the extractor of torch-fidelity. RequestError if it or its weights are not available."""
    try:
        fidelity = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    except (ImportError, RuntimeError) as error:  # RuntimeError: an incompatible torchvision
        raise RequestError(
            "The feature network inception needs torch-fidelity; install it with "
            "pip install 'ddpm-studio[fid]', or use the network digits or self."
        ) from error
    if weights is not None and not weights.is_file():
        raise RequestError(
            f"There are no Inception weights at {weights}; give the path of torch-fidelity's "
            "weights-inception-2015-12-05-6726825d.pth, or leave it out to download them."
        )
    path = None if weights is None else str(weights)
    try:
        if path is not None:  # torch-fidelity would unpickle any file
            torch.load(path, map_location="cpu", weights_only=True)
        with torch.random.fork_rng(devices=[]):  # weights are drawn before they are loaded
            extractor = fidelity.FeatureExtractorInceptionV3(
                "inception-v3-compat", ["2048"], feature_extractor_weights_path=path
            )
    except Exception as error:  # no connection, or another kind of file
        raise RequestError(
            f"The Inception weights could not be loaded ({type(error).__name__}); "
            "download them once with an internet connection and pass their path to --weights."
        ) from error
    return InceptionFeatures(extractor, device)
